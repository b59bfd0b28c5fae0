/* Filters of samples as they come. No more of them are kept than a filter steps on, a block: whole blocks are added to
 * the sums of all the outputs that they are part of. */
#ifndef EC_RUNNING_FILTER_H
#define EC_RUNNING_FILTER_H

#include "filter.h"

/* A sample of all channels. */
typedef struct ec_sample {
    const float *values;   /* NULL: there are counts */
    const int32_t *counts; /* whose product with `unit` is the value */
    float unit;
} ec_sample;

static inline float ec_value_of(const ec_sample *sample, uint32_t channel) {
    return sample->values != NULL ? sample->values[channel] : (float)sample->counts[channel] * sample->unit;
}

/* Where outputs go: [channels][samples], those of a channel `step` halfwords behind those of the one before. */
typedef struct ec_filtered {
    ec_half *at;
    uint32_t step;
} ec_filtered;

/* Of what the memory of an intake begins with. */
uint32_t ec_running_filter_bytes(const ec_filter *layer);

void ec_begin_filters(ec_intake *intake, const ec_filter *layer);

/* Notes in `intake` if an output is not finite. */
void ec_filter_sample(ec_intake *intake, const ec_filter *layer, const ec_sample *sample, ec_filtered output);

/* Behind the window's last sample there are zeros. */
void ec_finish_filters(ec_intake *intake, const ec_filter *layer, ec_filtered output);

#endif
