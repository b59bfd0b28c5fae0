#include "verify.h"

static const char *const status_texts[] = {
    [EC_OK] = "ok",
    [EC_ERROR_NULL] = "a pointer is NULL",
    [EC_ERROR_ALIGNMENT] = "misaligned data",
    [EC_ERROR_ARENA] = "arena too small",
    [EC_ERROR_MODEL] = "weights or codebooks of another model",
    [EC_ERROR_CONTEXT] = "context not initialized",
    [EC_ERROR_TEAM] = "no such team",
    [EC_ERROR_RATE] = "no such rate",
    [EC_ERROR_WINDOW] = "window with NaN or Inf",
    [EC_ERROR_OVERFLOW] = "latent beyond float16",
    [EC_ERROR_INDEX] = "index outside its codebook",
    [EC_ERROR_CAPACITY] = "packet buffer too small",
    [EC_ERROR_CODED] = "no coded packets",
};

static uint64_t fnv1a(const void *data, size_t bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    const uint8_t *byte = data;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    }
    return hash;
}

static void put_number(const ec_platform *platform, uint32_t number) {
    char text[11];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    platform->put(at);
}

static void put_hash(const ec_platform *platform, uint64_t hash) {
    char text[17];
    for (int digit = 0; digit < 16; digit++) {
        text[digit] = "0123456789abcdef"[hash >> (60 - 4 * digit) & 15u];
    }
    text[16] = '\0';
    platform->put(text);
}

static void put_numbered(const ec_platform *platform, const char *keyword, uint32_t number) {
    platform->put(keyword);
    platform->put(" ");
    put_number(platform, number);
}

static void put_result(const ec_platform *platform, const void *data, size_t bytes, uint32_t cycles) {
    platform->put(" hash ");
    put_hash(platform, fnv1a(data, bytes));
    put_numbered(platform, " cycles", cycles);
    platform->put("\n");
}

static void put_error(const ec_platform *platform, ec_status status) {
    platform->put("error ");
    platform->put(status_texts[status]);
    platform->put("\n");
}

static uint32_t cycles_now(const ec_verification *verification) {
    return verification->platform->cycles != NULL ? verification->platform->cycles() : 0;
}

/* Begins a line about packets. */
static void put_kind(const ec_verification *verification) {
    if (verification->coded) {
        verification->platform->put("coded ");
    }
}

static void layer_done(const ec_platform *platform, uint32_t layer, const void *output, size_t bytes,
                       uint32_t cycles) {
    put_numbered(platform, "layer", layer);
    platform->put(" ");
    platform->put(ec_layer_name(layer));
    put_result(platform, output, bytes, cycles);
}

static void stage_done(const ec_verification *verification, uint32_t stage, const uint16_t *indices, size_t bytes,
                       uint32_t cycles) {
    const ec_platform *platform = verification->platform;
    put_kind(verification);
    put_numbered(platform, "stage", stage);
    put_result(platform, indices, bytes, cycles);
    put_kind(verification);
    put_numbered(platform, "indices", verification->window);
    put_numbered(platform, "", stage);
    for (size_t i = 0; i < bytes / sizeof *indices; i++) {
        put_numbered(platform, "", indices[i]);
    }
    platform->put("\n");
}

static void regime_chosen(const ec_verification *verification, const ec_choice *choice, uint32_t cycles) {
    const ec_platform *platform = verification->platform;
    put_kind(verification);
    put_numbered(platform, "regime", choice->regime);
    put_result(platform, choice->energies, ec_model_info()->regimes * sizeof choice->energies[0], cycles);
}

static void step_done(void *user, uint32_t step, const void *data, size_t bytes) {
    ec_verification *verification = user;
    const ec_model *model = ec_model_info();
    const uint32_t cycles = cycles_now(verification) - verification->since;
    const uint32_t first_stage = model->layers + (verification->coded ? model->stages + 1 : 0);
    const uint32_t stages = verification->coded ? model->coded_stages : model->stages;
    if (step >= first_stage + stages) {
        regime_chosen(verification, data, cycles);
    } else if (step >= first_stage) {
        stage_done(verification, step - first_stage, data, bytes, cycles);
    } else if (!verification->coded) { /* the second time the layers give the same */
        layer_done(verification->platform, step, data, bytes, cycles);
    }
    verification->since = cycles_now(verification);
}

static void begin(ec_verification *verification, uint32_t workers) {
    const ec_platform *platform = verification->platform;
    const char *hash = ec_model_info()->model_hash;
    char beginning[17];
    for (uint32_t i = 0; i < 16; i++) {
        beginning[i] = hash[i];
    }
    beginning[16] = '\0';
    platform->put("model ");
    platform->put(beginning);
    put_numbered(platform, " workers", workers);
    platform->put("\n");

    verification->status = ec_init(&verification->context, verification->arena, verification->arena_bytes,
                                   verification->weights, verification->codebooks);
    verification->observer.step_done = step_done;
    verification->observer.user = verification;
    verification->context.observer = &verification->observer;
}

static void begin_packets(ec_verification *verification, uint32_t window, bool coded) {
    if (!coded) {
        put_numbered(verification->platform, "window", window);
        verification->platform->put("\n");
    }
    verification->window = window;
    verification->coded = coded;
    verification->since = cycles_now(verification);
}

static ec_status encode(const ec_verification *verification, const ec_context *context, ec_team *team,
                        const float *samples, uint32_t rate) {
    if (verification->coded) {
        return ec_encode_coded(context, team, samples, rate, verification->indices);
    }
    return ec_encode(context, team, samples, rate, verification->indices);
}

static ec_status pack(ec_verification *verification, uint32_t rate, size_t *bytes) {
    const uint16_t sequence = (uint16_t)verification->window;
    if (verification->coded) {
        return ec_pack_coded(&verification->context, rate, sequence, verification->indices, verification->packet,
                             verification->packet_bytes, bytes);
    }
    return ec_pack(rate, sequence, verification->indices, verification->packet, verification->packet_bytes, bytes);
}

static ec_status pack_at_every_rate(ec_verification *verification) {
    for (uint32_t rate = 1; rate <= ec_model_info()->rates; rate++) {
        size_t bytes;
        verification->since = cycles_now(verification);
        const ec_status status = pack(verification, rate, &bytes);
        const uint32_t cycles = cycles_now(verification) - verification->since;
        if (status != EC_OK) {
            return status;
        }
        put_kind(verification);
        put_numbered(verification->platform, "pack", rate);
        put_result(verification->platform, verification->packet, bytes, cycles);
    }
    return EC_OK;
}

/* Once more as a node does it: nobody observes, so that no code but the codec's own passes through the caches. */
static void run_chain(ec_verification *verification, ec_team *team, const float *samples, uint32_t rate) {
    const bool speaks = team->worker == 0;
    const ec_context observed = verification->context;
    const ec_context unobserved = {observed.arena, observed.weights, observed.codebooks, NULL};
    team->barrier(team);
    const uint32_t begin = cycles_now(verification);
    const ec_status status = encode(verification, &unobserved, team, samples, rate);
    if (speaks && status == EC_OK) {
        size_t bytes;
        verification->status = pack(verification, rate, &bytes);
        const uint32_t cycles = cycles_now(verification) - begin;
        put_kind(verification);
        put_numbered(verification->platform, "chain", rate);
        put_result(verification->platform, verification->packet, bytes, cycles);
    }
    team->barrier(team);
}

static void finish(const ec_verification *verification) {
    const ec_platform *platform = verification->platform;
    if (platform->stack_bytes != NULL) {
        put_numbered(platform, "stack", platform->stack_bytes());
        platform->put("\n");
    }
    platform->put("done\n");
}

/* Collective. */
static void run(ec_verification *verification, ec_team *team, uint32_t window, bool coded) {
    const ec_model *model = ec_model_info();
    const float *samples = verification->windows + (size_t)window * model->samples * model->channels;
    if (team->worker == 0) {
        begin_packets(verification, window, coded);
    }
    team->barrier(team);
    const ec_status status = encode(verification, &verification->context, team, samples, model->rates);
    if (team->worker == 0) {
        verification->status = status == EC_OK ? pack_at_every_rate(verification) : status;
    }
    team->barrier(team);
    const uint32_t chains = window == 0 ? model->rates : 0;
    for (uint32_t rate = 1; rate <= chains && verification->status == EC_OK; rate++) {
        run_chain(verification, team, samples, rate);
    }
}

ec_status ec_verify(ec_verification *verification, ec_team *team) {
    const bool speaks = team->worker == 0;
    const ec_model *model = ec_model_info();
    if (speaks) {
        begin(verification, team->workers);
    }
    team->barrier(team);
    for (uint32_t window = 0; window < verification->count && verification->status == EC_OK; window++) {
        run(verification, team, window, false);
        if (model->coded_stages > 0 && verification->status == EC_OK) {
            run(verification, team, window, true);
        }
    }
    if (speaks) {
        if (verification->status == EC_OK) {
            finish(verification);
        } else {
            put_error(verification->platform, verification->status);
        }
    }
    team->barrier(team);
    return verification->status;
}
