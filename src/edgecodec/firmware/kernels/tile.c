/* The innermost loop of the arithmetic `dotpex` in portable C: the definition of what every target's own computes.
 *
 * Whole tiles and single rows have functions of their own, whose sums are no arrays: compilers keep them in registers.
 */
#include "tile.h"

#if !defined(EC_LANES) && !defined(EC_XPULP) && !defined(EC_HELIUM)

/* Of one row, with each column. */
typedef struct row_sums {
    float first;
    float second;
    float third;
    float fourth;
} row_sums;

static inline row_sums load_sums(const float *from) {
    const row_sums sums = {from[0], from[1], from[2], from[3]};
    return sums;
}

static inline void store_sums(float *to, row_sums sums) {
    to[0] = sums.first;
    to[1] = sums.second;
    to[2] = sums.third;
    to[3] = sums.fourth;
}

/* `right` has a pair of each column. */
static inline row_sums add_products(row_sums sums, ec_floats left, ec_four_pairs right) {
    sums.first = ec_add_products_of_floats(sums.first, left, right.first);
    sums.second = ec_add_products_of_floats(sums.second, left, right.second);
    sums.third = ec_add_products_of_floats(sums.third, left, right.third);
    sums.fourth = ec_add_products_of_floats(sums.fourth, left, right.fourth);
    return sums;
}

/* What follows is done later: clang does all rows at once otherwise, in more registers than Arm has. */
static inline void finish(row_sums *sums) {
#ifdef EC_ARM_HALF
    __asm__ volatile("" : "+t"(sums->first), "+t"(sums->second), "+t"(sums->third), "+t"(sums->fourth) : : "memory");
#else
    (void)sums;
#endif
}

static void add_one_row(float *to, const ec_tile *tile, uint32_t number) {
    const ec_half *columns = tile->columns;
    row_sums sums = load_sums(to);
    for (uint32_t segment = 0; segment < tile->count; segment++) {
        const ec_half *row = tile->segments[(size_t)segment * tile->rows + number];
        uint32_t pairs = tile->pairs;
        for (; pairs >= 2; pairs -= 2) {
            sums = add_products(sums, ec_widen(ec_load_pair(row)), ec_load_four_pairs(columns));
            sums = add_products(sums, ec_widen(ec_load_pair(row + 2)),
                                ec_load_four_pairs(columns + 2 * EC_TILE_COLUMNS));
            row += 4;
            columns += 4 * EC_TILE_COLUMNS;
        }
        if (pairs > 0) {
            sums = add_products(sums, ec_widen(ec_load_pair(row)), ec_load_four_pairs(columns));
            columns += 2 * EC_TILE_COLUMNS;
        }
    }
    store_sums(to, sums);
}

static void add_four_rows(float (*to)[EC_TILE_COLUMNS], const ec_tile *tile) {
    const uint32_t end = 2 * tile->pairs, count = tile->count;
    const ec_half *columns = tile->columns;
    row_sums first = load_sums(to[0]), second = load_sums(to[1]), third = load_sums(to[2]), fourth = load_sums(to[3]);
    for (uint32_t segment = 0; segment < count; segment++) {
        const ec_half *const *rows = tile->segments + (size_t)segment * EC_TILE_ROWS;
        const ec_half *row[EC_TILE_ROWS] = {rows[0], rows[1], rows[2], rows[3]};
        for (uint32_t at = 0; at < end; at += 2) {
            const ec_four_pairs right = ec_load_four_pairs(columns);
            first = add_products(first, ec_widen(ec_load_pair(row[0] + at)), right);
            finish(&first);
            second = add_products(second, ec_widen(ec_load_pair(row[1] + at)), right);
            finish(&second);
            third = add_products(third, ec_widen(ec_load_pair(row[2] + at)), right);
            finish(&third);
            fourth = add_products(fourth, ec_widen(ec_load_pair(row[3] + at)), right);
            columns += 2 * EC_TILE_COLUMNS;
        }
    }
    store_sums(to[0], first);
    store_sums(to[1], second);
    store_sums(to[2], third);
    store_sums(to[3], fourth);
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
