/* The innermost loop of the arithmetic `lanes` in portable C: the definition of what every target's own computes. */
#include "tile.h"

#if defined(EC_LANES) && !defined(EC_XPULP)

static void end_runs(uint32_t rows, ec_lanes (*lanes)[EC_TILE_COLUMNS], float (*sums)[EC_TILE_COLUMNS]) {
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            sums[row][column] = ec_end_run(sums[row][column], lanes[row][column]);
            lanes[row][column] = ec_begin_run();
        }
    }
}

void ec_add_tile(float (*sums)[EC_TILE_COLUMNS], const ec_tile *tile) {
    ec_lanes lanes[EC_TILE_ROWS][EC_TILE_COLUMNS];
    const ec_half *columns = tile->columns;
    for (uint32_t row = 0; row < tile->rows; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            lanes[row][column] = ec_begin_run();
        }
    }
    uint32_t of_run = 0;
    for (uint32_t segment = 0; segment < tile->count; segment++) {
        const ec_half *const *rows = tile->segments + (size_t)segment * tile->rows;
        for (uint32_t pair = 0; pair < tile->pairs; pair++) {
            for (uint32_t row = 0; row < tile->rows; row++) {
                for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
                    lanes[row][column] = ec_add_pair(lanes[row][column], rows[row] + 2 * (size_t)pair,
                                                     columns + 2 * (size_t)column);
                }
            }
            columns += 2 * EC_TILE_COLUMNS;
            if (++of_run == EC_RUN_PAIRS) {
                end_runs(tile->rows, lanes, sums);
                of_run = 0;
            }
        }
    }
    if (of_run > 0) {
        end_runs(tile->rows, lanes, sums);
    }
}

#endif
