/* What becomes of a convolution's product sums: PReLU, and one rounding. */
#ifndef EC_ACTIVATION_H
#define EC_ACTIVATION_H

#include "tile.h"

static inline float ec_prelu(float value, float slope) {
    return value < 0.0f ? value * slope : value;
}

/* One row of a panel: all four channels (`whole`), or the first two. */
static inline void ec_activate(const float *sums, float slope, bool whole, ec_half *output) {
    ec_store_pair(output, ec_to_pair(ec_prelu(sums[0], slope), ec_prelu(sums[1], slope)));
    if (whole) {
        ec_store_pair(output + 2, ec_to_pair(ec_prelu(sums[2], slope), ec_prelu(sums[3], slope)));
    }
}

#endif
