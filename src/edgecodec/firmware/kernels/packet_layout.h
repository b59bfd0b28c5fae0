/* What pack.c writes, and frame.c reads. */
#ifndef EC_PACKET_LAYOUT_H
#define EC_PACKET_LAYOUT_H

#include "network.h"

#define EC_PACKET_FIXED_LENGTH 1u
#define EC_PACKET_CODED 2u
#define EC_PACKET_ESCAPE 3u
#define EC_PACKET_EXACT 4u
#define EC_PACKET_HEADER_BYTES 7u
#define EC_PACKET_CHECKSUM_BYTES 4u
#define EC_PACKET_HAS_REMARKS 0x80u
#define EC_PACKET_UNLIKE 2u /* in the first byte of the remarks, as the next one */
#define EC_PACKET_FAULTY 1u

/* Of the numbers of `stages` stages. */
static inline uint32_t ec_payload_bits(const ec_quantizer *quantizer, uint32_t stages) {
    uint32_t bits = 0;
    for (uint32_t stage = 0; stage < stages; stage++) {
        bits += quantizer->stages[stage].index_bits * quantizer->tokens;
    }
    return bits;
}

#endif
