/* Which channels are faulty, how large the error will be, and whether the window is like those of the training. */
#include "monitor.h"

#include <float.h>

#include "quantizer.h"

#define EVERY 2u /* sample is looked at */
#define PASSES 8u /* over several faulty channels */
#define NEWTON_STEPS 4
#define LEAST_SQUARED 1e-9f

/* 1 / sqrt(x), of products and sums alone: not every core divides, and none takes roots, as all others do. */
static float inverse_root(float x) {
    union {
        float value;
        uint32_t bits;
    } start = {.value = x};
    start.bits = 0x5f3759dfu - (start.bits >> 1);
    float root = start.value;
    const float half = 0.5f * x;
    for (int step = 0; step < NEWTON_STEPS; step++) {
        root = root * (1.5f - half * root * root);
    }
    return root;
}

static float magnitude(float value) {
    return value < 0.0f ? -value : value;
}

static ec_half *channel_at(const ec_worker *worker, const ec_monitor *monitor, uint32_t channel) {
    return ec_halves(worker, monitor->channels.at) + (size_t)channel * monitor->channels.channels;
}

static ec_screened *screened_of(const ec_worker *worker, const ec_monitor *monitor) {
    return (ec_screened *)(void *)(worker->arena + monitor->screened);
}

static ec_limits limits_of(const ec_worker *worker, const ec_monitor *monitor) {
    return *(const ec_limits *)(const void *)(worker->weights + monitor->limits);
}

static float *energies_of(const ec_worker *worker, const ec_monitor *monitor) {
    return (float *)(void *)(worker->arena + monitor->energies);
}

/* Rows are whole pairs: behind an odd number of samples lies a zero. */
static bool is_finite(const ec_monitor *monitor, const ec_half *samples) {
    uint32_t overflow = 0;
    for (uint32_t i = 0; i < monitor->samples; i += 2) {
        overflow |= ec_pair_overflow(ec_load_pair(samples + i));
    }
    return overflow == 0;
}

/* The most that deviations from the mean add up to: large where a sensor jumps or drifts, small where it swings. */
static float drift_of(const ec_half *samples, uint32_t count) {
    float sum = 0.0f;
    uint32_t added = 0;
    for (uint32_t i = 0; i < count; i += EVERY) {
        sum = sum + ec_to_float(samples[i]);
        added++;
    }
    const float of_count = inverse_root((float)added);
    const float mean = sum * (of_count * of_count);
    float drift = 0.0f, farthest = 0.0f;
    for (uint32_t i = 0; i < count; i += EVERY) {
        drift = drift + (ec_to_float(samples[i]) - mean);
        farthest = magnitude(drift) > farthest ? magnitude(drift) : farthest;
    }
    return farthest;
}

static bool is_expected(const ec_monitor *monitor, const ec_limits *limits, const ec_expected *expected,
                        const ec_half *samples) {
    float before = ec_to_float(samples[monitor->inside_first]);
    float lowest = before, highest = before, largest_step = 0.0f;
    uint32_t run = 1, longest_run = 1;
    for (uint32_t i = monitor->inside_first + EVERY; i < monitor->inside_end; i += EVERY) {
        const float value = ec_to_float(samples[i]);
        const float step = magnitude(value - before);
        lowest = value < lowest ? value : lowest;
        highest = value > highest ? value : highest;
        largest_step = step > largest_step ? step : largest_step;
        run = samples[i] == samples[i - EVERY] ? run + 1 : 1;
        longest_run = run > longest_run ? run : longest_run;
        before = value;
    }
    return lowest >= expected->lowest && highest <= expected->highest && largest_step <= expected->largest_step &&
           highest - lowest >= expected->smallest_span && (float)longest_run < limits->longest_run &&
           drift_of(samples + monitor->inside_first, monitor->inside_end - monitor->inside_first) <=
               expected->largest_drift;
}

static ec_screened screen(const ec_monitor *monitor, const ec_limits *limits, const ec_expected *expected,
                          const ec_half *samples) {
    float sum = 0.0f, squares = 0.0f;
    for (uint32_t i = monitor->central_first; i < monitor->central_end; i += EVERY) {
        const float scaled = ec_to_float(samples[i]) * expected->gain;
        const float value = magnitude(scaled + expected->zero);
        sum = sum + value;
        squares = squares + value * value;
    }
    const float root = inverse_root(sum);
    const float inverse = root * root;
    const ec_screened found = {
        .inverse = inverse,
        .share = expected->share * inverse,
        .power = expected->inverse_power * squares,
        .verdict = !is_finite(monitor, samples)                       ? EC_NOT_FINITE
                   : is_expected(monitor, limits, expected, samples) ? EC_HEALTHY
                                                                     : EC_UNEXPECTED,
    };
    return found;
}

/* Fills this worker's part of the samples of all faulty channels. */
static void fill(const ec_worker *worker, const ec_monitor *monitor, uint32_t faulty_channels) {
    const uint32_t channels = ec_codec_network.model.channels;
    const ec_screened *screened = screened_of(worker, monitor);
    const ec_range share = ec_share(worker, monitor->samples);
    const float *regression = ec_weight_floats(worker, monitor->regression);
    const uint32_t passes = faulty_channels > 1 ? PASSES : 1;
    for (uint32_t sample = share.first; sample < share.end; sample++) {
        for (uint32_t channel = 0; channel < channels; channel++) {
            if (screened[channel].verdict != EC_HEALTHY) {
                channel_at(worker, monitor, channel)[sample] = 0;
            }
        }
    }
    for (uint32_t pass = 0; pass < passes; pass++) {
        for (uint32_t channel = 0; channel < channels; channel++) {
            if (screened[channel].verdict == EC_HEALTHY) {
                continue;
            }
            for (uint32_t sample = share.first; sample < share.end; sample++) {
                float told = 0.0f;
                for (uint32_t other = 0; other < channels; other++) {
                    const float value = ec_to_float(channel_at(worker, monitor, other)[sample]);
                    told = told + value * regression[(size_t)channel * channels + other];
                }
                channel_at(worker, monitor, channel)[sample] = ec_to_half(told);
            }
        }
    }
}

ec_status ec_screen_channels(const ec_worker *worker, const ec_monitor *monitor) {
    const uint32_t channels = ec_codec_network.model.channels;
    const ec_expected *expected = (const ec_expected *)(const void *)(worker->weights + monitor->expected);
    ec_screened *screened = screened_of(worker, monitor);
    const ec_limits limits = limits_of(worker, monitor);
    const ec_range share = ec_share(worker, channels);
    for (uint32_t channel = share.first; channel < share.end; channel++) {
        const ec_expected near = expected[channel];
        screened[channel] = screen(monitor, &limits, &near, channel_at(worker, monitor, channel));
    }
    ec_wait_for_all(worker);
    uint32_t faulty = 0, not_finite = 0;
    for (uint32_t channel = 0; channel < channels; channel++) {
        faulty += screened[channel].verdict != EC_HEALTHY;
        not_finite += screened[channel].verdict == EC_NOT_FINITE;
    }
    if (faulty == 0) {
        return EC_OK;
    }
    ec_wait_for_all(worker); /* all have counted */
    if (faulty > monitor->most_faulty) {
        if (not_finite > 0) {
            return EC_ERROR_WINDOW;
        }
        for (uint32_t channel = share.first; channel < share.end; channel++) {
            screened[channel].verdict = EC_HEALTHY;
        }
    } else {
        fill(worker, monitor, faulty);
    }
    ec_wait_for_all(worker);
    return EC_OK;
}

void ec_measure_latent(const ec_worker *worker, const ec_monitor *monitor) {
    const ec_view bins = monitor->bins, coefficients = monitor->coefficients;
    const ec_kept *kept = (const ec_kept *)(const void *)(worker->weights + monitor->kept);
    float *energies = energies_of(worker, monitor);
    const ec_range rows = ec_share(worker, bins.rows);
    for (uint32_t row = rows.first; row < rows.end; row++) {
        const ec_half *values = ec_halves(worker, bins.at) + (size_t)row * bins.channels;
        float sum = 0.0f;
        for (uint32_t i = 0; i < bins.channels; i++) {
            const float value = ec_to_float(values[i]);
            sum = sum + value * value;
        }
        energies[row] = sum;
    }
    const ec_range share = ec_share(worker, coefficients.channels);
    for (uint32_t i = share.first; i < share.end; i++) {
        const float deviation = ec_to_float(ec_halves(worker, coefficients.at)[i]) - kept[i].centre;
        energies[bins.rows + i] = kept[i].weight * deviation * deviation;
    }
}

static float sum_in_order(const float *terms, uint32_t count) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        sum = sum + terms[i];
    }
    return sum;
}

static float latent_energy(const ec_worker *worker, const ec_monitor *monitor) {
    const float *energies = energies_of(worker, monitor);
    const float offered = sum_in_order(energies, monitor->bins.rows);
    const float left = offered - sum_in_order(energies + monitor->bins.rows, monitor->coefficients.channels);
    return left > 0.0f ? left : 0.0f;
}

/* Counts and marks the faulty channels; the healthy ones' shares and power are added up. */
static ec_screened gather_channels(const ec_worker *worker, const ec_monitor *monitor, ec_remarks *remarks) {
    const uint32_t channels = ec_codec_network.model.channels;
    const ec_screened *screened = screened_of(worker, monitor);
    ec_screened all = {0.0f, 0.0f, 0.0f, EC_HEALTHY};
    remarks->faulty_channels = 0;
    for (uint32_t i = 0; i < sizeof remarks->faulty; i++) {
        remarks->faulty[i] = 0;
    }
    for (uint32_t channel = 0; channel < channels; channel++) {
        if (screened[channel].verdict == EC_HEALTHY) {
            all.share = all.share + screened[channel].share;
            all.power = all.power + screened[channel].power;
        } else {
            remarks->faulty_channels++;
            remarks->faulty[channel / 8] = (uint8_t)(remarks->faulty[channel / 8] | 1u << channel % 8);
        }
    }
    return all;
}

static void estimate(const ec_worker *worker, const ec_monitor *monitor, const ec_quantizer *quantizer, uint32_t rate,
                     uint32_t regime, ec_remarks *remarks) {
    const ec_error_factors *factors = (const ec_error_factors *)(const void *)(worker->codebooks + quantizer->estimate);
    const ec_familiar *familiar = (const ec_familiar *)(const void *)(factors + quantizer->rates) + regime;
    const float *left = ec_left_of(worker, quantizer);
    const float latent = latent_energy(worker, monitor);
    const ec_screened all = gather_channels(worker, monitor, remarks);
    const float of_count = inverse_root((float)(ec_codec_network.model.channels - remarks->faulty_channels));
    const float mean_share = all.share * (of_count * of_count);
    const float of_power = inverse_root(all.power);
    for (uint32_t i = 0; i < EC_RATES_MAX; i++) {
        remarks->error_percent[i] = 0.0f;
        remarks->nmse_percent[i] = 0.0f;
    }
    for (uint32_t i = 0; i < rate; i++) {
        float squared = factors[i].latent * latent;
        squared = squared + factors[i].quantizer * left[i];
        squared = squared + factors[i].floor;
        squared = squared > LEAST_SQUARED ? squared : LEAST_SQUARED;
        remarks->error_percent[i] = squared * inverse_root(squared) * mean_share;
        remarks->nmse_percent[i] = factors[i].nmse * squared * (of_power * of_power);
    }
    const float by_latent = latent * familiar->latent, by_quantizer = left[0] * familiar->quantizer;
    remarks->margin = limits_of(worker, monitor).margin;
    remarks->unlike = by_latent > by_quantizer ? by_latent : by_quantizer;
}

void ec_make_remarks(const ec_worker *worker, const ec_monitor *monitor, const ec_quantizer *quantizer, uint32_t rate,
                     uint32_t regime, ec_remarks *remarks) {
    if (worker->team->worker == 0) {
        estimate(worker, monitor, quantizer, rate, regime, remarks);
    }
    ec_wait_for_all(worker);
}

float ec_allowed_error(const uint8_t *arena, const ec_monitor *monitor, float bound_percent) {
    const ec_screened *screened = (const ec_screened *)(const void *)(arena + monitor->screened);
    uint32_t healthy = 0;
    float squares = 0.0f;
    for (uint32_t channel = 0; channel < ec_codec_network.model.channels; channel++) {
        if (screened[channel].verdict == EC_HEALTHY) {
            squares = squares + screened[channel].inverse * screened[channel].inverse;
            healthy++;
        }
    }
    const float reach = (float)healthy * inverse_root(squares);
    const float of_one_percent = monitor->escape_factor * (reach * reach);
    return bound_percent * bound_percent * of_one_percent;
}

ec_status ec_rate_within(const ec_remarks *remarks, float bound_percent, uint32_t rate, uint32_t *within) {
    if (remarks == NULL || within == NULL) {
        return EC_ERROR_NULL;
    }
    if (ec_codec_network.monitor == NULL) {
        return EC_ERROR_REMARKS;
    }
    if (rate < 1 || rate > ec_codec_network.model.rates) {
        return EC_ERROR_RATE;
    }
    for (uint32_t tried = 1; tried <= rate; tried++) {
        if (remarks->error_percent[tried - 1] * remarks->margin <= bound_percent) {
            *within = tried;
            return EC_OK;
        }
    }
    return EC_ERROR_BOUND;
}
