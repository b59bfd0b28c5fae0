/* The filters of the window's channels, as weights have them. */
#ifndef EC_FILTER_H
#define EC_FILTER_H

#include "worker.h"

typedef struct ec_channel_filter {
    float offset;
    float scale;
    ec_half taps[];
} ec_channel_filter;

static inline uint32_t ec_channel_filter_bytes(const ec_filter *layer) {
    return (uint32_t)sizeof(ec_channel_filter) + layer->taps * (uint32_t)sizeof(ec_half);
}

/* That of channel `number`, of those that begin at `filters`. */
static inline const ec_channel_filter *ec_channel_filter_at(const uint8_t *filters, const ec_filter *layer,
                                                            uint32_t number) {
    return (const ec_channel_filter *)(const void *)(filters + (size_t)number * ec_channel_filter_bytes(layer));
}

/* Fills what the layer's output has beyond what filters give: samples of this worker's `channels`, then whole channels. */
void ec_pad_filtered(const ec_worker *worker, const ec_filter *layer, ec_range channels);

#endif
