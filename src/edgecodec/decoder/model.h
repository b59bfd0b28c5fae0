/* The model file: 32-bit words, little-endian. Members that end in `_at` are the word where something begins. */
#ifndef EC_MODEL_FILE_H
#define EC_MODEL_FILE_H

#include "edgecodec_decoder.h"
#include "range_reader.h"

#define EC_MODEL_MAGIC 0x52444345u /* "ECDR" in memory */
#define EC_MODEL_VERSION 3u
#define EC_MODEL_HEADER_BYTES 160u
#define EC_MODEL_CHECKED_FROM 16u /* the first byte that the checksum is of */

typedef struct ec_stage {
    uint32_t codewords;      /* of every regime */
    uint32_t samples;        /* of a codeword */
    uint32_t coordinates_at; /* uint32_t [regimes][samples]: where in a token the samples belong */
    uint32_t codewords_at;   /* float [regimes][codewords][samples] */
} ec_stage;

/* What fixed-length packets are restored with. */
typedef struct ec_codebooks {
    uint32_t stages;
    uint32_t stages_of_rate_at; /* uint32_t [rates] */
    uint32_t stages_at;         /* ec_stage [stages] */
} ec_codebooks;

/* Coordinates of coded packets that are about equally wide in steps. */
typedef struct ec_class {
    uint32_t reach;         /* the largest index; words are 0 .. 2 * reach */
    uint32_t fine_bits;     /* of a word, that its table does not tell */
    float shifts[3];        /* from an index of 1, 2, 3 or more to the point that it stands for */
    uint32_t cumulative_at; /* uint16_t, one more than entries, from 0 to 4096 */
} ec_class;

/* What coded packets are restored with. */
typedef struct ec_coded {
    uint32_t classes_at;  /* ec_class; 0: the model has no such packets */
    uint32_t class_of_at; /* uint16_t [rates][regimes][dimension] */
    uint32_t steps_at;    /* float [rates][regimes] */
    uint32_t regimes_at;  /* uint16_t [regimes + 1], from 0 to 4096 */
} ec_coded;

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
    ec_codebooks fixed_length;
    ec_coded coded;
    uint32_t makes_remarks; /* 1: all of its frames have them */
} ec_model_header;

static inline const ec_model_header *ec_header(const ec_decoder *decoder) {
    return (const ec_model_header *)(const void *)decoder->model;
}

static inline const void *ec_at(const ec_decoder *decoder, uint32_t word) {
    return decoder->model + sizeof word * (size_t)word;
}

/* What of a coded packet's payload is read: the regime at once, then coordinate by coordinate. */
typedef struct ec_coded_reader {
    const ec_decoder *decoder;
    ec_range_reader range;
    uint32_t regime;
} ec_coded_reader;

void ec_start_coded(ec_coded_reader *reader, const ec_decoder *decoder, const uint8_t *payload, size_t bytes);

/* The next coordinate, at `rate`, from 1 on. */
float ec_read_coordinate(ec_coded_reader *reader, uint32_t rate, uint32_t coordinate);

const ec_class *ec_class_of(const ec_decoder *decoder, uint32_t rate, uint32_t regime, uint32_t coordinate);

/* The coordinate that `word` of its class stands for. */
float ec_restore(const ec_decoder *decoder, uint32_t rate, uint32_t regime, const ec_class *class, uint32_t word);

/* In per cent, of the code that remarks have; infinite beyond the scale. */
float ec_estimated_error(const ec_decoder *decoder, uint32_t code);

/* Whether there is room to make a window. */
ec_decode_status ec_check_room(const ec_decoder *decoder, const void *workspace, size_t workspace_bytes,
                               const float *window);

/* Where in the workspace the sums of codewords belong, all zero. */
float *ec_begin_sums(const ec_decoder *decoder, void *workspace);

/* Makes the window of the sums; the channels that `faulty` has, unless it is NULL, are NaN. */
void ec_make_window(const ec_decoder *decoder, uint32_t regime, const uint8_t *faulty, void *workspace, float *window);

/* Makes the window of the sums of codewords, both in `memory`. */
void ec_run_network(const ec_decoder *decoder, uint32_t regime, float *memory);

#endif
