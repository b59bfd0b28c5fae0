/* The residual vector quantizer: regimes compete over the contested stages, the chosen one runs the others alone. */
#include "quantizer.h"

static uint32_t regime_of(const ec_quantizer *quantizer, uint32_t row) {
    return row / quantizer->tokens;
}

static ec_half *query_of(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row) {
    return ec_halves(worker, quantizer->queries) + (size_t)row * stage->samples;
}

static ec_half *residual_of(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t row) {
    return ec_halves(worker, quantizer->latent.at) + (size_t)row * quantizer->latent.channels;
}

/* Which of a row's values the stage quantizes; NULL: all of them, in order. */
static const uint16_t *coordinates_of(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                                      uint32_t row) {
    if (stage->coordinates == EC_NONE) {
        return NULL;
    }
    return (const uint16_t *)(const void *)(worker->codebooks + stage->coordinates) +
           (size_t)regime_of(quantizer, row) * stage->samples;
}

ec_chunk ec_fetch_chunk(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage,
                        ec_range wanted) {
    const uint32_t count = ec_smaller(quantizer->blocks.size, wanted.end - wanted.first);
    const size_t norms_bytes = count * sizeof(float);
    const size_t codeword_bytes = stage->samples * sizeof(ec_half);
    const uint32_t scratch = quantizer->blocks.scratch;
    const ec_chunk chunk = {
        .codewords = {wanted.first, wanted.first + count},
        .norms = ec_fetch(worker, scratch, worker->codebooks + stage->norms + wanted.first * sizeof(float),
                          norms_bytes),
        .samples = ec_fetch(worker, scratch + (uint32_t)norms_bytes,
                            worker->codebooks + stage->codewords + wanted.first * codeword_bytes,
                            count * codeword_bytes),
    };
    return chunk;
}

void ec_gather_query(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row) {
    const uint16_t *coordinates = coordinates_of(worker, quantizer, stage, row);
    const ec_half *residual = residual_of(worker, quantizer, row);
    ec_half *query = query_of(worker, quantizer, stage, row);
    for (uint32_t sample = 0; sample < stage->samples; sample++) {
        query[sample] = residual[coordinates == NULL ? sample : coordinates[sample]];
    }
}

ec_nearest ec_no_codeword(const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row) {
    const ec_nearest none = {FLT_MAX, regime_of(quantizer, row) * stage->count};
    return none;
}

void ec_search(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, const ec_chunk *chunk,
               ec_range codewords, uint32_t row, ec_nearest *nearest) {
    const ec_half *query = query_of(worker, quantizer, stage, row);
    const uint32_t regime = regime_of(quantizer, row);
    const uint32_t first = ec_larger(codewords.first, regime * stage->count);
    const uint32_t end = ec_smaller(codewords.end, (regime + 1) * stage->count);
    for (uint32_t codeword = first; codeword < end; codeword++) {
        const uint32_t fetched = codeword - chunk->codewords.first;
        const float product = ec_add_products(0.0f, query, chunk->samples + (size_t)fetched * stage->samples,
                                              stage->samples);
        const float distance = chunk->norms[fetched] - 2.0f * product;
        if (distance < nearest->distance) {
            nearest->distance = distance;
            nearest->codeword = codeword;
        }
    }
}

uint16_t ec_take_codeword(const ec_worker *worker, const ec_quantizer *quantizer, const ec_stage *stage, uint32_t row,
                          uint32_t codeword) {
    const uint16_t *coordinates = coordinates_of(worker, quantizer, stage, row);
    const ec_half *samples =
        (const ec_half *)(const void *)(worker->codebooks + stage->codewords) + (size_t)codeword * stage->samples;
    ec_half *residual = residual_of(worker, quantizer, row);
    for (uint32_t sample = 0; sample < stage->samples; sample++) {
        ec_half *value = residual + (coordinates == NULL ? sample : coordinates[sample]);
        *value = ec_to_half(ec_to_float(*value) - ec_to_float(samples[sample]));
    }
    return (uint16_t)(codeword - regime_of(quantizer, row) * stage->count);
}

static void run_stage(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t number, ec_range regimes,
                      uint16_t *words) {
    const ec_stage *stage = &quantizer->stages[number];
    if (worker->team->workers == 1) {
        ec_run_stage_serial(worker, quantizer, stage, regimes, words);
    } else {
        ec_run_stage_parallel(worker, quantizer, stage, regimes, words);
    }
    ec_report(worker, quantizer->first_step + number, words,
              (regimes.end - regimes.first) * quantizer->tokens * sizeof *words);
}

void ec_run_quantizer(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t stages, uint16_t *indices) {
    ec_range regimes = {0, quantizer->regimes};
    for (uint32_t number = 0; number < quantizer->contested; number++) {
        run_stage(worker, quantizer, number, regimes, ec_candidates_of(worker, quantizer, number));
    }
    if (quantizer->contested > 0) {
        regimes.first = ec_choose_regime(worker, quantizer, indices);
        regimes.end = regimes.first + 1;
    }
    for (uint32_t number = quantizer->contested; number < stages; number++) {
        run_stage(worker, quantizer, number, regimes, indices + (size_t)number * quantizer->tokens);
    }
}
