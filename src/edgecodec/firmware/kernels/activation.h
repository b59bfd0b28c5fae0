/* What follows a convolution's product sums: bias, residual, PReLU, and the roundings between them. */
#ifndef EC_ACTIVATION_H
#define EC_ACTIVATION_H

#include "tile.h"

/* Of one panel, in registers. */
typedef struct ec_activation {
    float bias[EC_TILE_COLUMNS];
    float slope;
} ec_activation;

static inline ec_activation ec_activation_of(const float *bias, float slope) {
    const ec_activation activation = {{bias[0], bias[1], bias[2], bias[3]}, slope};
    return activation;
}

static inline float ec_prelu(float value, float slope) {
    return value < 0.0f ? value * slope : value;
}

static inline ec_pair ec_prelu_pair(const ec_activation *activation, float first, float second) {
    return ec_to_pair(ec_prelu(first, activation->slope), ec_prelu(second, activation->slope));
}

/* One row of a panel: all four channels (`whole`), or the first two. */
static inline void ec_activate(const ec_activation *activation, const float *sums, bool whole, ec_half *output) {
    const float *bias = activation->bias;
    ec_store_pair(output, ec_prelu_pair(activation, sums[0] + bias[0], sums[1] + bias[1]));
    if (whole) {
        ec_store_pair(output + 2, ec_prelu_pair(activation, sums[2] + bias[2], sums[3] + bias[3]));
    }
}

static inline float ec_add_residual(float value, ec_half residual) {
    return ec_to_float(ec_to_half(ec_to_float(ec_to_half(value)) + ec_to_float(residual)));
}

/* The same with a residual, which may be the output itself: it is read before it is overwritten. */
static inline void ec_activate_residual(const ec_activation *activation, const float *sums, bool whole,
                                        const ec_half *residual, ec_half *output) {
    const float *bias = activation->bias;
    ec_store_pair(output, ec_prelu_pair(activation, ec_add_residual(sums[0] + bias[0], residual[0]),
                                        ec_add_residual(sums[1] + bias[1], residual[1])));
    if (whole) {
        ec_store_pair(output + 2, ec_prelu_pair(activation, ec_add_residual(sums[2] + bias[2], residual[2]),
                                                ec_add_residual(sums[3] + bias[3], residual[3])));
    }
}

#endif
