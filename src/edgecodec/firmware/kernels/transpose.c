/* Rows become channels; channels that the output has beyond the input's rows are zeros. */
#include "layers.h"

void ec_run_transpose(const ec_worker *worker, const ec_transpose *layer) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    ec_half *output = ec_halves(worker, layer->output.at);
    const ec_range rows = ec_share(worker, layer->output.rows);
    for (uint32_t row = rows.first; row < rows.end; row++) {
        ec_half *to = output + (size_t)row * layer->output.channels;
        for (uint32_t channel = 0; channel < layer->output.channels; channel++) {
            to[channel] = channel < layer->input.rows ? input[(size_t)channel * layer->input.channels + row] : 0;
        }
    }
    ec_wait_for_all(worker);
}
