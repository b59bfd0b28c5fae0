#include "verify.h"

static const char *const status_texts[] = {
    [EC_OK] = "ok",
    [EC_ERROR_NULL] = "a pointer is NULL",
    [EC_ERROR_ALIGNMENT] = "misaligned data",
    [EC_ERROR_ARENA] = "arena too small",
    [EC_ERROR_MODEL] = "weights or codebooks damaged or not of one model",
    [EC_ERROR_CONTEXT] = "context not initialized",
    [EC_ERROR_TEAM] = "no such team",
    [EC_ERROR_RATE] = "no such rate",
    [EC_ERROR_WINDOW] = "window with NaN or Inf",
    [EC_ERROR_OVERFLOW] = "latent beyond float16",
    [EC_ERROR_INDEX] = "index outside its codebook",
    [EC_ERROR_CAPACITY] = "packet buffer too small",
    [EC_ERROR_CODED] = "no coded packets",
    [EC_ERROR_REMARKS] = "no remarks",
    [EC_ERROR_BOUND] = "no rate keeps the bound",
    [EC_ERROR_INTAKE] = "intake full, or not full yet",
    [EC_ERROR_PACKET] = "no packet that frames can take",
    [EC_ERROR_SHAPE] = "weights or codebooks of another shape",
    [EC_ERROR_SIZE] = "weights or codebooks cut off",
};

#define ESCAPE_BOUND_PERCENT 3.0f

#define FNV_BASIS 0xcbf29ce484222325u

/* Goes on with `hash`. The data are numbers of `size` bytes, a power of two; each counts from its lowest byte on.
 * Not inlined: that would be 200 bytes of code at every call. */
static __attribute__((noinline)) uint64_t fnv1a(uint64_t hash, const void *data, size_t bytes, size_t size) {
    const uint8_t *byte = data;
    const size_t flip = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? size - 1 : 0;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ byte[i ^ flip]) * 0x100000001b3u;
    }
    return hash;
}

static void say(const ec_verification *verification, const char *text) {
    verification->platform->put(text);
}

static void say_number(const ec_verification *verification, const char *before, uint32_t number) {
    char text[11];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    say(verification, before);
    say(verification, at);
}

/* The rest of a line. */
static void say_hash(const ec_verification *verification, uint64_t hash, uint32_t cycles) {
    char text[17];
    for (int digit = 0; digit < 16; digit++) {
        text[digit] = "0123456789abcdef"[hash >> (60 - 4 * digit) & 15u];
    }
    text[16] = '\0';
    say(verification, " hash ");
    say(verification, text);
    say_number(verification, " cycles ", cycles);
    say(verification, "\n");
}

/* Of numbers of `size` bytes. */
static void say_result(const ec_verification *verification, const void *data, size_t bytes, size_t size,
                       uint32_t cycles) {
    say_hash(verification, fnv1a(FNV_BASIS, data, bytes, size), cycles);
}

/* Begins a line about packets. */
static void say_of_packets(const ec_verification *verification, const char *what, uint32_t number) {
    say(verification, verification->coded ? "coded " : "");
    say_number(verification, what, number);
}

static uint32_t cycles_now(const ec_verification *verification) {
    return verification->platform->cycles != NULL ? verification->platform->cycles() : 0;
}

static void layer_done(const ec_verification *verification, uint32_t layer, const void *output, size_t bytes,
                       uint32_t cycles) {
    say_number(verification, "layer ", layer);
    say(verification, " ");
    say(verification, ec_layer_name(layer));
    say_result(verification, output, bytes, sizeof(uint16_t), cycles);
}

static void stage_done(const ec_verification *verification, uint32_t stage, const uint16_t *indices, size_t bytes,
                       uint32_t cycles) {
    say_of_packets(verification, "stage ", stage);
    say_result(verification, indices, bytes, sizeof *indices, cycles);
    say_of_packets(verification, "indices ", verification->window);
    say_number(verification, " ", stage);
    for (size_t i = 0; i < bytes / sizeof *indices; i++) {
        say_number(verification, " ", indices[i]);
    }
    say(verification, "\n");
}

static void regime_chosen(const ec_verification *verification, const ec_choice *choice, uint32_t cycles) {
    say_of_packets(verification, "regime ", choice->regime);
    const size_t bytes = ec_model_info()->regimes * sizeof choice->energies[0];
    say_result(verification, choice->energies, bytes, sizeof choice->energies[0], cycles);
}

static void step_done(void *user, uint32_t step, const void *data, size_t bytes) {
    ec_verification *verification = user;
    const ec_model *model = ec_model_info();
    const uint32_t cycles = cycles_now(verification) - verification->since;
    const uint32_t first_stage = model->layers + (verification->coded ? model->stages + 1 : 0);
    const uint32_t stages = verification->coded ? model->rates : model->stages;
    if (step >= first_stage + stages) {
        regime_chosen(verification, data, cycles);
    } else if (step >= first_stage) {
        stage_done(verification, step - first_stage, data, bytes, cycles);
    } else if (!verification->coded) { /* the second time the layers give the same */
        layer_done(verification, step, data, bytes, cycles);
    }
    verification->since = cycles_now(verification);
}

static void begin(ec_verification *verification, uint32_t workers) {
    const uint8_t *model_hash = ec_model_hash(verification->weights);
    char beginning[17] = {'\0'};
    for (uint32_t i = 0; i + 1 < sizeof beginning; i++) {
        beginning[i] = "0123456789abcdef"[model_hash[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    }
    say(verification, "model ");
    say(verification, beginning);
    say_number(verification, " workers ", workers);
    say(verification, "\n");

    verification->status = ec_init(&verification->context, verification->arena, verification->arena_bytes,
                                   verification->weights, verification->weights_bytes, verification->codebooks,
                                   verification->codebooks_bytes);
    if (verification->status == EC_OK) {
        verification->status = ec_begin_intake(&verification->intake, &verification->context,
                                               verification->intake_memory, verification->intake_bytes);
    }
    verification->observer.step_done = step_done;
    verification->observer.user = verification;
    verification->context.observer = &verification->observer;
}

static void begin_packets(ec_verification *verification, uint32_t window, bool coded) {
    if (!coded) {
        say_number(verification, "window ", window);
        say(verification, "\n");
    }
    verification->window = window;
    verification->coded = coded;
    verification->since = cycles_now(verification);
}

/* Where remarks go, and come from: nowhere if the model makes none. */
static ec_remarks *remarks_of(ec_verification *verification) {
    return ec_model_info()->makes_remarks ? &verification->remarks : NULL;
}

static ec_status encode(ec_verification *verification, const ec_context *context, ec_team *team,
                        const float *samples, uint32_t rate) {
    ec_remarks *remarks = remarks_of(verification);
    return verification->coded ? ec_encode_coded(context, team, samples, rate, verification->indices, remarks)
                               : ec_encode(context, team, samples, rate, verification->indices, remarks);
}

static void say_remarks(const ec_verification *verification) {
    const ec_remarks *remarks = &verification->remarks;
    say_of_packets(verification, "remarks ", remarks->faulty_channels);
    const uint64_t hash = fnv1a(FNV_BASIS, remarks, offsetof(ec_remarks, faulty), sizeof remarks->faulty_channels);
    say_hash(verification, fnv1a(hash, remarks->faulty, sizeof remarks->faulty, 1), 0);
}

/* Packs what was encoded, and says so in a line that begins with `what`. */
static ec_status pack(ec_verification *verification, const char *what, uint32_t rate, uint32_t since) {
    const uint16_t sequence = (uint16_t)verification->window;
    const uint16_t *indices = verification->indices;
    uint8_t *packet = verification->packet;
    const size_t capacity = verification->packet_bytes;
    const ec_remarks *remarks = remarks_of(verification);
    size_t bytes;
    const ec_status status =
        verification->coded
            ? ec_pack_coded(&verification->context, rate, sequence, indices, remarks, packet, capacity, &bytes)
            : ec_pack(&verification->context, rate, sequence, indices, remarks, packet, capacity, &bytes);
    const uint32_t cycles = cycles_now(verification) - since;
    if (status == EC_OK) {
        say_of_packets(verification, what, rate);
        say_result(verification, packet, bytes, 1, cycles);
    }
    return status;
}

static ec_status pack_escape(ec_verification *verification) {
    const uint32_t since = cycles_now(verification);
    size_t bytes;
    const ec_status status =
        ec_pack_escape(&verification->context, ESCAPE_BOUND_PERCENT, (uint16_t)verification->window,
                       &verification->remarks, verification->packet, verification->packet_bytes, &bytes);
    const uint32_t cycles = cycles_now(verification) - since;
    if (status == EC_OK) {
        say_number(verification, "escape ", (uint32_t)bytes);
        say_result(verification, verification->packet, bytes, 1, cycles);
    }
    return status;
}

static ec_status pack_at_every_rate(ec_verification *verification) {
    ec_status status = EC_OK;
    if (ec_model_info()->makes_remarks) {
        say_remarks(verification);
    }
    for (uint32_t rate = 1; rate <= ec_model_info()->rates && status == EC_OK; rate++) {
        status = pack(verification, "pack ", rate, cycles_now(verification));
    }
    if (ec_model_info()->makes_remarks && !verification->coded && status == EC_OK) {
        status = pack_escape(verification);
    }
    return status;
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
        verification->status = pack(verification, "chain ", rate, begin);
    }
    team->barrier(team);
}

static ec_status push_window(ec_verification *verification, const float *samples) {
    ec_status status = EC_OK;
    for (uint32_t sample = 0; sample < ec_model_info()->samples && status == EC_OK; sample++) {
        status = ec_push(&verification->intake, samples + (size_t)sample * ec_model_info()->channels);
    }
    return status;
}

/* Once more from an intake, which takes the window sample by sample. */
static void run_intake(ec_verification *verification, ec_team *team, const float *samples, uint32_t rate) {
    const ec_context observed = verification->context;
    const ec_context unobserved = {observed.arena, observed.weights, observed.codebooks, NULL};
    team->barrier(team); /* all have read the status */
    const uint32_t begin = cycles_now(verification);
    if (team->worker == 0) {
        verification->status = push_window(verification, samples);
    }
    team->barrier(team);
    if (verification->status != EC_OK) {
        return;
    }
    ec_remarks *remarks = remarks_of(verification);
    uint16_t *indices = verification->indices;
    ec_intake *intake = &verification->intake;
    const ec_status status =
        verification->coded ? ec_encode_intake_coded(&unobserved, team, intake, rate, indices, remarks)
                            : ec_encode_intake(&unobserved, team, intake, rate, indices, remarks);
    if (team->worker == 0) {
        verification->status = status == EC_OK ? pack(verification, "pushed ", rate, begin) : status;
    }
    team->barrier(team);
}

static void finish(const ec_verification *verification) {
    if (verification->status != EC_OK) {
        say(verification, "error ");
        say(verification, status_texts[verification->status]);
        say(verification, "\n");
        return;
    }
    if (verification->platform->stack_bytes != NULL) {
        say_number(verification, "stack ", verification->platform->stack_bytes());
        say(verification, "\n");
    }
    say(verification, "done\n");
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
    if (window == 0 && verification->status == EC_OK) {
        run_intake(verification, team, samples, model->rates);
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
        if (model->coded_words > 0 && verification->status == EC_OK) {
            run(verification, team, window, true);
        }
    }
    if (speaks) {
        finish(verification);
    }
    team->barrier(team);
    return verification->status;
}
