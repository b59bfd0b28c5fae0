/* What both ways to run a stage of the residual vector quantizer have in common. */
#ifndef EC_QUANTIZER_H
#define EC_QUANTIZER_H

#include <float.h>

#include "worker.h"

typedef struct ec_nearest {
    float distance; /* squared, without the query's own norm, which is the same for all codewords */
    uint32_t index;
} ec_nearest;

_Static_assert(sizeof(ec_nearest) == 8, "what the memory planner counts");

/* Some codewords of a stage, fetched. */
typedef struct ec_chunk {
    uint32_t first;
    uint32_t count;
    const float *norms;         /* [count] */
    const ec_half *codewords;   /* [count][samples] */
} ec_chunk;

ec_chunk ec_fetch_chunk(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t first);

/* Copies the values of `token` that the stage quantizes into its query. */
void ec_gather_query(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t token);

/* Looks for a codeword of `chunk`, from `first` to before `end`, that is nearer to the query of `token` than `nearest`. */
void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, const ec_chunk *chunk,
               ec_range codewords, uint32_t token, ec_nearest *nearest);

/* Subtracts codeword `index` from the query of `token`; the rest is what the next stage sees. */
void ec_subtract_codeword(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                          uint32_t token, uint32_t index);

/* Where a search starts: farther than any codeword. A distance that is not a number never wins. */
static inline ec_nearest ec_no_codeword(void) {
    const ec_nearest none = {FLT_MAX, 0};
    return none;
}

/* Scratch for the nearest codeword of every token, one row per worker. */
static inline ec_nearest *ec_nearest_of(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t of_worker) {
    return (ec_nearest *)(void *)(worker->arena + quantizer->nearest) + (size_t)of_worker * quantizer->tokens;
}

#endif
