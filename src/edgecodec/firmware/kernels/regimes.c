/* The choice of a window's regime: the one whose contested stages left the least energy. */
#include "quantizer.h"

static void measure_energies(const ec_worker *worker, const ec_quantizer *quantizer, float *energies) {
    const ec_range regimes = ec_share(worker, quantizer->regimes);
    for (uint32_t regime = regimes.first; regime < regimes.end; regime++) {
        energies[regime] = ec_residual_energy(worker, quantizer, regime);
    }
    ec_wait_for_all(worker);
}

/* The lowest among equals; an energy that is not a number never wins. */
static uint32_t regime_of_least(const float *energies, uint32_t regimes) {
    uint32_t chosen = 0;
    float least = FLT_MAX;
    for (uint32_t regime = 0; regime < regimes; regime++) {
        if (energies[regime] < least) {
            least = energies[regime];
            chosen = regime;
        }
    }
    return chosen;
}

static void copy_words(const ec_worker *worker, const ec_quantizer *quantizer, uint32_t regime, uint16_t *to) {
    const ec_range stages = ec_share(worker, quantizer->contested);
    for (uint32_t stage = stages.first; stage < stages.end; stage++) {
        const uint16_t *words = ec_candidates_of(worker, quantizer, stage) + (size_t)regime * quantizer->tokens;
        for (uint32_t token = 0; token < quantizer->tokens; token++) {
            to[(size_t)stage * quantizer->tokens + token] = words[token];
        }
    }
    ec_wait_for_all(worker);
}

uint32_t ec_choose_regime(const ec_worker *worker, const ec_quantizer *quantizer, uint16_t *words) {
    ec_choice *choice = ec_choice_of(worker, quantizer);
    measure_energies(worker, quantizer, choice->energies);
    const uint32_t regime = regime_of_least(choice->energies, quantizer->regimes);
    copy_words(worker, quantizer, regime, words);
    if (worker->team->worker == 0) {
        choice->regime = regime;
        if (quantizer->evidence.left != EC_NONE) {
            ec_left_of(worker, &quantizer->evidence)[0] = choice->energies[regime];
        }
    }
    ec_report(worker, quantizer->first_step + quantizer->count, choice, sizeof *choice);
    return regime;
}
