/* Samples as they come, normalized and filtered at once: no more of them is kept than the filters look back at.
 *
 * With filters the intake's memory holds what these keep, then what they gave, float16 [channels][samples of a filter];
 * without them the normalized window, as the first layer gives it. */
#include "intake.h"

#include <stdatomic.h>

#include "running_filter.h"

static ec_half *outputs_of(const ec_intake *intake, const ec_filter *layer) {
    return (ec_half *)(void *)(intake->memory + ec_running_filter_bytes(layer));
}

static void push_to_filters(ec_intake *intake, const ec_filter *layer, const ec_sample *sample) {
    const ec_filtered output = {outputs_of(intake, layer), layer->samples};
    if (intake->samples == 0) {
        ec_begin_filters(intake, layer);
    }
    ec_filter_sample(intake, layer, sample, output);
    if (intake->samples + 1 == ec_codec_network.model.samples) {
        ec_finish_filters(intake, layer, output);
    }
}

static void push_to_rows(ec_intake *intake, const ec_normalize *layer, const ec_sample *sample) {
    const float *offset = (const float *)(const void *)(intake->weights + layer->offset);
    const float *scale = offset + layer->channels;
    ec_half *row = (ec_half *)(void *)intake->memory + (size_t)intake->samples * layer->output.channels;
    bool finite = intake->samples == 0 || intake->finite;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const float value = ec_value_of(sample, channel) - offset[channel];
        row[channel] = ec_to_half(value * scale[channel]);
        finite = finite && ec_half_is_finite(row[channel]);
    }
    for (uint32_t channel = layer->channels; channel < layer->output.channels; channel++) {
        row[channel] = 0;
    }
    intake->finite = finite;
}

static ec_status push(ec_intake *intake, const ec_sample *sample) {
    const ec_layer layer = ec_codec_network.layers[0];
    const uint32_t samples = intake->samples;
    atomic_thread_fence(memory_order_acquire); /* who emptied it has read all of it */
    if (samples == ec_codec_network.model.samples) {
        return EC_ERROR_INTAKE;
    }
    if (layer.kind == EC_FILTER) {
        push_to_filters(intake, &layer.filter, sample);
    } else {
        push_to_rows(intake, &layer.normalize, sample);
    }
    atomic_thread_fence(memory_order_release); /* all of it is written before it is full */
    intake->samples = samples + 1;
    return EC_OK;
}

size_t ec_intake_size(void) {
    const ec_layer *layer = &ec_codec_network.layers[0];
    if (layer->kind == EC_FILTER) {
        const uint32_t outputs = layer->filter.channels * layer->filter.samples;
        return ec_running_filter_bytes(&layer->filter) + outputs * sizeof(ec_half);
    }
    return layer->output.rows * layer->output.channels * sizeof(ec_half);
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
    const ec_sample sample = {.values = values};
    const ec_status status = check_push(intake, values);
    return status == EC_OK ? push(intake, &sample) : status;
}

ec_status ec_push_counts(ec_intake *intake, const int32_t *counts, float unit) {
    const ec_sample sample = {.counts = counts, .unit = unit};
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
             outputs_of(intake, layer) + (size_t)channel * layer->samples, layer->samples);
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
