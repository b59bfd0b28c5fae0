#include "quantizer.h"

static ec_half *query_of(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                         uint32_t token) {
    return ec_halves(worker, quantizer->queries) + (size_t)token * stage->samples;
}

/* Place of a query's value in the latent. */
static ec_half *residual_of(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                            uint32_t token, uint32_t sample) {
    const uint16_t *coordinates = (const uint16_t *)(const void *)(worker->codebooks + stage->coordinates);
    const uint32_t coordinate = stage->coordinates == EC_NONE ? sample : coordinates[sample];
    return ec_halves(worker, quantizer->latent.at) + (size_t)token * quantizer->latent.channels + coordinate;
}

ec_chunk ec_fetch_chunk(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                        uint32_t first) {
    const uint32_t count = ec_smaller(quantizer->blocks.size, stage->count - first);
    const size_t norms_bytes = count * sizeof(float);
    const size_t codeword_bytes = stage->samples * sizeof(ec_half);
    const uint32_t scratch = quantizer->blocks.scratch;
    const ec_chunk chunk = {
        .first = first,
        .count = count,
        .norms = ec_fetch(worker, scratch, worker->codebooks + stage->norms + first * sizeof(float), norms_bytes),
        .codewords = ec_fetch(worker, scratch + (uint32_t)norms_bytes,
                              worker->codebooks + stage->codewords + first * codeword_bytes, count * codeword_bytes),
    };
    return chunk;
}

void ec_gather_query(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t token) {
    ec_half *query = query_of(worker, quantizer, stage, token);
    for (uint32_t sample = 0; sample < stage->samples; sample++) {
        query[sample] = *residual_of(worker, quantizer, stage, token, sample);
    }
}

void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, const ec_chunk *chunk,
               ec_range codewords, uint32_t token, ec_nearest *nearest) {
    const ec_half *query = query_of(worker, quantizer, stage, token);
    for (uint32_t k = codewords.first; k < codewords.end; k++) {
        const float product = ec_add_products(0.0f, query, chunk->codewords + (size_t)k * stage->samples,
                                              stage->samples);
        const float distance = chunk->norms[k] - 2.0f * product;
        if (distance < nearest->distance) {
            nearest->distance = distance;
            nearest->index = chunk->first + k;
        }
    }
}

void ec_subtract_codeword(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                          uint32_t token, uint32_t index) {
    const ec_half *codeword =
        (const ec_half *)(const void *)(worker->codebooks + stage->codewords) + (size_t)index * stage->samples;
    for (uint32_t sample = 0; sample < stage->samples; sample++) {
        ec_half *residual = residual_of(worker, quantizer, stage, token, sample);
        *residual = ec_to_half(ec_to_float(*residual) - ec_to_float(codeword[sample]));
    }
}
