/* One stage on several cores: Algorithm 2 of the EdgeCodec paper (arXiv 2507.06040).
 *
 * The codewords are shared out, then the workers' candidates are reduced. Among equal distances the lowest index wins,
 * whichever worker found it: the result is that of Algorithm 1.
 */
#include "quantizer.h"

static ec_nearest reduce(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t token) {
    ec_nearest best = ec_no_codeword();
    for (uint32_t of_worker = 0; of_worker < worker->team->workers; of_worker++) {
        const ec_nearest candidate = ec_nearest_of(worker, quantizer, of_worker)[token];
        if (candidate.distance < best.distance ||
            (candidate.distance == best.distance && candidate.index < best.index)) {
            best = candidate;
        }
    }
    return best;
}

void ec_run_stage_parallel(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                           uint16_t *indices) {
    const ec_range tokens = ec_share(worker, quantizer->tokens);
    ec_nearest *nearest = ec_nearest_of(worker, quantizer, worker->team->worker);
    for (uint32_t token = tokens.first; token < tokens.end; token++) {
        ec_gather_query(worker, quantizer, stage, token);
    }
    for (uint32_t token = 0; token < quantizer->tokens; token++) {
        nearest[token] = ec_no_codeword();
    }
    ec_wait_for_all(worker);
    for (uint32_t first = 0; first < stage->count; first += quantizer->blocks.size) {
        const ec_chunk chunk = ec_fetch_chunk(worker, quantizer, stage, first);
        const ec_range share = ec_share(worker, chunk.count);
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            ec_search(worker, quantizer, stage, &chunk, share, token, &nearest[token]);
        }
        ec_wait_for_all(worker);
    }
    for (uint32_t token = tokens.first; token < tokens.end; token++) {
        const ec_nearest best = reduce(worker, quantizer, token);
        indices[token] = (uint16_t)best.index;
        ec_subtract_codeword(worker, quantizer, stage, token, best.index);
    }
    ec_wait_for_all(worker);
}
