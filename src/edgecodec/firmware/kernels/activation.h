/* What follows a convolution's product sum: bias, residual, PReLU, and the roundings between them. */
#ifndef EC_ACTIVATION_H
#define EC_ACTIVATION_H

#include "worker.h"

static inline float ec_prelu(const ec_convolution *layer, float value) {
    return layer->prelu && value < 0.0f ? value * layer->slope : value;
}

/* `at` counts the output's halfwords. The residual may be the output itself: it is read before it is overwritten. */
static inline void ec_finish(const ec_worker *worker, const ec_convolution *layer, float sum, float bias, size_t at) {
    float value = sum + bias;
    if (layer->residual != EC_NONE) {
        const float rounded = ec_to_float(ec_to_half(value));
        value = ec_to_float(ec_to_half(rounded + ec_to_float(ec_halves(worker, layer->residual)[at])));
    }
    ec_halves(worker, layer->output.at)[at] = ec_to_half(ec_prelu(layer, value));
}

#endif
