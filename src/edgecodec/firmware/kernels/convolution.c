/* Convolution over time, strided or dilated, and with one tap on one row: a dense layer. */
#include "activation.h"

static float product_sum(const ec_convolution *layer, const ec_half *input, const ec_half *weight, uint32_t row) {
    const uint32_t channels = layer->input.channels;
    float sum = 0.0f;
    for (uint32_t tap = 0; tap < layer->taps; tap++) {
        /* Rows before the first wrap around to large numbers, and are left out like those behind the last. */
        const uint32_t source = row * layer->stride + tap * layer->dilation - layer->pad_left;
        if (source < layer->input.rows) {
            sum = ec_add_products(sum, input + (size_t)source * channels, weight + (size_t)tap * channels, channels);
        }
    }
    return sum;
}

void ec_run_convolution(const ec_worker *worker, const ec_convolution *layer) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    const float *bias = ec_weight_floats(worker, layer->bias);
    const size_t halves = (size_t)layer->taps * layer->input.channels; /* of one output channel's weights */
    /* Rows are shared out; where there are fewer rows than workers, the output channels of each block are. */
    const bool by_rows = layer->output.rows >= worker->team->workers;
    for (uint32_t first = 0; first < layer->output.channels; first += layer->blocks.size) {
        const uint32_t count = ec_smaller(layer->blocks.size, layer->output.channels - first);
        const uint8_t *source = worker->weights + layer->weight + first * halves * sizeof(ec_half);
        const ec_half *block = ec_fetch(worker, layer->blocks.scratch, source, count * halves * sizeof(ec_half));
        const ec_range every_row = {0, layer->output.rows}, every_channel = {0, count};
        const ec_range rows = by_rows ? ec_share(worker, layer->output.rows) : every_row;
        const ec_range channels = by_rows ? every_channel : ec_share(worker, count);
        for (uint32_t channel = channels.first; channel < channels.end; channel++) {
            const ec_half *weight = block + channel * halves;
            for (uint32_t row = rows.first; row < rows.end; row++) {
                const float sum = product_sum(layer, input, weight, row);
                ec_finish(worker, layer, sum, bias[first + channel],
                          (size_t)row * layer->output.channels + first + channel);
            }
        }
        ec_wait_for_all(worker);
    }
}
