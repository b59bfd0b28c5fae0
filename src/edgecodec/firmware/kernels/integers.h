/* Adaptive coding of an array of integers, row by row: no tables, nothing trained. packets/integers.py defines it.
 *
 * A value is coded as its distance to a prediction from the two values on its left. A distance is its magnitude's
 * length in bits, in unary, the bits below the leading one, and a sign. Most of these decisions have an adaptive chance,
 * that of the length one for the mean of the distances about. A binary range coder writes them.
 */
#ifndef EC_INTEGERS_H
#define EC_INTEGERS_H

#include "range_coder.h"

#define EC_VALUE_BITS 26 /* of the largest magnitude */
#define EC_LENGTH_MAX (EC_VALUE_BITS + 1)
#define EC_MEANS 16
#define EC_UNARY 12

typedef uint16_t ec_chance; /* that the next bit is 0, in 65536ths */

typedef struct ec_integers {
    ec_range_coder coder;
    uint16_t *distances; /* [columns]: this row's on the left, from the present column on those above */
    uint32_t columns;
    int32_t weights[2];
    int32_t left[2]; /* the nearest first */
    ec_chance lengths[EC_MEANS][EC_UNARY];
    ec_chance leading[EC_LENGTH_MAX + 1];
    ec_chance signs[3];
} ec_integers;

/* `first` is the payload's first byte, not 0, `distances` scratch for `columns` values. */
void ec_start_integers(ec_integers *integers, uint8_t first, uint16_t *distances, uint32_t columns, uint8_t *payload,
                       size_t capacity);

/* The next value of the row: the magnitude is less than 2^EC_VALUE_BITS. */
void ec_code_integer(ec_integers *integers, uint32_t column, int32_t value);

/* The payload's length: more than `capacity` if it did not fit. */
size_t ec_finish_integers(ec_integers *integers);

#endif
