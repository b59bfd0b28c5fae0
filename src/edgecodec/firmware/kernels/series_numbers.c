#include "series_numbers.h"

#include <stdbool.h>

#define SLOTS_BITS 12u
#define WEIGHTS 256u
#define ERROR_BITS 6u
#define RATE_BITS 4u

typedef struct guess {
    uint32_t bits;   /* each step from the mean is worth */
    uint32_t tail;   /* 65536 / (1 + 2^-bits) */
    uint32_t weight; /* at first */
} guess;

static const guess guesses[EC_GUESSES] = {{2, 52428, 16}, {5, 63550, 32}};

static const uint16_t even[] = {0, 4096};
static const uint16_t unlike[] = {0, 3968, 4096};
static const uint16_t faulty[] = {0, 3968, 4032, 4096};
const ec_alphabet ec_series_rates = {even, 1u << RATE_BITS, RATE_BITS};
const ec_alphabet ec_series_errors = {even, 1u << ERROR_BITS, ERROR_BITS};
const ec_alphabet ec_series_bits = {even, 2, 1};
const ec_alphabet ec_series_unlike = {unlike, 2, 0};
const ec_alphabet ec_series_faulty = {faulty, 3, 0};
const ec_place ec_series_nothing = {0, 0, {0, 0}};

static uint32_t table_below(const ec_alphabet *of, uint32_t number) {
    const uint16_t *at = of->cumulative + (number >> of->fine_bits);
    const uint32_t first = (uint32_t)at[0] << (EC_WHOLE_BITS - SLOTS_BITS);
    const uint32_t share = ((uint32_t)at[1] << (EC_WHOLE_BITS - SLOTS_BITS)) - first;
    return first + (share * (number & ((1u << of->fine_bits) - 1u)) >> of->fine_bits);
}

static uint32_t guess_below(const guess *by, int32_t distance) {
    const uint32_t steps = (uint32_t)(distance > 0 ? distance : 1 - distance);
    const uint32_t shift = steps > EC_WHOLE_BITS ? EC_WHOLE_BITS + 1u : by->bits * steps;
    const uint32_t left = shift > EC_WHOLE_BITS ? 0u : by->tail >> shift;
    return distance > 0 ? EC_WHOLE - left : left;
}

/* What belongs to numbers below `number`, in 65536ths: by the table, and by every guess. */
static void each_below(const ec_alphabet *of, const ec_place *at, uint32_t number, uint32_t shares[1 + EC_GUESSES]) {
    const bool inside = number > 0 && number < of->numbers;
    const uint32_t outside = number > 0 ? EC_WHOLE : 0;
    const uint32_t mean = at->seen > 0 ? (2u * at->sum + at->seen) / (2u * at->seen) : 0;
    shares[0] = inside ? table_below(of, number) : outside;
    for (uint32_t i = 0; i < EC_GUESSES; i++) {
        shares[1 + i] = inside ? guess_below(&guesses[i], (int32_t)number - (int32_t)mean) : outside;
    }
}

static uint32_t weight_of_table(const ec_place *at) {
    return WEIGHTS - at->weights[0] - at->weights[1];
}

uint32_t ec_below(const ec_alphabet *of, const ec_place *at, uint32_t number) {
    if (number == of->numbers) {
        return EC_WHOLE;
    }
    uint32_t shares[1 + EC_GUESSES];
    each_below(of, at, number, shares);
    const uint32_t sum = weight_of_table(at) * shares[0] + at->weights[0] * shares[1] + at->weights[1] * shares[2];
    return (sum / WEIGHTS * (EC_WHOLE - of->numbers) >> EC_WHOLE_BITS) + number;
}

void ec_learn(const ec_alphabet *of, ec_place *at, uint32_t number) {
    if (at->seen == 0) {
        for (uint32_t i = 0; i < EC_GUESSES; i++) {
            at->weights[i] = (uint8_t)guesses[i].weight;
        }
    } else {
        uint32_t first[1 + EC_GUESSES];
        uint32_t end[1 + EC_GUESSES];
        each_below(of, at, number, first);
        each_below(of, at, number + 1, end);
        uint32_t total = weight_of_table(at) * (end[0] - first[0]);
        uint32_t likely[EC_GUESSES];
        for (uint32_t i = 0; i < EC_GUESSES; i++) {
            likely[i] = at->weights[i] * (end[1 + i] - first[1 + i]);
            total += likely[i];
        }
        for (uint32_t i = 0; i < EC_GUESSES; i++) {
            at->weights[i] = (uint8_t)(1u + (WEIGHTS - 1u - EC_GUESSES) * likely[i] / (total > 0 ? total : 1u));
        }
    }
    at->sum += number;
    at->seen++;
}
