/* Rows become channels; channels that the output has beyond the input's rows are zeros. */
#include "layers.h"

void ec_run_transpose(const ec_worker *worker, const ec_transpose *layer) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    ec_half *output = ec_halves(worker, layer->output.at);
    const uint32_t step = layer->input.channels, channels = layer->output.channels;
    const uint32_t filled = ec_smaller(layer->input.rows, channels);
    const ec_range rows = ec_share(worker, layer->output.rows);
    for (uint32_t row = rows.first; row < rows.end; row++) {
        ec_half *to = output + (size_t)row * layer->output.channels;
        const ec_half *from = input + row;
        for (uint32_t channel = 0; channel < filled; channel++) {
            to[channel] = *from;
            from += step;
        }
        for (uint32_t channel = filled; channel < channels; channel++) {
            to[channel] = 0;
        }
    }
    ec_wait_for_all(worker);
}
