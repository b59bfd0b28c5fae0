/* A codec as constant data: what codec_network.c describes and the kernels carry out.
 *
 * Activations are float16 in the arena, time-major and without gaps. Addresses are byte offsets: of activations and
 * scratch from the arena's start, of weights and codebooks from their own start (never 0, where the header is).
 */
#ifndef EC_NETWORK_H
#define EC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "edgecodec.h"
#include "entropy.h"

#define EC_NONE 0u

/* The first bytes of every arena: what the workers tell each other. */
typedef struct ec_control {
    uint32_t verdict[EC_WORKERS_MAX]; /* an ec_status of each worker */
} ec_control;

typedef struct ec_view {
    uint32_t at;
    uint32_t rows;
    uint32_t channels;
} ec_view;

/* Weights are fetched into `scratch` in blocks of whole output channels. */
typedef struct ec_blocks {
    uint32_t scratch;
    uint32_t size; /* in rows of the window, output channels or codewords */
} ec_blocks;

typedef struct ec_normalize {
    ec_view output;
    uint32_t channels; /* of the window; the output's other channels are zeros */
    uint32_t offset;   /* float [channels] */
    uint32_t scale;    /* float [channels] */
    ec_blocks blocks;
} ec_normalize;

typedef struct ec_convolution {
    ec_view input;
    ec_view output;
    uint32_t residual; /* a view of the output's shape, added before the activation, or EC_NONE */
    uint32_t weight;   /* float16 [output channels][taps][input channels]; depthwise: [channels][taps] */
    uint32_t bias;     /* float [output channels] */
    uint32_t taps;
    uint32_t stride;
    uint32_t dilation;
    uint32_t pad_left;
    bool prelu;
    float slope;
    ec_blocks blocks;
} ec_convolution;

typedef struct ec_transpose {
    ec_view input;
    ec_view output;
} ec_transpose;

typedef enum ec_layer_kind {
    EC_NORMALIZE,
    EC_CONVOLUTION,
    EC_DEPTHWISE,
    EC_TRANSPOSE,
} ec_layer_kind;

typedef struct ec_layer {
    const char *name;
    ec_layer_kind kind;
    union {
        ec_normalize normalize;
        ec_convolution convolution; /* EC_CONVOLUTION and EC_DEPTHWISE */
        ec_transpose transpose;
    };
} ec_layer;

typedef struct ec_stage {
    uint32_t codewords;   /* float16 [regimes][count][samples] */
    uint32_t norms;       /* float [regimes][count] */
    uint32_t coordinates; /* uint16_t [regimes][samples]: which of a token's values; EC_NONE: all of them, in order */
    uint32_t count;       /* of one regime */
    uint32_t samples;
    uint32_t indices; /* that can be sent: the first stage's tell the regime as well */
    uint32_t index_bits;
} ec_stage;

typedef struct ec_quantizer {
    ec_view latent; /* row: regime * tokens + token; there may be more rows */
    uint32_t tokens;
    uint32_t regimes;
    uint32_t contested;  /* stages that all regimes run before one is chosen; 0: there is one regime */
    uint32_t queries;    /* scratch: float16 [regimes * tokens][samples] */
    uint32_t nearest;    /* scratch: ec_nearest [EC_WORKERS_MAX][regimes * tokens] */
    uint32_t candidates; /* scratch: uint16_t [contested][regimes * tokens] */
    uint32_t choice;     /* scratch: ec_choice */
    ec_blocks blocks;    /* scratch for norms, then codewords */
    uint32_t first_step; /* number of the first stage as a step; the choice of the regime follows the last stage */
    uint32_t count;      /* of the stages */
    const ec_stage *stages;
} ec_quantizer;

/* For coded packets: codewords whose norms include what their bits cost, and the tables to code them with. */
typedef struct ec_coded {
    ec_quantizer quantizer; /* of one token; latent and scratch are those of the other quantizer */
    ec_entropy entropy;
} ec_coded;

typedef struct ec_network {
    ec_model model;
    uint8_t model_hash[EC_MODEL_HASH_BYTES];
    uint32_t arena_bytes;
    uint32_t weights_bytes;
    uint32_t codebooks_bytes;
    const ec_layer *layers; /* [model.layers] */
    ec_quantizer quantizer;
    const ec_coded *coded; /* NULL: fixed-length packets only */
} ec_network;

/* The one network of this build, in codec_network.c. */
extern const ec_network ec_codec_network;

#endif
