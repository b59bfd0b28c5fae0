/* The memory of an intake begins with the sums of outputs, [blocks of an output][channels]: number n has n + 1 of its
 * blocks, the last one is whole. Then come the samples of what is filtered next, float16 [channels][samples]: a block,
 * or two of EIGHT samples. */
#include "running_filter.h"

#include "layers.h"
#include "products.h"

#ifdef EC_HELIUM
#include "helium.h"
#endif

#define EIGHT 8u
#define FOUR 4u /* channels side by side */

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

static bool takes_eights(const ec_filter *layer) {
#if defined(EC_LANES)
    (void)layer;
    return false;
#else
    return layer->stride == EIGHT && layer->taps % EIGHT == 0;
#endif
}

static uint32_t blocks_of(const ec_filter *layer) {
    return (layer->taps + layer->stride - 1) / layer->stride;
}

static uint32_t blocks_at_once(const ec_filter *layer) {
    return takes_eights(layer) ? 2 : 1;
}

/* Where pairs begin at odd samples too, the last sample of the block before is kept. */
static uint32_t kept_by(const ec_filter *layer) {
    return layer->stride % 2;
}

static uint32_t held_samples(const ec_filter *layer) {
    return blocks_at_once(layer) * layer->stride + kept_by(layer);
}

static running_sum *sums_of(const ec_intake *intake) {
    return (running_sum *)(void *)intake->memory;
}

static ec_half *samples_of(const ec_intake *intake, const ec_filter *layer) {
    return (ec_half *)(void *)(sums_of(intake) + (size_t)blocks_of(layer) * layer->channels);
}

uint32_t ec_running_filter_bytes(const ec_filter *layer) {
    return layer->channels * (blocks_of(layer) * (uint32_t)sizeof(running_sum) +
                              held_samples(layer) * (uint32_t)sizeof(ec_half));
}

/* Before the window there are zeros: they add nothing to a sum. */
void ec_begin_filters(ec_intake *intake, const ec_filter *layer) {
    running_sum *sums = sums_of(intake);
    ec_half *samples = samples_of(intake, layer);
    for (uint32_t i = 0; i < blocks_of(layer) * layer->channels; i++) {
        sums[i] = begin_sum();
    }
    for (uint32_t i = 0; i < layer->channels * held_samples(layer); i++) {
        samples[i] = 0;
    }
    intake->blocks = layer->pad_left / layer->stride;
    intake->blocks -= intake->blocks % blocks_at_once(layer);
    intake->held = layer->pad_left - intake->blocks * layer->stride;
    intake->finite = true;
}

/* The number of the output that the next block finishes. */
static uint32_t finished_by(const ec_intake *intake, const ec_filter *layer) {
    return intake->blocks + 1 - blocks_of(layer);
}

/* The whole one of a channel's sums. */
static const running_sum *whole_of(const ec_filter *layer, const running_sum *sums) {
    return sums + (size_t)(blocks_of(layer) - 1) * layer->channels;
}

/* Outputs before the window's first, and behind its last one, are summed up, but nobody gets them. */
static void give_output(ec_intake *intake, const ec_filter *layer, uint32_t channel, uint32_t number, running_sum sum,
                        ec_filtered output) {
    if (number < layer->samples) {
        const ec_half rounded = ec_to_half(finish_sum(sum, layer->taps));
        output.at[(size_t)channel * output.step + number] = rounded;
        intake->finite = intake->finite && ec_half_is_finite(rounded);
    }
}

#if defined(EC_HELIUM) && !defined(EC_LANES)

static void give_four_outputs(ec_intake *intake, const ec_filter *layer, uint32_t channel, uint32_t number,
                              const float *sums, ec_filtered output) {
    if (number < layer->samples) {
        const uint32x4_t rounded = ec_to_halves(vld1q_f32(sums));
        const uint32_t largest = vmaxvq_u32(0, vandq_u32(rounded, vdupq_n_u32(EC_HALF_EXPONENT))); /* exponent */
        ec_half *at = output.at + (size_t)channel * output.step + number;
        vstrhq_scatter_offset_u32(at, ec_places(output.step * (uint32_t)sizeof(ec_half)), rounded);
        intake->finite = intake->finite && largest != EC_HALF_EXPONENT;
    }
}

#endif

static running_sum add_part(running_sum sum, const ec_filter *layer, const ec_half *samples, const ec_half *taps,
                            uint32_t part) {
    const uint32_t begin = part * layer->stride, end = begin + layer->stride;
    return add_samples(sum, samples + (kept_by(layer) & ~begin), taps, begin & ~1u, ec_smaller(end & ~1u, layer->taps));
}

/* Adds a block of one channel to its sums: each moves to where the next block looks for it. */
static void add_block(const ec_filter *layer, running_sum *sums, const ec_half *samples, const ec_half *taps) {
    for (uint32_t part = blocks_of(layer); part-- > 0;) {
        running_sum *sum = sums + (size_t)part * layer->channels;
        *sum = add_part(part == 0 ? begin_sum() : *(sum - layer->channels), layer, samples, taps, part);
    }
}

/* One channel, whatever its filter. */
static void filter_any(ec_intake *intake, const ec_filter *layer, uint32_t channel, ec_filtered output) {
    running_sum *sums = sums_of(intake) + channel;
    ec_half *samples = samples_of(intake, layer) + (size_t)channel * held_samples(layer);
    add_block(layer, sums, samples, ec_channel_filter_at(intake->weights + layer->filters, layer, channel)->taps);
    give_output(intake, layer, channel, finished_by(intake, layer), *whole_of(layer, sums), output);
    samples[0] = samples[held_samples(layer) - 1]; /* where it is kept */
}

#if defined(EC_LANES)

static uint32_t filter_channels(ec_intake *intake, const ec_filter *layer, uint32_t channel, ec_filtered output) {
    filter_any(intake, layer, channel, output);
    return 1;
}

#else

/* Two blocks of EIGHT samples: taps are widened once for both. Gives the sum that the first one finishes. */
static float add_two_blocks(const ec_filter *layer, float *sums, const ec_half *samples, const ec_half *taps) {
    const ec_four_pairs first = ec_load_four_pairs(samples), second = ec_load_four_pairs(samples + EIGHT);
    const uint32_t channels = layer->channels, blocks = blocks_of(layer);
    float waiting = 0.0f, begun = 0.0f; /* for the second block; for the first one */
    for (uint32_t part = 0; part < blocks; part++) {
        const ec_floats one = ec_widen(ec_load_pair(taps)), two = ec_widen(ec_load_pair(taps + 2));
        const ec_floats three = ec_widen(ec_load_pair(taps + 4)), four = ec_widen(ec_load_pair(taps + 6));
        waiting = ec_add_products_of_floats(waiting, second.first, one);
        begun = ec_add_products_of_floats(begun, first.first, one);
        waiting = ec_add_products_of_floats(waiting, second.second, two);
        begun = ec_add_products_of_floats(begun, first.second, two);
        waiting = ec_add_products_of_floats(waiting, second.third, three);
        begun = ec_add_products_of_floats(begun, first.third, three);
        waiting = ec_add_products_of_floats(waiting, second.fourth, four);
        begun = ec_add_products_of_floats(begun, first.fourth, four);
        const float next = *sums;
        *sums = waiting;
        waiting = begun;
        begun = next;
        sums += channels;
        taps += EIGHT;
    }
    return waiting;
}

#ifdef EC_HELIUM

/* A block of EIGHT samples of the next FOUR channels, side by side. */
static void add_block_of_four(const ec_filter *layer, float *sums, const ec_half *samples, const ec_half *taps) {
    const uint32x4_t of_samples = ec_places(2 * EIGHT * sizeof(ec_half));
    const uint32x4_t of_taps = ec_places(ec_channel_filter_bytes(layer));
    const uint32_t channels = layer->channels;
    float *at = sums + (size_t)blocks_of(layer) * channels;
    taps += layer->taps;
    for (uint32_t part = blocks_of(layer); part-- > 0;) {
        taps -= EIGHT;
        at -= channels;
        float32x4_t own = part == 0 ? vdupq_n_f32(0.0f) : vld1q_f32(at - channels);
        own = ec_add_products_side_by_side(own, ec_gather_pairs(samples, of_samples), ec_gather_pairs(taps, of_taps));
        own = ec_add_products_side_by_side(own, ec_gather_pairs(samples + 2, of_samples),
                                           ec_gather_pairs(taps + 2, of_taps));
        own = ec_add_products_side_by_side(own, ec_gather_pairs(samples + 4, of_samples),
                                           ec_gather_pairs(taps + 4, of_taps));
        own = ec_add_products_side_by_side(own, ec_gather_pairs(samples + 6, of_samples),
                                           ec_gather_pairs(taps + 6, of_taps));
        vst1q_f32(at, own);
    }
}

#endif

/* Gives how many channels it has filtered, from number `channel` on. */
static uint32_t filter_channels(ec_intake *intake, const ec_filter *layer, uint32_t channel, ec_filtered output) {
    if (!takes_eights(layer)) {
        filter_any(intake, layer, channel, output);
        return 1;
    }
    const uint32_t finished = finished_by(intake, layer);
    const ec_half *taps = ec_channel_filter_at(intake->weights + layer->filters, layer, channel)->taps;
    const ec_half *samples = samples_of(intake, layer) + (size_t)channel * held_samples(layer);
    float *sums = sums_of(intake) + channel;
#ifdef EC_HELIUM
    if (layer->channels - channel >= FOUR) {
        for (uint32_t block = 0; block < 2; block++) {
            add_block_of_four(layer, sums, samples + (size_t)block * EIGHT, taps);
            give_four_outputs(intake, layer, channel, finished + block, whole_of(layer, sums), output);
        }
        return FOUR;
    }
#endif
    give_output(intake, layer, channel, finished, add_two_blocks(layer, sums, samples, taps), output);
    give_output(intake, layer, channel, finished + 1, *whole_of(layer, sums), output);
    return 1;
}

#endif

static void filter_blocks(ec_intake *intake, const ec_filter *layer, ec_filtered output) {
    for (uint32_t channel = 0; channel < layer->channels;) {
        channel += filter_channels(intake, layer, channel, output);
    }
    intake->blocks += blocks_at_once(layer);
    intake->held = 0;
}

#ifdef EC_HELIUM

/* As many channels as are whole fours; gives their number. */
static uint32_t normalize_fours(const ec_filter *layer, const uint8_t *filters, const ec_sample *sample, ec_half *at) {
    const uint32_t filter_bytes = ec_channel_filter_bytes(layer), step = held_samples(layer);
    const uint32_t end = layer->channels - layer->channels % FOUR;
    const uint32x4_t of_filters = ec_places(filter_bytes), of_samples = ec_places(step * (uint32_t)sizeof(ec_half));
    const ec_sample near = *sample;
    for (uint32_t channel = 0; channel < end; channel += FOUR) {
        const float *offsets = (const float *)(const void *)filters;
        const float32x4_t values = near.values != NULL
                                       ? vld1q_f32(near.values + channel)
                                       : vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(near.counts + channel)), near.unit);
        const float32x4_t centred = vsubq_f32(values, vldrwq_gather_offset_f32(offsets, of_filters));
        const float32x4_t scales = vldrwq_gather_offset_f32(offsets + 1, of_filters);
        vstrhq_scatter_offset_u32(at, of_samples, ec_to_halves(vmulq_f32(centred, scales)));
        filters += FOUR * filter_bytes;
        at += FOUR * step;
    }
    return end;
}

#endif

static void normalize_channel(float value, const ec_channel_filter *own, ec_half *at) {
    value = value - own->offset;
    *at = ec_to_half(value * own->scale); /* what they give is judged */
}

void ec_filter_sample(ec_intake *intake, const ec_filter *layer, const ec_sample *sample, ec_filtered output) {
    const uint8_t *filters = intake->weights + layer->filters;
    const uint32_t step = held_samples(layer);
    ec_half *at = samples_of(intake, layer) + kept_by(layer) + intake->held;
    uint32_t channel = 0;
#ifdef EC_HELIUM
    channel = normalize_fours(layer, filters, sample, at);
    at += channel * step;
#endif
    const float *values = sample->values;
    for (; values != NULL && channel < layer->channels; channel++) {
        normalize_channel(values[channel], ec_channel_filter_at(filters, layer, channel), at);
        at += step;
    }
    for (; channel < layer->channels; channel++) {
        const float value = (float)sample->counts[channel] * sample->unit;
        normalize_channel(value, ec_channel_filter_at(filters, layer, channel), at);
        at += step;
    }
    if (++intake->held == blocks_at_once(layer) * layer->stride) {
        filter_blocks(intake, layer, output);
    }
}

void ec_finish_filters(ec_intake *intake, const ec_filter *layer, ec_filtered output) {
    while (intake->blocks + 1 < layer->samples + blocks_of(layer)) {
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            ec_half *samples = samples_of(intake, layer) + (size_t)channel * held_samples(layer) + kept_by(layer);
            for (uint32_t i = intake->held; i < blocks_at_once(layer) * layer->stride; i++) {
                samples[i] = 0;
            }
        }
        filter_blocks(intake, layer, output);
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
