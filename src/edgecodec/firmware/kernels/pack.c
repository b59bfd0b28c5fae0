/* Indices to a packet:
 *
 *     byte 0        format version (high four bits), rate - 1 (low four bits)
 *     bytes 1..4    first four bytes of the model hash
 *     bytes 5, 6    sequence number, little-endian
 *     payload       indices, stage by stage, token by token, most significant bit first; zero bits to the next byte
 *     last 4 bytes  CRC-32 (IEEE 802.3) of everything before, little-endian
 */
#include "edgecodec.h"

#include "network.h"

#define FORMAT_VERSION 1u
#define HEADER_BYTES 7u
#define CRC_BYTES 4u

static uint32_t payload_bits(uint32_t rate) {
    const ec_network *network = &ec_codec_network;
    uint32_t bits = 0;
    for (uint32_t stage = 0; stage < network->model.stages_of_rate[rate - 1]; stage++) {
        bits += network->quantizer.stages[stage].index_bits * network->quantizer.tokens;
    }
    return bits;
}

size_t ec_packet_size(uint32_t rate) {
    if (rate < 1 || rate > ec_codec_network.model.rates) {
        return 0;
    }
    return HEADER_BYTES + (payload_bits(rate) + 7u) / 8u + CRC_BYTES;
}

static uint32_t crc32(const uint8_t *data, size_t bytes) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1u ? 0xedb88320u : 0u);
        }
    }
    return ~crc;
}

static void write_little_endian(uint8_t *to, uint32_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static ec_status check_indices(uint32_t rate, const uint16_t *indices) {
    const ec_quantizer *quantizer = &ec_codec_network.quantizer;
    for (uint32_t stage = 0; stage < ec_codec_network.model.stages_of_rate[rate - 1]; stage++) {
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            if (indices[(size_t)stage * quantizer->tokens + token] >= quantizer->stages[stage].count) {
                return EC_ERROR_INDEX;
            }
        }
    }
    return EC_OK;
}

static void write_payload(uint32_t rate, const uint16_t *indices, uint8_t *payload) {
    const ec_quantizer *quantizer = &ec_codec_network.quantizer;
    uint32_t pending = 0; /* bits that have not been written yet, in the low end */
    uint32_t held = 0;
    for (uint32_t stage = 0; stage < ec_codec_network.model.stages_of_rate[rate - 1]; stage++) {
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            pending = pending << quantizer->stages[stage].index_bits | *indices++;
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

ec_status ec_pack(uint32_t rate, uint16_t sequence, const uint16_t *indices, uint8_t *packet, size_t capacity,
                  size_t *bytes) {
    if (indices == NULL || packet == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    const size_t size = ec_packet_size(rate);
    if (size == 0) {
        return EC_ERROR_RATE;
    }
    if (capacity < size) {
        return EC_ERROR_CAPACITY;
    }
    const ec_status status = check_indices(rate, indices);
    if (status != EC_OK) {
        return status;
    }
    packet[0] = (uint8_t)(FORMAT_VERSION << 4 | (rate - 1));
    for (uint32_t i = 0; i < 4; i++) {
        packet[1 + i] = ec_codec_network.model_hash[i];
    }
    write_little_endian(packet + 5, sequence, 2);
    write_payload(rate, indices, packet + HEADER_BYTES);
    write_little_endian(packet + size - CRC_BYTES, crc32(packet, size - CRC_BYTES), CRC_BYTES);
    *bytes = size;
    return EC_OK;
}
