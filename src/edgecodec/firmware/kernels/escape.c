#include "escape.h"

#define AS_THEY_ARE 0u /* codes of steps begin at 1 */
#define STEPS 247u
#define FINEST_EXPONENT (-24)
#define TO_OCTAVE 6u
#define INTEGER_MAX 0x1p18f
#define ROUNDING_MOST 14u /* in 32nds of a step */
#define ROUNDING_LEAST 8u

typedef struct ec_quantization {
    float step;
    float inverse;
    float rounding;
} ec_quantization;

static float power_of_two(int32_t exponent) {
    const union {
        uint32_t bits;
        float value;
    } power = {.bits = (uint32_t)(127 + exponent) << 23};
    return power.value;
}

static ec_quantization quantization_of(uint32_t code, uint32_t rounding) {
    static const float mantissas[TO_OCTAVE] = {0x20p-5f, 0x24p-5f, 0x28p-5f, 0x2dp-5f, 0x33p-5f, 0x39p-5f};
    static const float inverses[TO_OCTAVE] = {0x1p0f, 0x1.c71c72p-1f, 0x1.99999ap-1f, 0x1.6c16c2p-1f, 0x1.414142p-1f, 0x1.1f7048p-1f};
    const uint32_t place = (code - 1) % TO_OCTAVE;
    const int32_t exponent = FINEST_EXPONENT + (int32_t)((code - 1) / TO_OCTAVE);
    const ec_quantization quantization = {mantissas[place] * power_of_two(exponent),
                                          inverses[place] * power_of_two(-exponent), (float)rounding * 0x1p-5f};
    return quantization;
}

static ec_half magnitude_of(ec_half bin) {
    return (ec_half)(bin & 0x7fffu);
}

static ec_half bin_of(const ec_escape *window, uint32_t channel, uint32_t bin) {
    return window->bins[(size_t)bin * window->stride + channel];
}

static uint32_t quantize(const ec_quantization *quantization, ec_half bin) {
    const float steps = ec_to_float(magnitude_of(bin)) * quantization->inverse;
    return (uint32_t)(steps + quantization->rounding);
}

static float error_of(const ec_escape *window, uint32_t code, uint32_t rounding) {
    const ec_quantization quantization = quantization_of(code, rounding);
    float error = 0.0f;
    for (uint32_t channel = 0; channel < window->channels; channel++) {
        float of_channel = 0.0f;
        for (uint32_t bin = 0; bin < window->bins_count; bin++) {
            const ec_half value = bin_of(window, channel, bin);
            const float sent = (float)quantize(&quantization, value) * quantization.step;
            const float missed = ec_to_float(magnitude_of(value)) - sent;
            of_channel += missed * missed;
        }
        error += of_channel;
    }
    return error;
}

static ec_half peak_of(const ec_escape *window) {
    ec_half peak = 0;
    for (uint32_t channel = 0; channel < window->channels; channel++) {
        for (uint32_t bin = 0; bin < window->bins_count; bin++) {
            const ec_half magnitude = magnitude_of(bin_of(window, channel, bin));
            peak = magnitude > peak ? magnitude : peak;
        }
    }
    return peak;
}

/* By bisection: one whose error is allowed, while that of the next coarser one is not. AS_THEY_ARE if there is none. */
static uint32_t coarsest_step(const ec_escape *window, float peak, float allowed) {
    uint32_t kept = 1;
    while (!(peak * quantization_of(kept, 0).inverse < INTEGER_MAX - 1.0f)) {
        kept++;
    }
    if (!(error_of(window, kept, ROUNDING_MOST) <= allowed)) {
        return AS_THEY_ARE;
    }
    uint32_t broken = STEPS + 1;
    while (broken - kept > 1) {
        const uint32_t middle = (kept + broken) / 2;
        if (error_of(window, middle, ROUNDING_MOST) <= allowed) {
            kept = middle;
        } else {
            broken = middle;
        }
    }
    return kept;
}

static uint32_t least_rounding(const ec_escape *window, uint32_t code, float allowed) {
    uint32_t kept = ROUNDING_MOST;
    uint32_t broken = ROUNDING_LEAST - 1;
    while (kept - broken > 1) {
        const uint32_t middle = (kept + broken) / 2;
        if (error_of(window, code, middle) <= allowed) {
            kept = middle;
        } else {
            broken = middle;
        }
    }
    return kept;
}

static size_t code_window(const ec_escape *window, uint32_t code, uint32_t rounding, uint16_t *scratch,
                          uint8_t *payload, size_t capacity) {
    const ec_quantization quantization = quantization_of(code, rounding);
    ec_integers integers;
    ec_start_integers(&integers, (uint8_t)code, scratch, window->channels, payload, capacity);
    for (uint32_t bin = 0; bin < window->bins_count; bin++) {
        for (uint32_t channel = 0; channel < window->channels; channel++) {
            const ec_half value = bin_of(window, channel, bin);
            const int32_t integer = (int32_t)quantize(&quantization, value);
            ec_code_integer(&integers, channel, value >> 15 != 0 ? -integer : integer);
        }
    }
    return ec_finish_integers(&integers);
}

static void copy_window(const ec_escape *window, uint8_t *payload) {
    *payload++ = AS_THEY_ARE;
    for (uint32_t channel = 0; channel < window->channels; channel++) {
        for (uint32_t bin = 0; bin < window->bins_count; bin++) {
            const ec_half value = bin_of(window, channel, bin);
            *payload++ = (uint8_t)value;
            *payload++ = (uint8_t)(value >> 8);
        }
    }
}

size_t ec_escape_size(uint32_t channels, uint32_t bins_count) {
    return 1 + (size_t)channels * bins_count * sizeof(ec_half);
}

ec_status ec_escape_encode(const ec_escape *window, float allowed, uint16_t *scratch, uint8_t *payload,
                           size_t capacity, size_t *bytes) {
    if (window == NULL || window->bins == NULL || scratch == NULL || payload == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    const ec_half peak = peak_of(window);
    if (!ec_half_is_finite(peak)) {
        return EC_ERROR_OVERFLOW;
    }
    const size_t as_they_are = ec_escape_size(window->channels, window->bins_count);
    const uint32_t code = coarsest_step(window, ec_to_float(peak), allowed);
    size_t size = as_they_are;
    if (code != AS_THEY_ARE) {
        size = code_window(window, code, least_rounding(window, code, allowed), scratch, payload, capacity);
    }
    if (size > capacity && as_they_are > capacity) {
        return EC_ERROR_CAPACITY;
    }
    if (size >= as_they_are) {
        size = as_they_are;
        copy_window(window, payload);
    }
    *bytes = size;
    return EC_OK;
}
