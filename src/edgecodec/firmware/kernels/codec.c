/* The public functions, but for packing: check the arguments, then run the layers and the quantizer. */
#include "edgecodec.h"

#include "checksum.h"
#include "intake.h"
#include "layers.h"
#include "monitor.h"
#include "quantizer.h"
#include "scalars.h"

static bool is_aligned(const void *pointer, uintptr_t alignment) {
    return (uintptr_t)pointer % alignment == 0;
}

uint32_t ec_version(void) {
    return EC_VERSION;
}

const ec_model *ec_model_info(void) {
    return &ec_codec_network.model;
}

const char *ec_layer_name(uint32_t step) {
    return step < ec_codec_network.model.layers ? ec_codec_network.layers[step].name : NULL;
}

size_t ec_arena_size(void) {
    return ec_codec_network.arena_bytes;
}

static bool is_same_hash(const uint8_t *one, const uint8_t *other) {
    bool same = true;
    for (uint32_t i = 0; i < EC_HASH_BYTES; i++) {
        same = same && one[i] == other[i];
    }
    return same;
}

/* `bytes` are those of the kind, of which there are `held`. */
static ec_status check_blob(const void *data, size_t held, uint32_t kind, uint32_t bytes) {
    if (!is_aligned(data, _Alignof(ec_blob))) {
        return EC_ERROR_ALIGNMENT;
    }
    if (held < sizeof(ec_blob)) {
        return EC_ERROR_SIZE;
    }
    const ec_blob *blob = data;
    if (blob->kind != kind) {
        return EC_ERROR_MODEL;
    }
    if (!is_same_hash(blob->shape_hash, ec_codec_network.shape_hash)) {
        return EC_ERROR_SHAPE;
    }
    if (blob->bytes != bytes) {
        return EC_ERROR_MODEL;
    }
    return held < bytes ? EC_ERROR_SIZE : EC_OK;
}

/* Of weights or codebooks whose header is as it should be. */
static bool is_intact(const void *data) {
    const ec_blob *blob = data;
    const uint32_t before = offsetof(ec_blob, shape_hash);
    return ec_checksum_of_words((const uint8_t *)data + before, (blob->bytes - before) / 4) == blob->checksum;
}

/* A stage reads and writes a token's values at its coordinates: one out of range would reach beyond the latent. */
static bool coordinates_are_inside(const uint8_t *codebooks, const ec_quantizer *quantizer) {
    const uint16_t *coordinates = (const uint16_t *)(const void *)(codebooks + quantizer->coordinates);
    const uint32_t count =
        quantizer->coordinates == EC_NONE ? 0 : quantizer->coordinates_bytes / (uint32_t)sizeof *coordinates;
    bool inside = true;
    for (uint32_t i = 0; i < count; i++) {
        inside = inside && coordinates[i] < quantizer->latent.channels;
    }
    return inside;
}

static ec_status check_codebooks(const void *codebooks, size_t held) {
    const ec_scalars *coded = ec_codec_network.coded;
    const ec_status status = check_blob(codebooks, held, EC_CODEBOOKS, ec_codec_network.codebooks_bytes);
    if (status != EC_OK) {
        return status;
    }
    const bool inside = coordinates_are_inside(codebooks, &ec_codec_network.quantizer) &&
                        (coded == NULL || ec_scalars_are_inside(codebooks, coded));
    return inside ? EC_OK : EC_ERROR_MODEL;
}

static const ec_context blank = {NULL, NULL, NULL, NULL};

ec_status ec_init_unchecked(ec_context *context, void *arena, size_t arena_bytes, const void *weights,
                            size_t weights_bytes, const void *codebooks, size_t codebooks_bytes) {
    if (context == NULL || arena == NULL || weights == NULL || codebooks == NULL) {
        return EC_ERROR_NULL;
    }
    *context = blank;
    if (!is_aligned(arena, EC_ARENA_ALIGNMENT)) {
        return EC_ERROR_ALIGNMENT;
    }
    if (arena_bytes < ec_arena_size()) {
        return EC_ERROR_ARENA;
    }
    ec_status status = check_blob(weights, weights_bytes, EC_WEIGHTS, ec_codec_network.weights_bytes);
    if (status == EC_OK) {
        status = check_codebooks(codebooks, codebooks_bytes);
    }
    if (status == EC_OK && !is_same_hash(ec_model_hash(weights), ec_model_hash(codebooks))) {
        status = EC_ERROR_MODEL;
    }
    if (status == EC_OK) {
        context->arena = arena;
        context->weights = weights;
        context->codebooks = codebooks;
    }
    return status;
}

ec_status ec_init(ec_context *context, void *arena, size_t arena_bytes, const void *weights, size_t weights_bytes,
                  const void *codebooks, size_t codebooks_bytes) {
    const ec_status status =
        ec_init_unchecked(context, arena, arena_bytes, weights, weights_bytes, codebooks, codebooks_bytes);
    if (status == EC_OK && !(is_intact(weights) && is_intact(codebooks))) {
        *context = blank;
        return EC_ERROR_MODEL;
    }
    return status;
}

static ec_status run_layer(const ec_worker *worker, const ec_layer *layer, const float *window) {
    switch (layer->kind) {
    case EC_NORMALIZE:
        return ec_run_normalize(worker, &layer->normalize, window);
    case EC_FILTER:
        return ec_run_filter(worker, &layer->filter, window);
    case EC_CONVOLUTION:
        ec_run_convolution(worker, &layer->convolution);
        return EC_OK;
    case EC_TRANSPOSE:
        ec_run_transpose(worker, &layer->transpose);
        return EC_OK;
    }
    return EC_ERROR_CONTEXT;
}

/* The first layer ends with a barrier, before any that reads them. */
static void clear_zeros(const ec_worker *worker) {
    const ec_range share = ec_share(worker, ec_codec_network.zeros_halves);
    for (uint32_t i = share.first; i < share.end; i++) {
        worker->zeros[i] = 0;
    }
}

static ec_status check_latent(const ec_worker *worker, const ec_quantizer *quantizer) {
    const ec_half *latent = ec_halves(worker, quantizer->latent.at);
    const ec_range share = ec_share(worker, quantizer->regimes * quantizer->tokens * quantizer->latent.channels);
    bool finite = true;
    for (uint32_t i = share.first; i < share.end; i++) {
        finite = finite && ec_half_is_finite(latent[i]);
    }
    return ec_agree(worker, finite ? EC_OK : EC_ERROR_OVERFLOW);
}

/* What is encoded: one of the two. */
typedef struct input {
    const float *window;
    ec_intake *intake;
} input;

static ec_status check_intake(const ec_context *context, const ec_intake *intake) {
    if (intake->memory == NULL || intake->weights != context->weights) {
        return EC_ERROR_CONTEXT;
    }
    return ec_intake_is_full(intake) ? EC_OK : EC_ERROR_INTAKE;
}

static ec_status check_call(const ec_context *context, const ec_team *team, const input *source, uint32_t rate,
                            const uint16_t *indices, const ec_remarks *remarks) {
    if (context == NULL || team == NULL || (source->window == NULL && source->intake == NULL) || indices == NULL) {
        return EC_ERROR_NULL;
    }
    if (context->arena == NULL) {
        return EC_ERROR_CONTEXT;
    }
    if (team->barrier == NULL || team->fetch == NULL) {
        return EC_ERROR_NULL;
    }
    if (team->workers > EC_WORKERS_MAX || team->worker >= team->workers) {
        return EC_ERROR_TEAM;
    }
    if (!is_aligned(source->window, _Alignof(float)) || !is_aligned(indices, _Alignof(uint16_t)) ||
        !is_aligned(remarks, _Alignof(ec_remarks))) {
        return EC_ERROR_ALIGNMENT;
    }
    if (remarks != NULL && ec_codec_network.monitor == NULL) {
        return EC_ERROR_REMARKS;
    }
    if (rate < 1 || rate > ec_codec_network.model.rates) {
        return EC_ERROR_RATE;
    }
    return source->intake == NULL ? EC_OK : check_intake(context, source->intake);
}

static ec_status run_layers(const ec_worker *worker, const input *source) {
    const ec_network *network = &ec_codec_network;
    for (uint32_t step = 0; step < network->model.layers; step++) {
        const ec_layer layer = network->layers[step];
        ec_status status = step == 0 && source->intake != NULL ? ec_take_intake(worker, &layer, source->intake)
                                                               : run_layer(worker, &layer, source->window);
        if (status != EC_OK) {
            return status;
        }
        const ec_view output = layer.output;
        ec_report(worker, step, worker->arena + output.at, (size_t)output.rows * output.channels * sizeof(ec_half));
        if (step == 0 && network->monitor != NULL) {
            const ec_monitor near = *network->monitor;
            status = ec_screen_channels(worker, &near);
            if (status != EC_OK) {
                return status;
            }
        }
    }
    return EC_OK;
}

static ec_evidence run_quantizer(const ec_worker *worker, uint32_t rate, uint16_t *indices) {
    const ec_quantizer near = ec_codec_network.quantizer;
    ec_run_quantizer(worker, &near, near.stages_of_rate[rate - 1], indices);
    return near.evidence;
}

static ec_evidence run_scalars(const ec_worker *worker, const ec_scalars *coded, uint32_t rate, uint16_t *indices) {
    const ec_scalars near = *coded;
    ec_run_scalars(worker, &near, rate, indices);
    return near.evidence;
}

/* The network may lie in slow memory: every layer, and the quantizer, is copied to the stack before it is run. For coded
 * packets the quantizer is `coded`. */
static ec_status encode(const ec_context *context, ec_team *team, const input *source, uint32_t rate, uint16_t *indices,
                        ec_remarks *remarks, const ec_scalars *coded) {
    const ec_network *network = &ec_codec_network;
    ec_status status = check_call(context, team, source, rate, indices, remarks);
    if (status != EC_OK) {
        return status;
    }
    const ec_worker worker = {
        .team = team, .arena = context->arena, .weights = context->weights, .codebooks = context->codebooks,
        .zeros = (ec_half *)(void *)(context->arena + network->zeros), .observer = context->observer,
    };
    clear_zeros(&worker);
    status = run_layers(&worker, source);
    if (status == EC_OK) {
        status = check_latent(&worker, &network->quantizer);
    }
    if (status != EC_OK) {
        return status;
    }
    if (remarks != NULL) {
        ec_measure_latent(&worker, network->monitor);
    }
    const ec_evidence evidence =
        coded == NULL ? run_quantizer(&worker, rate, indices) : run_scalars(&worker, coded, rate, indices);
    if (remarks != NULL) {
        ec_make_remarks(&worker, network->monitor, &evidence, rate, indices[0], remarks);
    }
    return EC_OK;
}

static ec_status encode_coded(const ec_context *context, ec_team *team, const input *source, uint32_t rate,
                              uint16_t *indices, ec_remarks *remarks) {
    const ec_scalars *coded = ec_codec_network.coded;
    return coded == NULL ? EC_ERROR_CODED : encode(context, team, source, rate, indices, remarks, coded);
}

ec_status ec_encode(const ec_context *context, ec_team *team, const float *window, uint32_t rate, uint16_t *indices,
                    ec_remarks *remarks) {
    const input source = {.window = window};
    return encode(context, team, &source, rate, indices, remarks, NULL);
}

ec_status ec_encode_coded(const ec_context *context, ec_team *team, const float *window, uint32_t rate,
                          uint16_t *indices, ec_remarks *remarks) {
    const input source = {.window = window};
    return encode_coded(context, team, &source, rate, indices, remarks);
}

ec_status ec_encode_intake(const ec_context *context, ec_team *team, ec_intake *intake, uint32_t rate, uint16_t *indices,
                           ec_remarks *remarks) {
    const input source = {.intake = intake};
    return encode(context, team, &source, rate, indices, remarks, NULL);
}

ec_status ec_encode_intake_coded(const ec_context *context, ec_team *team, ec_intake *intake, uint32_t rate,
                                 uint16_t *indices, ec_remarks *remarks) {
    const input source = {.intake = intake};
    return encode_coded(context, team, &source, rate, indices, remarks);
}
