/* Coded windows in a row to one frame. packets/series.py of the generator has the numbers, packets/frame.py the frame.
 *
 * Each number of a window has a place, which learns from window to window: a table and two guesses, near and very near
 * the mean of those before, share its chance by their weights. */
#include "edgecodec.h"

#include "entropy.h"
#include "packet_layout.h"
#include "range_coder.h"
#include "scalars.h"

#define WHOLE 65536u
#define WHOLE_BITS 16u
#define SLOTS_BITS 12u
#define WEIGHTS 256u
#define GUESSES 2u
#define ERROR_BITS 6u
#define RATE_BITS 4u
#define FIRST_BYTE 0xc2u /* a frame of an exact packet that is unlike the training, which there is not */

typedef struct guess {
    uint32_t bits;   /* each step from the mean is worth */
    uint32_t tail;   /* 65536 / (1 + 2^-bits) */
    uint32_t weight; /* at first */
} guess;

static const guess guesses[GUESSES] = {{2, 52428, 16}, {5, 63550, 32}};

/* How likely the numbers of a place are. */
typedef struct alphabet {
    const uint16_t *cumulative; /* of 4096 */
    uint32_t numbers;
    uint32_t fine_bits; /* of a number, that the table does not tell */
} alphabet;

typedef struct place {
    uint32_t sum; /* of the numbers so far */
    uint8_t seen; /* how many they are */
    uint8_t weights[GUESSES];
} place;

typedef struct progress {
    ec_range_coder coder;
    uint32_t regime;  /* of the last window */
    bool has_told;    /* which channels are faulty */
    uint8_t told[EC_CHANNELS_MAX / 8];
    place error;
    place unlike;
    place faulty;
    place regimes;
    place coordinates[];
} progress;

_Static_assert(sizeof(progress) <= EC_SERIES_SIZE(0) && sizeof(place) == 8, "EC_SERIES_SIZE");

/* What is sent of a window. */
typedef struct row {
    uint32_t error_code;
    bool unlike;
    const uint8_t *faulty; /* NULL: no channel is */
    uint32_t regime;
    const uint16_t *words;
} row;

enum { FAULTY_NONE, FAULTY_AS_TOLD, FAULTY_OTHERS };

static const uint16_t even[] = {0, 4096};
static const uint16_t unlike[] = {0, 3968, 4096};
static const uint16_t faulty[] = {0, 3968, 4032, 4096};
static const alphabet of_rates = {even, 1u << RATE_BITS, RATE_BITS};
static const alphabet of_errors = {even, 1u << ERROR_BITS, ERROR_BITS};
static const alphabet of_bits = {even, 2, 1};
static const alphabet of_unlike = {unlike, 2, 0};
static const alphabet of_faulty = {faulty, 3, 0};
static const place nothing = {0, 0, {0, 0}};

static uint32_t table_below(const alphabet *of, uint32_t number) {
    const uint16_t *at = of->cumulative + (number >> of->fine_bits);
    const uint32_t first = (uint32_t)at[0] << (WHOLE_BITS - SLOTS_BITS);
    const uint32_t share = ((uint32_t)at[1] << (WHOLE_BITS - SLOTS_BITS)) - first;
    return first + (share * (number & ((1u << of->fine_bits) - 1u)) >> of->fine_bits);
}

static uint32_t guess_below(const guess *by, int32_t distance) {
    const uint32_t steps = (uint32_t)(distance > 0 ? distance : 1 - distance);
    const uint32_t shift = steps > WHOLE_BITS ? WHOLE_BITS + 1u : by->bits * steps;
    const uint32_t left = shift > WHOLE_BITS ? 0u : by->tail >> shift;
    return distance > 0 ? WHOLE - left : left;
}

/* What belongs to numbers below `number`, in 65536ths: by the table, and by every guess. */
static void each_below(const alphabet *of, const place *at, uint32_t number, uint32_t shares[1 + GUESSES]) {
    const bool inside = number > 0 && number < of->numbers;
    const uint32_t outside = number > 0 ? WHOLE : 0;
    const uint32_t mean = at->seen > 0 ? (2u * at->sum + at->seen) / (2u * at->seen) : 0;
    shares[0] = inside ? table_below(of, number) : outside;
    for (uint32_t i = 0; i < GUESSES; i++) {
        shares[1 + i] = inside ? guess_below(&guesses[i], (int32_t)number - (int32_t)mean) : outside;
    }
}

static uint32_t weight_of_table(const place *at) {
    return WEIGHTS - at->weights[0] - at->weights[1];
}

static uint32_t below(const alphabet *of, const place *at, uint32_t number) {
    if (number == of->numbers) {
        return WHOLE;
    }
    uint32_t shares[1 + GUESSES];
    each_below(of, at, number, shares);
    const uint32_t sum = weight_of_table(at) * shares[0] + at->weights[0] * shares[1] + at->weights[1] * shares[2];
    return (sum / WEIGHTS * (WHOLE - of->numbers) >> WHOLE_BITS) + number;
}

static void code(ec_range_coder *coder, const alphabet *of, const place *at, uint32_t number) {
    const uint32_t unit = coder->width >> WHOLE_BITS;
    const uint32_t first = below(of, at, number);
    ec_narrow(coder, unit * first, unit * (below(of, at, number + 1) - first));
}

static void learn(const alphabet *of, place *at, uint32_t number) {
    if (at->seen == 0) {
        for (uint32_t i = 0; i < GUESSES; i++) {
            at->weights[i] = (uint8_t)guesses[i].weight;
        }
    } else {
        uint32_t first[1 + GUESSES];
        uint32_t end[1 + GUESSES];
        each_below(of, at, number, first);
        each_below(of, at, number + 1, end);
        uint32_t total = weight_of_table(at) * (end[0] - first[0]);
        uint32_t likely[GUESSES];
        for (uint32_t i = 0; i < GUESSES; i++) {
            likely[i] = at->weights[i] * (end[1 + i] - first[1 + i]);
            total += likely[i];
        }
        for (uint32_t i = 0; i < GUESSES; i++) {
            at->weights[i] = (uint8_t)(1u + (WEIGHTS - 1u - GUESSES) * likely[i] / (total > 0 ? total : 1u));
        }
    }
    at->sum += number;
    at->seen++;
}

/* The only number of an alphabet is not coded. */
static void take(ec_range_coder *coder, const alphabet *of, place *at, uint32_t number) {
    if (coder == NULL) {
        learn(of, at, number);
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
        code(coder, &of_bits, &nothing, (uint32_t)mask[channel / 8] >> channel % 8 & 1u);
    }
    for (uint32_t i = 0; coder == NULL && i < (channels + 7u) / 8u; i++) {
        so_far->told[i] = mask[i];
        so_far->has_told = true;
    }
}

static void take_remarks(progress *so_far, ec_range_coder *coder, const row *window) {
    const uint32_t channels = ec_codec_network.model.channels;
    take(coder, &of_errors, &so_far->error, window->error_code);
    take(coder, &of_unlike, &so_far->unlike, window->unlike);
    const uint32_t which = window->faulty == NULL                          ? FAULTY_NONE
                           : is_told(so_far, window->faulty, channels) ? FAULTY_AS_TOLD
                                                                           : FAULTY_OTHERS;
    take(coder, &of_faulty, &so_far->faulty, which);
    if (which == FAULTY_OTHERS) {
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
    const alphabet regimes = {of_regimes, scalars->regimes, 0};
    take(coder, &regimes, &so_far->regimes, window->regime);
    const bool anew = series->windows == 0 || window->regime != so_far->regime;
    for (uint32_t i = 0; i < scalars->latent.channels; i++) {
        const ec_class *class = &classes_of(series)[class_of[i]];
        const alphabet words = {of_classes + class->first + class_of[i], 2u * class->reach + 1u, class->fine_bits};
        place fresh = nothing;
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
    code(&so_far->coder, &of_rates, &nothing, rate - 1);
    return EC_OK;
}

/* Writes what comes before and behind what `coder` has coded, and the frame's length; false if there is no room. */
static bool finish(const ec_series *series, ec_range_coder coder, uint32_t windows, size_t *bytes) {
    const size_t payload = ec_finish_range_coder(&coder);
    const size_t content = beginning(series) + payload;
    if (content + checksum_bytes(series) > series->capacity) {
        return false;
    }
    series->frame[0] = (uint8_t)(FIRST_BYTE | (windows - 1u) << 2);
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
