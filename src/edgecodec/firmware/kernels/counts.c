#include "counts.h"

#define AS_THEY_ARE 0u
#define PREDICTIONS 4u
#define LAGS 4u

/* Quarters of the last count, the one before, and so on. */
static const int32_t quarters[PREDICTIONS][LAGS] = {{4, 0, 0, 0}, {2, 2, 0, 0}, {1, 1, 1, 1}, {8, -4, 0, 0}};

/* Before the first count it was as the first one; that itself is predicted as 0. */
static int32_t difference(const int32_t *counts, uint32_t channels, uint32_t sample, uint32_t channel,
                          uint32_t prediction) {
    int32_t predicted = 0;
    for (uint32_t lag = 1; sample > 0 && lag <= LAGS; lag++) {
        const uint32_t before = sample > lag ? sample - lag : 0;
        predicted += quarters[prediction][lag - 1] * counts[(size_t)before * channels + channel];
    }
    const uint32_t raised = (uint32_t)(predicted + (1 << 28)); /* not negative */
    return counts[(size_t)sample * channels + channel] - ((int32_t)(raised >> 2) - (1 << 26));
}

static bool in_range(const int32_t *counts, size_t values) {
    for (size_t i = 0; i < values; i++) {
        if (counts[i] > EC_COUNT_MAX || counts[i] < -EC_COUNT_MAX) {
            return false;
        }
    }
    return true;
}

/* The one with the least differences, the first among equals. */
static uint32_t best_prediction(const int32_t *counts, uint32_t samples, uint32_t channels) {
    uint64_t sums[PREDICTIONS] = {0};
    uint32_t best = 0;
    for (uint32_t prediction = 0; prediction < PREDICTIONS; prediction++) {
        for (uint32_t sample = 0; sample < samples; sample++) {
            for (uint32_t channel = 0; channel < channels; channel++) {
                const int32_t left = difference(counts, channels, sample, channel, prediction);
                sums[prediction] += (uint32_t)(left < 0 ? -left : left);
            }
        }
        best = sums[prediction] < sums[best] ? prediction : best;
    }
    return best;
}

static size_t code_counts(const int32_t *counts, uint32_t samples, uint32_t channels, uint16_t *scratch,
                          uint8_t *payload, size_t capacity) {
    const uint32_t prediction = best_prediction(counts, samples, channels);
    ec_integers integers;
    ec_start_integers(&integers, (uint8_t)(1 + prediction), scratch, channels, payload, capacity);
    for (uint32_t sample = 0; sample < samples; sample++) {
        for (uint32_t channel = 0; channel < channels; channel++) {
            ec_code_integer(&integers, channel, difference(counts, channels, sample, channel, prediction));
        }
    }
    return ec_finish_integers(&integers);
}

static void copy_counts(const int32_t *counts, size_t values, uint8_t *payload) {
    *payload++ = AS_THEY_ARE;
    for (size_t i = 0; i < values; i++) {
        for (uint32_t shift = 0; shift < 32; shift += 8) {
            *payload++ = (uint8_t)((uint32_t)counts[i] >> shift);
        }
    }
}

size_t ec_counts_size(uint32_t samples, uint32_t channels) {
    return 1 + (size_t)samples * channels * sizeof(int32_t);
}

ec_status ec_counts_encode(const int32_t *counts, uint32_t samples, uint32_t channels, uint16_t *scratch,
                           uint8_t *payload, size_t capacity, size_t *bytes) {
    if (counts == NULL || scratch == NULL || payload == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    const size_t values = (size_t)samples * channels;
    if (!in_range(counts, values)) {
        return EC_ERROR_WINDOW;
    }
    const size_t as_they_are = ec_counts_size(samples, channels);
    size_t size = code_counts(counts, samples, channels, scratch, payload, capacity);
    if (size > capacity && as_they_are > capacity) {
        return EC_ERROR_CAPACITY;
    }
    if (size >= as_they_are) {
        size = as_they_are;
        copy_counts(counts, values, payload);
    }
    *bytes = size;
    return EC_OK;
}
