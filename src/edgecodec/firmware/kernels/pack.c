/* Indices, all of a window's cosine bins, or its counts, to a packet:
 *
 *     byte 0        bit 7: there are remarks; kind (next three bits): 1 fixed-length, 2 coded, 3 escape, 4 exact;
 *                   rate - 1 (low four bits; 0 in escapes and exact packets)
 *     bytes 1..4    first four bytes of the model hash
 *     bytes 5, 6    sequence number, little-endian
 *     remarks       if there are any: code of the estimated error (high six bits), bit 1: unlike the training, bit 0: there
 *                   are faulty channels, whose mask then follows, channel c at bit c % 8 of byte c / 8
 *     payload       fixed-length: numbers of words, stage by stage, token by token, most significant bit first; zero
 *                   bits to the next byte. Those of the first stage tell the window's regime, all tokens the same
 *                   coded: regime and words, as entropy.c codes them
 *                   escape: all cosine bins, as escape.c codes them; the remarks tell the bound that they keep
 *                   exact: what one count is, float32, little-endian; then the counts, as counts.c codes them
 *     last 4 bytes  CRC-32 (IEEE 802.3) of everything before, little-endian
 */
#include "edgecodec.h"

#include <float.h>

#include "checksum.h"
#include "counts.h"
#include "entropy.h"
#include "escape.h"
#include "monitor.h"
#include "packet_layout.h"

#define UNIT_BYTES 4u

size_t ec_packet_size(uint32_t rate) {
    const ec_model *model = &ec_codec_network.model;
    if (rate < 1 || rate > model->rates) {
        return 0;
    }
    const uint32_t bits = ec_payload_bits(&ec_codec_network.quantizer, model->stages_of_rate[rate - 1]);
    return EC_PACKET_HEADER_BYTES + (bits + 7u) / 8u + EC_PACKET_CHECKSUM_BYTES;
}

size_t ec_coded_packet_size(const ec_context *context, uint32_t rate) {
    const ec_scalars *coded = ec_codec_network.coded;
    if (coded == NULL || context == NULL || context->codebooks == NULL || rate < 1 ||
        rate > ec_codec_network.model.rates) {
        return 0;
    }
    const uint16_t *payload_bytes = (const uint16_t *)(const void *)(context->codebooks + coded->payload_bytes);
    return EC_PACKET_HEADER_BYTES + payload_bytes[rate - 1] + EC_PACKET_CHECKSUM_BYTES;
}

static void write_little_endian(uint8_t *to, uint32_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t mask_bytes(void) {
    return (ec_codec_network.model.channels + 7u) / 8u;
}

size_t ec_remarks_size(const ec_remarks *remarks) {
    return remarks == NULL ? 0 : remarks->faulty_channels == 0 ? 1 : 1 + mask_bytes();
}

uint32_t ec_error_code(float percent) {
    const float *edges = ec_codec_network.monitor->error_edges;
    uint32_t code = 0;
    while (code < EC_ERROR_CODES - 1 && !(percent <= edges[code])) {
        code++;
    }
    return code;
}

static void write_remarks(const ec_remarks *remarks, float error_percent, uint8_t *to) {
    const bool faulty = remarks->faulty_channels > 0;
    const uint32_t code = ec_error_code(error_percent);
    *to++ = (uint8_t)(code << 2 | (remarks->unlike > 1.0f ? EC_PACKET_UNLIKE : 0u) | (faulty ? EC_PACKET_FAULTY : 0u));
    for (uint32_t i = 0; faulty && i < mask_bytes(); i++) {
        *to++ = remarks->faulty[i];
    }
}

static void write_beginning(const ec_context *context, uint8_t *packet, uint32_t first, uint16_t sequence) {
    packet[0] = (uint8_t)first;
    for (uint32_t i = 0; i < 4; i++) {
        packet[1 + i] = ec_model_hash(context->weights)[i];
    }
    write_little_endian(packet + 5, sequence, 2);
}

/* And the remarks, if there are any. */
static void write_header(const ec_context *context, uint8_t *packet, uint32_t kind, uint32_t rate, uint16_t sequence,
                         const ec_remarks *remarks) {
    write_beginning(context, packet, (remarks != NULL ? EC_PACKET_HAS_REMARKS : 0u) | kind << 4 | (rate - 1), sequence);
    if (remarks != NULL) {
        write_remarks(remarks, remarks->error_percent[rate - 1], packet + EC_PACKET_HEADER_BYTES);
    }
}

/* The last thing to be written. */
static void write_checksum(uint8_t *packet, size_t bytes) {
    write_little_endian(packet + bytes - EC_PACKET_CHECKSUM_BYTES, ec_checksum(packet, bytes - EC_PACKET_CHECKSUM_BYTES), EC_PACKET_CHECKSUM_BYTES);
}

static ec_status check_arguments(uint32_t rate, const uint16_t *indices, const ec_remarks *remarks) {
    if ((uintptr_t)indices % _Alignof(uint16_t) != 0 || (uintptr_t)remarks % _Alignof(ec_remarks) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (remarks != NULL && ec_codec_network.monitor == NULL) {
        return EC_ERROR_REMARKS;
    }
    return rate >= 1 && rate <= ec_codec_network.model.rates ? EC_OK : EC_ERROR_RATE;
}

static ec_status check_indices(const ec_quantizer *quantizer, uint32_t stages, const uint16_t *indices) {
    bool known = *indices++ < quantizer->regimes;
    for (uint32_t stage = 0; stage < stages; stage++) {
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            known = *indices++ < quantizer->stages[stage].count && known;
        }
    }
    return known ? EC_OK : EC_ERROR_INDEX;
}

static void write_payload(const ec_quantizer *quantizer, uint32_t stages, const uint16_t *indices, uint8_t *payload) {
    const uint32_t regime = *indices++;
    uint32_t pending = 0; /* bits that have not been written yet, in the low end */
    uint32_t held = 0;
    for (uint32_t stage = 0; stage < stages; stage++) {
        /* The first stage counts through the codebooks of all regimes. */
        const uint32_t before = stage == 0 ? regime * quantizer->stages[0].count : 0;
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            pending = pending << quantizer->stages[stage].index_bits | (before + *indices++);
            held += quantizer->stages[stage].index_bits;
            while (held >= 8) {
                held -= 8;
                *payload++ = (uint8_t)(pending >> held);
            }
            pending &= (1u << held) - 1u;
        }
    }
    if (held > 0) {
        *payload = (uint8_t)(pending << (8 - held));
    }
}

ec_status ec_pack(const ec_context *context, uint32_t rate, uint16_t sequence, const uint16_t *indices,
                  const ec_remarks *remarks, uint8_t *packet, size_t capacity, size_t *bytes) {
    if (context == NULL || indices == NULL || packet == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    ec_status status = check_arguments(rate, indices, remarks);
    if (status != EC_OK) {
        return status;
    }
    if (context->weights == NULL) {
        return EC_ERROR_CONTEXT;
    }
    const size_t size = ec_packet_size(rate) + ec_remarks_size(remarks);
    if (capacity < size) {
        return EC_ERROR_CAPACITY;
    }
    const ec_quantizer *quantizer = &ec_codec_network.quantizer;
    const uint32_t stages = ec_codec_network.model.stages_of_rate[rate - 1];
    status = check_indices(quantizer, stages, indices);
    if (status != EC_OK) {
        return status;
    }
    write_header(context, packet, EC_PACKET_FIXED_LENGTH, rate, sequence, remarks);
    write_payload(quantizer, stages, indices, packet + EC_PACKET_HEADER_BYTES + ec_remarks_size(remarks));
    write_checksum(packet, size);
    *bytes = size;
    return EC_OK;
}

ec_status ec_pack_coded(const ec_context *context, uint32_t rate, uint16_t sequence, const uint16_t *indices,
                        const ec_remarks *remarks, uint8_t *packet, size_t capacity, size_t *bytes) {
    const ec_scalars *coded = ec_codec_network.coded;
    if (coded == NULL) {
        return EC_ERROR_CODED;
    }
    if (context == NULL || indices == NULL || packet == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    ec_status status = check_arguments(rate, indices, remarks);
    if (status != EC_OK) {
        return status;
    }
    if (context->codebooks == NULL) {
        return EC_ERROR_CONTEXT;
    }
    const size_t before = EC_PACKET_HEADER_BYTES + ec_remarks_size(remarks);
    if (capacity < before + EC_PACKET_CHECKSUM_BYTES) {
        return EC_ERROR_CAPACITY;
    }
    size_t payload_bytes;
    status = ec_entropy_encode(coded, context->codebooks, rate, indices, packet + before,
                               capacity - before - EC_PACKET_CHECKSUM_BYTES, &payload_bytes);
    if (status != EC_OK) {
        return status;
    }
    write_header(context, packet, EC_PACKET_CODED, rate, sequence, remarks);
    *bytes = before + payload_bytes + EC_PACKET_CHECKSUM_BYTES;
    write_checksum(packet, *bytes);
    return EC_OK;
}

size_t ec_escape_packet_size(void) {
    const ec_monitor *monitor = ec_codec_network.monitor;
    if (monitor == NULL) {
        return 0;
    }
    return EC_PACKET_HEADER_BYTES + 1 + mask_bytes() + ec_escape_size(ec_codec_network.model.channels, monitor->bins.rows + 1) +
           EC_PACKET_CHECKSUM_BYTES;
}

ec_status ec_pack_escape(const ec_context *context, float bound_percent, uint16_t sequence, const ec_remarks *remarks,
                         uint8_t *packet, size_t capacity, size_t *bytes) {
    const ec_monitor *monitor = ec_codec_network.monitor;
    if (monitor == NULL) {
        return EC_ERROR_REMARKS;
    }
    if (context == NULL || remarks == NULL || packet == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    if ((uintptr_t)remarks % _Alignof(ec_remarks) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (context->arena == NULL) {
        return EC_ERROR_CONTEXT;
    }
    const size_t before = EC_PACKET_HEADER_BYTES + ec_remarks_size(remarks);
    if (capacity < before + EC_PACKET_CHECKSUM_BYTES) {
        return EC_ERROR_CAPACITY;
    }
    uint8_t *arena = context->arena;
    const ec_escape window = {
        .bins = (const ec_half *)(const void *)(arena + monitor->by_bin.at),
        .channels = ec_codec_network.model.channels,
        .bins_count = monitor->by_bin.rows,
        .stride = monitor->by_bin.channels,
    };
    const float bound = bound_percent > 0.0f ? bound_percent : 0.0f;
    size_t payload_bytes;
    const ec_status status = ec_escape_encode(&window, ec_allowed_error(arena, monitor, bound),
                                              (uint16_t *)(void *)(arena + monitor->distances), packet + before,
                                              capacity - before - EC_PACKET_CHECKSUM_BYTES, &payload_bytes);
    if (status != EC_OK) {
        return status;
    }
    write_beginning(context, packet, EC_PACKET_HAS_REMARKS | EC_PACKET_ESCAPE << 4, sequence);
    write_remarks(remarks, bound, packet + EC_PACKET_HEADER_BYTES);
    *bytes = before + payload_bytes + EC_PACKET_CHECKSUM_BYTES;
    write_checksum(packet, *bytes);
    return EC_OK;
}

size_t ec_exact_packet_size(void) {
    const ec_model *model = &ec_codec_network.model;
    return EC_PACKET_HEADER_BYTES + UNIT_BYTES + ec_counts_size(model->samples, model->channels) + EC_PACKET_CHECKSUM_BYTES;
}

ec_status ec_pack_exact(const ec_context *context, const int32_t *counts, float unit, uint16_t sequence,
                        uint16_t *scratch, uint8_t *packet, size_t capacity, size_t *bytes) {
    const ec_model *model = &ec_codec_network.model;
    if (context == NULL || counts == NULL || scratch == NULL || packet == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    if ((uintptr_t)counts % _Alignof(int32_t) != 0 || (uintptr_t)scratch % _Alignof(uint16_t) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (context->weights == NULL) {
        return EC_ERROR_CONTEXT;
    }
    if (!(unit > 0.0f && unit <= FLT_MAX)) {
        return EC_ERROR_WINDOW;
    }
    const size_t before = EC_PACKET_HEADER_BYTES + UNIT_BYTES;
    if (capacity < before + EC_PACKET_CHECKSUM_BYTES) {
        return EC_ERROR_CAPACITY;
    }
    size_t payload_bytes;
    const ec_status status = ec_counts_encode(counts, model->samples, model->channels, scratch, packet + before,
                                              capacity - before - EC_PACKET_CHECKSUM_BYTES, &payload_bytes);
    if (status != EC_OK) {
        return status;
    }
    const union {
        float value;
        uint32_t bits;
    } of_count = {.value = unit};
    write_beginning(context, packet, EC_PACKET_EXACT << 4, sequence);
    write_little_endian(packet + EC_PACKET_HEADER_BYTES, of_count.bits, UNIT_BYTES);
    *bytes = before + payload_bytes + EC_PACKET_CHECKSUM_BYTES;
    write_checksum(packet, *bytes);
    return EC_OK;
}
