#include <math.h>
#include <string.h>

#include "checksum.h"
#include "model.h"

#define HEADER_BYTES 7u
#define CHECKSUM_BYTES 4u
#define FIXED_LENGTH 1u
#define CODED 2u
#define REMARKED 0x80u
#define UNLIKE 2u
#define FAULTY 1u
#define ERROR_EDGES 63u

_Static_assert(sizeof(ec_model_header) <= EC_MODEL_HEADER_BYTES, "the file's header is as long as Python writes it");

/* A packet whose checksum is sound, in parts. */
typedef struct ec_parts {
    uint32_t kind;
    const uint8_t *faulty; /* the mask of faulty channels, or NULL */
    const uint8_t *payload;
    size_t payload_bytes;
    ec_decoded decoded;
} ec_parts;

typedef struct ec_bits {
    const uint8_t *bytes;
    size_t next;
} ec_bits;

static uint32_t little_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool is_aligned(const void *pointer) {
    return (uintptr_t)pointer % sizeof(uint32_t) == 0;
}

ec_decode_status ec_decoder_open(ec_decoder *decoder, const void *model, size_t bytes) {
    if (decoder == NULL || model == NULL) {
        return EC_DECODE_NULL;
    }
    if (!is_aligned(model)) {
        return EC_DECODE_ALIGNMENT;
    }
    const ec_model_header *header = model;
    if (bytes < EC_MODEL_HEADER_BYTES || header->magic != EC_MODEL_MAGIC || header->version != EC_MODEL_VERSION
        || header->bytes != bytes
        || ec_checksum((const uint8_t *)model + EC_MODEL_CHECKED_FROM, bytes - EC_MODEL_CHECKED_FROM)
               != header->checksum) {
        return EC_DECODE_MODEL;
    }
    decoder->model = model;
    return EC_DECODED;
}

uint32_t ec_decoder_channels(const ec_decoder *decoder) {
    return ec_header(decoder)->channels;
}

uint32_t ec_decoder_samples(const ec_decoder *decoder) {
    return ec_header(decoder)->samples;
}

size_t ec_decoder_workspace(const ec_decoder *decoder) {
    return sizeof(float) * (size_t)ec_header(decoder)->memory_floats;
}

static bool is_faulty(const uint8_t *mask, uint32_t channel) {
    return mask != NULL && (mask[channel / 8] >> channel % 8 & 1u) != 0;
}

float ec_estimated_error(const ec_decoder *decoder, uint32_t code) {
    const float *edges = ec_at(decoder, ec_header(decoder)->error_edges_at);
    return code < ERROR_EDGES ? edges[code] : INFINITY;
}

/* Moves `parts`, whose payload is what follows the header, behind the remarks. */
static ec_decode_status read_remarks(const ec_decoder *decoder, ec_parts *parts) {
    const ec_model_header *header = ec_header(decoder);
    const uint32_t mask_bytes = (header->channels + 7u) / 8u;
    const uint8_t first = parts->payload_bytes > 0 ? parts->payload[0] : 0;
    const size_t remarks_bytes = 1u + ((first & FAULTY) != 0 ? mask_bytes : 0u);
    if (parts->payload_bytes < remarks_bytes) {
        return EC_DECODE_REMARKS;
    }
    if ((first & FAULTY) != 0) {
        parts->faulty = parts->payload + 1;
        for (uint32_t channel = 0; channel < 8 * mask_bytes; channel++) {
            if (is_faulty(parts->faulty, channel)) {
                if (channel >= header->channels) {
                    return EC_DECODE_REMARKS;
                }
                parts->decoded.faulty_channels++;
            }
        }
        if (parts->decoded.faulty_channels == 0) {
            return EC_DECODE_REMARKS;
        }
    }
    parts->decoded.estimated_error = ec_estimated_error(decoder, first >> 2);
    parts->decoded.unlike_training = (first & UNLIKE) != 0;
    parts->payload += remarks_bytes;
    parts->payload_bytes -= remarks_bytes;
    return EC_DECODED;
}

static ec_decode_status open_packet(const ec_decoder *decoder, const uint8_t *packet, size_t bytes, ec_parts *parts) {
    const ec_model_header *header = ec_header(decoder);
    if (bytes < HEADER_BYTES + CHECKSUM_BYTES
        || ec_checksum(packet, bytes - CHECKSUM_BYTES) != little_endian(packet + bytes - CHECKSUM_BYTES)) {
        return EC_DECODE_DAMAGED;
    }
    if (memcmp(packet + 1, header->model_hash, 4) != 0) {
        return EC_DECODE_FOREIGN;
    }
    parts->kind = packet[0] >> 4 & 7u;
    if (parts->kind != FIXED_LENGTH && parts->kind != CODED) {
        return EC_DECODE_KIND;
    }
    parts->decoded.rate = (packet[0] & 15u) + 1u;
    if ((parts->kind == CODED && header->coded.classes_at == 0) || parts->decoded.rate > header->rates) {
        return EC_DECODE_RATE;
    }
    parts->decoded.sequence = (uint16_t)(packet[5] | packet[6] << 8);
    parts->decoded.estimated_error = NAN;
    parts->payload = packet + HEADER_BYTES;
    parts->payload_bytes = bytes - HEADER_BYTES - CHECKSUM_BYTES;
    return (packet[0] & REMARKED) != 0 ? read_remarks(decoder, parts) : EC_DECODED;
}

/* Adds a codeword to the sum of one token. */
static void add_codeword(const ec_decoder *decoder, const ec_stage *stage, uint32_t regime, uint32_t word, float *sum) {
    const uint32_t *coordinates = ec_at(decoder, stage->coordinates_at);
    const float *codewords = ec_at(decoder, stage->codewords_at);
    coordinates += (size_t)regime * stage->samples;
    codewords += ((size_t)regime * stage->codewords + word) * stage->samples;
    for (uint32_t i = 0; i < stage->samples; i++) {
        sum[coordinates[i]] += codewords[i];
    }
}

static uint32_t bits_of(uint32_t numbers) {
    uint32_t bits = 1;
    while (bits < 32 && (numbers - 1) >> bits != 0) {
        bits++;
    }
    return bits;
}

static uint32_t read_bits(ec_bits *bits, uint32_t count) {
    uint32_t value = 0;
    for (; count > 0; count--, bits->next++) {
        value = value << 1 | (bits->bytes[bits->next / 8] >> (7 - bits->next % 8) & 1u);
    }
    return value;
}

/* Numbers of a stage on air: those of the first count through the codebooks of all regimes. */
static uint32_t numbers_of(const ec_model_header *header, const ec_stage *stages, uint32_t stage) {
    return stages[stage].codewords * (stage == 0 ? header->regimes : 1u);
}

static ec_decode_status sum_fixed_length(const ec_decoder *decoder, const ec_parts *parts, float *sums,
                                         uint32_t *regime) {
    const ec_model_header *header = ec_header(decoder);
    const ec_stage *stages = ec_at(decoder, header->fixed_length.stages_at);
    const uint32_t *stages_of_rate = ec_at(decoder, header->fixed_length.stages_of_rate_at);
    const uint32_t sent = stages_of_rate[parts->decoded.rate - 1];
    size_t payload_bits = 0;
    for (uint32_t stage = 0; stage < sent; stage++) {
        payload_bits += (size_t)header->tokens * bits_of(numbers_of(header, stages, stage));
    }
    if (parts->payload_bytes != (payload_bits + 7) / 8) {
        return EC_DECODE_LENGTH;
    }
    ec_bits bits = {parts->payload, 0};
    for (uint32_t stage = 0; stage < sent; stage++) {
        const uint32_t numbers = numbers_of(header, stages, stage);
        for (uint32_t token = 0; token < header->tokens; token++) {
            uint32_t word = read_bits(&bits, bits_of(numbers));
            if (word >= numbers) {
                return EC_DECODE_PAYLOAD;
            }
            if (stage == 0) {
                const uint32_t of_token = word / stages[0].codewords;
                if (token > 0 && of_token != *regime) {
                    return EC_DECODE_PAYLOAD;
                }
                *regime = of_token;
                word %= stages[0].codewords;
            }
            add_codeword(decoder, &stages[stage], *regime, word, sums + (size_t)token * header->dimension);
        }
    }
    const uint32_t filling = (uint32_t)(8 * parts->payload_bytes - payload_bits);
    return read_bits(&bits, filling) == 0 ? EC_DECODED : EC_DECODE_PAYLOAD;
}

static ec_decode_status read_coded(const ec_decoder *decoder, const ec_parts *parts, float *latent, uint32_t *regime) {
    ec_coded_reader reader;
    ec_start_coded(&reader, decoder, parts->payload, parts->payload_bytes);
    for (uint32_t i = 0; i < ec_header(decoder)->dimension; i++) {
        latent[i] = ec_read_coordinate(&reader, parts->decoded.rate, i);
    }
    *regime = reader.regime;
    return ec_finish_range_reader(&reader.range) ? EC_DECODED : EC_DECODE_PAYLOAD;
}

/* No invention in place of what a sensor did not measure: a faulty channel is NaN. */
static void write_window(const ec_model_header *header, const float *made, const uint8_t *faulty, float *window) {
    for (uint32_t channel = 0; channel < header->channels; channel++) {
        for (uint32_t i = 0; i < header->samples; i++) {
            const size_t at = (size_t)channel * header->samples + i;
            window[at] = is_faulty(faulty, channel) ? NAN : made[at];
        }
    }
}

void ec_make_window(const ec_decoder *decoder, uint32_t regime, const uint8_t *faulty, void *workspace, float *window) {
    const ec_model_header *header = ec_header(decoder);
    float *memory = workspace;
    ec_run_network(decoder, regime, memory);
    write_window(header, memory + header->window_at, faulty, window);
}

float *ec_begin_sums(const ec_decoder *decoder, void *workspace) {
    const ec_model_header *header = ec_header(decoder);
    float *sums = (float *)workspace + header->sums_at;
    for (size_t i = 0; i < (size_t)header->tokens * header->dimension; i++) {
        sums[i] = 0.0f;
    }
    return sums;
}

ec_decode_status ec_check_room(const ec_decoder *decoder, const void *workspace, size_t workspace_bytes,
                               const float *window) {
    if (!is_aligned(workspace) || !is_aligned(window)) {
        return EC_DECODE_ALIGNMENT;
    }
    return workspace_bytes < ec_decoder_workspace(decoder) ? EC_DECODE_WORKSPACE : EC_DECODED;
}

ec_decode_status ec_decode(const ec_decoder *decoder, const uint8_t *packet, size_t bytes, void *workspace,
                           size_t workspace_bytes, float *window, ec_decoded *decoded) {
    if (decoder == NULL || packet == NULL || workspace == NULL || window == NULL || decoded == NULL) {
        return EC_DECODE_NULL;
    }
    ec_decode_status status = ec_check_room(decoder, workspace, workspace_bytes, window);
    if (status != EC_DECODED) {
        return status;
    }
    ec_parts parts;
    memset(&parts, 0, sizeof parts);
    status = open_packet(decoder, packet, bytes, &parts);
    if (status != EC_DECODED) {
        return status;
    }
    float *sums = ec_begin_sums(decoder, workspace);
    uint32_t regime = 0;
    status = parts.kind == CODED ? read_coded(decoder, &parts, sums, &regime)
                                 : sum_fixed_length(decoder, &parts, sums, &regime);
    if (status != EC_DECODED) {
        return status;
    }
    ec_make_window(decoder, regime, parts.faulty, workspace, window);
    *decoded = parts.decoded;
    return EC_DECODED;
}
