/* The residual vector quantizer: regimes compete over the contested stages, the chosen one runs the others alone.
 * Stages in a row with no coordinate in common then run side by side: see abreast.c.
 *
 * On one worker a stage is Algorithm 1 of the EdgeCodec paper (arXiv 2507.06040), on several it is Algorithm 2: the
 * codewords are shared out, then what the workers found is compared. Among equal distances the lowest codeword wins,
 * whichever worker found it: the result does not depend on the number of workers.
 */
#include "quantizer.h"

/* What a stage is run for. */
typedef struct stage_run {
    const ec_worker *worker;
    const ec_quantizer *quantizer;
    const uint8_t *coordinates; /* of all stages */
    const ec_stage *stage;
    ec_range regimes;
    ec_range own_rows; /* that this worker gathers the queries of, and subtracts the codewords from */
} stage_run;

/* Which of a row's values the stage quantizes. Only for stages that have coordinates. */
static const uint16_t *coordinates_of(const stage_run *run, uint32_t row) {
    const uint8_t *of_stage = run->coordinates + (run->stage->coordinates - run->quantizer->coordinates);
    return (const uint16_t *)(const void *)of_stage +
           (size_t)ec_regime_of(run->quantizer, row) * run->stage->samples;
}

static void gather_query(const stage_run *run, uint32_t row) {
    if (run->stage->coordinates != EC_NONE) {
        ec_gather(run->stage, ec_residual_of(run->worker, run->quantizer, row), coordinates_of(run, row),
                  ec_query_of(run->worker, run->quantizer, run->stage, row));
    }
}

static ec_nearest reduce(const stage_run *run, uint32_t row) {
    ec_nearest best = ec_no_codeword();
    for (uint32_t of_worker = 0; of_worker < run->worker->team->workers; of_worker++) {
        const ec_nearest candidate = ec_nearest_of(run->worker, run->quantizer, of_worker)[row];
        if (candidate.distance < best.distance ||
            (candidate.distance == best.distance && candidate.word < best.word)) {
            best = candidate;
        }
    }
    return best;
}

/* Subtracts a codeword from the query of `row`; the rest is what the next stage sees. */
static void take_codeword(const stage_run *run, const ec_codewords *codewords, uint32_t row, uint32_t word) {
    const ec_stage *stage = run->stage;
    const uint32_t number = ec_regime_of(run->quantizer, row) * ec_panels_of_regime(stage) + word / EC_TILE_COLUMNS;
    const ec_panel *panel = ec_panel_at(codewords->panels, number - codewords->numbers.first, stage->samples / 2);
    ec_subtract(stage, panel, word % EC_TILE_COLUMNS, ec_query_of(run->worker, run->quantizer, stage, row),
                ec_residual_of(run->worker, run->quantizer, row),
                stage->coordinates == EC_NONE ? NULL : coordinates_of(run, row));
}

static ec_range panels_of(const ec_stage *stage, ec_range regimes) {
    const ec_range panels = {regimes.first * ec_panels_of_regime(stage), regimes.end * ec_panels_of_regime(stage)};
    return panels;
}

/* Asks for the first codewords of a stage, while those of the stage before may still be in use. */
static void stream_stage(const ec_worker *worker, const ec_stage *stage, ec_range regimes, ec_stream *stream) {
    const ec_range panels = panels_of(stage, regimes);
    const uint32_t bytes = ec_panel_bytes(stage->samples / 2);
    ec_redirect_stream(worker, stream, ec_codebooks_of(worker, stage) + (size_t)panels.first * bytes,
                       panels.end - panels.first, bytes, stage->block);
}

/* Runs a stage whose first codewords are on their way; asks for those of the stage `next`, if there is one. */
static void run_stage(const stage_run *run, ec_stream *stream, const ec_stage *next, uint16_t *words) {
    const ec_worker *worker = run->worker;
    const uint32_t tokens = run->quantizer->tokens;
    const ec_range rows = {run->regimes.first * tokens, run->regimes.end * tokens};
    const ec_range panels = panels_of(run->stage, run->regimes);
    ec_nearest *nearest = ec_nearest_of(worker, run->quantizer, worker->team->worker);
    for (uint32_t row = run->own_rows.first; row < run->own_rows.end; row++) {
        gather_query(run, row);
    }
    ec_codewords codewords = {.stage = run->stage};
    ec_block block;
    do {
        block = ec_next_block(worker, stream);
        if (block.last && next != NULL) {
            stream_stage(worker, next, run->regimes, stream);
        }
        if (block.first == 0) { /* nobody compares those of the stage before any more */
            for (uint32_t row = rows.first; row < rows.end; row++) {
                nearest[row] = ec_no_codeword();
            }
        }
        codewords.panels = block.data;
        codewords.numbers.first = panels.first + block.first;
        codewords.numbers.end = codewords.numbers.first + block.items;
        ec_search(worker, run->quantizer, &codewords, run->regimes, nearest);
    } while (!block.last);
    ec_wait_for_all(worker);
    if (block.first != 0) { /* the scratch has only the last of them */
        codewords.panels = ec_codebooks_of(worker, run->stage);
        codewords.numbers.first = 0;
    }
    for (uint32_t row = run->own_rows.first; row < run->own_rows.end; row++) {
        const ec_nearest best = reduce(run, row);
        take_codeword(run, &codewords, row, best.word);
        words[row - rows.first] = (uint16_t)best.word;
    }
}

/* Stages from `stages.first` on, for some regimes. The words of stage s go to `words` + (s - stages.first) * rows. */
static void run_stages(const ec_worker *worker, const ec_quantizer *quantizer, const uint8_t *coordinates,
                       ec_range stages, ec_range regimes, uint16_t *words) {
    const ec_range rows = {regimes.first * quantizer->tokens, regimes.end * quantizer->tokens};
    const ec_range own_rows = ec_share_of(worker, rows);
    ec_stream stream = {.scratch = quantizer->panels, .half_bytes = quantizer->block_bytes};
    /* Only of one token, and of one regime: whoever subtracted the codeword has the whole residual. */
    const bool notes_energy = quantizer->evidence.left != EC_NONE && regimes.end - regimes.first == 1 &&
                              own_rows.first < own_rows.end;
    uint32_t rate = notes_energy ? ec_next_rate(quantizer, stages.first) : quantizer->evidence.rates;
    ec_stage next = quantizer->stages[0]; /* copied out of what may be slow memory */
    if (stages.first < stages.end) {
        next = quantizer->stages[stages.first];
        stream_stage(worker, &next, regimes, &stream);
    }
    for (uint32_t number = stages.first; number < stages.end; number++) {
        const ec_stage stage = next;
        const bool last = number + 1 == stages.end;
        if (!last) {
            next = quantizer->stages[number + 1];
        }
        const stage_run run = {worker, quantizer, coordinates, &stage, regimes, own_rows};
        run_stage(&run, &stream, last ? NULL : &next, words);
        if (rate < quantizer->evidence.rates && number + 1 == quantizer->stages_of_rate[rate]) {
            ec_left_of(worker, &quantizer->evidence)[rate++] = ec_residual_energy(worker, quantizer, regimes.first);
        }
        ec_report(worker, quantizer->first_step + number, words, (rows.end - rows.first) * sizeof *words);
        words += rows.end - rows.first;
    }
    ec_wait_for_all(worker);
}

void ec_run_quantizer(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t stages, uint16_t *indices) {
    const ec_range contested = {0, quantizer->contested}, alone = {quantizer->contested, stages};
    ec_range regimes = {0, quantizer->regimes};
    uint16_t *words = indices + 1;
    const uint8_t *coordinates = NULL;
    if (quantizer->coordinates != EC_NONE) {
        coordinates = ec_fetch(worker, quantizer->coordinates_scratch, worker->codebooks + quantizer->coordinates,
                               quantizer->coordinates_bytes);
        ec_wait_for_all(worker);
    }
    if (quantizer->contested > 0) {
        run_stages(worker, quantizer, coordinates, contested, regimes, ec_candidates_of(worker, quantizer, 0));
        regimes.first = ec_choose_regime(worker, quantizer, words);
        regimes.end = regimes.first + 1;
    }
    if (worker->team->worker == 0) {
        indices[0] = (uint16_t)regimes.first;
    }
    words += (size_t)quantizer->contested * quantizer->tokens;
    if (EC_WORKERS_MAX > 1 && ec_smaller(quantizer->abreast, worker->team->workers) > 1) {
        ec_run_abreast(worker, quantizer, coordinates, alone, regimes.first, words);
    } else {
        run_stages(worker, quantizer, coordinates, alone, regimes, words);
    }
}
