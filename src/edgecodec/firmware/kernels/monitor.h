/* What a node says of a window beside its indices: edgecodec.packets.monitor (Python) defines it to the bit. */
#ifndef EC_MONITOR_H
#define EC_MONITOR_H

#include "worker.h"

/* What was found of a channel. */
typedef struct ec_screened {
    float inverse; /* of the magnitude */
    float share; /* of the error, per root of the squared error */
    float power;
    uint32_t verdict; /* EC_HEALTHY, or why the channel is faulty */
} ec_screened;

_Static_assert(sizeof(ec_screened) == 16, "what the memory planner counts");

#define EC_HEALTHY 0u
#define EC_UNEXPECTED 1u /* values that no sound sensor gives */
#define EC_NOT_FINITE 2u

/* Judges every channel of the first layer's output, and fills the faulty ones. EC_ERROR_WINDOW if there are values that
 * are not finite, and too many faulty channels. */
ec_status ec_screen_channels(const ec_worker *worker, const ec_monitor *monitor);

/* Measures what the latent leaves out; without barrier: it is there after the next. */
void ec_measure_latent(const ec_worker *worker, const ec_monitor *monitor);

/* Worker 0 fills `remarks`, up to `rate`, for a window that was quantized in `regime`. Ends with a barrier. */
void ec_make_remarks(const ec_worker *worker, const ec_monitor *monitor, const ec_evidence *evidence, uint32_t rate,
                     uint32_t regime, ec_remarks *remarks);

/* The squared error that all bins of an escape may have together, so that the error is at most `bound_percent`: of the
 * window whose channels were screened last in this arena. */
float ec_allowed_error(const uint8_t *arena, const ec_monitor *monitor, float bound_percent);

#endif
