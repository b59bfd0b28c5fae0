/* One stage on several cores: Algorithm 2 of the EdgeCodec paper (arXiv 2507.06040).
 *
 * The codewords are shared out, then the workers' candidates are reduced. Among equal distances the lowest codeword
 * wins, whichever worker found it: the result is that of Algorithm 1.
 */
#include "quantizer.h"

static ec_nearest reduce(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row) {
    ec_nearest best = ec_no_codeword(quantizer, stage, row);
    for (uint32_t of_worker = 0; of_worker < worker->team->workers; of_worker++) {
        const ec_nearest candidate = ec_nearest_of(worker, quantizer, of_worker)[row];
        if (candidate.distance < best.distance ||
            (candidate.distance == best.distance && candidate.codeword < best.codeword)) {
            best = candidate;
        }
    }
    return best;
}

void ec_run_stage_parallel(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                           ec_range regimes, uint16_t *words) {
    const ec_range rows = ec_of_regimes(regimes, quantizer->tokens);
    const ec_range own_rows = ec_share_of(worker, rows);
    ec_range codewords = ec_of_regimes(regimes, stage->count);
    ec_nearest *nearest = ec_nearest_of(worker, quantizer, worker->team->worker);
    for (uint32_t row = own_rows.first; row < own_rows.end; row++) {
        ec_gather_query(worker, quantizer, stage, row);
    }
    for (uint32_t row = rows.first; row < rows.end; row++) {
        nearest[row] = ec_no_codeword(quantizer, stage, row);
    }
    ec_wait_for_all(worker);
    while (codewords.first < codewords.end) {
        const ec_chunk chunk = ec_fetch_chunk(worker, quantizer, stage, codewords);
        const ec_range own_codewords = ec_share_of(worker, chunk.codewords);
        for (uint32_t row = rows.first; row < rows.end; row++) {
            ec_search(worker, quantizer, stage, &chunk, own_codewords, row, &nearest[row]);
        }
        ec_wait_for_all(worker);
        codewords.first = chunk.codewords.end;
    }
    for (uint32_t row = own_rows.first; row < own_rows.end; row++) {
        const ec_nearest best = reduce(worker, quantizer, stage, row);
        words[row - rows.first] = ec_take_codeword(worker, quantizer, stage, row, best.codeword);
    }
    ec_wait_for_all(worker);
}
