/* The search of a stage: which codeword is nearest to a query. */
#include "quantizer.h"

/* Twice a product is exact, so that a fused operation rounds as the two do. */
static inline float distance_of(float norm, float product) {
#ifdef EC_XPULP
    return __builtin_fmaf(-2.0f, product, norm);
#else
    return norm - 2.0f * product;
#endif
}

/* Of those that are numbers. */
static inline float least_of(const float *distances) {
#ifdef EC_XPULP
    return __builtin_fminf(__builtin_fminf(distances[0], distances[1]), __builtin_fminf(distances[2], distances[3]));
#else
    float least = FLT_MAX;
    for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
        least = distances[column] < least ? distances[column] : least;
    }
    return least;
#endif
}

/* Of equal ones the first is taken, and never a column that fills up a panel. */
static void compare(const float *products, const float *norms, uint32_t first_word, ec_nearest *nearest) {
    float distances[EC_TILE_COLUMNS];
    for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
        distances[column] = distance_of(norms[column], products[column]);
    }
    const float least = least_of(distances);
    if (least < nearest->distance) {
        uint32_t column = 0;
        while (distances[column] != least) {
            column++;
        }
        nearest->distance = least;
        nearest->word = first_word + column;
    }
}

/* Up to EC_TILE_ROWS rows of one regime; the panels `words` of its codebook begin at `panels`. */
static void search_rows(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                        const uint8_t *panels, ec_range words, ec_range rows, ec_nearest *nearest) {
    const uint32_t pairs = stage->samples / 2;
    const ec_half *queries[EC_TILE_ROWS];
    for (uint32_t row = rows.first; row < rows.end; row++) {
        queries[row - rows.first] = ec_query_of(worker, quantizer, stage, row);
    }
    for (uint32_t number = words.first; number < words.end; number++) {
        const ec_panel *panel = ec_panel_at(panels, number - words.first, pairs);
        float products[EC_TILE_ROWS][EC_TILE_COLUMNS];
        const ec_tile tile = {queries, panel->pairs[0][0], rows.end - rows.first, 1, pairs, false};
        ec_add_tile(products, &tile);
        for (uint32_t row = rows.first; row < rows.end; row++) {
            compare(products[row - rows.first], panel->of_column, number * EC_TILE_COLUMNS, &nearest[row]);
        }
    }
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
