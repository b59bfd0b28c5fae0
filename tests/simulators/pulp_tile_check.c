/* The tiles of ports/pulp/tile.S or lanes.S, whichever arithmetic.h chooses, against the definition of their sums, on the
 * cluster itself, for every number of rows and awkward numbers of pairs and segments. Prints `ok <shape>` or `broken <shape>` for each kind of tile.
 *
 * With FLIP defined, the tiles see one bit of their rows flipped.
 */
#include "fused.h"
#include "pulp.h"
#include "tile_numbers.h"

enum { ROWS = 37, HALVES = 66, SEGMENTS_MAX = 9 };

static PULP_L1 ec_half rows[ROWS * HALVES + 8];
static PULP_L1 _Alignas(16) ec_half columns[SEGMENTS_MAX * HALVES * EC_TILE_COLUMNS + 8];
static const uint32_t pair_counts[] = {1, 2, 3, 5, 8, 17, 18, 32};

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

static void flip(void) {
#ifdef FLIP
    rows[HALVES + 1] ^= 1u << 9;
#endif
}

/* Rows begin at odd halfwords too: the cores load pairs at any. */
static bool tile_is_exact(uint32_t count_of_rows, uint32_t segments, uint32_t pairs) {
    const ec_half *starts[SEGMENTS_MAX * EC_TILE_ROWS];
    float sums[EC_TILE_ROWS + 1][EC_TILE_COLUMNS], expected[EC_TILE_ROWS + 1][EC_TILE_COLUMNS];
    for (uint32_t i = 0; i < segments * count_of_rows; i++) {
        starts[i] = rows + (i + 1) * HALVES % (ROWS * HALVES - HALVES) + i % 2;
    }
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            sums[row][column] = (float)(row + 1) - 0.25f * (float)column;
            definition own = {.sum = sums[row][column]};
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

#ifdef EC_FUSED

/* Two fours of rows, whose outputs may begin anywhere. */
static bool rounded_filter_is_exact(uint32_t step, uint32_t pairs) {
    ec_half output[2 * EC_TILE_ROWS];
    const ec_pulp_filter_run run = {rows + HALVES, columns, pairs, step * (uint32_t)sizeof(ec_half), output, 2};
    flip();
    const uint32_t overflow = ec_pulp_filter(&run);
    flip();
    bool exact = true, finite = true;
    for (uint32_t row = 0; row < 2 * EC_TILE_ROWS; row++) {
        definition own = {.sum = 0.0f};
        for (uint32_t pair = 0; pair < pairs; pair++) {
            add_pair(&own, rows + HALVES + row * step + 2 * pair, columns + 2 * pair);
        }
        exact = exact && output[row] == ec_to_half(own.sum);
        finite = finite && ec_half_is_finite(output[row]);
    }
    return exact && finite == (overflow == 0);
}

/* Of eight outputs, all 0 but one: twice the largest float16. */
static bool overflow_is_told(uint32_t of_output) {
    ec_half samples[2 * 2 * EC_TILE_ROWS + 2] = {0}, output[2 * EC_TILE_ROWS];
    const ec_half largest[4] = {0x7bff};
    const ec_pulp_filter_run run = {samples, largest, 1, 2 * (uint32_t)sizeof(ec_half), output, 2};
    const bool quiet = ec_pulp_filter(&run) == 0;
    samples[2 * of_output] = 0x4000;
    return quiet && ec_pulp_filter(&run) != 0;
}

static float prelu(float value, float slope) {
    return value < 0.0f ? value * slope : value;
}

/* Three tiles, one behind the other; a panel of four channels or of two, the fourth being the second of another. */
static bool convolution_is_exact(uint32_t segments, uint32_t pairs, bool whole, bool with_residual) {
    enum { TILES = 3, OUTPUT_ROWS = TILES * EC_TILE_ROWS, CHANNELS = 6 };
    static PULP_L1 _Alignas(16) ec_half output[OUTPUT_ROWS * CHANNELS + 2], residual[OUTPUT_ROWS * CHANNELS + 2];
    static PULP_L1 _Alignas(16) uint8_t panel_bytes[sizeof(ec_panel) + sizeof columns];
    ec_panel *panel = (ec_panel *)(void *)panel_bytes;
    const uint32_t row_step = 6, segment_step = 10;
    const float slope = -0.375f;
    fill(residual, OUTPUT_ROWS * CHANNELS, 3, 8, 12);
    for (uint32_t i = 0; i < segments * pairs * EC_TILE_COLUMNS * 2; i++) {
        panel->pairs[0][0][i] = columns[i];
    }
    for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
        panel->of_column[column] = 0.75f - (float)column;
    }
    for (uint32_t i = 0; i < OUTPUT_ROWS * CHANNELS; i++) {
        output[i] = 0x5555;
    }
    const ec_pulp_convolution convolution = {
        .input = rows + HALVES,
        .row_step = row_step * (uint32_t)sizeof(ec_half),
        .segment_step = segment_step * (uint32_t)sizeof(ec_half),
        .tile_step = (EC_TILE_ROWS * row_step - segments * segment_step) * (uint32_t)sizeof(ec_half),
        .segments = segments,
        .pairs = pairs,
        .panel = panel,
        .output = output + 2,
        .residual = with_residual ? residual + 2 : NULL,
        .output_step = CHANNELS * (uint32_t)sizeof(ec_half),
        .whole = whole,
        .slope = slope,
        .tiles = TILES,
    };
    flip();
    ec_pulp_convolve_4_rows(&convolution);
    flip();
    bool exact = true;
    for (uint32_t row = 0; row < OUTPUT_ROWS; row++) {
        for (uint32_t channel = 0; channel < CHANNELS; channel++) {
            const uint32_t at = row * CHANNELS + channel, column = channel - 2;
            ec_half expected = 0x5555;
            if (column < (whole ? 4u : 2u)) {
                definition own = {.sum = panel->of_column[column] +
                                         (with_residual ? ec_to_float(residual[at]) : 0.0f)};
                for (uint32_t segment = 0; segment < segments; segment++) {
                    for (uint32_t pair = 0; pair < pairs; pair++) {
                        add_pair(&own, rows + HALVES + row * row_step + segment * segment_step + 2 * pair,
                                 panel->pairs[segment * pairs + pair][column]);
                    }
                }
                expected = ec_to_half(prelu(own.sum, slope));
            }
            exact = exact && output[at] == expected;
        }
    }
    return exact;
}

typedef struct ec_nearest {
    float distance;
    uint32_t word;
} ec_nearest;

/* Norms that a column of zeros and equal ones are among; one of the rows has found a near codeword before. */
static bool search_is_exact(uint32_t count, uint32_t pairs, uint32_t panels) {
    void (*const searches[])(ec_pulp_search *) = {ec_pulp_search_1_row, ec_pulp_search_2_rows, ec_pulp_search_3_rows,
                                                  ec_pulp_search_4_rows};
    static PULP_L1 _Alignas(16) uint8_t codebook[9 * (sizeof(ec_panel) + 16 * HALVES / 2)];
    const uint32_t bytes = ec_panel_bytes(pairs);
    ec_nearest found[EC_TILE_ROWS + 1], expected[EC_TILE_ROWS + 1];
    ec_pulp_search search = {.panel = ec_panel_at(codebook, 0, pairs), .pairs = pairs, .panels = panels, .word = 12,
                             .nearest = found};
    for (uint32_t number = 0; number < panels; number++) {
        ec_panel *panel = (ec_panel *)(void *)(codebook + number * bytes);
        fill(panel->pairs[0][0], pairs * EC_TILE_COLUMNS * 2, number / 2, 8, 12);
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            panel->of_column[column] = column == 3 ? 3.402823466e+38f : (float)(number / 2 % 3) * 0.5f;
        }
    }
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        const ec_nearest before = {row == 1 ? -1000.0f : 3.402823466e+38f, 77};
        found[row] = expected[row] = before;
        if (row < count) {
            search.rows[row] = rows + (row + 1) * HALVES;
            for (uint32_t word = 0; word < panels * EC_TILE_COLUMNS; word++) {
                const ec_panel *panel = ec_panel_at(codebook, word / EC_TILE_COLUMNS, pairs);
                definition own = {.sum = 0.0f};
                for (uint32_t pair = 0; pair < pairs; pair++) {
                    add_pair(&own, search.rows[row] + 2 * pair, panel->pairs[pair][word % EC_TILE_COLUMNS]);
                }
                const float distance = panel->of_column[word % EC_TILE_COLUMNS] - 2.0f * own.sum;
                if (distance < expected[row].distance) {
                    expected[row].distance = distance;
                    expected[row].word = 12 + word;
                }
            }
        }
    }
    flip();
    searches[count - 1](&search);
    flip();
    bool exact = true;
    for (uint32_t row = 0; row <= EC_TILE_ROWS; row++) {
        exact = exact && same(found[row].distance, expected[row].distance) && found[row].word == expected[row].word;
    }
    return exact;
}

#endif

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
    fill(rows, sizeof rows / sizeof rows[0], 1, 8, 12);
    fill(columns, sizeof columns / sizeof columns[0], 2, 8, 12);
    for (uint32_t count = 1; count <= EC_TILE_ROWS; count++) {
        bool exact = true;
        for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
            for (uint32_t segments = 1; segments <= SEGMENTS_MAX; segments++) {
                exact = tile_is_exact(count, segments, pair_counts[i]) && exact;
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
#ifdef EC_FUSED
    for (uint32_t step = 1; step <= 8; step++) {
        bool exact = true;
        for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
            exact = rounded_filter_is_exact(step, pair_counts[i]) && exact;
        }
        exact = overflow_is_told(step - 1) && exact;
        report("rounded filter of step ", (char)('0' + step), exact);
    }
    for (uint32_t kind = 0; kind < 4; kind++) {
        bool exact = true;
        for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
            for (uint32_t segments = 1; segments <= SEGMENTS_MAX; segments++) {
                exact = convolution_is_exact(segments, pair_counts[i], kind % 2 == 0, kind / 2 == 0) && exact;
            }
        }
        report("convolution of kind ", (char)('0' + kind), exact);
    }
    for (uint32_t count = 1; count <= EC_TILE_ROWS; count++) {
        bool exact = true;
        for (uint32_t i = 0; i < sizeof pair_counts / sizeof pair_counts[0]; i++) {
            for (uint32_t panels = 1; panels <= 9; panels++) {
                exact = search_is_exact(count, pair_counts[i], panels) && exact;
            }
        }
        report("search for rows ", (char)('0' + count), exact);
    }
#endif
    pulp_exit(0);
}
