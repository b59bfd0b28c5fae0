/* The payload of a window that the learned bases do not span: all its cosine bins, divided by one step, rounded and
 * coded, with a bound on their error. packets/escape.py defines it. */
#ifndef EC_ESCAPE_H
#define EC_ESCAPE_H

#include "half.h"
#include "integers.h"

typedef struct ec_escape {
    const ec_half *bins; /* [bins_count][stride]: of each bin, those of all channels */
    uint32_t channels;   /* at most the stride */
    uint32_t bins_count;
    uint32_t stride;
} ec_escape;

/* Bytes that are enough for any window. */
size_t ec_escape_size(uint32_t channels, uint32_t bins_count);

/* Writes the payload whose error, squared and of all bins, is at most `allowed`, and its length. Looks at every bin
 * at most 13 times. `scratch` is for [channels] values; on the stack are less than 700 bytes.
 * EC_ERROR_OVERFLOW: a bin is not finite. */
ec_status ec_escape_encode(const ec_escape *window, float allowed, uint16_t *scratch, uint8_t *payload,
                           size_t capacity, size_t *bytes);

#endif
