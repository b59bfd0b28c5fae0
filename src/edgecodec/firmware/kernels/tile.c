/* The innermost loop of the arithmetic `dotpex` in portable C: the definition of what every target's own computes. */
#include "tile.h"

#if !defined(EC_LANES) && !defined(EC_XPULP)

void ec_add_tile(float (*sums)[EC_TILE_COLUMNS], const ec_tile *tile) {
    const ec_half *columns = tile->columns;
    for (uint32_t segment = 0; segment < tile->count; segment++) {
        const ec_half *const *rows = tile->segments + (size_t)segment * tile->rows;
        for (uint32_t pair = 0; pair < tile->pairs; pair++) {
            for (uint32_t row = 0; row < tile->rows; row++) {
                const float left[2] = {ec_to_float(rows[row][2 * pair]), ec_to_float(rows[row][2 * pair + 1])};
                for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
                    const float first = left[0] * ec_to_float(columns[2 * column]);
                    const float both = left[1] * ec_to_float(columns[2 * column + 1]) + first;
                    sums[row][column] = sums[row][column] + both;
                }
            }
            columns += 2 * EC_TILE_COLUMNS;
        }
    }
}

#endif
