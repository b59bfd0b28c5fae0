#include "model.h"

#define SLOTS_BITS 12u
#define SHIFTS 3u

static uint32_t word_with_slot(const uint16_t *cumulative, uint32_t words, uint32_t slot) {
    uint32_t word = 0;
    uint32_t end = words;
    while (end - word > 1) {
        const uint32_t middle = (word + end) / 2;
        if (cumulative[middle] <= slot) {
            word = middle;
        } else {
            end = middle;
        }
    }
    return word;
}

static uint32_t read_symbol(ec_coded_reader *reader, uint32_t cumulative_at, uint32_t words) {
    if (words == 1) {
        return 0;
    }
    const uint16_t *cumulative = ec_at(reader->decoder, cumulative_at);
    const uint32_t unit = reader->range.width >> SLOTS_BITS;
    const uint32_t word = word_with_slot(cumulative, words, reader->range.above / unit);
    ec_narrow_to(&reader->range, unit * cumulative[word], unit * ((uint32_t)cumulative[word + 1] - cumulative[word]));
    return word;
}

static uint32_t read_fine_bits(ec_range_reader *range, uint32_t bits) {
    if (bits == 0) {
        return 0;
    }
    const uint32_t share = (range->width >> SLOTS_BITS) << (SLOTS_BITS - bits);
    const uint32_t found = range->above / share & ((1u << bits) - 1u);
    ec_narrow_to(range, share * found, share);
    return found;
}

void ec_start_coded(ec_coded_reader *reader, const ec_decoder *decoder, const uint8_t *payload, size_t bytes) {
    const ec_model_header *header = ec_header(decoder);
    reader->decoder = decoder;
    ec_start_range_reader(&reader->range, payload, bytes);
    reader->regime = read_symbol(reader, header->coded.regimes_at, header->regimes);
}

static uint32_t set_of(const ec_decoder *decoder, uint32_t rate, uint32_t regime) {
    return (rate - 1) * ec_header(decoder)->regimes + regime;
}

const ec_class *ec_class_of(const ec_decoder *decoder, uint32_t rate, uint32_t regime, uint32_t coordinate) {
    const ec_model_header *header = ec_header(decoder);
    const uint16_t *class_of = ec_at(decoder, header->coded.class_of_at);
    const ec_class *classes = ec_at(decoder, header->coded.classes_at);
    return &classes[class_of[(size_t)set_of(decoder, rate, regime) * header->dimension + coordinate]];
}

float ec_restore(const ec_decoder *decoder, uint32_t rate, uint32_t regime, const ec_class *class, uint32_t word) {
    const float *steps = ec_at(decoder, ec_header(decoder)->coded.steps_at);
    const bool negative = word < class->reach;
    const uint32_t index = negative ? class->reach - word : word - class->reach;
    if (index == 0) {
        return 0.0f;
    }
    const float shift = class->shifts[(index < SHIFTS ? index : SHIFTS) - 1];
    const float restored = ((float)index + shift) * steps[set_of(decoder, rate, regime)];
    return negative ? -restored : restored;
}

float ec_read_coordinate(ec_coded_reader *reader, uint32_t rate, uint32_t coordinate) {
    const ec_class *class = ec_class_of(reader->decoder, rate, reader->regime, coordinate);
    const uint32_t entry = read_symbol(reader, class->cumulative_at, (2 * class->reach >> class->fine_bits) + 1);
    const uint32_t word = entry << class->fine_bits | read_fine_bits(&reader->range, class->fine_bits);
    reader->range.is_sound = reader->range.is_sound && word <= 2 * class->reach;
    return ec_restore(reader->decoder, rate, reader->regime, class, word);
}
