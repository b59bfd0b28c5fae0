/* The model file: 32-bit words, little-endian. Members that end in `_at` are the word where something begins. */
#ifndef EC_MODEL_FILE_H
#define EC_MODEL_FILE_H

#include "edgecodec_decoder.h"

#define EC_MODEL_MAGIC 0x52444345u /* "ECDR" in memory */
#define EC_MODEL_VERSION 1u
#define EC_MODEL_HEADER_BYTES 160u
#define EC_MODEL_CHECKED_FROM 16u /* the first byte that the checksum is of */

typedef struct ec_stage {
    uint32_t codewords;      /* of every regime */
    uint32_t samples;        /* of a codeword */
    uint32_t coordinates_at; /* uint32_t [regimes][samples]: where in a token the samples belong */
    uint32_t codewords_at;   /* float [regimes][codewords][samples] */
} ec_stage;

/* The codebooks of one kind of packets. */
typedef struct ec_kind {
    uint32_t stages; /* 0: the model has no such packets */
    uint32_t stages_of_rate_at;
    uint32_t stages_at;         /* ec_stage [stages] */
    uint32_t regimes_at;        /* of coded packets: ec_frequencies of the regimes */
    uint32_t frequencies_at;    /* and ec_frequencies [regimes][stages] */
} ec_kind;

typedef struct ec_model_header {
    uint32_t magic;
    uint32_t version;
    uint32_t bytes; /* of the whole file */
    uint32_t checksum;
    uint8_t model_hash[32];
    uint32_t channels;
    uint32_t samples;
    uint32_t tokens;
    uint32_t dimension; /* of a token */
    uint32_t regimes;
    uint32_t rates;
    uint32_t error_edges_at; /* float [63] */
    uint32_t steps;
    uint32_t steps_at;      /* ec_step [steps] */
    uint32_t memory_floats; /* that the steps work in: the workspace */
    uint32_t sums_at;       /* in the workspace: float [tokens][dimension], which the steps begin with */
    uint32_t window_at;     /* in the workspace: float [channels][samples], which they end with */
    ec_kind fixed_length;
    ec_kind coded;
} ec_model_header;

static inline const ec_model_header *ec_header(const ec_decoder *decoder) {
    return (const ec_model_header *)(const void *)decoder->model;
}

static inline const void *ec_at(const ec_decoder *decoder, uint32_t word) {
    return decoder->model + sizeof word * (size_t)word;
}

/* Reads the payload of a coded packet: the regime and [stages] words. false: no window has it. */
bool ec_read_coded(const ec_decoder *decoder, uint32_t stages, const uint8_t *payload, size_t bytes, uint16_t *regime,
                   uint16_t *words);

/* Makes the window of the sums of codewords, both in `memory`. */
void ec_run_network(const ec_decoder *decoder, uint32_t regime, float *memory);

#endif
