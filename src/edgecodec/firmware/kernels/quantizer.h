/* What the parts of the residual vector quantizer have in common.
 *
 * A row is a token in the coordinates of a regime: regime * tokens + token. Rows are shared out among the workers, and
 * so are the panels of codewords.
 */
#ifndef EC_QUANTIZER_H
#define EC_QUANTIZER_H

#include <float.h>

#include "stream.h"
#include "tile.h"

typedef struct ec_nearest {
    float distance; /* squared, without the query's own norm, which is the same for all codewords */
    uint32_t word;  /* in the codebook of the row's regime */
} ec_nearest;

_Static_assert(sizeof(ec_nearest) == 8, "what the memory planner counts");

/* Where a search starts: at the first codeword, but farther than any. A distance that is not a number never wins. */
static inline ec_nearest ec_no_codeword(void) {
    const ec_nearest none = {FLT_MAX, 0};
    return none;
}

/* A part of a stage's codebooks, fetched. */
typedef struct ec_codewords {
    const ec_stage *stage;
    const uint8_t *panels;
    ec_range numbers; /* of these panels, through the codebooks of all regimes */
} ec_codewords;

static inline uint32_t ec_panels_of_regime(const ec_stage *stage) {
    return ec_panels(stage->count);
}

static inline uint32_t ec_regime_of(const ec_quantizer *quantizer, uint32_t row) {
    return row / quantizer->tokens;
}

static inline ec_half *ec_residual_of(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t row) {
    return ec_halves(worker, quantizer->latent.at) + (size_t)row * quantizer->latent.channels;
}

/* What a stage searches the nearest codeword of: some of a row's values, gathered, or all of them where they are. */
static inline ec_half *ec_query_of(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                                   uint32_t row) {
    return stage->coordinates == EC_NONE ? ec_residual_of(worker, quantizer, row)
                                         : ec_halves(worker, quantizer->queries) + (size_t)row * stage->samples;
}

/* Scratch for the nearest codeword of every row, for each worker. */
static inline ec_nearest *ec_nearest_of(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t of_worker) {
    return (ec_nearest *)(void *)(worker->arena + quantizer->nearest) +
           (size_t)of_worker * quantizer->regimes * quantizer->tokens;
}

/* Scratch for what all regimes find in the contested stages, one row of words per stage. */
static inline uint16_t *ec_candidates_of(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t stage) {
    return (uint16_t *)(void *)(worker->arena + quantizer->candidates) +
           (size_t)stage * quantizer->regimes * quantizer->tokens;
}

/* The energy of a regime's residual. */
static inline float ec_residual_energy(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t regime) {
    const ec_half *residual = ec_residual_of(worker, quantizer, regime * quantizer->tokens);
    return ec_add_products(0.0f, residual, residual, quantizer->tokens * quantizer->latent.channels);
}

static inline ec_choice *ec_choice_of(const ec_worker *worker, const ec_quantizer *quantizer) {
    return (ec_choice *)(void *)(worker->arena + quantizer->choice);
}

static inline void ec_gather(const ec_stage *stage, const ec_half *residual, const uint16_t *coordinates,
                             ec_half *query) {
    for (uint32_t sample = 0; sample < stage->samples; sample++) {
        query[sample] = residual[coordinates[sample]];
    }
}

/* Subtracts a codeword from a query; the rest goes to the residual, unless the query is in its place: `coordinates` is
 * NULL. */
static inline void ec_subtract(const ec_stage *stage, const ec_panel *panel, uint32_t column, ec_half *query,
                               ec_half *residual, const uint16_t *coordinates) {
    for (uint32_t sample = 0; sample < stage->samples; sample += 2) {
        const ec_pair codeword = ec_load_pair(panel->pairs[sample / 2][column]);
        ec_store_pair(query + sample, ec_subtract_pairs(ec_load_pair(query + sample), codeword));
        if (coordinates != NULL) {
            residual[coordinates[sample]] = query[sample];
            residual[coordinates[sample + 1]] = query[sample + 1];
        }
    }
}

static inline const uint8_t *ec_codebooks_of(const ec_worker *worker, const ec_stage *stage) {
    return worker->codebooks + stage->codebooks;
}

/* The number of the lowest rate with more stages than these. */
static inline uint32_t ec_next_rate(const ec_quantizer *quantizer, uint32_t stages) {
    uint32_t rate = 0;
    while (rate < quantizer->evidence.rates && quantizer->stages_of_rate[rate] <= stages) {
        rate++;
    }
    return rate;
}

/* The kernel of the quantizer, like those of layers: indices [stages][tokens] of the latent, which it overwrites. */
void ec_run_quantizer(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t stages, uint16_t *indices);

/* Runs stages that all have coordinates, for one regime and one token, and notes the energy that each rate leaves. */
void ec_run_abreast(const ec_worker *worker, const ec_quantizer *quantizer, const uint8_t *coordinates, ec_range stages,
                    uint32_t regime, uint16_t *words);

/* Looks among the worker's share of `codewords` for ones that are nearer to the queries of their regime, one of
 * `regimes`, than those in `nearest` [row]. */
void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_codewords *codewords, ec_range regimes,
               ec_nearest *nearest);

/* The codeword of one regime's `panels` that is nearest to `query`. */
uint32_t ec_search_regime(const ec_stage *stage, const uint8_t *panels, const ec_half *query);

/* Chooses the regime that left the least energy, and copies what it found in the contested stages to `words`. */
uint32_t ec_choose_regime(const ec_worker *worker, const ec_quantizer *quantizer, uint16_t *words);

#endif
