/* One stage on one core: Algorithm 1 of the EdgeCodec paper (arXiv 2507.06040). */
#include "quantizer.h"

void ec_run_stage_serial(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                         ec_range regimes, uint16_t *words) {
    const ec_range rows = ec_of_regimes(regimes, quantizer->tokens);
    ec_range codewords = ec_of_regimes(regimes, stage->count);
    ec_nearest *nearest = ec_nearest_of(worker, quantizer, 0);
    for (uint32_t row = rows.first; row < rows.end; row++) {
        ec_gather_query(worker, quantizer, stage, row);
        nearest[row] = ec_no_codeword(quantizer, stage, row);
    }
    while (codewords.first < codewords.end) {
        const ec_chunk chunk = ec_fetch_chunk(worker, quantizer, stage, codewords);
        for (uint32_t row = rows.first; row < rows.end; row++) {
            ec_search(worker, quantizer, stage, &chunk, chunk.codewords, row, &nearest[row]);
        }
        codewords.first = chunk.codewords.end;
    }
    for (uint32_t row = rows.first; row < rows.end; row++) {
        words[row - rows.first] = ec_take_codeword(worker, quantizer, stage, row, nearest[row].codeword);
    }
}
