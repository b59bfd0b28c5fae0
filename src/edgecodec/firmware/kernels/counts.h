/* The payload of a window without loss, from a sensor's integer counts. packets/counts.py defines it. */
#ifndef EC_COUNTS_H
#define EC_COUNTS_H

#include "integers.h"

#define EC_COUNT_MAX 0xffffff /* in magnitude */

/* Bytes that are enough for any window. */
size_t ec_counts_size(uint32_t samples, uint32_t channels);

/* Writes the payload of `counts`, int32_t [samples][channels], and its length. `scratch` is for [channels] values.
 * EC_ERROR_WINDOW: a count is beyond EC_COUNT_MAX. */
ec_status ec_counts_encode(const int32_t *counts, uint32_t samples, uint32_t channels, uint16_t *scratch,
                           uint8_t *payload, size_t capacity, size_t *bytes);

#endif
