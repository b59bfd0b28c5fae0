/* Stages of the chosen regime side by side: those in a row that have no coordinate in common do not wait for each
 * other. Each is one worker's, from the query to the residual; the result is that of one stage after the other. */
#include "quantizer.h"

typedef struct stages_abreast {
    ec_range numbers;
    const uint8_t *panels; /* of this worker's stage, where they will be */
} stages_abreast;

/* Whether no coordinate is among those taken; takes them. Beyond 256 of them some pass for others, to no harm. */
static bool take_coordinates(uint32_t *taken, const uint16_t *coordinates, uint32_t count) {
    uint32_t met = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *word = &taken[coordinates[i] / 32 % 8];
        const uint32_t bit = UINT32_C(1) << coordinates[i] % 32;
        met |= *word & bit;
        *word |= bit;
    }
    return met == 0;
}

/* As many of the next `stages` as may run side by side; asks for their codewords. */
static stages_abreast fetch_abreast(const ec_worker *worker, const ec_quantizer *quantizer, const uint8_t *coordinates,
                                    ec_range stages, uint32_t regime, uint32_t half) {
    const uint32_t most = ec_smaller(quantizer->abreast, worker->team->workers);
    uint32_t taken[8] = {0}, scratch = quantizer->panels + half * quantizer->block_bytes;
    stages_abreast found = {{stages.first, stages.first}, NULL};
    for (uint32_t slot = 0; slot < most && found.numbers.end < stages.end; slot++) {
        const ec_stage *stage = &quantizer->stages[found.numbers.end];
        const uint32_t samples = stage->samples, bytes = ec_panels_of_regime(stage) * ec_panel_bytes(samples / 2);
        const uint8_t *of_stage = coordinates + (stage->coordinates - quantizer->coordinates);
        const bool alone = take_coordinates(
            taken, (const uint16_t *)(const void *)of_stage + (size_t)regime * samples, samples);
        if (!alone && slot > 0) { /* the first one may only meet itself */
            break;
        }
        const uint8_t *panels = ec_fetch(worker, scratch, ec_codebooks_of(worker, stage) + (size_t)regime * bytes, bytes);
        if (slot == worker->team->worker) {
            found.panels = panels;
        }
        scratch += bytes;
        found.numbers.end++;
    }
    return found;
}

/* Runs this worker's stage, if it has one. */
static void run_own_stage(const ec_worker *worker, const ec_quantizer *quantizer, const uint8_t *coordinates,
                          const stages_abreast *abreast, uint32_t regime, uint16_t *words) {
    const uint32_t own = worker->team->worker;
    if (abreast->panels != NULL) {
        const ec_stage stage = quantizer->stages[abreast->numbers.first + own];
        const uint16_t *of_regime =
            (const uint16_t *)(const void *)(coordinates + (stage.coordinates - quantizer->coordinates)) +
            (size_t)regime * stage.samples;
        ec_half *query = ec_halves(worker, quantizer->queries) + (size_t)own * stage.samples;
        ec_half *residual = ec_residual_of(worker, quantizer, regime);
        ec_gather(&stage, residual, of_regime, query);
        const uint32_t word = ec_search_regime(&stage, abreast->panels, query);
        const ec_panel *panel = ec_panel_at(abreast->panels, word / EC_TILE_COLUMNS, stage.samples / 2);
        ec_subtract(&stage, panel, word % EC_TILE_COLUMNS, query, residual, of_regime);
        words[own] = (uint16_t)word;
    }
}

void ec_run_abreast(const ec_worker *worker, const ec_quantizer *quantizer, const uint8_t *coordinates, ec_range stages,
                    uint32_t regime, uint16_t *words) {
    uint32_t half = 0, rate = ec_next_rate(quantizer, stages.first);
    ec_range rest = {stages.first, ec_smaller(stages.end, quantizer->stages_of_rate[rate])};
    stages_abreast next = fetch_abreast(worker, quantizer, coordinates, rest, regime, half);
    while (next.numbers.first < next.numbers.end) {
        const stages_abreast abreast = next;
        ec_wait_for_all(worker);
        const bool rate_is_done = abreast.numbers.end == rest.end;
        rest.first = abreast.numbers.end;
        if (rate_is_done && rest.end < stages.end) {
            rest.end = quantizer->stages_of_rate[rate + 1];
        }
        half ^= 1u;
        next = fetch_abreast(worker, quantizer, coordinates, rest, regime, half);
        run_own_stage(worker, quantizer, coordinates, &abreast, regime, words);
        for (uint32_t number = abreast.numbers.first; number < abreast.numbers.end; number++) {
            ec_report(worker, quantizer->first_step + number, words++, sizeof *words);
        }
        if (rate_is_done) {
            ec_wait_for_all(worker);
            if (quantizer->evidence.left != EC_NONE && worker->team->worker == 0) {
                ec_left_of(worker, &quantizer->evidence)[rate] = ec_residual_energy(worker, quantizer, regime);
            }
            rate++;
        }
    }
    ec_wait_for_all(worker);
}
