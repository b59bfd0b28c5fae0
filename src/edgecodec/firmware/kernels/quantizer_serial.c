/* One stage on one core: Algorithm 1 of the EdgeCodec paper (arXiv 2507.06040). */
#include "quantizer.h"

void ec_run_stage_serial(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                         uint16_t *indices) {
    ec_nearest *nearest = ec_nearest_of(worker, quantizer, 0);
    for (uint32_t token = 0; token < quantizer->tokens; token++) {
        ec_gather_query(worker, quantizer, stage, token);
        nearest[token] = ec_no_codeword();
    }
    for (uint32_t first = 0; first < stage->count; first += quantizer->blocks.size) {
        const ec_chunk chunk = ec_fetch_chunk(worker, quantizer, stage, first);
        const ec_range all = {0, chunk.count};
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            ec_search(worker, quantizer, stage, &chunk, all, token, &nearest[token]);
        }
    }
    for (uint32_t token = 0; token < quantizer->tokens; token++) {
        indices[token] = (uint16_t)nearest[token].index;
        ec_subtract_codeword(worker, quantizer, stage, token, nearest[token].index);
    }
}
