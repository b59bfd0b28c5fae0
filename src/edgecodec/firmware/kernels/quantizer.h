/* What the parts of the residual vector quantizer have in common.
 *
 * A row is a token in the coordinates of a regime: regime * tokens + token. The codewords of a stage are numbered
 * through all regimes: regime * count + word.
 */
#ifndef EC_QUANTIZER_H
#define EC_QUANTIZER_H

#include <float.h>

#include "worker.h"

typedef struct ec_nearest {
    float distance; /* squared, without the query's own norm, which is the same for all codewords */
    uint32_t codeword;
} ec_nearest;

_Static_assert(sizeof(ec_nearest) == 8, "what the memory planner counts");

/* Some codewords of a stage, fetched. */
typedef struct ec_chunk {
    ec_range codewords;
    const float *norms;       /* [codewords] */
    const ec_half *samples;   /* [codewords][samples] */
} ec_chunk;

/* Fetches codewords from `wanted.first` on, as many as there is room for. */
ec_chunk ec_fetch_chunk(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, ec_range wanted);

/* Copies the values of `row` that the stage quantizes into its query. */
void ec_gather_query(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row);

/* Where a search starts: at the first codeword of the row's regime, but farther than any. A distance that is not a
 * number never wins. */
ec_nearest ec_no_codeword(const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row);

/* Looks among `codewords`, a part of `chunk`, for one of the row's regime that is nearer to its query than `nearest`. */
void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, const ec_chunk *chunk,
               ec_range codewords, uint32_t row, ec_nearest *nearest);

/* Subtracts `codeword` from the query of `row`; the rest is what the next stage sees. Returns its word in the regime's
 * codebook. */
uint16_t ec_take_codeword(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row,
                          uint32_t codeword);

/* One stage for some regimes; `words` [rows of these regimes]. Collective, like the kernels. */
void ec_run_stage_serial(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                         ec_range regimes, uint16_t *words);
void ec_run_stage_parallel(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                           ec_range regimes, uint16_t *words);

/* Chooses the regime that left the least energy, and copies what it found in the contested stages to `indices`. */
uint32_t ec_choose_regime(const ec_worker *worker, const ec_quantizer *quantizer, uint16_t *indices);

/* Rows, or codewords, of some regimes: `each` has this many. */
static inline ec_range ec_of_regimes(ec_range regimes, uint32_t each) {
    const ec_range range = {regimes.first * each, regimes.end * each};
    return range;
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

static inline ec_choice *ec_choice_of(const ec_worker *worker, const ec_quantizer *quantizer) {
    return (ec_choice *)(void *)(worker->arena + quantizer->choice);
}

#endif
