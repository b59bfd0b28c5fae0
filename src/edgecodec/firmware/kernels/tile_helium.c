/* The innermost loop of the arithmetic `dotpex` for Arm's vector unit Helium: a lane for each column. */
#include "tile.h"

#if defined(EC_HELIUM) && !defined(EC_LANES)

#include "helium.h"

#define PAIRS_AT_ONCE 4u /* of a single row: a vector of them */

static void add_four_rows(float (*to)[EC_TILE_COLUMNS], const ec_tile *tile) {
    const ec_half *columns = tile->columns;
    float32x4_t first = vld1q_f32(to[0]), second = vld1q_f32(to[1]);
    float32x4_t third = vld1q_f32(to[2]), fourth = vld1q_f32(to[3]);
    for (uint32_t segment = 0; segment < tile->count; segment++) {
        const ec_half *const *rows = tile->segments + (size_t)segment * EC_TILE_ROWS;
        const uint32_t *row = (const uint32_t *)(const void *)rows[0];
        const uint32x4_t addresses = vld1q_u32((const uint32_t *)(const void *)rows);
        const uint32x4_t places = vsubq_n_u32(addresses, (uint32_t)(uintptr_t)row);
        for (uint32_t pair = 0; pair < tile->pairs; pair++) {
            const ec_float_pairs left = ec_widen_pairs(vldrwq_gather_offset_u32(row + pair, places));
            const ec_float_pairs right = ec_load_pairs(columns);
            first = ec_add_products_of_pairs(first, right, ec_lane(left, 0));
            second = ec_add_products_of_pairs(second, right, ec_lane(left, 1));
            third = ec_add_products_of_pairs(third, right, ec_lane(left, 2));
            fourth = ec_add_products_of_pairs(fourth, right, ec_lane(left, 3));
            columns += 2 * EC_TILE_COLUMNS;
        }
    }
    vst1q_f32(to[0], first);
    vst1q_f32(to[1], second);
    vst1q_f32(to[2], third);
    vst1q_f32(to[3], fourth);
}

static void add_one_row(float *to, const ec_tile *tile, uint32_t number) {
    const ec_half *columns = tile->columns;
    float32x4_t sums = vld1q_f32(to);
    for (uint32_t segment = 0; segment < tile->count; segment++) {
        const ec_half *row = tile->segments[(size_t)segment * tile->rows + number];
        uint32_t pairs = tile->pairs;
        for (; pairs >= PAIRS_AT_ONCE; pairs -= PAIRS_AT_ONCE) {
            const ec_float_pairs left = ec_load_pairs(row);
            sums = ec_add_products_of_pairs(sums, ec_load_pairs(columns), ec_lane(left, 0));
            sums = ec_add_products_of_pairs(sums, ec_load_pairs(columns + 8), ec_lane(left, 1));
            sums = ec_add_products_of_pairs(sums, ec_load_pairs(columns + 16), ec_lane(left, 2));
            sums = ec_add_products_of_pairs(sums, ec_load_pairs(columns + 24), ec_lane(left, 3));
            row += 2 * PAIRS_AT_ONCE;
            columns += 2 * PAIRS_AT_ONCE * EC_TILE_COLUMNS;
        }
        for (; pairs > 0; pairs--) {
            sums = ec_add_products_of_pairs(sums, ec_load_pairs(columns), ec_widen(ec_load_pair(row)));
            row += 2;
            columns += 2 * EC_TILE_COLUMNS;
        }
    }
    vst1q_f32(to, sums);
}

void ec_add_tile(float (*sums)[EC_TILE_COLUMNS], const ec_tile *tile) {
    if (tile->rows == EC_TILE_ROWS) {
        add_four_rows(sums, tile);
        return;
    }
    for (uint32_t row = 0; row < tile->rows; row++) {
        add_one_row(sums[row], tile, row);
    }
}

#endif
