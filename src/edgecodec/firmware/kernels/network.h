/* A codec as constant data: what codec_network.c describes and the kernels carry out.
 *
 * Activations are float16 in the arena, row by row (of time, unless said otherwise) and without gaps. Addresses are byte
 * offsets: of activations and scratch from the arena's start, of weights and codebooks from their own start (never 0,
 * where the header is).
 */
#ifndef EC_NETWORK_H
#define EC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "edgecodec.h"

#define EC_NONE 0u
#define EC_ERROR_CODES 64u /* of an estimated error in a packet */

/* The first bytes of every arena: what the workers tell each other. */
typedef struct ec_control {
    uint32_t verdict[EC_WORKERS_MAX]; /* an ec_status of each worker */
} ec_control;

typedef struct ec_view {
    uint32_t at;
    uint32_t rows;
    uint32_t channels;
} ec_view;

/* Data are fetched in blocks: of rows of the window, of panels (see tile.h), of filters. One block is worked on while
 * the next one arrives, so that `scratch` holds two if there are several. */
typedef struct ec_blocks {
    uint32_t scratch;
    uint32_t size;       /* in items */
    uint32_t item_bytes; /* a multiple of 4 */
} ec_blocks;

typedef struct ec_normalize {
    ec_view output;
    uint32_t channels; /* of the window; the output's other channels are zeros */
    uint32_t offset;   /* float [channels] of offsets, then float [channels] of scales */
    uint32_t scratch;  /* for them */
    ec_blocks blocks;  /* of window rows */
} ec_normalize;

/* A filter of its own for every channel of the window, and fewer samples: normalization and decimation in one. */
typedef struct ec_filter {
    ec_view output;    /* a row for each channel, not time-major; padding is zeros */
    uint32_t channels; /* of the window */
    uint32_t samples;  /* that each filter gives */
    uint32_t filters;  /* [channels] of: float offset, float scale, float16 [taps] */
    uint32_t taps;     /* even */
    uint32_t stride;
    uint32_t pad_left;
    uint32_t filters_scratch;
    uint32_t history;       /* scratch: float16 [channels][history_samples] */
    uint32_t history_samples; /* taps of earlier blocks, a block, zeros after the window */
    bool screened;            /* the monitor judges what is not finite */
    ec_blocks blocks;         /* of window rows, an even number of them */
} ec_filter;

typedef struct ec_convolution {
    ec_view output;
    ec_view input;
    uint32_t residual; /* a view of the output's shape, added before the activation, or EC_NONE */
    uint32_t weight;   /* panels of output channels: bias, then [taps][input channels] */
    uint32_t taps;
    uint32_t stride;
    uint32_t dilation;
    uint32_t pad_left;
    uint32_t slope; /* in the weights: float, of the PReLU; EC_NONE: there is none */
    ec_blocks blocks;
} ec_convolution;

typedef struct ec_transpose {
    ec_view output;
    ec_view input;
} ec_transpose;

typedef enum ec_layer_kind {
    EC_NORMALIZE,
    EC_FILTER,
    EC_CONVOLUTION,
    EC_TRANSPOSE,
} ec_layer_kind;

typedef struct ec_layer {
    const char *name;
    ec_layer_kind kind;
    union {
        ec_view output; /* of any kind: its first member */
        ec_normalize normalize;
        ec_filter filter;
        ec_convolution convolution;
        ec_transpose transpose;
    };
} ec_layer;

typedef struct ec_stage {
    uint32_t codebooks;   /* [regimes] of panels of codewords: norm, then [samples] */
    uint32_t coordinates; /* uint16_t [regimes][samples]: which of a token's values; EC_NONE: all of them, in order */
    uint32_t block;       /* panels that are fetched at once */
    uint32_t count;       /* codewords of one regime */
    uint32_t samples;     /* of a codeword */
    uint32_t index_bits;  /* in a fixed-length packet, where the first stage's tell the regime as well */
} ec_stage;

/* What tells the error once a window is quantized. */
typedef struct ec_evidence {
    uint32_t rates;
    uint32_t left;     /* scratch: float [rates], the energy that a rate leaves; EC_NONE: without monitor */
    uint32_t estimate; /* in the codebooks: ec_error_factors [rates], then ec_familiar [regimes] */
} ec_evidence;

typedef struct ec_quantizer {
    ec_view latent; /* row: regime * tokens + token; there may be more rows */
    uint32_t tokens;
    uint32_t regimes;
    uint32_t contested;  /* stages that all regimes run before one is chosen; 0: there is one regime */
    uint32_t coordinates;       /* of all stages together; EC_NONE: every stage quantizes all values of a token */
    uint32_t coordinates_bytes;
    uint32_t coordinates_scratch;
    uint32_t queries;           /* scratch: float16 [regimes * tokens, or abreast][samples], if there are coordinates */
    uint32_t nearest;           /* scratch: ec_nearest [EC_WORKERS_MAX][regimes * tokens] */
    uint32_t candidates;        /* scratch: uint16_t [contested][regimes * tokens] */
    uint32_t choice;            /* scratch: ec_choice */
    uint32_t panels;            /* scratch for two blocks of panels */
    uint32_t block_bytes;       /* room for one of them */
    uint32_t abreast;           /* stages of one regime that there is room for at once; 0: they run one by one */
    uint32_t first_step;        /* number of the first stage as a step; the choice of the regime follows the last stage */
    uint32_t count;             /* of the stages */
    const ec_stage *stages;
    const uint16_t *stages_of_rate; /* [rates] */
    ec_evidence evidence;
} ec_quantizer;

/* How the energies that are left tell the error at one rate. */
typedef struct ec_error_factors {
    float latent;
    float quantizer;
    float floor;
    float nmse;
} ec_error_factors;

/* One over the largest energies that windows of a regime leave. */
typedef struct ec_familiar {
    float latent;
    float quantizer;
} ec_familiar;

/* Of a training, not of a program. */
typedef struct ec_limits {
    float longest_run; /* so many equal pairs of samples in a row are a fault */
    float margin;      /* that a bound needs over the estimate */
} ec_limits;

/* What is expected of a channel, in decimated samples, and what its part in the error is. */
typedef struct ec_expected {
    float lowest;
    float highest;
    float largest_step;
    float largest_drift;
    float smallest_span;
    float gain; /* gain * (sample - origin) is what the sensor measured */
    float origin; /* a value of float16 */
    float inverse_power;
    float share;
} ec_expected;

/* What the latent keeps of the energy: weight * (coefficient - centre)^2. */
typedef struct ec_kept {
    float centre;
    float weight;
} ec_kept;

/* How remarks are made: the Python module edgecodec.packets.monitor defines it. */
typedef struct ec_monitor {
    ec_view channels;     /* the first layer's output */
    ec_view bins;         /* cosine bins, without that of the means */
    ec_view coefficients; /* of the latent, one row */
    ec_view by_bin;       /* the same with that of the means: a row for each bin */
    uint32_t samples;     /* of a channel in `channels` */
    uint32_t inside_first; /* samples whose taps all lie in the window; even, as are the next three */
    uint32_t inside_end;
    uint32_t central_first; /* samples of the window's central part */
    uint32_t central_end;
    uint32_t most_faulty; /* channels: with more of them it is the window that is unusual */
    uint32_t limits;      /* in the weights: ec_limits */
    uint32_t expected;    /* in the weights: ec_expected [channels of the window] */
    uint32_t regression;  /* in the weights: float [channels][channels], what the others tell of a channel */
    uint32_t kept;        /* in the weights: ec_kept [coefficients] */
    uint32_t screened;    /* scratch: ec_screened [channels of the window] */
    uint32_t energies;    /* scratch: float [bins], then [coefficients] */
    uint32_t distances;   /* scratch: uint16_t [channels of the window], for the coder of escapes */
    float escape_factor;  /* of the squared error that escapes may have */
    const float *error_edges; /* [EC_ERROR_CODES - 1] */
} ec_monitor;

/* The quantizer of coded packets: see scalars.h. The tables, one behind the other, are fetched together. */
typedef struct ec_scalars {
    ec_view latent; /* a row for each regime; there may be more rows */
    uint32_t regimes;
    uint32_t deciding; /* number of the rate at which the regimes compete, from 0 */
    uint32_t tables;   /* in the codebooks, as are those that follow */
    uint32_t tables_bytes;
    uint32_t worth;        /* float: of a squared step, in 256ths of a bit */
    uint32_t steps;        /* ec_step [rates][regimes] */
    uint32_t classes;      /* ec_class [classes_count] */
    uint32_t class_of;     /* uint16_t [rates][regimes][coordinates] */
    uint32_t costs;        /* uint16_t [entries], in 256ths of a bit */
    uint32_t regime_costs; /* uint16_t [regimes] */
    uint32_t cumulative;   /* uint16_t: that of the regimes, then of the classes, each with one more than entries */
    uint32_t classes_count;
    uint32_t entries;     /* of the tables of all classes */
    uint32_t scratch;     /* for the tables */
    uint32_t missed;      /* scratch: float [regimes or rates][coordinates] */
    uint32_t found_costs; /* scratch: uint32_t [EC_WORKERS_MAX][regimes] */
    uint32_t choice;      /* scratch: ec_choice */
    uint32_t first_step;
    uint32_t payload_bytes; /* in the codebooks: uint16_t [rates], enough for any window */
    ec_evidence evidence;
} ec_scalars;

typedef struct ec_network {
    ec_model model;
    uint8_t shape_hash[EC_HASH_BYTES];
    uint32_t arena_bytes;
    uint32_t weights_bytes;
    uint32_t codebooks_bytes;
    uint32_t zeros; /* float16 [zeros_halves] in the arena: what convolutions read outside their input */
    uint32_t zeros_halves;
    const ec_layer *layers; /* [model.layers] */
    ec_quantizer quantizer;
    const ec_scalars *coded; /* NULL: fixed-length packets only */
    const ec_monitor *monitor; /* NULL: no remarks */
} ec_network;

/* The one network of this build, in codec_network.c. */
extern const ec_network ec_codec_network;

#endif
