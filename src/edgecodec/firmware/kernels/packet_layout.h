/* What packets and frames have in common: pack.c, frame.c and series.c write them. */
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

/* The least code whose errors reach up to this one; the last stands for all that is larger, or is no number. For models
 * that make remarks. */
uint32_t ec_error_code(float percent);

/* Of the numbers of `stages` stages. */
static inline uint32_t ec_payload_bits(const ec_quantizer *quantizer, uint32_t stages) {
    uint32_t bits = 0;
    for (uint32_t stage = 0; stage < stages; stage++) {
        bits += quantizer->stages[stage].index_bits * quantizer->tokens;
    }
    return bits;
}

#endif
