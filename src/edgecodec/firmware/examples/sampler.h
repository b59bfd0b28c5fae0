/* Two windows by turns: one fills up, sample by sample, while the other one is encoded.
 *
 * ec_sampler_put may be called by an interrupt, or by another core that sees the same memory, and the others by the main
 * loop: each counter has one writer, and fences order it with the samples.
 */
#ifndef EC_SAMPLER_H
#define EC_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_sampler {
    float windows[2][EC_SAMPLES][EC_CHANNELS];
    uint16_t numbers[2];        /* of the windows, counted by time */
    volatile uint32_t filled;   /* windows so far; written by ec_sampler_put */
    volatile uint32_t released; /* windows so far; written by ec_sampler_release */
    uint32_t row;               /* of the window that fills up */
    uint16_t number;
    bool skipping;              /* both windows are still in use: this one is lost */
} ec_sampler;

typedef struct ec_full_window {
    const float *samples; /* [EC_SAMPLES][EC_CHANNELS], NULL if none is full */
    uint16_t number;      /* goes on by more than one where a window was lost */
} ec_full_window;

void ec_sampler_begin(ec_sampler *sampler);
void ec_sampler_put(ec_sampler *sampler, const float *sample); /* [EC_CHANNELS], at the model's sample rate */
ec_full_window ec_sampler_full(const ec_sampler *sampler);           /* the oldest one */
void ec_sampler_release(ec_sampler *sampler);                        /* that one may be overwritten */

#ifdef __cplusplus
}
#endif

#endif
