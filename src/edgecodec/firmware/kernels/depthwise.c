/* Depthwise convolution: a filter of its own for every channel. */
#include "activation.h"

static float tap_input(const ec_convolution *layer, const ec_half *input, uint32_t row, uint32_t tap) {
    const uint32_t source = row * layer->stride + tap * layer->dilation - layer->pad_left; /* wraps, see convolution.c */
    return source < layer->input.rows ? ec_to_float(input[(size_t)source * layer->input.channels]) : 0.0f;
}

/* `input` points at the channel in the first row. Products are added in pairs of taps. */
static float product_sum(const ec_convolution *layer, const ec_half *input, const ec_half *weight, uint32_t row) {
    float sum = 0.0f;
    for (uint32_t tap = 0; tap < layer->taps; tap += 2) {
        const float first = tap_input(layer, input, row, tap) * ec_to_float(weight[tap]);
        const float pair = tap_input(layer, input, row, tap + 1) * ec_to_float(weight[tap + 1]) + first;
        sum = sum + pair;
    }
    return sum;
}

void ec_run_depthwise(const ec_worker *worker, const ec_convolution *layer) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    const float *bias = ec_weight_floats(worker, layer->bias);
    const ec_range rows = ec_share(worker, layer->output.rows);
    for (uint32_t first = 0; first < layer->output.channels; first += layer->blocks.size) {
        const uint32_t count = ec_smaller(layer->blocks.size, layer->output.channels - first);
        const size_t filter_bytes = layer->taps * sizeof(ec_half);
        const ec_half *block = ec_fetch(worker, layer->blocks.scratch,
                                        worker->weights + layer->weight + first * filter_bytes, count * filter_bytes);
        for (uint32_t channel = 0; channel < count; channel++) {
            const ec_half *weight = block + (size_t)channel * layer->taps;
            for (uint32_t row = rows.first; row < rows.end; row++) {
                const float sum = product_sum(layer, input + first + channel, weight, row);
                ec_finish(worker, layer, sum, bias[first + channel],
                          (size_t)row * layer->output.channels + first + channel);
            }
        }
        ec_wait_for_all(worker);
    }
}
