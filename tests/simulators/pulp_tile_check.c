/* The tiles of ports/pulp/tile.S or lanes.S, whichever arithmetic.h chooses, against the definition of their sums, on the cluster itself, for every number of rows
 * and awkward numbers of pairs and segments. Prints `ok <shape>` or `broken <shape>` for each kind of tile.
 *
 * With FLIP defined, the tiles see one bit of their rows flipped.
 */
#include "pulp.h"
#include "tile.h"

enum { ROWS = 37, HALVES = 66, SEGMENTS_MAX = 9 };

static PULP_L1 ec_half rows[ROWS * HALVES + 8];
static PULP_L1 _Alignas(16) ec_half columns[SEGMENTS_MAX * HALVES * EC_TILE_COLUMNS + 8];
static const uint32_t pair_counts[] = {1, 2, 3, 5, 8, 17, 32};

/* Numbers of all sizes, subnormal ones and zeros of both signs among them. */
static void fill(ec_half *at, uint32_t count, uint32_t seed) {
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t exponent = seed % 11 == 0 ? 0 : 8 + (seed >> 8) % 12;
        at[i] = (ec_half)((seed >> 16 & 0x8000u) | exponent << 10 | (seed % 13 == 0 ? 0 : seed >> 20 & 0x3ffu));
    }
}

/* A product sum by definition. */
typedef struct definition {
    float sum;
    float lanes[2];
    uint32_t of_run; /* pairs in the lanes */
} definition;

static void end_run(definition *own) {
    own->sum = own->sum + (own->lanes[0] + own->lanes[1]);
    own->lanes[0] = own->lanes[1] = 0.0f;
    own->of_run = 0;
}

static void add_pair(definition *own, const ec_half *left, const ec_half *right) {
    const float factors[2][2] = {{ec_to_float(left[0]), ec_to_float(right[0])},
                                 {ec_to_float(left[1]), ec_to_float(right[1])}};
#ifdef EC_LANES
    own->lanes[0] = ec_fused(own->lanes[0], factors[0][0], factors[0][1]);
    own->lanes[1] = ec_fused(own->lanes[1], factors[1][0], factors[1][1]);
    if (++own->of_run == EC_RUN_PAIRS) {
        end_run(own);
    }
#else
    const float first = factors[0][0] * factors[0][1];
    const float both = factors[1][0] * factors[1][1] + first;
    own->sum = own->sum + both;
#endif
}

static bool same(float left, float right) {
    const union { float value; uint32_t bits; } one = {left}, other = {right};
    return one.bits == other.bits;
}

static void flip(void) {
#ifdef FLIP
    rows[HALVES + 1] ^= 1u << 9;
#endif
}

/* Rows begin at odd halfwords too: the cores load pairs at any. */
static bool tile_is_exact(uint32_t count_of_rows, uint32_t segments, uint32_t pairs, bool more) {
    const ec_half *starts[SEGMENTS_MAX * EC_TILE_ROWS];
    float sums[EC_TILE_ROWS + 1][EC_TILE_COLUMNS], expected[EC_TILE_ROWS + 1][EC_TILE_COLUMNS];
    for (uint32_t i = 0; i < segments * count_of_rows; i++) {
        starts[i] = rows + (i + 1) * HALVES % (ROWS * HALVES - HALVES) + i % 2;
    }
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            sums[row][column] = (float)(row + 1) - 0.25f * (float)column;
            definition own = {.sum = more || row >= count_of_rows ? sums[row][column] : 0.0f};
            for (uint32_t segment = 0; segment < segments && row < count_of_rows; segment++) {
                for (uint32_t pair = 0; pair < pairs; pair++) {
                    add_pair(&own, starts[segment * count_of_rows + row] + 2 * pair,
                             columns + ((segment * pairs + pair) * EC_TILE_COLUMNS + column) * 2);
                }
            }
            end_run(&own);
            expected[row][column] = own.sum;
        }
    }
    const ec_tile tile = {starts, columns, count_of_rows, segments, pairs, more};
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

static bool filter_is_exact(uint32_t count_of_rows, uint32_t step, uint32_t pairs) {
    float sums[ROWS], expected[ROWS];
    for (uint32_t row = 0; row < ROWS; row++) {
        sums[row] = 0.5f * (float)row;
        definition own = {.sum = sums[row]};
        for (uint32_t pair = 0; pair < pairs && row < count_of_rows; pair++) {
            add_pair(&own, rows + HALVES + row * step + 2 * pair, columns + 2 * pair);
        }
        end_run(&own);
        expected[row] = own.sum;
    }
    flip();
    ec_add_rows(sums, rows + HALVES, step, columns, count_of_rows, pairs);
    flip();
    bool exact = true;
    for (uint32_t row = 0; row < ROWS; row++) {
        exact = exact && same(sums[row], expected[row]);
    }
    return exact;
}

static void report(const char *what, char number, bool exact) {
    const char text[] = {number, '\n', '\0'};
    pulp_put(exact ? "ok " : "broken ");
    pulp_put(what);
    pulp_put(text);
}

_Noreturn void cluster_main(uint32_t core) {
    if (core != 0) {
        for (;;) {
        }
    }
    fill(rows, sizeof rows / sizeof rows[0], 1);
    fill(columns, sizeof columns / sizeof columns[0], 2);
    for (uint32_t count = 1; count <= EC_TILE_ROWS; count++) {
        bool exact = true;
        for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
            for (uint32_t segments = 1; segments <= SEGMENTS_MAX; segments++) {
                exact = tile_is_exact(count, segments, pair_counts[i], segments % 2 == 0) && exact;
            }
        }
        report("rows ", (char)('0' + count), exact);
    }
    for (uint32_t step = 1; step <= 8; step++) {
        bool exact = true;
        for (uint32_t count = 1; count <= 9; count++) {
            for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
                exact = filter_is_exact(count, step, pair_counts[i]) && exact;
            }
        }
        report("filter of step ", (char)('0' + step), exact);
    }
    pulp_exit(0);
}
