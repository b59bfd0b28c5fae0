/* Regimes compete at the deciding rate: one worker tries a regime. Then one worker quantizes for a rate. */
#include "scalars.h"

#include <float.h>

#define SHIFTS 3u
#define COST_OF_A_BIT 256u

/* The tables that were fetched. */
typedef struct fetched_tables {
    const ec_step *steps;          /* [rates][regimes] */
    const ec_class *classes;
    const uint16_t *class_of;      /* [rates][regimes][coordinates] */
    const uint16_t *costs;         /* of the entries of all classes */
    const uint16_t *regime_costs;  /* [regimes] */
    float worth;
} fetched_tables;

typedef struct outcome {
    float missed; /* in squared steps */
    uint32_t cost;
} outcome;

static fetched_tables tables_at(const ec_scalars *scalars, const uint8_t *fetched) {
    const uint8_t *codebooks = fetched - scalars->tables; /* as if all of them were here */
    const fetched_tables found = {
        .steps = (const ec_step *)(const void *)(codebooks + scalars->steps),
        .classes = (const ec_class *)(const void *)(codebooks + scalars->classes),
        .class_of = (const uint16_t *)(const void *)(codebooks + scalars->class_of),
        .costs = (const uint16_t *)(const void *)(codebooks + scalars->costs),
        .regime_costs = (const uint16_t *)(const void *)(codebooks + scalars->regime_costs),
        .worth = *(const float *)(const void *)(codebooks + scalars->worth),
    };
    return found;
}

static uint32_t index_of(const ec_class *class, float magnitude) {
    if (magnitude < class->zero) {
        return 0;
    }
    const float rounded = magnitude + class->rounding;
    if (!(rounded < (float)class->reach)) {
        return class->reach;
    }
    const uint32_t index = (uint32_t)rounded;
    return index == 0 ? 1 : index;
}

/* Quantizes `row`; the words go to `words`, unless it is NULL. */
static outcome quantize(const ec_scalars *scalars, const fetched_tables *tables, const ec_half *row, uint32_t rate,
                        uint32_t regime, uint16_t *words) {
    const uint32_t number = rate * scalars->regimes + regime;
    const uint16_t *class_of = tables->class_of + (size_t)number * scalars->latent.channels;
    const float inverse = tables->steps[number].inverse;
    outcome all = {0.0f, 0};
    for (uint32_t i = 0; i < scalars->latent.channels; i++) {
        const ec_class *class = &tables->classes[class_of[i]];
        const float magnitude = ec_to_float((ec_half)(row[i] & 0x7fffu)) * inverse;
        const uint32_t index = index_of(class, magnitude);
        float missed = magnitude - (float)index;
        if (index > 0) {
            missed = missed - class->shifts[ec_smaller(index, SHIFTS) - 1];
        }
        all.missed = all.missed + missed * missed;
        const uint32_t word = row[i] >> 15 != 0 ? class->reach - index : class->reach + index;
        all.cost += tables->costs[class->first + (word >> class->fine_bits)] + class->fine_bits * COST_OF_A_BIT;
        if (words != NULL) {
            words[i] = (uint16_t)word;
        }
    }
    return all;
}

static const ec_half *row_of(const ec_worker *worker, const ec_scalars *scalars, uint32_t regime) {
    return ec_halves(worker, scalars->latent.at) + (size_t)regime * scalars->latent.channels;
}

static uint32_t cheapest(const float *prices, uint32_t regimes) {
    uint32_t chosen = 0;
    for (uint32_t regime = 1; regime < regimes; regime++) {
        if (prices[regime] < prices[chosen]) {
            chosen = regime;
        }
    }
    return chosen;
}

static uint32_t choose_regime(const ec_worker *worker, const ec_scalars *scalars, const fetched_tables *tables) {
    ec_choice *choice = (ec_choice *)(void *)(worker->arena + scalars->choice);
    const ec_range own = ec_share(worker, scalars->regimes);
    for (uint32_t regime = own.first; regime < own.end; regime++) {
        const outcome tried =
            quantize(scalars, tables, row_of(worker, scalars, regime), scalars->deciding, regime, NULL);
        choice->energies[regime] = tried.missed * tables->worth + (float)(tried.cost + tables->regime_costs[regime]);
    }
    ec_wait_for_all(worker);
    const uint32_t chosen = cheapest(choice->energies, scalars->regimes);
    if (worker->team->worker == 0) {
        choice->regime = chosen;
    }
    ec_report(worker, scalars->first_step + scalars->evidence.rates, choice, sizeof *choice);
    return chosen;
}

void ec_run_scalars(const ec_worker *worker, const ec_scalars *scalars, uint32_t rate, uint16_t *indices) {
    const uint8_t *fetched = ec_fetch(worker, scalars->scratch, worker->codebooks + scalars->tables,
                                      scalars->tables_bytes);
    ec_wait_for_all(worker);
    const fetched_tables tables = tables_at(scalars, fetched);
    const uint32_t regime = scalars->regimes > 1 ? choose_regime(worker, scalars, &tables) : 0;
    const uint32_t coordinates = scalars->latent.channels;
    uint16_t *words = indices + 1;
    const ec_range own = ec_share(worker, rate);
    for (uint32_t number = own.first; number < own.end; number++) {
        const outcome found = quantize(scalars, &tables, row_of(worker, scalars, regime), number, regime,
                                       words + (size_t)number * coordinates);
        if (scalars->evidence.left != EC_NONE) {
            const float size = tables.steps[number * scalars->regimes + regime].size;
            ec_left_of(worker, &scalars->evidence)[number] = found.missed * (size * size);
        }
    }
    if (worker->team->worker == 0) {
        indices[0] = (uint16_t)regime;
    }
    ec_wait_for_all(worker);
    for (uint32_t number = 0; number < rate; number++) {
        ec_report(worker, scalars->first_step + number, words + (size_t)number * coordinates,
                  coordinates * sizeof *words);
    }
}

bool ec_scalars_are_inside(const uint8_t *codebooks, const ec_scalars *scalars) {
    const fetched_tables tables = tables_at(scalars, codebooks + scalars->tables);
    bool inside = true;
    for (uint32_t i = 0; i < scalars->evidence.rates * scalars->regimes * scalars->latent.channels; i++) {
        inside = inside && tables.class_of[i] < scalars->classes_count;
    }
    for (uint32_t i = 0; i < scalars->evidence.rates * scalars->regimes; i++) {
        inside = inside && tables.steps[i].inverse >= 0.0f;
    }
    for (uint32_t i = 0; i < scalars->classes_count; i++) {
        const ec_class *class = &tables.classes[i]; /* an index is never negative */
        inside = inside && class->rounding > -1.0f && class->fine_bits < 12 && 2u * class->reach >> class->fine_bits < class->entries &&
                 (uint32_t)class->first + class->entries <= scalars->entries;
    }
    return inside;
}
