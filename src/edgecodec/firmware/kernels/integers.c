#include "integers.h"

#define LEARNING_BITS 5u
#define WEIGHT_BITS 6
#define WEIGHT_MAX (2 << WEIGHT_BITS)
#define LEFT_MAX (1 << 20)
#define MEAN_UNIT 6u

/* The share of `split` is that of a 0. */
static void code_split(ec_range_coder *coder, bool bit, uint32_t split) {
    ec_narrow(coder, bit ? split : 0, bit ? coder->width - split : split);
}

static void code_even_bit(ec_range_coder *coder, bool bit) {
    code_split(coder, bit, coder->width >> 1);
}

static void code_bit(ec_range_coder *coder, bool bit, ec_chance *chance) {
    const uint32_t zero = *chance;
    *chance = (ec_chance)(bit ? zero - (zero >> LEARNING_BITS) : zero + ((0x10000u - zero) >> LEARNING_BITS));
    code_split(coder, bit, (coder->width >> 16) * zero);
}

static uint32_t length_of(uint32_t magnitude) {
    uint32_t length = 0;
    for (; magnitude > 0; magnitude >>= 1) {
        length++;
    }
    return length;
}

static uint32_t magnitude_of(int32_t value) {
    return (uint32_t)(value < 0 ? -value : value);
}

static int32_t sign_of(int32_t value) {
    return (value > 0) - (value < 0);
}

static int32_t limit(int32_t value, int32_t most) {
    return value > most ? most : value < -most ? -most : value;
}

/* As much as a magnitude below 2^length is likelier than one from there on when it decays by the mean. */
static ec_chance first_chance(uint32_t mean, uint32_t length) {
    const uint32_t octave = mean < 4 ? 0 : mean / 2 - 1;
    const uint32_t least_mean = (mean - 2 * octave) << octave;
    const uint32_t below = MEAN_UNIT << length;
    return (ec_chance)((below << 16) / (below + least_mean + 2));
}

void ec_start_integers(ec_integers *integers, uint8_t first, uint16_t *distances, uint32_t columns, uint8_t *payload,
                       size_t capacity) {
    ec_start_range_coder(&integers->coder, payload, capacity);
    ec_put_byte(&integers->coder, first);
    integers->distances = distances;
    integers->columns = columns;
    integers->weights[0] = 1 << (WEIGHT_BITS - 1);
    integers->weights[1] = 0;
    for (uint32_t mean = 0; mean < EC_MEANS; mean++) {
        for (uint32_t length = 0; length < EC_UNARY; length++) {
            integers->lengths[mean][length] = first_chance(mean, length);
        }
    }
    for (uint32_t length = 0; length <= EC_LENGTH_MAX; length++) {
        integers->leading[length] = 0x8000u;
    }
    for (uint32_t side = 0; side < 3; side++) {
        integers->signs[side] = 0x8000u;
    }
    for (uint32_t column = 0; column < columns; column++) {
        distances[column] = 0;
    }
}

/* Which mean, in sixths, of the distances about: itself, then two to an octave. */
static uint32_t mean_about(const ec_integers *integers, uint32_t column) {
    const uint16_t *distances = integers->distances + column;
    const uint32_t above = distances[0];
    const uint32_t right = column + 1 < integers->columns ? distances[1] : above;
    const uint32_t first = column > 0 ? *(distances - 1) : above;
    const uint32_t second = column > 1 ? *(distances - 2) : first;
    const uint32_t mean = 2 * first + second + 2 * above + right;
    const uint32_t octave = mean < 4 ? 0 : length_of(mean) - 2;
    const uint32_t which = 2 * octave + (mean >> octave);
    return which < EC_MEANS ? which : EC_MEANS - 1;
}

static void code_distance(ec_integers *integers, int32_t distance, uint32_t mean, uint32_t side) {
    ec_range_coder *coder = &integers->coder;
    const uint32_t magnitude = magnitude_of(distance);
    const uint32_t length = length_of(magnitude);
    for (uint32_t i = 0; i < EC_LENGTH_MAX && i <= length; i++) {
        code_bit(coder, i < length, &integers->lengths[mean][i < EC_UNARY ? i : EC_UNARY - 1]);
    }
    if (length == 0) {
        return;
    }
    if (length > 1) {
        code_bit(coder, magnitude >> (length - 2) & 1u, &integers->leading[length]);
    }
    for (uint32_t place = length > 2 ? length - 2 : 0; place-- > 0;) {
        code_even_bit(coder, magnitude >> place & 1u);
    }
    code_bit(coder, distance < 0, &integers->signs[side]);
}

void ec_code_integer(ec_integers *integers, uint32_t column, int32_t value) {
    int32_t *left = integers->left;
    int32_t *weights = integers->weights;
    if (column == 0) {
        left[0] = 0;
        left[1] = 0;
    }
    const int32_t predicted = weights[0] * left[0] + weights[1] * left[1];
    const uint32_t raised = (uint32_t)(predicted + (1 << (WEIGHT_BITS - 1)) + (1 << 30)); /* not negative */
    const int32_t nearest = (int32_t)(raised >> WEIGHT_BITS) - (1 << (30 - WEIGHT_BITS));
    const int32_t beyond = sign_of(nearest * (1 << WEIGHT_BITS) - predicted);
    const int32_t distance = value - nearest;
    code_distance(integers, distance, mean_about(integers, column), (uint32_t)(1 + beyond));
    const uint32_t magnitude = magnitude_of(distance);
    integers->distances[column] = (uint16_t)(magnitude < UINT16_MAX ? magnitude : UINT16_MAX);
    const int32_t step = distance != 0 ? sign_of(distance) : beyond;
    for (uint32_t i = 0; i < 2; i++) {
        weights[i] = limit(weights[i] + step * sign_of(left[i]), WEIGHT_MAX);
    }
    left[1] = left[0];
    left[0] = limit(value, LEFT_MAX);
}

size_t ec_finish_integers(ec_integers *integers) {
    return ec_finish_range_coder(&integers->coder);
}
