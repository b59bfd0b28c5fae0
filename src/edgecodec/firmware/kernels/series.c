/* Coded windows in a row to one frame. packets/series.py has the numbers, packets/frame.py the frame. */
#include "edgecodec.h"

#include "checksum.h"
#include "packet_layout.h"
#include "range_coder.h"
#include "scalars.h"
#include "series_numbers.h"

typedef struct progress {
    ec_range_coder coder;
    uint32_t regime;  /* of the last window */
    bool has_told;    /* which channels are faulty */
    uint8_t told[EC_CHANNELS_MAX / 8];
    ec_place error;
    ec_place unlike;
    ec_place faulty;
    ec_place regimes;
    ec_place coordinates[];
} progress;

_Static_assert(sizeof(progress) <= EC_SERIES_SIZE(0) && sizeof(ec_place) == 8, "EC_SERIES_SIZE");

/* What is sent of a window. */
typedef struct row {
    uint32_t error_code;
    bool unlike;
    const uint8_t *faulty; /* NULL: no channel is */
    uint32_t regime;
    const uint16_t *words;
} row;

static void code(ec_range_coder *coder, const ec_alphabet *of, const ec_place *at, uint32_t number) {
    const uint32_t unit = coder->width >> EC_WHOLE_BITS;
    const uint32_t first = ec_below(of, at, number);
    ec_narrow(coder, unit * first, unit * (ec_below(of, at, number + 1) - first));
}

/* The only number of an alphabet is not coded. */
static void take(ec_range_coder *coder, const ec_alphabet *of, ec_place *at, uint32_t number) {
    if (coder == NULL) {
        ec_learn(of, at, number);
    } else if (of->numbers > 1) {
        code(coder, of, at, number);
    }
}

static bool is_told(const progress *so_far, const uint8_t *mask, uint32_t channels) {
    bool same = so_far->has_told;
    for (uint32_t i = 0; i < (channels + 7u) / 8u; i++) {
        same = same && so_far->told[i] == mask[i];
    }
    return same;
}

static void tell(progress *so_far, ec_range_coder *coder, const uint8_t *mask, uint32_t channels) {
    for (uint32_t channel = 0; coder != NULL && channel < channels; channel++) {
        code(coder, &ec_series_bits, &ec_series_nothing, (uint32_t)mask[channel / 8] >> channel % 8 & 1u);
    }
    for (uint32_t i = 0; coder == NULL && i < (channels + 7u) / 8u; i++) {
        so_far->told[i] = mask[i];
        so_far->has_told = true;
    }
}

static void take_remarks(progress *so_far, ec_range_coder *coder, const row *window) {
    const uint32_t channels = ec_codec_network.model.channels;
    take(coder, &ec_series_errors, &so_far->error, window->error_code);
    take(coder, &ec_series_unlike, &so_far->unlike, window->unlike);
    const uint32_t which = window->faulty == NULL                      ? EC_FAULTY_NONE
                           : is_told(so_far, window->faulty, channels) ? EC_FAULTY_AS_TOLD
                                                                       : EC_FAULTY_OTHERS;
    take(coder, &ec_series_faulty, &so_far->faulty, which);
    if (which == EC_FAULTY_OTHERS) {
        tell(so_far, coder, window->faulty, channels);
    }
}

static const uint16_t *halfwords_at(const uint8_t *codebooks, uint32_t at) {
    return (const uint16_t *)(const void *)(codebooks + at);
}

static const ec_class *classes_of(const ec_series *series) {
    return (const ec_class *)(const void *)(series->codebooks + ec_codec_network.coded->classes);
}

/* [coordinates], of the regime at the series' rate. */
static const uint16_t *class_numbers(const ec_series *series, uint32_t regime) {
    const ec_scalars *scalars = ec_codec_network.coded;
    return halfwords_at(series->codebooks, scalars->class_of) +
           (size_t)((series->rate - 1) * scalars->regimes + regime) * scalars->latent.channels;
}

/* Codes a window, from what is known of those before; with no coder, learns from it. */
static void take_row(const ec_series *series, progress *so_far, ec_range_coder *coder, const row *window) {
    const ec_scalars *scalars = ec_codec_network.coded;
    const uint16_t *of_regimes = halfwords_at(series->codebooks, scalars->cumulative);
    const uint16_t *of_classes = of_regimes + scalars->regimes + 1; /* each table before has one number more */
    const uint16_t *class_of = class_numbers(series, window->regime);
    if (ec_codec_network.model.makes_remarks) {
        take_remarks(so_far, coder, window);
    }
    const ec_alphabet regimes = {of_regimes, scalars->regimes, 0};
    take(coder, &regimes, &so_far->regimes, window->regime);
    const bool anew = series->windows == 0 || window->regime != so_far->regime;
    for (uint32_t i = 0; i < scalars->latent.channels; i++) {
        const ec_class *class = &classes_of(series)[class_of[i]];
        const ec_alphabet words = {of_classes + class->first + class_of[i], 2u * class->reach + 1u, class->fine_bits};
        ec_place fresh = ec_series_nothing;
        take(coder, &words, anew ? &fresh : &so_far->coordinates[i], window->words[i]);
        if (anew && coder == NULL) {
            so_far->coordinates[i] = fresh;
        }
    }
    if (coder == NULL) {
        so_far->regime = window->regime;
    }
}

size_t ec_series_size(void) {
    const uint32_t words = ec_codec_network.model.coded_words;
    return words > 0 ? EC_SERIES_SIZE(words) : 0;
}

static size_t beginning(const ec_series *series) {
    return series->link == EC_LINK_RADIO ? 2 : 1;
}

static size_t checksum_bytes(const ec_series *series) {
    return series->link == EC_LINK_RADIO ? EC_FRAME_CHECKSUM_BYTES : 0;
}

ec_status ec_begin_series(ec_series *series, const ec_context *context, ec_link link, uint32_t rate, uint16_t sequence,
                          void *memory, size_t memory_bytes, uint8_t *frame, size_t capacity) {
    if (ec_codec_network.coded == NULL) {
        return EC_ERROR_CODED;
    }
    if (series == NULL || context == NULL || memory == NULL || frame == NULL) {
        return EC_ERROR_NULL;
    }
    if ((uintptr_t)memory % _Alignof(progress) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (memory_bytes < ec_series_size()) {
        return EC_ERROR_ARENA;
    }
    if (context->weights == NULL || context->codebooks == NULL) {
        return EC_ERROR_CONTEXT;
    }
    if (rate < 1 || rate > ec_codec_network.model.rates) {
        return EC_ERROR_RATE;
    }
    const ec_series begun = {context->weights, context->codebooks, memory, frame, capacity, link, rate, sequence, 0};
    *series = begun;
    const size_t around = beginning(series) + checksum_bytes(series);
    progress *so_far = memory;
    const progress start = {.regime = 0, .has_told = false};
    *so_far = start;
    ec_start_range_coder(&so_far->coder, frame + beginning(series), capacity > around ? capacity - around : 0);
    code(&so_far->coder, &ec_series_rates, &ec_series_nothing, rate - 1);
    return EC_OK;
}

/* Writes what comes before and behind what `coder` has coded, and the frame's length; false if there is no room. */
static bool finish(const ec_series *series, ec_range_coder coder, uint32_t windows, size_t *bytes) {
    const size_t payload = ec_finish_range_coder(&coder);
    const size_t content = beginning(series) + payload;
    if (content + checksum_bytes(series) > series->capacity) {
        return false;
    }
    series->frame[0] = (uint8_t)(EC_SERIES_FIRST_BYTE | (windows - 1u) << EC_SERIES_COUNT_SHIFT);
    if (series->link == EC_LINK_RADIO) {
        series->frame[1] = (uint8_t)series->sequence;
        const uint32_t sum = ec_frame_checksum(ec_model_hash(series->weights), series->frame, content);
        series->frame[content] = (uint8_t)sum;
        series->frame[content + 1] = (uint8_t)(sum >> 8);
    }
    *bytes = content + checksum_bytes(series);
    return true;
}

static bool are_words(const ec_series *series, const row *window) {
    const ec_scalars *scalars = ec_codec_network.coded;
    if (window->regime >= scalars->regimes) {
        return false;
    }
    const uint16_t *class_of = class_numbers(series, window->regime);
    bool known = true;
    for (uint32_t i = 0; i < scalars->latent.channels; i++) {
        known = known && window->words[i] <= 2u * classes_of(series)[class_of[i]].reach;
    }
    return known;
}

ec_status ec_add_to_series(ec_series *series, const uint16_t *indices, const ec_remarks *remarks, size_t *bytes) {
    if (ec_codec_network.coded == NULL) {
        return EC_ERROR_CODED;
    }
    if (series == NULL || indices == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    if ((uintptr_t)indices % _Alignof(uint16_t) != 0 || (uintptr_t)remarks % _Alignof(ec_remarks) != 0) {
        return EC_ERROR_ALIGNMENT;
    }
    if (series->memory == NULL) {
        return EC_ERROR_CONTEXT;
    }
    if ((remarks != NULL) != ec_codec_network.model.makes_remarks) {
        return EC_ERROR_REMARKS;
    }
    const uint16_t *words = indices + 1 + (size_t)(series->rate - 1) * ec_codec_network.model.coded_words;
    row window = {0, false, NULL, indices[0], words};
    if (remarks != NULL) {
        window.error_code = ec_error_code(remarks->error_percent[series->rate - 1]);
        window.unlike = remarks->unlike > 1.0f;
        window.faulty = remarks->faulty_channels > 0 ? remarks->faulty : NULL;
    }
    if (!are_words(series, &window)) {
        return EC_ERROR_INDEX;
    }
    progress *so_far = series->memory;
    ec_range_coder coder = so_far->coder;
    take_row(series, so_far, &coder, &window);
    if (series->windows == EC_SERIES_WINDOWS_MAX || !finish(series, coder, series->windows + 1, bytes)) {
        if (series->windows > 0) {
            (void)finish(series, so_far->coder, series->windows, bytes); /* as it was */
        }
        return EC_ERROR_CAPACITY;
    }
    take_row(series, so_far, NULL, &window);
    so_far->coder = coder;
    series->windows++;
    return EC_OK;
}
