/* A libFuzzer target: one input is one life of a context, from ec_init to a packet, with arguments that may be wrong.
 *
 * Every buffer is a heap block of just the size the API asks for, so that AddressSanitizer sees the first byte too far.
 * Beyond what the sanitizers see, the target aborts where a status does not tell the truth: see `require`.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec_model.h"
#include "edgecodec.h"
#include "serial.h"



/* Arguments that may be missing, one in an input. */
typedef enum argument {
    NOTHING,
    CONTEXT,
    ARENA,
    WEIGHTS,
    CODEBOOKS,
    TEAM,
    BARRIER,
    FETCH,
    WINDOW,
    INDICES,
    PACKET,
    BYTES,
    ARGUMENTS,
} argument;

typedef struct input {
    const uint8_t *data;
    size_t left;
    argument missing;
    bool damaged; /* whether halfwords of the weights or the codebooks were overwritten */
} input;

typedef struct buffer {
    uint8_t *block;
    uint8_t *at; /* `misplaced` bytes into the block, up to its end */
    size_t bytes;
} buffer;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

/* Little-endian; zeros once the input has ended. */
static uint32_t take(input *in, uint32_t bytes) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < bytes && in->left > 0; i++) {
        value |= (uint32_t)*in->data++ << (8 * i);
        in->left--;
    }
    return value;
}

static void *unless_missing(const input *in, argument which, void *pointer) {
    return in->missing == which ? NULL : pointer;
}

/* `bytes` bytes of `filler`. */
static buffer lend(size_t bytes, size_t misplaced, int filler) {
    uint8_t *block = malloc(misplaced + bytes); /* of nothing: a block that may not be touched */
    require(block != NULL);
    const buffer lent = {block, block + misplaced, bytes};
    memset(lent.at, filler, bytes);
    return lent;
}

/* Mostly 0: well placed. */
static size_t take_misplacement(input *in) {
    const uint32_t drawn = take(in, 1);
    return drawn < 16 ? drawn : 0;
}

static bool is_filled_with(const uint8_t *data, size_t bytes, uint8_t filler) {
    bool same = true;
    for (size_t i = 0; i < bytes; i++) {
        same = same && data[i] == filler;
    }
    return same;
}

/* Any bits at all. */
static float take_float(input *in) {
    const uint32_t bits = take(in, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Room for a packet, mostly for the longest one. */
static buffer take_room(input *in, size_t most) {
    const size_t drawn = take(in, 2);
    return lend(drawn < most ? drawn : most, 0, 0xee);
}

/* A copy of weights or codebooks; some are cut off, and up to three halfwords are overwritten. */
static buffer corrupted(input *in, const void *original, size_t bytes) {
    const size_t kept = take(in, 1) % 16 == 1 ? take(in, 3) % bytes : bytes;
    const buffer copy = lend(kept, take_misplacement(in), 0);
    memcpy(copy.at, original, kept);
    for (uint32_t count = take(in, 1) % 4; count > 0 && kept > 1; count--) {
        const size_t place = take(in, 3) % (kept - 1);
        const uint16_t value = (uint16_t)take(in, 2);
        memcpy(copy.at + place, &value, sizeof value);
        in->damaged = true;
    }
    return copy;
}

/* Any bits at all, or values as sensors give them with some others among them. */
static buffer take_window(input *in) {
    const buffer window = lend(sizeof(float) * EC_SAMPLES * EC_CHANNELS, take_misplacement(in), 0);
    const bool raw = take(in, 1) % 4 == 0;
    const float scale = raw ? 0.0f : (float)take(in, 2) / 4096.0f;
    for (size_t i = 0; i < window.bytes; i += sizeof(float)) {
        uint32_t bits = take(in, raw ? 4 : 1);
        if (!raw) {
            const float value = (float)((int32_t)bits - 128) * scale;
            memcpy(&bits, &value, sizeof bits);
        }
        memcpy(window.at + i, &bits, sizeof bits);
    }
    return window;
}

/* The serial team, or one that cannot be. A possible team of several would need as many callers. */
static ec_team take_team(input *in) {
    ec_team team = ec_serial_team();
    if (take(in, 1) == 1) {
        team.workers = take(in, 4);
        team.worker = take(in, 4);
        if (team.worker < team.workers && team.workers <= EC_WORKERS_MAX) {
            team.worker = team.workers;
        }
    }
    if (in->missing == BARRIER) {
        team.barrier = NULL;
    }
    if (in->missing == FETCH) {
        team.fetch = NULL;
    }
    return team;
}

static uint32_t take_rate(input *in) {
    const uint32_t drawn = take(in, 1);
    return drawn == 255 ? take(in, 4) : drawn % (EC_RATES + 2);
}

static bool is_rate(uint32_t rate) {
    return rate >= 1 && rate <= EC_RATES;
}

static size_t index_bytes(uint32_t rate, bool coded) {
    const ec_model *model = ec_model_info();
    if (!is_rate(rate)) {
        return 0;
    }
    const size_t words = coded ? (size_t)rate * model->coded_words
                               : (size_t)model->stages_of_rate[rate - 1] * model->tokens;
    return sizeof(uint16_t) * (1 + words);
}

/* Unchecked, only the shape is compared. */
static bool is_taken(buffer given, const void *original, size_t bytes, bool checked) {
    return given.bytes == bytes &&
           (checked ? memcmp(given.at, original, bytes) == 0
                    : memcmp(((const ec_blob *)(const void *)given.at)->shape_hash,
                             ((const ec_blob *)original)->shape_hash, EC_HASH_BYTES) == 0);
}

/* Whether the context was accepted; one that was not is still there to be used. */
static bool init(input *in, ec_context *context, buffer arena, buffer weights, buffer codebooks) {
    const bool checked = take(in, 1) % 4 == 0;
    const ec_status status = (checked ? ec_init : ec_init_unchecked)(
        unless_missing(in, CONTEXT, context), unless_missing(in, ARENA, arena.at), arena.bytes,
        unless_missing(in, WEIGHTS, weights.at), weights.bytes, unless_missing(in, CODEBOOKS, codebooks.at),
        codebooks.bytes);
    require(status <= EC_ERROR_MODEL || status == EC_ERROR_SHAPE || status == EC_ERROR_SIZE);
    if (status == EC_OK) {
        require(arena.bytes >= ec_arena_size() && (uintptr_t)arena.at % EC_ARENA_ALIGNMENT == 0);
        require(is_taken(weights, &codec_weights, sizeof codec_weights, checked));
        require(is_taken(codebooks, &codec_codebooks, sizeof codec_codebooks, checked));
    }
    return status == EC_OK;
}

/* Of a packet that the kernels made, or of any bytes. */
static void make_frame(input *in, const ec_context *context, const uint8_t *packet, size_t bytes) {
    const ec_link link = take(in, 1) % 2 == 0 ? EC_LINK_RADIO : EC_LINK_CHECKED;
    const buffer source = lend(bytes, 0, 0);
    memcpy(source.at, packet, bytes);
    const bool damaged = bytes > 0 && take(in, 1) == 1;
    if (damaged) {
        source.at[take(in, 2) % bytes] = (uint8_t)take(in, 1);
    }
    const buffer frame = take_room(in, bytes);
    size_t written = 12345;
    const ec_status status = ec_frame(context, link, unless_missing(in, PACKET, source.at), bytes, frame.at, frame.bytes,
                                      unless_missing(in, BYTES, &written));
    if (status == EC_OK) {
        require(written <= frame.bytes && written < bytes);
    } else {
        require(status != EC_ERROR_CAPACITY || frame.bytes < bytes);
        require(is_filled_with(frame.at, frame.bytes, 0xee));
    }
    free(frame.block);
    free(source.block);
}

/* Window after window, mostly as the one before, until there is no room. */
static void fill_series(input *in, const ec_context *context, uint32_t rate, buffer indices, const ec_remarks *remarks) {
    const uint32_t drawn = take(in, 1), spare = take(in, 1);
    const buffer memory = lend(spare == 1 ? ec_series_size() - 1 : ec_series_size(), take_misplacement(in), 0xee);
    const buffer frame = lend(2u * drawn, 0, 0xee);
    ec_series series = {.memory = NULL};
    const ec_status begun = ec_begin_series(
        unless_missing(in, ARGUMENTS, &series), unless_missing(in, CONTEXT, (void *)(uintptr_t)context),
        drawn % 2 == 0 ? EC_LINK_RADIO : EC_LINK_CHECKED, rate, (uint16_t)drawn, memory.at, memory.bytes,
        unless_missing(in, PACKET, frame.at), frame.bytes);
    require(begun != EC_OK || (is_rate(rate) && spare != 1));
    size_t written = 0, held = 0;
    for (uint32_t window = 0; window < EC_SERIES_WINDOWS_MAX + 1; window++) {
        const ec_status status = ec_add_to_series(&series, unless_missing(in, INDICES, indices.at), remarks,
                                                  unless_missing(in, BYTES, &written));
        require(status == EC_OK ? begun == EC_OK && written <= frame.bytes : written == held);
        held = written;
        require(series.windows <= EC_SERIES_WINDOWS_MAX && (held == 0) == (series.windows == 0));
        indices.at[take(in, 2) % indices.bytes] ^= (uint8_t)(take(in, 1) % 4);
    }
    free(frame.block);
    free(memory.block);
}

static void pack(input *in, const ec_context *context, uint32_t rate, bool coded, bool encoded, buffer indices,
                 const ec_remarks *remarks) {
    const uint16_t sequence = (uint16_t)take(in, 2);
    const size_t enough = (coded ? ec_coded_packet_size(context, rate) : ec_packet_size(rate)) + ec_remarks_size(remarks);
    const uint32_t drawn = take(in, 1);
    const buffer packet = lend(drawn < 128 ? drawn : enough, 0, 0xee);
    size_t written = 12345;
    size_t *bytes = unless_missing(in, BYTES, &written);
    const uint16_t *source = unless_missing(in, INDICES, indices.at);
    uint8_t *target = unless_missing(in, PACKET, packet.at);
    const ec_status status =
        coded ? ec_pack_coded(unless_missing(in, CONTEXT, (void *)(uintptr_t)context), rate, sequence, source, remarks,
                              target, packet.bytes, bytes)
              : ec_pack(unless_missing(in, CONTEXT, (void *)(uintptr_t)context), rate, sequence, source, remarks, target, packet.bytes, bytes);
    if (status == EC_OK) {
        require(is_rate(rate) && written <= packet.bytes && (written <= enough || (coded && in->damaged)));
        require(coded || written == enough);
        require(packet.at[0] == (remarks != NULL ? 0x80u : 0u) + (coded ? 0x20u : 0x10u) + rate - 1);
        require((packet.at[5] | packet.at[6] << 8) == sequence);
        require(is_filled_with(packet.at + written, packet.bytes - written, 0xee));
        make_frame(in, context, packet.at, written);
    } else {
        require(is_filled_with(packet.at, packet.bytes, 0xee) ||
                (coded && (status == EC_ERROR_CAPACITY || status == EC_ERROR_INDEX)));
        require(status == EC_ERROR_NULL || status == EC_ERROR_CODED || written == 0);
        require(!encoded || packet.bytes < enough || in->missing != NOTHING);
    }
    free(packet.block);
}

static void pack_exact(input *in, const ec_context *context) {
    const buffer counts = lend(sizeof(int32_t) * EC_SAMPLES * EC_CHANNELS, take_misplacement(in), 0);
    const uint32_t bytes_of_count = take(in, 1) % 5;
    for (size_t i = 0; i < counts.bytes; i += sizeof(int32_t)) {
        const uint32_t value = take(in, bytes_of_count);
        memcpy(counts.at + i, &value, sizeof value);
    }
    const buffer scratch = lend(sizeof(uint16_t) * EC_CHANNELS, take_misplacement(in), 0);
    const float unit = take_float(in);
    const size_t most = ec_exact_packet_size();
    const buffer packet = take_room(in, most);
    size_t written = 12345;
    const ec_status status = ec_pack_exact(
        unless_missing(in, CONTEXT, (void *)(uintptr_t)context),
        unless_missing(in, WINDOW, counts.at), unit, (uint16_t)take(in, 2), unless_missing(in, INDICES, scratch.at),
        unless_missing(in, PACKET, packet.at), packet.bytes, unless_missing(in, BYTES, &written));
    if (status == EC_OK) {
        require(written <= packet.bytes && packet.at[0] == 0x40);
    } else {
        require(status != EC_ERROR_CAPACITY || packet.bytes < most);
    }
    free(packet.block);
    free(scratch.block);
    free(counts.block);
}

/* The bins of whatever window the arena holds. Remarks, too, may be anything. */
static void pack_escape(input *in, const ec_context *context, const ec_remarks *remarks) {
    ec_remarks damaged = *remarks;
    if (take(in, 1) % 4 == 1) {
        damaged.faulty_channels = take(in, 4);
    }
    const float bound = take_float(in);
    const size_t most = ec_escape_packet_size();
    const buffer packet = take_room(in, most);
    size_t written = 12345;
    const ec_status status = ec_pack_escape(
        unless_missing(in, CONTEXT, (void *)(uintptr_t)context), bound, (uint16_t)take(in, 2),
        unless_missing(in, ARGUMENTS, &damaged), unless_missing(in, PACKET, packet.at), packet.bytes,
        unless_missing(in, BYTES, &written));
    if (status == EC_OK) {
        require(written <= packet.bytes && packet.at[0] == 0xb0);
    } else {
        require(status != EC_ERROR_CAPACITY || packet.bytes < most);
    }
    free(packet.block);
}

/* Mostly all samples of the window; an intake that is not full, or was never begun, is encoded as well. */
static ec_status encode_intake(input *in, const ec_context *context, ec_team *team, buffer window, uint32_t rate,
                               uint16_t *indices, ec_remarks *remarks, bool coded) {
    const uint32_t spare = take(in, 1);
    const buffer memory = lend(spare == 1 ? ec_intake_size() - 1 : ec_intake_size(), take_misplacement(in), 0xee);
    ec_intake intake = {.memory = NULL};
    const ec_status begun = ec_begin_intake(unless_missing(in, ARGUMENTS, &intake),
                                            unless_missing(in, CONTEXT, (void *)(uintptr_t)context), memory.at,
                                            memory.bytes);
    require(begun != EC_OK || (spare != 1 && (uintptr_t)memory.at % _Alignof(uint32_t) == 0));
    const uint32_t drawn = take(in, 1), samples = drawn < 16 ? drawn * EC_SAMPLES / 8 : EC_SAMPLES;
    const float unit = take_float(in);
    const bool counts = take(in, 1) == 1;
    uint32_t pushed = 0;
    for (uint32_t sample = 0; sample < samples; sample++) {
        const uint8_t *at = window.at + (sample % EC_SAMPLES) * sizeof(float) * EC_CHANNELS;
        const void *values = unless_missing(in, WINDOW, (void *)(uintptr_t)at);
        const ec_status status = counts ? ec_push_counts(&intake, values, unit) : ec_push(&intake, values);
        require(status != EC_ERROR_INTAKE || pushed == EC_SAMPLES);
        require(status != EC_OK || pushed < EC_SAMPLES);
        pushed += status == EC_OK;
    }
    require(ec_intake_is_full(&intake) == (pushed == EC_SAMPLES));
    const ec_status status = (coded ? ec_encode_intake_coded : ec_encode_intake)(
        unless_missing(in, CONTEXT, (void *)(uintptr_t)context), team, unless_missing(in, WINDOW, &intake), rate,
        indices, remarks);
    require(status != EC_OK || (pushed == EC_SAMPLES && !ec_intake_is_full(&intake)));
    free(memory.block);
    return status;
}

static void encode_and_pack(input *in, const ec_context *context, bool ready) {
    const bool coded = ec_model_info()->coded_words > 0 && take(in, 1) % 2 == 1;
    const uint32_t rate = take_rate(in);
    const buffer window = take_window(in);
    const buffer indices = lend(index_bytes(rate, coded), take_misplacement(in), 0xee);
    ec_team team = take_team(in);
    ec_remarks said = {{0.0f}, {0.0f}, 0.0f, 0.0f, 0, {0}};
    ec_remarks *remarks = ec_model_info()->makes_remarks && take(in, 1) % 2 == 1 ? &said : NULL;
    ec_team *own = unless_missing(in, TEAM, &team);
    uint16_t *target = unless_missing(in, INDICES, indices.at);
    const ec_status status =
        take(in, 1) % 2 == 1 ? encode_intake(in, context, own, window, rate, target, remarks, coded)
                             : (coded ? ec_encode_coded : ec_encode)(
                                   unless_missing(in, CONTEXT, (void *)(uintptr_t)context), own,
                                   unless_missing(in, WINDOW, window.at), rate, target, remarks);
    require(status != EC_OK || (ready && is_rate(rate)));
    require(status == EC_OK || is_filled_with(indices.at, indices.bytes, 0xee));
    /* The encoder's own indices must fit a packet. Any others may be refused, and so may those from damaged codebooks,
     * where a codeword can win that only fills up a panel. */
    const bool replaced = status != EC_OK || take(in, 1) == 1;
    for (size_t i = 0; replaced && i < indices.bytes; i++) {
        indices.at[i] = (uint8_t)take(in, 1);
    }
    pack(in, context, rate, coded, !replaced && !in->damaged, indices, status == EC_OK ? remarks : NULL);
    if (coded && indices.bytes > 0) {
        fill_series(in, context, rate, indices, status == EC_OK ? remarks : NULL);
    }
    if (remarks != NULL) {
        pack_escape(in, context, remarks);
    }
    free(indices.block);
    free(window.block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    input in = {data, bytes, NOTHING, false};
    const uint32_t missing = take(&in, 1);
    in.missing = missing < ARGUMENTS ? (argument)missing : NOTHING;
    ec_context context = {NULL, NULL, NULL, NULL};
    const uint32_t spare = take(&in, 1);
    const buffer arena = lend(spare < 32 ? ec_arena_size() - 16 + spare : ec_arena_size(), take_misplacement(&in),
                              (int)take(&in, 1));
    const buffer weights = corrupted(&in, &codec_weights, sizeof codec_weights);
    const buffer codebooks = corrupted(&in, &codec_codebooks, sizeof codec_codebooks);
    const bool ready = init(&in, &context, arena, weights, codebooks);
    for (uint32_t window = 0; window < 2; window++) {
        encode_and_pack(&in, &context, ready);
    }
    pack_exact(&in, &context);
    free(codebooks.block);
    free(weights.block);
    free(arena.block);
    return 0;
}
