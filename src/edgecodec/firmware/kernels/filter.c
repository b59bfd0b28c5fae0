/* Window of float to filtered channels of float16: normalizes, filters and decimates block by block, so that no more of
 * the window is kept than the filters reach back. Every worker has channels of its own. */
#include "filter.h"

#include "fused.h"
#include "layers.h"
#include "stream.h"

static void fill(ec_half *at, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        at[i] = 0;
    }
}

void ec_pad_filtered(const ec_worker *worker, const ec_filter *layer, ec_range channels) {
    for (uint32_t channel = channels.first; channel < channels.end; channel++) {
        fill(ec_halves(worker, layer->output.at) + (size_t)channel * layer->output.channels + layer->samples,
             layer->output.channels - layer->samples);
    }
    const ec_range padding = ec_share(worker, layer->output.rows - layer->channels);
    fill(ec_halves(worker, layer->output.at) + (size_t)(layer->channels + padding.first) * layer->output.channels,
         (padding.end - padding.first) * layer->output.channels);
}

#if EC_WORKERS_MAX > 1 /* else see running_filter.c */

#define AT_ONCE 8u /* samples that are loaded together: none is waited for */

/* The sample at `*at`, which moves on by `step` bytes. */
static float next_sample(const float **at, size_t step) {
#ifdef EC_XPULP
    float sample; /* p.lw */
    __asm__(".insn r 0x0b, 7, 0x10, %0, %1, %2" : "=r"(sample), "+r"(*at) : "r"(step) : "memory");
#else
    const float sample = **at;
    *at = (const float *)(const void *)((const uint8_t *)*at + step);
#endif
    return sample;
}

static ec_pair normalize_pair(const ec_channel_filter *own, float first, float second) {
    first = first - own->offset;
    second = second - own->offset;
    return ec_to_pair(first * own->scale, second * own->scale);
}

/* Samples of one channel, `step` bytes apart, to `output`, an even number of which has room; the last may be a zero too
 * many. */
static void normalize_channel(const ec_channel_filter *own, const float *samples, size_t step, uint32_t count,
                              ec_half *output) {
    const ec_channel_filter near = {.offset = own->offset, .scale = own->scale};
    for (; count >= AT_ONCE; count -= AT_ONCE) {
        float values[AT_ONCE];
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            values[i] = next_sample(&samples, step);
        }
        for (uint32_t i = 0; i < AT_ONCE; i += 2) {
            ec_store_pair(output + i, normalize_pair(&near, values[i], values[i + 1]));
        }
        output += AT_ONCE;
    }
    for (; count >= 2; count -= 2) {
        const float first = next_sample(&samples, step);
        ec_store_pair(output, normalize_pair(&near, first, next_sample(&samples, step)));
        output += 2;
    }
    if (count == 1) {
        const float last = samples[0] - near.offset;
        ec_store_pair(output, ec_to_pair(last * near.scale, 0.0f));
    }
}

/* Where one channel's samples are, and its outputs go. */
typedef struct filtered_channel {
    const ec_channel_filter *own;
    const ec_half *history; /* the first sample is number `begin` of the window */
    uint32_t begin;
    ec_half *output;
} filtered_channel;

static const ec_half *samples_of(const ec_filter *layer, const filtered_channel *channel, uint32_t output) {
    return channel->history + (output * layer->stride - layer->pad_left - channel->begin);
}

static bool filter_any(const ec_filter *layer, const filtered_channel *channel, ec_range outputs) {
    bool finite = true;
    for (uint32_t first = outputs.first; first < outputs.end; first += EC_TILE_ROWS) {
        const uint32_t count = ec_smaller(EC_TILE_ROWS, outputs.end - first);
        float sums[EC_TILE_ROWS] = {0.0f};
        ec_add_rows(sums, samples_of(layer, channel, first), layer->stride, channel->own->taps, count,
                    layer->taps / 2);
        for (uint32_t i = 0; i < count; i++) {
            channel->output[first + i] = ec_to_half(sums[i]);
            finite = finite && ec_half_is_finite(channel->output[first + i]);
        }
    }
    return finite;
}

/* Outputs whose samples are all in the history. */
static bool filter_channel(const ec_filter *layer, const filtered_channel *channel, ec_range outputs) {
#ifdef EC_FUSED
    /* Pairs of outputs are stored, from an even one on. */
    const uint32_t first = ec_smaller(outputs.first + outputs.first % 2, outputs.end);
    const uint32_t fours = (outputs.end - first) / EC_TILE_ROWS;
    const ec_range before = {outputs.first, first}, behind = {first + fours * EC_TILE_ROWS, outputs.end};
    uint32_t overflow = 0;
    if (fours > 0) {
        const ec_pulp_filter_run run = {samples_of(layer, channel, first), channel->own->taps, layer->taps / 2,
                                        layer->stride * (uint32_t)sizeof(ec_half), channel->output + first, fours};
        overflow = ec_pulp_filter(&run);
    }
    const bool rest = filter_any(layer, channel, before) && filter_any(layer, channel, behind);
    return rest && overflow == 0;
#else
    return filter_any(layer, channel, outputs);
#endif
}

/* Keeps the last samples of the block before: both counts are even. Four at once, so that no load is waited for. */
static void keep_history(const ec_filter *layer, ec_half *history) {
    const ec_half *last = history + layer->blocks.size;
    uint32_t taps = layer->taps;
    for (; taps >= 4; taps -= 4) {
        const ec_pair pairs[2] = {ec_load_pair(last), ec_load_pair(last + 2)};
        ec_store_pair(history, pairs[0]);
        ec_store_pair(history + 2, pairs[1]);
        history += 4;
        last += 4;
    }
    if (taps > 0) {
        ec_store_pair(history, ec_load_pair(last));
    }
}

ec_status ec_run_filter(const ec_worker *worker, const ec_filter *layer, const float *window) {
    const uint8_t *filters = ec_fetch(worker, layer->filters_scratch, worker->weights + layer->filters,
                                      layer->channels * ec_channel_filter_bytes(layer));
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
        for (uint32_t number = share.first; number < share.end; number++) {
            const ec_channel_filter *own = ec_channel_filter_at(filters, layer, number);
            ec_half *history = ec_halves(worker, layer->history) + (size_t)number * layer->history_samples;
            if (block.first == 0) {
                fill(history, layer->taps);
            } else {
                keep_history(layer, history);
            }
            normalize_channel(own, (const float *)(const void *)block.data + number,
                              layer->channels * sizeof(float), block.items,
                              history + layer->taps);
            if (block.last) {
                const uint32_t used = layer->taps + block.items + block.items % 2;
                const uint32_t reached = layer->history_samples - layer->blocks.size + block.items;
                fill(history + used, ec_larger(used, reached) - used);
            }
            const filtered_channel channel = {own, history, block.first - layer->taps,
                                     ec_halves(worker, layer->output.at) + (size_t)number * layer->output.channels};
            finite = filter_channel(layer, &channel, outputs) && finite;
        }
    } while (!block.last);
    ec_pad_filtered(worker, layer, share);
    return ec_agree(worker, finite || layer->screened ? EC_OK : EC_ERROR_WINDOW);
}

#endif
