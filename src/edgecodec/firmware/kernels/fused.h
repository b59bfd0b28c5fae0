/* Loops around the innermost one that keep sums in registers, where a port has them: ports/pulp/tile.S, for the
 * arithmetic `dotpex`. Elsewhere the kernels go tile by tile, and round or compare what tile.h gives.
 */
#ifndef EC_FUSED_H
#define EC_FUSED_H

#include "tile.h"

#if defined(EC_XPULP) && !defined(EC_LANES)
#define EC_FUSED

/* Tiles of four rows of a convolution, one behind the other, with one panel: from the bias to the rounded output. Every
 * tap reads rows of the input. Steps are in bytes. */
typedef struct ec_pulp_convolution {
    const ec_half *input; /* that the first row's first tap reads */
    uint32_t row_step;    /* from one row of the output to the next, in the input */
    uint32_t segment_step;
    uint32_t tile_step; /* from behind the last segment to the first one of the next tile */
    uint32_t segments;
    uint32_t pairs; /* of a segment */
    const ec_panel *panel;
    ec_half *output;
    const ec_half *residual; /* or NULL; as far apart as the output's rows */
    uint32_t output_step;
    uint32_t whole; /* whether the panel has four channels, not two */
    float slope;    /* of the PReLU: at most 1 */
    uint32_t tiles; /* at least 1 */
} ec_pulp_convolution;

void ec_pulp_convolve_4_rows(const ec_pulp_convolution *convolution);

/* Four product sums of one column after the other, each with a row of its own, rounded. */
typedef struct ec_pulp_filter_run {
    const ec_half *row;
    const ec_half *column;
    uint32_t pairs;
    uint32_t row_step; /* in bytes */
    ec_half *output;
    uint32_t fours; /* at least 1 */
} ec_pulp_filter_run;

/* Not zero if an output is not finite. */
uint32_t ec_pulp_filter(const ec_pulp_filter_run *run);

/* Codewords that may be nearer to some rows than those found before. Changes as it moves through its panels. */
typedef struct ec_pulp_search {
    const ec_half *rows[EC_TILE_ROWS];
    const ec_panel *panel; /* norms and codewords */
    uint32_t pairs;
    uint32_t panels; /* at least 1 */
    uint32_t word;   /* number of the panel's first one */
    struct ec_nearest *nearest;
} ec_pulp_search;

typedef void ec_pulp_searching(ec_pulp_search *search);
ec_pulp_searching ec_pulp_search_1_row, ec_pulp_search_2_rows, ec_pulp_search_3_rows, ec_pulp_search_4_rows;

#endif

#endif
