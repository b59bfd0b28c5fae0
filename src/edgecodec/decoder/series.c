/* Windows of one frame. packets/series.py of the generator has the numbers, packets/frame.py the frame. */
#include <math.h>

#include "checksum.h"
#include "model.h"
#include "series_numbers.h"

#define COUNT (15u << EC_SERIES_COUNT_SHIFT)

typedef struct coordinate {
    ec_place place;
    uint32_t word; /* of the last window, as what `progress` has of it */
} coordinate;

typedef struct progress {
    ec_range_reader range;
    ec_place error;
    ec_place unlike;
    ec_place faulty;
    ec_place regimes;
    uint32_t error_code;
    bool is_unlike;
    bool has_faulty; /* channels: those that were told */
    bool has_told;
    uint8_t *told; /* behind the coordinates */
    uint32_t regime;
    coordinate coordinates[];
} progress;

static uint32_t read_number(ec_range_reader *range, const ec_alphabet *of, const ec_place *at) {
    const uint32_t unit = range->width >> EC_WHOLE_BITS;
    const uint32_t share = range->above / unit; /* what rounding leaves over belongs to the last number */
    uint32_t number = 0;
    uint32_t end = of->numbers;
    while (end - number > 1) {
        const uint32_t middle = (number + end) / 2;
        if (ec_below(of, at, middle) <= share) {
            number = middle;
        } else {
            end = middle;
        }
    }
    const uint32_t first = ec_below(of, at, number);
    ec_narrow_to(range, unit * first, unit * (ec_below(of, at, number + 1) - first));
    return number;
}

/* The only number of an alphabet is not coded. */
static uint32_t take(ec_range_reader *range, const ec_alphabet *of, ec_place *at) {
    if (of->numbers == 1) {
        return 0;
    }
    const uint32_t number = read_number(range, of, at);
    ec_learn(of, at, number);
    return number;
}

/* Other channels than those told last, and at least one. */
static void read_faulty(progress *so_far, uint32_t channels) {
    bool same = so_far->has_told;
    bool any = false;
    for (uint32_t first = 0; first < channels; first += 8) {
        uint32_t byte = 0;
        for (uint32_t bit = 0; bit < 8 && first + bit < channels; bit++) {
            byte |= read_number(&so_far->range, &ec_series_bits, &ec_series_nothing) << bit;
        }
        same = same && so_far->told[first / 8] == byte;
        any = any || byte != 0;
        so_far->told[first / 8] = (uint8_t)byte;
    }
    so_far->has_told = true;
    so_far->range.is_sound = so_far->range.is_sound && any && !same;
}

static void read_remarks(progress *so_far, uint32_t channels) {
    so_far->error_code = take(&so_far->range, &ec_series_errors, &so_far->error);
    so_far->is_unlike = take(&so_far->range, &ec_series_unlike, &so_far->unlike) != 0;
    const uint32_t which = take(&so_far->range, &ec_series_faulty, &so_far->faulty);
    so_far->has_faulty = which != EC_FAULTY_NONE;
    if (which == EC_FAULTY_OTHERS) {
        read_faulty(so_far, channels);
    }
    so_far->range.is_sound = so_far->range.is_sound && (!so_far->has_faulty || so_far->has_told);
}

/* The next window's numbers. */
static void read_row(const ec_series_reader *series, progress *so_far) {
    const ec_decoder *decoder = series->decoder;
    const ec_model_header *header = ec_header(decoder);
    if (header->makes_remarks) {
        read_remarks(so_far, header->channels);
    }
    const ec_alphabet regimes = {ec_at(decoder, header->coded.regimes_at), header->regimes, 0};
    const uint32_t regime = take(&so_far->range, &regimes, &so_far->regimes);
    const bool anew = series->decoded == 0 || regime != so_far->regime;
    so_far->regime = regime;
    for (uint32_t i = 0; i < header->dimension; i++) {
        const ec_class *class = ec_class_of(decoder, series->rate, regime, i);
        const ec_alphabet words = {ec_at(decoder, class->cumulative_at), 2u * class->reach + 1u, class->fine_bits};
        coordinate *at = &so_far->coordinates[i];
        if (anew) {
            at->place = ec_series_nothing;
        }
        at->word = take(&so_far->range, &words, &at->place);
    }
}

static void begin(ec_series_reader *series) {
    progress *so_far = series->memory;
    const progress start = {.told = (uint8_t *)(so_far->coordinates + ec_header(series->decoder)->dimension)};
    *so_far = start;
    ec_start_range_reader(&so_far->range, series->payload, series->payload_bytes);
    series->rate = read_number(&so_far->range, &ec_series_rates, &ec_series_nothing) + 1u;
    series->decoded = 0;
}

/* Whether there are windows that have the payload; reads them all. */
static bool is_sound(ec_series_reader *series) {
    progress *so_far = series->memory;
    for (; series->decoded < series->windows; series->decoded++) {
        read_row(series, so_far);
    }
    return ec_finish_range_reader(&so_far->range);
}

/* Fills in what lies before and behind the payload. */
static ec_decode_status open_frame(ec_series_reader *series, ec_link link, const uint8_t *frame, size_t bytes,
                                   uint16_t expected) {
    const bool by_radio = link == EC_LINK_RADIO;
    const size_t before = by_radio ? 2 : 1;
    const size_t behind = by_radio ? EC_FRAME_CHECKSUM_BYTES : 0;
    if (bytes < before + behind) {
        return EC_DECODE_DAMAGED;
    }
    const size_t content = bytes - behind;
    if (by_radio && ec_frame_checksum(ec_header(series->decoder)->model_hash, frame, content) !=
                       ((uint32_t)frame[content] | (uint32_t)frame[content + 1] << 8)) {
        return EC_DECODE_DAMAGED;
    }
    if ((frame[0] & ~COUNT) != EC_SERIES_FIRST_BYTE) {
        return EC_DECODE_KIND;
    }
    series->windows = 1u + ((frame[0] & COUNT) >> EC_SERIES_COUNT_SHIFT);
    series->sequence = by_radio ? (uint16_t)(expected + (uint8_t)(frame[1] - expected)) : expected;
    series->payload = frame + before;
    series->payload_bytes = content - before;
    return EC_DECODED;
}

size_t ec_decoder_series_memory(const ec_decoder *decoder) {
    const ec_model_header *header = ec_header(decoder);
    const size_t mask_bytes = (header->channels + 7u) / 8u;
    return header->coded.classes_at == 0 ? 0 : sizeof(progress) + header->dimension * sizeof(coordinate) + mask_bytes;
}

ec_decode_status ec_open_series(ec_series_reader *series, const ec_decoder *decoder, ec_link link, const uint8_t *frame,
                                size_t bytes, uint16_t expected, void *memory, size_t memory_bytes) {
    if (series == NULL || decoder == NULL || frame == NULL || memory == NULL) {
        return EC_DECODE_NULL;
    }
    if ((uintptr_t)memory % _Alignof(progress) != 0) {
        return EC_DECODE_ALIGNMENT;
    }
    if (memory_bytes < ec_decoder_series_memory(decoder)) {
        return EC_DECODE_WORKSPACE;
    }
    ec_series_reader opened = {.decoder = decoder, .memory = memory};
    const ec_decode_status status = open_frame(&opened, link, frame, bytes, expected);
    if (status != EC_DECODED) {
        return status;
    }
    if (ec_header(decoder)->coded.classes_at == 0) {
        return EC_DECODE_RATE;
    }
    begin(&opened);
    if (opened.rate > ec_header(decoder)->rates) {
        return EC_DECODE_RATE;
    }
    if (!is_sound(&opened)) {
        return EC_DECODE_PAYLOAD;
    }
    begin(&opened);
    *series = opened;
    return EC_DECODED;
}

static ec_decoded told_of(const ec_series_reader *series, const progress *so_far) {
    const ec_model_header *header = ec_header(series->decoder);
    ec_decoded told = {.rate = series->rate, .sequence = (uint16_t)(series->sequence + series->decoded)};
    told.estimated_error = header->makes_remarks ? ec_estimated_error(series->decoder, so_far->error_code) : NAN;
    told.unlike_training = so_far->is_unlike;
    for (uint32_t i = 0; so_far->has_faulty && i < header->channels; i++) {
        told.faulty_channels += (uint32_t)so_far->told[i / 8] >> i % 8 & 1u;
    }
    return told;
}

ec_decode_status ec_decode_next(ec_series_reader *series, void *workspace, size_t workspace_bytes, float *window,
                                ec_decoded *decoded) {
    if (series == NULL || workspace == NULL || window == NULL || decoded == NULL) {
        return EC_DECODE_NULL;
    }
    const ec_decoder *decoder = series->decoder;
    const ec_decode_status status = ec_check_room(decoder, workspace, workspace_bytes, window);
    if (status != EC_DECODED) {
        return status;
    }
    if (series->decoded == series->windows) {
        return EC_DECODE_END;
    }
    progress *so_far = series->memory;
    read_row(series, so_far);
    float *latent = ec_begin_sums(decoder, workspace);
    for (uint32_t i = 0; i < ec_header(decoder)->dimension; i++) {
        const ec_class *class = ec_class_of(decoder, series->rate, so_far->regime, i);
        latent[i] = ec_restore(decoder, series->rate, so_far->regime, class, so_far->coordinates[i].word);
    }
    ec_make_window(decoder, so_far->regime, so_far->has_faulty ? so_far->told : NULL, workspace, window);
    *decoded = told_of(series, so_far);
    series->decoded++;
    return EC_DECODED;
}
