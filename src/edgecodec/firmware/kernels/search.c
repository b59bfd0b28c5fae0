/* The search of a stage: which codeword is nearest to a query. */
#include "fused.h"
#include "quantizer.h"

/* Up to EC_TILE_ROWS queries of one regime, and panels of its codebook. */
typedef struct codeword_search {
    const ec_half *queries[EC_TILE_ROWS];
    uint32_t rows;
    uint32_t pairs; /* of a query */
    const uint8_t *panels;
    ec_range numbers;    /* of these panels, in the codebook */
    ec_nearest *nearest; /* [rows] */
} codeword_search;

#ifdef EC_FUSED

static void run_search(const codeword_search *search) {
    ec_pulp_search run = {
        .rows = {search->queries[0], search->queries[1], search->queries[2], search->queries[3]},
        .panel = ec_panel_at(search->panels, 0, search->pairs),
        .pairs = search->pairs,
        .panels = search->numbers.end - search->numbers.first,
        .word = search->numbers.first * EC_TILE_COLUMNS,
        .nearest = search->nearest,
    };
    EC_PULP_BY_ROWS(search->rows, ec_pulp_search, &run)
}

#else

/* Of equal distances the first is taken, and never a column that fills up a panel. */
static void compare(const float *products, const float *norms, uint32_t first_word, ec_nearest *nearest) {
    for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
        const float distance = norms[column] - 2.0f * products[column];
        if (distance < nearest->distance) {
            nearest->distance = distance;
            nearest->word = first_word + column;
        }
    }
}

static void clear(float *products) {
    for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
        products[column] = 0.0f;
    }
}

static void run_search(const codeword_search *search) {
    for (uint32_t number = search->numbers.first; number < search->numbers.end; number++) {
        const ec_panel *panel = ec_panel_at(search->panels, number - search->numbers.first, search->pairs);
        float products[EC_TILE_ROWS][EC_TILE_COLUMNS];
        for (uint32_t row = 0; row < search->rows; row++) {
            clear(products[row]);
        }
        const ec_tile tile = {search->queries, panel->pairs[0][0], search->rows, 1, search->pairs};
        ec_add_tile(products, &tile);
        for (uint32_t row = 0; row < search->rows; row++) {
            compare(products[row], panel->of_column, number * EC_TILE_COLUMNS, &search->nearest[row]);
        }
    }
}

#endif

/* Rows of one regime. */
static void search_rows(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                        const uint8_t *panels, ec_range numbers, ec_range rows, ec_nearest *nearest) {
    codeword_search search = {.rows = rows.end - rows.first, .pairs = stage->samples / 2, .panels = panels, .numbers = numbers,
                     .nearest = nearest + rows.first};
    for (uint32_t row = rows.first; row < rows.end; row++) {
        search.queries[row - rows.first] = ec_query_of(worker, quantizer, stage, row);
    }
    run_search(&search);
}

uint32_t ec_search_regime(const ec_stage *stage, const uint8_t *panels, const ec_half *query) {
    ec_nearest nearest = ec_no_codeword();
    const codeword_search search = {.queries = {query}, .rows = 1, .pairs = stage->samples / 2, .panels = panels,
                                    .numbers = {0, ec_panels_of_regime(stage)}, .nearest = &nearest};
    run_search(&search);
    return nearest.word;
}

void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_codewords *codewords, ec_range regimes,
               ec_nearest *nearest) {
    const ec_stage *stage = codewords->stage;
    const uint32_t of_regime = ec_panels_of_regime(stage);
    const ec_range share = ec_share_of(worker, codewords->numbers);
    for (uint32_t regime = regimes.first; regime < regimes.end; regime++) {
        const ec_range own = {ec_larger(share.first, regime * of_regime),
                              ec_smaller(share.end, (regime + 1) * of_regime)};
        if (own.first < own.end) {
            const uint8_t *panels = (const uint8_t *)ec_panel_at(codewords->panels, own.first - codewords->numbers.first,
                                                                 stage->samples / 2);
            const ec_range words = {own.first - regime * of_regime, own.end - regime * of_regime};
            const uint32_t end = (regime + 1) * quantizer->tokens;
            for (uint32_t row = regime * quantizer->tokens; row < end; row += EC_TILE_ROWS) {
                const ec_range rows = {row, ec_smaller(row + EC_TILE_ROWS, end)};
                search_rows(worker, quantizer, stage, panels, words, rows, nearest);
            }
        }
    }
}
