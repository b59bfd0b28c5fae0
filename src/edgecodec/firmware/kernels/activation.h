/* What follows a convolution's product sums: bias, residual, PReLU, and the roundings between them. */
#ifndef EC_ACTIVATION_H
#define EC_ACTIVATION_H

#include "worker.h"

static inline float ec_prelu(float value, float slope) {
    return value < 0.0f ? value * slope : value;
}

/* An even number of channels of one row: bias, then PReLU. */
static inline void ec_activate(const float *sums, const float *bias, float slope, uint32_t channels, ec_half *output) {
    for (uint32_t channel = 0; channel < channels; channel += 2) {
        const float first = sums[channel] + bias[channel];
        const float second = sums[channel + 1] + bias[channel + 1];
        ec_store_pair(output + channel, ec_to_pair(ec_prelu(first, slope), ec_prelu(second, slope)));
    }
}

static inline float ec_add_residual(float value, ec_half residual) {
    return ec_to_float(ec_to_half(ec_to_float(ec_to_half(value)) + ec_to_float(residual)));
}

/* The same with a residual, which may be the output itself: it is read before it is overwritten. */
static inline void ec_activate_residual(const float *sums, const float *bias, float slope, uint32_t channels,
                                        const ec_half *residual, ec_half *output) {
    for (uint32_t channel = 0; channel < channels; channel += 2) {
        const float first = ec_add_residual(sums[channel] + bias[channel], residual[channel]);
        const float second = ec_add_residual(sums[channel + 1] + bias[channel + 1], residual[channel + 1]);
        ec_store_pair(output + channel, ec_to_pair(ec_prelu(first, slope), ec_prelu(second, slope)));
    }
}

#endif
