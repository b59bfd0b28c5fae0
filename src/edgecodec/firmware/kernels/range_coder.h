/* A range coder that carries (G. N. N. Martin, "Range encoding", 1979). What is coded shrinks an interval of numbers in
 * [0, 1), whose digits of base 256 are the payload's bytes: the last 32 bits of where it begins, and its width. */
#ifndef EC_RANGE_CODER_H
#define EC_RANGE_CODER_H

#include "edgecodec.h"

typedef struct ec_range_coder {
    uint8_t *payload;
    size_t capacity;
    size_t bytes; /* that the payload has, or would have */
    size_t zeros; /* that come next if anything comes behind them */
    uint64_t low;
    uint32_t width;
    uint32_t held; /* a byte that a carry may still raise, */
    uint32_t full; /* and how many bytes 0xff stand behind it */
    bool is_holding;
} ec_range_coder;

void ec_start_range_coder(ec_range_coder *coder, uint8_t *payload, size_t capacity);

/* Writes a byte as it is, to be followed by what is coded. */
void ec_put_byte(ec_range_coder *coder, uint32_t byte);

/* Leaves of the interval `width`, at least 2^8, from `start` on. */
void ec_narrow(ec_range_coder *coder, uint32_t start, uint32_t width);

/* The payload's length: more than `capacity` if it did not fit. It is the shortest that names a number of the interval
 * once zeros stand behind it; the least of equal length. */
size_t ec_finish_range_coder(ec_range_coder *coder);

#endif
