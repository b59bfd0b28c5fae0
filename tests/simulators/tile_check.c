/* The tile of a small core against the definition of its sums, for every number of rows and awkward numbers of pairs
 * and segments. Prints `ok <rows>` or `broken <rows>`.
 *
 * With FLIP defined, the tile sees one bit of its rows flipped.
 */
#include "qemu.h"
#include "tile.h"
#include "tile_numbers.h"

enum { ROWS = 37, HALVES = 66, SEGMENTS_MAX = 5 };

static _Alignas(4) ec_half rows[ROWS * HALVES];
static _Alignas(4) ec_half columns[SEGMENTS_MAX * HALVES * EC_TILE_COLUMNS];
static const uint32_t pair_counts[] = {1, 2, 3, 4, 5, 7, 8, 18, 33};

static float add_by_definition(float sum, const ec_half *left, const ec_half *right) {
    const float first = ec_to_float(left[0]) * ec_to_float(right[0]);
    const float both = ec_to_float(left[1]) * ec_to_float(right[1]) + first;
    return sum + both;
}

static void flip(void) {
#ifdef FLIP
    rows[HALVES + 1] ^= 1u << 9;
#endif
}

static bool tile_is_exact(uint32_t count_of_rows, uint32_t segments, uint32_t pairs) {
    const ec_half *starts[SEGMENTS_MAX * EC_TILE_ROWS];
    float sums[EC_TILE_ROWS + 1][EC_TILE_COLUMNS], expected[EC_TILE_ROWS + 1][EC_TILE_COLUMNS];
    for (uint32_t i = 0; i < segments * count_of_rows; i++) {
        starts[i] = rows + (i + 1) * HALVES % (ROWS * HALVES - HALVES);
    }
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            float sum = sums[row][column] = (float)(row + 1) - 0.25f * (float)column;
            for (uint32_t segment = 0; segment < segments && row < count_of_rows; segment++) {
                for (uint32_t pair = 0; pair < pairs; pair++) {
                    sum = add_by_definition(sum, starts[segment * count_of_rows + row] + 2 * pair,
                                            columns + ((segment * pairs + pair) * EC_TILE_COLUMNS + column) * 2);
                }
            }
            expected[row][column] = sum;
        }
    }
    const ec_tile tile = {starts, columns, count_of_rows, segments, pairs};
    flip();
    ec_add_tile(sums, &tile);
    flip();
    bool exact = true;
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            exact = exact && same(sums[row][column], expected[row][column]);
        }
    }
    return exact;
}

_Noreturn void program(void) {
    fill(rows, ROWS * HALVES, 1, 1, 22);
    fill(columns, SEGMENTS_MAX * HALVES * EC_TILE_COLUMNS, 2, 1, 22);
    for (uint32_t count = 1; count <= EC_TILE_ROWS; count++) {
        bool exact = true;
        for (uint32_t segments = 1; segments <= SEGMENTS_MAX; segments += 2) {
            for (uint32_t i = 0; i < sizeof pair_counts / sizeof *pair_counts; i++) {
                exact = tile_is_exact(count, segments, pair_counts[i]) && exact;
            }
        }
        const char number[] = {(char)('0' + count), '\n', '\0'};
        qemu_put(exact ? "ok " : "broken ");
        qemu_put(number);
    }
    qemu_exit(0);
}
