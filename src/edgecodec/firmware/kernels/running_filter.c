/* The memory of an intake begins with the sums of outputs, [blocks of an output][channels]: number n has n + 1 of its
 * blocks, the last one is whole. Then come the samples of the next block, float16 [channels][samples]. */
#include "running_filter.h"

#include "layers.h"
#include "products.h"

#ifdef EC_HELIUM
#include "helium.h"
#endif

#if defined(EC_LANES)

typedef struct running_sum {
    float sum; /* of whole runs */
    ec_lanes lanes;
} running_sum;

static running_sum add_samples(running_sum sum, const ec_half *samples, const ec_half *taps, uint32_t first,
                               uint32_t end) {
    for (uint32_t tap = first; tap < end; tap += 2) {
        sum.lanes = ec_add_pair(sum.lanes, samples, taps + tap);
        samples += 2;
        if (tap / 2 % EC_RUN_PAIRS == EC_RUN_PAIRS - 1) {
            sum.sum = ec_end_run(sum.sum, sum.lanes);
            sum.lanes = ec_begin_run();
        }
    }
    return sum;
}

static float finish_sum(running_sum sum, uint32_t taps) {
    return taps / 2 % EC_RUN_PAIRS == 0 ? sum.sum : ec_end_run(sum.sum, sum.lanes);
}

static running_sum begin_sum(void) {
    const running_sum sum = {0.0f, ec_begin_run()};
    return sum;
}

#else

typedef float running_sum;

static running_sum add_samples(running_sum sum, const ec_half *samples, const ec_half *taps, uint32_t first,
                               uint32_t end) {
    return ec_add_products(sum, samples, taps + first, end - first);
}

static float finish_sum(running_sum sum, uint32_t taps) {
    (void)taps;
    return sum;
}

static running_sum begin_sum(void) {
    return 0.0f;
}

#endif

static uint32_t blocks_of(const ec_filter *layer) {
    return (layer->taps + layer->stride - 1) / layer->stride;
}

/* Where pairs begin at odd samples too, the last sample of the block before is kept. */
static uint32_t kept_by(const ec_filter *layer) {
    return layer->stride % 2;
}

static uint32_t block_samples(const ec_filter *layer) {
    return layer->stride + kept_by(layer);
}

static running_sum *sums_of(const ec_intake *intake) {
    return (running_sum *)(void *)intake->memory;
}

static ec_half *samples_of(const ec_intake *intake, const ec_filter *layer) {
    return (ec_half *)(void *)(sums_of(intake) + (size_t)blocks_of(layer) * layer->channels);
}

uint32_t ec_running_filter_bytes(const ec_filter *layer) {
    return layer->channels * (blocks_of(layer) * (uint32_t)sizeof(running_sum) +
                              block_samples(layer) * (uint32_t)sizeof(ec_half));
}

/* Before the window there are zeros: they add nothing to a sum. */
void ec_begin_filters(ec_intake *intake, const ec_filter *layer) {
    running_sum *sums = sums_of(intake);
    ec_half *samples = samples_of(intake, layer);
    for (uint32_t i = 0; i < blocks_of(layer) * layer->channels; i++) {
        sums[i] = begin_sum();
    }
    for (uint32_t i = 0; i < layer->channels * block_samples(layer); i++) {
        samples[i] = 0;
    }
    intake->blocks = layer->pad_left / layer->stride;
    intake->held = layer->pad_left % layer->stride;
    intake->finite = true;
}

/* One channel's part in a block. */
typedef struct channel_block {
    running_sum *sums; /* each as many as there are channels behind the one before */
    const ec_half *samples;
    const ec_half *taps;
    ec_range parts; /* of outputs, that the block is */
} channel_block;

static running_sum add_part(running_sum sum, const ec_filter *layer, const channel_block *block, uint32_t part) {
    const uint32_t begin = part * layer->stride, end = begin + layer->stride;
    return add_samples(sum, block->samples + (kept_by(layer) & ~begin), block->taps, begin & ~1u,
                       ec_smaller(end & ~1u, layer->taps));
}

#if !defined(EC_LANES) && !defined(EC_XPULP)
#define EIGHT 8u

/* A block of EIGHT samples, which are widened once for all outputs. */
static void add_eight(const ec_filter *layer, const channel_block *block) {
    const ec_four_pairs samples = ec_load_four_pairs(block->samples);
    const ec_half *taps = block->taps + (size_t)block->parts.end * EIGHT;
    float *at = block->sums + (size_t)block->parts.end * layer->channels;
    for (uint32_t part = block->parts.end; part-- > block->parts.first;) {
        taps -= EIGHT;
        at -= layer->channels;
        float sum = part == 0 ? 0.0f : *(at - layer->channels);
        const ec_four_pairs factors = ec_load_four_pairs(taps);
        sum = ec_add_products_of_floats(sum, samples.first, factors.first);
        sum = ec_add_products_of_floats(sum, samples.second, factors.second);
        sum = ec_add_products_of_floats(sum, samples.third, factors.third);
        sum = ec_add_products_of_floats(sum, samples.fourth, factors.fourth);
        *at = sum;
    }
}

#ifdef EC_HELIUM

/* Four channels side by side. */
static void add_eight_of_four(const ec_filter *layer, const channel_block *block) {
    const uint32x4_t of_samples = ec_places(EIGHT * sizeof(ec_half)), of_taps = ec_places(ec_channel_filter_bytes(layer));
    const ec_range parts = block->parts;
    const uint32_t channels = layer->channels;
    const ec_half *samples = block->samples, *taps = block->taps + (size_t)parts.end * EIGHT;
    float *at = block->sums + (size_t)parts.end * channels;
    for (uint32_t part = parts.end; part-- > parts.first;) {
        taps -= EIGHT;
        at -= channels;
        float32x4_t sums = part == 0 ? vdupq_n_f32(0.0f) : vld1q_f32(at - channels);
        sums = ec_add_products_side_by_side(sums, ec_gather_pairs(samples, of_samples), ec_gather_pairs(taps, of_taps));
        sums = ec_add_products_side_by_side(sums, ec_gather_pairs(samples + 2, of_samples),
                                            ec_gather_pairs(taps + 2, of_taps));
        sums = ec_add_products_side_by_side(sums, ec_gather_pairs(samples + 4, of_samples),
                                            ec_gather_pairs(taps + 4, of_taps));
        sums = ec_add_products_side_by_side(sums, ec_gather_pairs(samples + 6, of_samples),
                                            ec_gather_pairs(taps + 6, of_taps));
        vst1q_f32(at, sums);
    }
}

#endif

#endif

/* From the earliest output on: each sum moves to where the next block looks for it. Gives how many channels that was done
 * for, of so many. */
static uint32_t add_block(const ec_filter *layer, const channel_block *block, uint32_t channels) {
#ifdef EIGHT
    if (layer->stride == EIGHT && layer->taps % EIGHT == 0) {
#ifdef EC_HELIUM
        if (channels >= 4) {
            add_eight_of_four(layer, block);
            return 4;
        }
#endif
        add_eight(layer, block);
        return 1;
    }
#endif
    (void)channels;
    running_sum *sum = block->sums + (size_t)block->parts.end * layer->channels;
    for (uint32_t part = block->parts.end; part-- > block->parts.first;) {
        sum -= layer->channels;
        *sum = add_part(part == 0 ? begin_sum() : *(sum - layer->channels), layer, block, part);
    }
    return 1;
}

/* Rounds what is whole. */
static void give_outputs(ec_intake *intake, const ec_filter *layer, uint32_t number, ec_filtered output) {
    const running_sum *sums = sums_of(intake) + (size_t)(blocks_of(layer) - 1) * layer->channels;
    ec_half *at = output.at + number;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        *at = ec_to_half(finish_sum(sums[channel], layer->taps));
        intake->finite = intake->finite && ec_half_is_finite(*at);
        at += output.step;
    }
}

static void filter_block(ec_intake *intake, const ec_filter *layer, ec_filtered output) {
    const uint8_t *filters = intake->weights + layer->filters;
    const uint32_t blocks = blocks_of(layer), number = intake->blocks++;
    const ec_range parts = {number < layer->samples ? 0 : number - layer->samples + 1, ec_smaller(number + 1, blocks)};
    ec_half *samples = samples_of(intake, layer);
    for (uint32_t channel = 0; channel < layer->channels;) {
        const channel_block block = {sums_of(intake) + channel, samples,
                                     ec_channel_filter_at(filters, layer, channel)->taps, parts};
        const uint32_t done = add_block(layer, &block, layer->channels - channel);
        samples[0] = samples[block_samples(layer) - 1]; /* where it is kept */
        samples += (size_t)done * block_samples(layer);
        channel += done;
    }
    if (parts.end == blocks) {
        give_outputs(intake, layer, number + 1 - blocks, output);
    }
    intake->held = 0;
}

#ifdef EC_HELIUM

/* As many channels as are whole fours; gives their number. */
static uint32_t normalize_fours(const ec_filter *layer, const uint8_t *filters, const ec_sample *sample, ec_half *at) {
    const uint32_t filter_bytes = ec_channel_filter_bytes(layer), step = block_samples(layer), end = layer->channels & ~3u;
    const uint32x4_t of_filters = ec_places(filter_bytes), of_samples = ec_places(step * (uint32_t)sizeof(ec_half));
    const ec_sample near = *sample;
    for (uint32_t channel = 0; channel < end; channel += 4) {
        const float *offsets = (const float *)(const void *)filters;
        const float32x4_t values = near.values != NULL
                                       ? vld1q_f32(near.values + channel)
                                       : vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(near.counts + channel)), near.unit);
        const float32x4_t centred = vsubq_f32(values, vldrwq_gather_offset_f32(offsets, of_filters));
        const float32x4_t scales = vldrwq_gather_offset_f32(offsets + 1, of_filters);
        vstrhq_scatter_offset_u32(at, of_samples, ec_to_halves(vmulq_f32(centred, scales)));
        filters += 4 * filter_bytes;
        at += 4 * step;
    }
    return end;
}

#endif

void ec_filter_sample(ec_intake *intake, const ec_filter *layer, const ec_sample *sample, ec_filtered output) {
    const uint8_t *filters = intake->weights + layer->filters;
    ec_half *at = samples_of(intake, layer) + kept_by(layer) + intake->held;
#ifdef EC_HELIUM
    uint32_t channel = normalize_fours(layer, filters, sample, at);
    at += channel * block_samples(layer);
#else
    uint32_t channel = 0;
#endif
    for (; channel < layer->channels; channel++) {
        const ec_channel_filter *own = ec_channel_filter_at(filters, layer, channel);
        const float value = ec_value_of(sample, channel) - own->offset;
        *at = ec_to_half(value * own->scale); /* what they give is judged */
        at += block_samples(layer);
    }
    if (++intake->held == layer->stride) {
        filter_block(intake, layer, output);
    }
}

void ec_finish_filters(ec_intake *intake, const ec_filter *layer, ec_filtered output) {
    while (intake->blocks + 1 < layer->samples + blocks_of(layer)) {
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            ec_half *samples = samples_of(intake, layer) + (size_t)channel * block_samples(layer) + kept_by(layer);
            for (uint32_t i = intake->held; i < layer->stride; i++) {
                samples[i] = 0;
            }
        }
        filter_block(intake, layer, output);
    }
}

#if EC_WORKERS_MAX == 1

/* A window at once comes sample by sample, too. */
ec_status ec_run_filter(const ec_worker *worker, const ec_filter *layer, const float *window) {
    ec_intake intake = {.weights = worker->weights, .memory = worker->arena + layer->history};
    const ec_filtered output = {ec_halves(worker, layer->output.at), layer->output.channels};
    const ec_range channels = {0, layer->channels};
    ec_begin_filters(&intake, layer);
    for (uint32_t i = 0; i < ec_codec_network.model.samples; i++) {
        const ec_sample sample = {.values = window + (size_t)i * layer->channels};
        ec_filter_sample(&intake, layer, &sample, output);
    }
    ec_finish_filters(&intake, layer, output);
    ec_pad_filtered(worker, layer, channels);
    return ec_agree(worker, intake.finite || layer->screened ? EC_OK : EC_ERROR_WINDOW);
}

#endif
