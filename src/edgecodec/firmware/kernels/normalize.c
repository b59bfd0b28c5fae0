/* Window of float to activations of float16: (window - offset) * scale, per channel. */
#include "layers.h"
#include "stream.h"

/* Not zero if a value is not finite. */
static uint32_t normalize_row(const float *row, const float *offset, const float *scale, uint32_t channels,
                              ec_half *output) {
    uint32_t overflow = 0;
    for (uint32_t channel = 0; channel + 1 < channels; channel += 2) {
        const float first = row[channel] - offset[channel];
        const float second = row[channel + 1] - offset[channel + 1];
        const ec_pair pair = ec_to_pair(first * scale[channel], second * scale[channel + 1]);
        ec_store_pair(output + channel, pair);
        overflow |= ec_pair_overflow(pair);
    }
    return overflow;
}

/* What the pairs leave: the last one of an odd number of channels, and padding. */
static uint32_t finish_row(const ec_normalize *layer, const float *row, const float *offset, const float *scale,
                           ec_half *output) {
    uint32_t overflow = 0;
    for (uint32_t channel = layer->channels & ~1u; channel < layer->output.channels; channel += 2) {
        float last = 0.0f;
        if (channel < layer->channels) {
            last = row[channel] - offset[channel];
            last = last * scale[channel];
        }
        const ec_pair pair = ec_to_pair(last, 0.0f);
        ec_store_pair(output + channel, pair);
        overflow |= ec_pair_overflow(pair);
    }
    return overflow;
}

ec_status ec_run_normalize(const ec_worker *worker, const ec_normalize *layer, const float *window) {
    const float *offset = ec_fetch(worker, layer->scratch, worker->weights + layer->offset,
                                   2 * layer->channels * sizeof(float));
    const float *scale = offset + layer->channels;
    uint32_t overflow = 0;
    ec_stream stream = ec_open_stream(worker, &layer->blocks, window, layer->output.rows);
    ec_block block;
    do {
        block = ec_next_block(worker, &stream);
        const ec_range share = ec_share(worker, block.items);
        for (uint32_t row = share.first; row < share.end; row++) {
            const float *values = (const float *)(const void *)block.data + (size_t)row * layer->channels;
            ec_half *output =
                ec_halves(worker, layer->output.at) + (size_t)(block.first + row) * layer->output.channels;
            overflow |= normalize_row(values, offset, scale, layer->channels, output);
            overflow |= finish_row(layer, values, offset, scale, output);
        }
    } while (!block.last);
    return ec_agree(worker, overflow == 0 ? EC_OK : EC_ERROR_WINDOW);
}
