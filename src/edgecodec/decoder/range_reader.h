/* Reads what the node's range coder writes. The receiver knows the width of the interval at every symbol, and how far
 * above its beginning the payload's number is: that tells which symbol's share it is in. */
#ifndef EC_RANGE_READER_H
#define EC_RANGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ec_range_reader {
    const uint8_t *payload;
    size_t bytes;
    size_t read;    /* bytes, the zeros behind the payload included */
    uint32_t above; /* of the payload's number, above where the interval begins */
    uint32_t width; /* of the interval, at least 2^24 */
    bool is_sound;  /* so far something has this payload */
} ec_range_reader;

void ec_start_range_reader(ec_range_reader *reader, const uint8_t *payload, size_t bytes);

/* Leaves of the interval `width`, at least 2^8, from `start` on, which is not above the number. */
void ec_narrow_to(ec_range_reader *reader, uint32_t start, uint32_t width);

/* Whether the payload is that of what was read: only one is. */
bool ec_finish_range_reader(const ec_range_reader *reader);

#endif
