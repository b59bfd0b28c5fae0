/* Samples as they come, normalized and filtered at once: no more of them is kept than the filters look back at.
 *
 * The intake's memory holds the filters' history, float16 [channels][taps], then what they gave, [channels][samples of
 * a filter]; without filters the normalized window, as the first layer gives it. */
#include "intake.h"

#include <stdatomic.h>

#include "filter.h"
#include "tile.h"

typedef struct pushed {
    const float *values;   /* NULL: there are counts */
    const int32_t *counts; /* whose product with `unit` is the value */
    float unit;
} pushed;

/* How the channels are normalized, and where to: entries of channels that follow each other are so many apart. */
typedef struct normalization {
    const float *offset;
    const float *scale;
    size_t step;
    ec_half *output;
    size_t output_step;
} normalization;

static float value_of(const pushed *sample, uint32_t channel) {
    return sample->values != NULL ? sample->values[channel] : (float)sample->counts[channel] * sample->unit;
}

/* Whether all values are finite. */
static bool normalize(const pushed *sample, uint32_t channels, normalization at) {
    bool finite = true;
    for (uint32_t channel = 0; channel < channels; channel++) {
        const float value = value_of(sample, channel) - *at.offset;
        *at.output = ec_to_half(value * *at.scale);
        finite = finite && ec_half_is_finite(*at.output);
        at.offset += at.step;
        at.scale += at.step;
        at.output += at.output_step;
    }
    return finite;
}

static ec_half *history_of(const ec_intake *intake, const ec_filter *layer, uint32_t channel) {
    return (ec_half *)(void *)intake->memory + (size_t)channel * layer->taps;
}

static ec_half *outputs_of(const ec_intake *intake, const ec_filter *layer, uint32_t channel) {
    return history_of(intake, layer, layer->channels) + (size_t)channel * layer->samples;
}

/* Zeros for all samples that the history lacks. */
static void fill_histories(ec_intake *intake, const ec_filter *layer) {
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        for (uint32_t i = intake->held; i < layer->taps; i++) {
            history_of(intake, layer, channel)[i] = 0;
        }
    }
}

/* One output of every filter from a full history, of which stays what the next one looks at. */
static void filter_histories(ec_intake *intake, const ec_filter *layer) {
    const uint8_t *filters = intake->weights + layer->filters;
    const uint32_t kept = layer->taps - layer->stride; /* no sample lies between two outputs' */
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        ec_half *history = history_of(intake, layer, channel);
        float sum = 0.0f;
        ec_add_rows(&sum, history, layer->stride, ec_channel_filter_at(filters, layer, channel)->taps, 1,
                    layer->taps / 2);
        const ec_half output = ec_to_half(sum);
        outputs_of(intake, layer, channel)[intake->outputs] = output;
        intake->finite = intake->finite && ec_half_is_finite(output);
        for (uint32_t i = 0; i < kept; i++) {
            history[i] = history[i + layer->stride];
        }
    }
    intake->outputs++;
    intake->held = kept;
}

static void push_to_filters(ec_intake *intake, const ec_filter *layer, const pushed *sample) {
    const ec_channel_filter *first = ec_channel_filter_at(intake->weights + layer->filters, layer, 0);
    const normalization at = {
        .offset = &first->offset,
        .scale = &first->scale,
        .step = ec_channel_filter_bytes(layer) / sizeof(float),
        .output = history_of(intake, layer, 0) + intake->held,
        .output_step = layer->taps,
    };
    (void)normalize(sample, layer->channels, at); /* what they give is judged */
    if (++intake->held == layer->taps) {
        filter_histories(intake, layer);
    }
}

/* Behind the window's last sample there are zeros. */
static void finish_filters(ec_intake *intake, const ec_filter *layer) {
    while (intake->outputs < layer->samples) {
        fill_histories(intake, layer);
        filter_histories(intake, layer);
    }
}

static void push_to_rows(ec_intake *intake, const ec_normalize *layer, const pushed *sample) {
    const float *offset = (const float *)(const void *)(intake->weights + layer->offset);
    ec_half *row = (ec_half *)(void *)intake->memory + (size_t)intake->samples * layer->output.channels;
    const normalization at = {
        .offset = offset, .scale = offset + layer->channels, .step = 1, .output = row, .output_step = 1};
    intake->finite = normalize(sample, layer->channels, at) && intake->finite;
    for (uint32_t channel = layer->channels; channel < layer->output.channels; channel++) {
        row[channel] = 0;
    }
}

static void begin_window(ec_intake *intake, const ec_layer *layer) {
    intake->outputs = 0;
    intake->finite = true;
    intake->held = 0;
    if (layer->kind == EC_FILTER) {
        fill_histories(intake, &layer->filter);
        intake->held = layer->filter.pad_left;
    }
}

static ec_status push(ec_intake *intake, const pushed *sample) {
    const ec_layer layer = ec_codec_network.layers[0];
    const uint32_t samples = intake->samples;
    atomic_thread_fence(memory_order_acquire); /* who emptied it has read all of it */
    if (samples == ec_codec_network.model.samples) {
        return EC_ERROR_INTAKE;
    }
    if (samples == 0) {
        begin_window(intake, &layer);
    }
    if (layer.kind == EC_FILTER) {
        push_to_filters(intake, &layer.filter, sample);
        if (samples + 1 == ec_codec_network.model.samples) {
            finish_filters(intake, &layer.filter);
        }
    } else {
        push_to_rows(intake, &layer.normalize, sample);
    }
    atomic_thread_fence(memory_order_release); /* all of it is written before it is full */
    intake->samples = samples + 1;
    return EC_OK;
}

size_t ec_intake_size(void) {
    const ec_layer *layer = &ec_codec_network.layers[0];
    const uint32_t halves = layer->kind == EC_FILTER
                                ? layer->filter.channels * (layer->filter.taps + layer->filter.samples)
                                : layer->output.rows * layer->output.channels;
    return halves * sizeof(ec_half);
}

ec_status ec_begin_intake(ec_intake *intake, const ec_context *context, void *memory, size_t memory_bytes) {
    if (intake == NULL || context == NULL || memory == NULL) {
        return EC_ERROR_NULL;
    }
    const ec_intake empty = {.weights = context->weights, .memory = memory};
    if (context->arena == NULL) {
        return EC_ERROR_CONTEXT;
    }
    if ((uintptr_t)memory % _Alignof(uint32_t) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (memory_bytes < ec_intake_size()) {
        return EC_ERROR_ARENA;
    }
    *intake = empty;
    return EC_OK;
}

static ec_status check_push(const ec_intake *intake, const void *values) {
    if (intake == NULL || values == NULL) {
        return EC_ERROR_NULL;
    }
    if ((uintptr_t)values % _Alignof(float) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    return intake->memory == NULL ? EC_ERROR_CONTEXT : EC_OK;
}

ec_status ec_push(ec_intake *intake, const float *values) {
    const pushed sample = {.values = values};
    const ec_status status = check_push(intake, values);
    return status == EC_OK ? push(intake, &sample) : status;
}

ec_status ec_push_counts(ec_intake *intake, const int32_t *counts, float unit) {
    const pushed sample = {.counts = counts, .unit = unit};
    const ec_status status = check_push(intake, counts);
    return status == EC_OK ? push(intake, &sample) : status;
}

bool ec_intake_is_full(const ec_intake *intake) {
    const bool full = intake->memory != NULL && intake->samples == ec_codec_network.model.samples;
    atomic_thread_fence(memory_order_acquire);
    return full;
}

static void copy(ec_half *to, const ec_half *from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

static void take_filtered(const ec_worker *worker, const ec_filter *layer, const ec_intake *intake) {
    const ec_range share = ec_share(worker, layer->channels);
    for (uint32_t channel = share.first; channel < share.end; channel++) {
        copy(ec_halves(worker, layer->output.at) + (size_t)channel * layer->output.channels,
             outputs_of(intake, layer, channel), layer->samples);
    }
    ec_pad_filtered(worker, layer, share);
}

static void take_rows(const ec_worker *worker, ec_view output, const ec_intake *intake) {
    const ec_range share = ec_share(worker, output.rows * output.channels);
    copy(ec_halves(worker, output.at) + share.first, (const ec_half *)(const void *)intake->memory + share.first,
         share.end - share.first);
}

ec_status ec_take_intake(const ec_worker *worker, const ec_layer *layer, ec_intake *intake) {
    const bool judged_later = layer->kind == EC_FILTER && layer->filter.screened;
    if (layer->kind == EC_FILTER) {
        take_filtered(worker, &layer->filter, intake);
    } else {
        take_rows(worker, layer->output, intake);
    }
    const ec_status status = ec_agree(worker, intake->finite || judged_later ? EC_OK : EC_ERROR_WINDOW);
    if (worker->team->worker == 0) {
        atomic_thread_fence(memory_order_release); /* all of it is read before it is empty */
        intake->samples = 0;
    }
    return status;
}
