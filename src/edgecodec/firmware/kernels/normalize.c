/* Window of float to activations of float16: (window - offset) * scale, per channel. */
#include "worker.h"

static bool normalize_row(const ec_normalize *layer, const float *row, const float *offset, const float *scale,
                          ec_half *output) {
    bool finite = true;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const float centred = row[channel] - offset[channel];
        output[channel] = ec_to_half(centred * scale[channel]);
        finite = finite && ec_half_is_finite(output[channel]);
    }
    for (uint32_t channel = layer->channels; channel < layer->output.channels; channel++) {
        output[channel] = 0;
    }
    return finite;
}

ec_status ec_run_normalize(const ec_worker *worker, const ec_normalize *layer, const float *window) {
    const float *offset = ec_weight_floats(worker, layer->offset);
    const float *scale = ec_weight_floats(worker, layer->scale);
    bool finite = true;
    for (uint32_t first = 0; first < layer->output.rows; first += layer->blocks.size) {
        const uint32_t rows = ec_smaller(layer->blocks.size, layer->output.rows - first);
        const float *block = ec_fetch(worker, layer->blocks.scratch, window + (size_t)first * layer->channels,
                                      (size_t)rows * layer->channels * sizeof(float));
        const ec_range share = ec_share(worker, rows);
        for (uint32_t row = share.first; row < share.end; row++) {
            ec_half *output = ec_halves(worker, layer->output.at) + (size_t)(first + row) * layer->output.channels;
            finite = normalize_row(layer, block + (size_t)row * layer->channels, offset, scale, output) && finite;
        }
        ec_wait_for_all(worker);
    }
    return ec_agree(worker, finite ? EC_OK : EC_ERROR_WINDOW);
}
