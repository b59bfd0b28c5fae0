/* The innermost loop: product sums (products.h) of up to four rows with four columns at once.
 *
 * Columns (output channels, codewords) come in panels of four: a float of each (bias, norm), then their halfwords pair by
 * pair, so that one run through memory serves all four. The last panel of a matrix is filled up with columns of zeros.
 *
 * Built with EC_XPULP, the loop is one of ports/pulp/tile.S, else that of tile.c; for the arithmetic `lanes` that of
 * lanes.S and lanes.c. The sums are the same, bit by bit: only their order within one result is defined, not which result
 * comes first.
 */
#ifndef EC_TILE_H
#define EC_TILE_H

#include <stddef.h>

#include "products.h"

#define EC_TILE_ROWS 4u
#define EC_TILE_COLUMNS 4u

typedef struct ec_panel {
    float of_column[EC_TILE_COLUMNS];
    ec_half pairs[][EC_TILE_COLUMNS][2];
} ec_panel;

static inline uint32_t ec_panels(uint32_t columns) {
    return (columns + EC_TILE_COLUMNS - 1) / EC_TILE_COLUMNS;
}

static inline uint32_t ec_panel_bytes(uint32_t pairs) {
    return (uint32_t)sizeof(ec_panel) + pairs * EC_TILE_COLUMNS * 2 * (uint32_t)sizeof(ec_half);
}

/* Panel `number` of those that begin at `panels`. */
static inline const ec_panel *ec_panel_at(const void *panels, uint32_t number, uint32_t pairs) {
    return (const ec_panel *)(const void *)((const uint8_t *)panels + (size_t)number * ec_panel_bytes(pairs));
}

/* What a tile multiplies. A row comes in segments of equal length, which may lie anywhere; a column in one piece. */
typedef struct ec_tile {
    const ec_half *const *segments; /* [segment][row] */
    const ec_half *columns;         /* [segment][pair][EC_TILE_COLUMNS][2] */
    uint32_t rows;                  /* 1 .. EC_TILE_ROWS */
    uint32_t count;                 /* of segments, at least 1 */
    uint32_t pairs;                 /* of a segment, at least 1 */
} ec_tile;

#ifdef EC_XPULP

/* In ports/pulp/tile.S, one for each number of rows. All of them read ahead: at most one pair past a segment, and one
 * past each column. */
typedef void ec_pulp_add(float *sums, const ec_half *const *segments, const ec_half *columns, uint32_t count,
                         uint32_t pairs);
ec_pulp_add ec_pulp_add_1_row, ec_pulp_add_2_rows, ec_pulp_add_3_rows, ec_pulp_add_4_rows;

/* Calls the one of four such functions that is for so many rows. */
#define EC_PULP_BY_ROWS(rows, function, ...) \
    switch (rows) { \
    case 1: \
        function##_1_row(__VA_ARGS__); \
        break; \
    case 2: \
        function##_2_rows(__VA_ARGS__); \
        break; \
    case 3: \
        function##_3_rows(__VA_ARGS__); \
        break; \
    default: \
        function##_4_rows(__VA_ARGS__); \
        break; \
    }

#ifdef EC_LANES

void ec_pulp_filter_4_rows(float *sums, const ec_half *row, const ec_half *column, uint32_t pairs, uint32_t step_bytes);

#endif

/* Adds the products of `tile` to `sums` [row]. */
static inline void ec_add_tile(float (*sums)[EC_TILE_COLUMNS], const ec_tile *tile) {
    EC_PULP_BY_ROWS(tile->rows, ec_pulp_add, *sums, tile->segments, tile->columns, tile->count, tile->pairs)
}

#else

void ec_add_tile(float (*sums)[EC_TILE_COLUMNS], const ec_tile *tile);

#endif

/* Adds to `sums` [rows] the products of one column with rows whose beginnings are `step` halfwords apart. */
static inline void ec_add_rows(float *sums, const ec_half *row, uint32_t step, const ec_half *column, uint32_t rows,
                               uint32_t pairs) {
#if defined(EC_XPULP) && defined(EC_LANES)
    for (; rows >= EC_TILE_ROWS; rows -= EC_TILE_ROWS) {
        ec_pulp_filter_4_rows(sums, row, column, pairs, step * (uint32_t)sizeof(ec_half));
        sums += EC_TILE_ROWS;
        row += EC_TILE_ROWS * step;
    }
#endif
    for (; rows > 0; rows--) {
        *sums = ec_add_products(*sums, row, column, 2 * pairs);
        sums++;
        row += step;
    }
}

#endif
