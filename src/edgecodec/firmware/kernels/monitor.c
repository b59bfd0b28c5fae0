/* Which channels are faulty, how large the error will be, and whether the window is like those of the training. */
#include "monitor.h"

#include <float.h>

#include "products.h"
#include "quantizer.h"

#define BLOCK_PAIRS 4u /* whose deviations are added up together */
#define ONES 0x3c003c00u /* a pair */
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

/* Adds the squares of the pairs from `at` on. Of numbers the sum is finite: float16 has none that are large enough. */
static float add_squares(float sum, const ec_half *at, const ec_half *end) {
    for (; at < end; at += 2) {
        const ec_pair pair = ec_load_pair(at);
        sum = ec_add_products_of_pair(sum, pair, pair);
    }
    return sum;
}

/* The most that deviations from the mean add up to: large where a sensor jumps or drifts, small where it swings. */
static float drift_of(const ec_half *at, uint32_t count, float sum) {
    const float of_count = inverse_root((float)count);
    const float expected = 2.0f * (float)BLOCK_PAIRS * (sum * (of_count * of_count)); /* of a block */
    float drift = 0.0f, farthest = 0.0f;
    for (uint32_t blocks = count / (2 * BLOCK_PAIRS); blocks > 0; blocks--) {
        float block = 0.0f;
        for (uint32_t pair = 0; pair < BLOCK_PAIRS; pair++, at += 2) {
            block = ec_add_products_of_pair(block, ec_load_pair(at), ONES);
        }
        drift = drift + (block - expected);
        farthest = magnitude(drift) > farthest ? magnitude(drift) : farthest;
    }
    return farthest;
}

static float lowest_of(ec_pair pair) {
    const float first = ec_to_float((ec_half)pair), second = ec_to_float((ec_half)(pair >> 16));
    return first < second ? first : second;
}

static float highest_of(ec_pair pair) {
    const float first = ec_to_float((ec_half)pair), second = ec_to_float((ec_half)(pair >> 16));
    return first > second ? first : second;
}

/* Rows are whole pairs: behind an odd number of samples lies a zero. */
static uint32_t verdict_of(const ec_monitor *monitor, const ec_limits *limits, const ec_expected *expected,
                           const ec_half *samples) {
    const ec_half *inside = samples + monitor->inside_first, *end = samples + monitor->inside_end;
    float squares = add_squares(0.0f, samples, inside);
    squares = add_squares(squares, end, samples + monitor->samples);
    ec_pair before = ec_load_pair(inside);
    ec_pair lowest = before, highest = before, largest_step = 0;
    float sum = 0.0f;
    uint32_t run = 0, longest_run = 0; /* the first pair's step is zero */
    for (const ec_half *at = inside; at < end; at += 2) {
        const ec_pair pair = ec_load_pair(at);
        const ec_pair step = ec_pair_magnitudes(ec_subtract_pairs(pair, before));
        before = pair;
        lowest = ec_lower_pair(lowest, pair);
        highest = ec_higher_pair(highest, pair);
        largest_step = ec_higher_pair(largest_step, step);
        sum = ec_add_products_of_pair(sum, pair, ONES);
        squares = ec_add_products_of_pair(squares, pair, pair);
        if (step != 0) {
            run = 1;
        } else {
            run++;
            longest_run = run > longest_run ? run : longest_run;
        }
    }
    if (!(squares <= FLT_MAX)) {
        return EC_NOT_FINITE;
    }
    const float low = lowest_of(lowest), high = highest_of(highest);
    const bool is_expected =
        low >= expected->lowest && high <= expected->highest && highest_of(largest_step) <= expected->largest_step &&
        high - low >= expected->smallest_span && (float)longest_run < limits->longest_run &&
        drift_of(inside, (uint32_t)(end - inside), sum) <= expected->largest_drift;
    return is_expected ? EC_HEALTHY : EC_UNEXPECTED;
}

static ec_screened screen(const ec_monitor *monitor, const ec_limits *limits, const ec_expected *expected,
                          const ec_half *samples) {
    const ec_pair origin = ec_to_pair(expected->origin, expected->origin);
    const ec_half *end = samples + monitor->central_end;
    float sum = 0.0f, squares = 0.0f;
    for (const ec_half *at = samples + monitor->central_first; at < end; at += 2) {
        const ec_pair values = ec_pair_magnitudes(ec_subtract_pairs(ec_load_pair(at), origin));
        sum = ec_add_products_of_pair(sum, values, ONES);
        squares = ec_add_products_of_pair(squares, values, values);
    }
    const float root = inverse_root(expected->gain * sum);
    const float inverse = root * root;
    const ec_screened found = {
        .inverse = inverse,
        .share = expected->share * inverse,
        .power = expected->inverse_power * squares,
        .verdict = verdict_of(monitor, limits, expected, samples),
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
        for (uint32_t i = 0; i < bins.channels; i += 2) { /* an odd number's last one is paired with zero */
            const ec_pair pair = i + 1 < bins.channels ? ec_load_pair(values + i) : values[i];
            sum = ec_add_products_of_pair(sum, pair, pair);
        }
        energies[row] = sum;
    }
    const ec_range share = ec_share(worker, coefficients.channels);
    for (uint32_t i = share.first; i < share.end; i++) {
        const float deviation = ec_to_float(ec_halves(worker, coefficients.at)[i]) - kept[i].centre;
        energies[bins.rows + i] = kept[i].weight * deviation * deviation;
    }
}

static float latent_energy(const ec_worker *worker, const ec_monitor *monitor) {
    const float *energies = energies_of(worker, monitor);
    const float offered = ec_add_up(energies, monitor->bins.rows);
    const float left = offered - ec_add_up(energies + monitor->bins.rows, monitor->coefficients.channels);
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

static void estimate(const ec_worker *worker, const ec_monitor *monitor, const ec_evidence *evidence, uint32_t rate,
                     uint32_t regime, ec_remarks *remarks) {
    const ec_error_factors *factors = (const ec_error_factors *)(const void *)(worker->codebooks + evidence->estimate);
    const ec_familiar *familiar = (const ec_familiar *)(const void *)(factors + evidence->rates) + regime;
    const float *left = ec_left_of(worker, evidence);
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

void ec_make_remarks(const ec_worker *worker, const ec_monitor *monitor, const ec_evidence *evidence, uint32_t rate,
                     uint32_t regime, ec_remarks *remarks) {
    if (worker->team->worker == 0) {
        estimate(worker, monitor, evidence, rate, regime, remarks);
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
