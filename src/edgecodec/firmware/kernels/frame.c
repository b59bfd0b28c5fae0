/* Packets to frames, without what the link or the receiver knows already. packets/frame.py of the generator has the bits. */
#include "edgecodec.h"

#include "checksum.h"
#include "network.h"
#include "packet_layout.h"

/* Where the next bit goes; the most significant one of a byte comes first. Behind the last one are zeros. */
typedef struct bits {
    uint8_t *at;
    uint32_t held; /* of the byte at `at` */
    uint32_t byte;
} bits;

static void put(bits *to, uint32_t number, uint32_t count) {
    for (uint32_t place = count; place > 0; place--) {
        to->byte = to->byte << 1 | (number >> (place - 1) & 1u);
        if (++to->held == 8) {
            *to->at++ = (uint8_t)to->byte;
            to->held = 0;
            to->byte = 0;
        }
    }
}

static void finish(bits *to) {
    if (to->held > 0) {
        put(to, 0, 8 - to->held);
    }
}

static uint32_t header_bits(ec_link link, bool is_remarked) {
    return 8u + (link == EC_LINK_RADIO ? 8u : 0u) + (is_remarked ? 6u : 0u);
}

size_t ec_frame_size(ec_link link, uint32_t rate) {
    const ec_model *model = &ec_codec_network.model;
    if (rate < 1 || rate > model->rates) {
        return 0;
    }
    const uint32_t payload = ec_payload_bits(&ec_codec_network.quantizer, model->stages_of_rate[rate - 1]);
    return (header_bits(link, model->makes_remarks) + payload + 7u) / 8u +
           (link == EC_LINK_RADIO ? EC_FRAME_CHECKSUM_BYTES : 0u);
}

/* What a packet's bytes tell. */
typedef struct parts {
    uint32_t kind;
    uint32_t rate; /* from 1; 1 of kinds without */
    uint32_t sequence;
    bool is_remarked;
    uint32_t remarks; /* their first byte */
    uint32_t mask_bits;
    size_t before; /* bytes that lie before the payload */
    uint32_t payload_bits;
} parts;

static bool has_expected_remarks(const parts *found) {
    const bool expected = found->kind == EC_PACKET_ESCAPE ||
                          (found->kind != EC_PACKET_EXACT && ec_codec_network.model.makes_remarks);
    return found->is_remarked == expected;
}

static bool is_of_model(const uint8_t *model_hash, const uint8_t *packet) {
    bool same = true;
    for (uint32_t i = 0; i < 4; i++) {
        same = same && packet[1 + i] == model_hash[i];
    }
    return same;
}

/* Whether `packet` can be one of this model. */
static bool read_parts(const uint8_t *model_hash, const uint8_t *packet, size_t bytes, parts *found) {
    const ec_model *model = &ec_codec_network.model;
    if (bytes <= EC_PACKET_HEADER_BYTES + EC_PACKET_CHECKSUM_BYTES || !is_of_model(model_hash, packet)) {
        return false;
    }
    found->kind = packet[0] >> 4 & 7u;
    found->rate = (packet[0] & 15u) + 1;
    found->sequence = packet[5];
    found->is_remarked = (packet[0] & EC_PACKET_HAS_REMARKS) != 0;
    found->remarks = found->is_remarked ? packet[EC_PACKET_HEADER_BYTES] : 0u;
    found->mask_bits = (found->remarks & EC_PACKET_FAULTY) != 0 ? model->channels : 0u;
    found->before = EC_PACKET_HEADER_BYTES + (found->is_remarked ? 1u + (found->mask_bits + 7u) / 8u : 0u);
    if (found->kind < EC_PACKET_FIXED_LENGTH || found->kind > EC_PACKET_EXACT || found->rate > model->rates ||
        !has_expected_remarks(found) || bytes < found->before + EC_PACKET_CHECKSUM_BYTES) {
        return false;
    }
    const size_t payload_bytes = bytes - found->before - EC_PACKET_CHECKSUM_BYTES;
    found->payload_bits = found->kind == EC_PACKET_FIXED_LENGTH
                              ? ec_payload_bits(&ec_codec_network.quantizer, model->stages_of_rate[found->rate - 1])
                              : 8u * (uint32_t)payload_bytes;
    return (found->payload_bits + 7u) / 8u == payload_bytes;
}

/* Each byte of the packet is read before the frame comes to its place: both may be one. */
static void write_content(ec_link link, const uint8_t *packet, const parts *found, uint8_t *frame) {
    bits to = {frame, 0, 0};
    put(&to, found->kind - 1, 2);
    put(&to, found->rate - 1, 4);
    put(&to, found->remarks & (EC_PACKET_UNLIKE | EC_PACKET_FAULTY), 2);
    if (link == EC_LINK_RADIO) {
        put(&to, found->sequence, 8);
    }
    if (found->is_remarked) {
        put(&to, found->remarks >> 2, 6);
    }
    const uint8_t *mask = packet + EC_PACKET_HEADER_BYTES + 1;
    for (uint32_t channel = 0; channel < found->mask_bits; channel++) {
        put(&to, (uint32_t)mask[channel / 8] >> channel % 8, 1);
    }
    for (uint32_t bit = 0; bit < found->payload_bits; bit += 8) {
        const uint32_t count = found->payload_bits - bit < 8 ? found->payload_bits - bit : 8;
        put(&to, (uint32_t)packet[found->before + bit / 8] >> (8 - count), count);
    }
    finish(&to);
}

ec_status ec_frame(const ec_context *context, ec_link link, const uint8_t *packet, size_t packet_bytes, uint8_t *frame,
                   size_t capacity, size_t *bytes) {
    if (context == NULL || packet == NULL || frame == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    if (context->weights == NULL) {
        return EC_ERROR_CONTEXT;
    }
    const uint8_t *model_hash = ec_model_hash(context->weights);
    parts found;
    if (!read_parts(model_hash, packet, packet_bytes, &found)) {
        return EC_ERROR_PACKET;
    }
    const size_t content = (header_bits(link, found.is_remarked) + found.mask_bits + found.payload_bits + 7u) / 8u;
    const size_t size = content + (link == EC_LINK_RADIO ? EC_FRAME_CHECKSUM_BYTES : 0u);
    if (capacity < size) {
        return EC_ERROR_CAPACITY;
    }
    write_content(link, packet, &found, frame);
    if (link == EC_LINK_RADIO) {
        const uint32_t sum = ec_frame_checksum(model_hash, frame, content);
        frame[content] = (uint8_t)sum;
        frame[content + 1] = (uint8_t)(sum >> 8);
    }
    *bytes = size;
    return EC_OK;
}
