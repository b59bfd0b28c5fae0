/* Window of float to filtered channels of float16: normalizes, filters and decimates block by block, so that no more of
 * the window is kept than the filters reach back. Every worker has channels of its own. */
#include "stream.h"
#include "tile.h"

typedef struct filter {
    float offset;
    float scale;
    ec_half taps[];
} filter;

/* Samples of one channel to `output`, an even number of which has room; the last may be a zero too many. */
static void normalize_channel(const ec_filter *layer, const filter *own, const float *samples, uint32_t count,
                              ec_half *output) {
    const float offset = own->offset, scale = own->scale;
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        const float first = samples[0] - offset, second = samples[layer->channels] - offset;
        samples += 2 * (size_t)layer->channels;
        ec_store_pair(output + i, ec_to_pair(first * scale, second * scale));
    }
    if (count % 2 != 0) {
        const float last = samples[0] - offset;
        ec_store_pair(output + count - 1, ec_to_pair(last * scale, 0.0f));
    }
}

/* Outputs `outputs`, whose samples are all in `history`; its first sample is number `begin` of the window. */
static bool filter_channel(const ec_filter *layer, const filter *own, const ec_half *history, uint32_t begin,
                           ec_range outputs, ec_half *output) {
    bool finite = true;
    for (uint32_t first = outputs.first; first < outputs.end; first += EC_TILE_ROWS) {
        const uint32_t count = ec_smaller(EC_TILE_ROWS, outputs.end - first);
        float sums[EC_TILE_ROWS] = {0.0f};
        ec_add_rows(sums, history + (first * layer->stride - layer->pad_left - begin), layer->stride, own->taps, count,
                    layer->taps / 2);
        for (uint32_t i = 0; i < count; i++) {
            output[first + i] = ec_to_half(sums[i]);
            finite = finite && ec_half_is_finite(output[first + i]);
        }
    }
    return finite;
}

static void fill(ec_half *at, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        at[i] = 0;
    }
}

/* Keeps the last samples of the block before. */
static void keep_history(const ec_filter *layer, ec_half *history) {
    for (uint32_t i = 0; i < layer->taps; i++) {
        history[i] = history[layer->blocks.size + i];
    }
}

ec_status ec_run_filter(const ec_worker *worker, const ec_filter *layer, const float *window) {
    const uint32_t filter_bytes = (uint32_t)sizeof(filter) + layer->taps * (uint32_t)sizeof(ec_half);
    const uint8_t *filters = ec_fetch(worker, layer->filters_scratch, worker->weights + layer->filters,
                                      layer->channels * filter_bytes);
    const ec_range share = ec_share(worker, layer->channels);
    const uint32_t samples = ec_codec_network.model.samples;
    bool finite = true;
    ec_range outputs = {0, 0};
    ec_stream stream = ec_open_stream(worker, &layer->blocks, window, samples);
    ec_block block;
    do {
        block = ec_next_block(worker, &stream);
        const uint32_t end = block.first + block.items;
        /* An output is done in the block that has its last sample. */
        const uint32_t ready = end + layer->pad_left + layer->stride;
        outputs.first = outputs.end;
        outputs.end = block.last             ? layer->samples
                      : ready < layer->taps ? 0
                                            : ec_smaller(layer->samples, (ready - layer->taps) / layer->stride);
        for (uint32_t channel = share.first; channel < share.end; channel++) {
            const filter *own = (const filter *)(const void *)(filters + (size_t)channel * filter_bytes);
            ec_half *history = ec_halves(worker, layer->history) + (size_t)channel * layer->history_samples;
            if (block.first == 0) {
                fill(history, layer->taps);
            } else {
                keep_history(layer, history);
            }
            normalize_channel(layer, own, (const float *)(const void *)block.data + channel, block.items,
                              history + layer->taps);
            if (block.last) {
                const uint32_t used = layer->taps + block.items + block.items % 2;
                fill(history + used, layer->history_samples - used);
            }
            ec_half *output = ec_halves(worker, layer->output.at) + (size_t)channel * layer->output.channels;
            finite = filter_channel(layer, own, history, block.first - layer->taps, outputs, output) && finite;
        }
    } while (!block.last);
    /* Padding: samples of every channel, then whole channels. */
    for (uint32_t channel = share.first; channel < share.end; channel++) {
        fill(ec_halves(worker, layer->output.at) + (size_t)channel * layer->output.channels + layer->samples,
             layer->output.channels - layer->samples);
    }
    const ec_range padding = ec_share(worker, layer->output.rows - layer->channels);
    fill(ec_halves(worker, layer->output.at) + (size_t)(layer->channels + padding.first) * layer->output.channels,
         (padding.end - padding.first) * layer->output.channels);
    return ec_agree(worker, finite ? EC_OK : EC_ERROR_WINDOW);
}
