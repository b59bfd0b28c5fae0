/* Regimes compete at the deciding rate, then the chosen one's row is quantized for every rate. Coordinates are shared out
 * among the workers; what they miss is added up in the order of the coordinates. */
#include "scalars.h"

#include <float.h>

#include "products.h"

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

/* A regime at a rate: what becomes of its row. */
typedef struct trial {
    uint32_t rate;
    uint32_t regime;
    float *missed;   /* [coordinates], in squared steps */
    uint16_t *words; /* [coordinates]; NULL: they are not wanted */
} trial;

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

/* What belongs to row `number` of the part of a matrix with rows of `length`. */
static ec_range part_of_row(ec_range part, uint32_t number, uint32_t length) {
    const uint32_t before = number * length;
    const ec_range own = {ec_larger(part.first, before) - before, ec_smaller(part.end, before + length) - before};
    const ec_range none = {0, 0};
    return part.first < before + length && part.end > before ? own : none;
}

/* Quantizes some coordinates; gives what their words cost. */
static uint32_t quantize(const ec_worker *worker, const ec_scalars *scalars, const fetched_tables *tables,
                         const trial *tried, ec_range own) {
    const uint32_t number = tried->rate * scalars->regimes + tried->regime;
    const ec_half *row =
        ec_halves(worker, scalars->latent.at) + (size_t)tried->regime * scalars->latent.channels;
    const uint16_t *class_of = tables->class_of + (size_t)number * scalars->latent.channels;
    const float inverse = tables->steps[number].inverse;
    uint32_t cost = 0;
    for (uint32_t i = own.first; i < own.end; i++) {
        const ec_class *class = &tables->classes[class_of[i]];
        const float magnitude = ec_to_float((ec_half)(row[i] & 0x7fffu)) * inverse;
        const uint32_t index = index_of(class, magnitude);
        float missed = magnitude - (float)index;
        if (index > 0) {
            missed = missed - class->shifts[ec_smaller(index, SHIFTS) - 1];
        }
        tried->missed[i] = missed * missed;
        const uint32_t word = row[i] >> 15 != 0 ? class->reach - index : class->reach + index;
        cost += tables->costs[class->first + (word >> class->fine_bits)] + class->fine_bits * COST_OF_A_BIT;
        if (tried->words != NULL) {
            tried->words[i] = (uint16_t)word;
        }
    }
    return cost;
}

static float *missed_of(const ec_worker *worker, const ec_scalars *scalars, uint32_t number) {
    return (float *)(void *)(worker->arena + scalars->missed) + (size_t)number * scalars->latent.channels;
}

/* What the words of each regime cost that a worker found. */
static uint32_t *found_costs_of(const ec_worker *worker, const ec_scalars *scalars, uint32_t of_worker) {
    return (uint32_t *)(void *)(worker->arena + scalars->found_costs) + (size_t)of_worker * scalars->regimes;
}

static float price_of(const ec_worker *worker, const ec_scalars *scalars, const fetched_tables *tables,
                      uint32_t regime) {
    uint32_t cost = tables->regime_costs[regime];
    for (uint32_t other = 0; other < worker->team->workers; other++) {
        cost += found_costs_of(worker, scalars, other)[regime];
    }
    return ec_add_up(missed_of(worker, scalars, regime), scalars->latent.channels) * tables->worth + (float)cost;
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
    const uint32_t coordinates = scalars->latent.channels;
    const ec_range share = ec_share(worker, scalars->regimes * coordinates);
    for (uint32_t regime = 0; regime < scalars->regimes; regime++) {
        const trial tried = {scalars->deciding, regime, missed_of(worker, scalars, regime), NULL};
        found_costs_of(worker, scalars, worker->team->worker)[regime] =
            quantize(worker, scalars, tables, &tried, part_of_row(share, regime, coordinates));
    }
    ec_wait_for_all(worker);
    const ec_range own = ec_share(worker, scalars->regimes);
    for (uint32_t regime = own.first; regime < own.end; regime++) {
        choice->energies[regime] = price_of(worker, scalars, tables, regime);
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
    const ec_range share = ec_share(worker, rate * coordinates);
    for (uint32_t number = 0; number < rate; number++) {
        const trial chosen = {number, regime, missed_of(worker, scalars, number),
                              words + (size_t)number * coordinates};
        quantize(worker, scalars, &tables, &chosen, part_of_row(share, number, coordinates));
    }
    if (worker->team->worker == 0) {
        indices[0] = (uint16_t)regime;
    }
    ec_wait_for_all(worker);
    const ec_range rates = ec_share(worker, scalars->evidence.left != EC_NONE ? rate : 0);
    for (uint32_t number = rates.first; number < rates.end; number++) {
        const float size = tables.steps[number * scalars->regimes + regime].size;
        ec_left_of(worker, &scalars->evidence)[number] =
            ec_add_up(missed_of(worker, scalars, number), coordinates) * (size * size);
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
