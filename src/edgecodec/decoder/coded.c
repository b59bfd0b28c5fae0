/* Reads what the node's range coder writes. The receiver knows the width of the window's interval at every symbol, and
 * how far above its beginning the payload's number is: that tells which word's slots it is in.
 */
#include "model.h"

#define SLOTS_BITS 12u
#define HELD_BYTES 4u
#define LEAST_WIDTH 0x01000000u
#define SHIFTS 3u

/* Byte `i` of the payload with zeros behind it. */
static uint32_t byte_of(const ec_coded_reader *reader, size_t i) {
    return i < reader->bytes ? reader->payload[i] : 0u;
}

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

/* What is left of the interval has `width` and begins at `start`. */
static void narrow(ec_coded_reader *reader, uint32_t start, uint32_t width) {
    reader->above -= start;
    reader->width = width;
    reader->is_sound = reader->is_sound && reader->above < reader->width;
    while (reader->width < LEAST_WIDTH) {
        reader->width <<= 8;
        reader->above = reader->above << 8 | byte_of(reader, reader->read++);
    }
}

static uint32_t read_symbol(ec_coded_reader *reader, uint32_t cumulative_at, uint32_t words) {
    if (words == 1) {
        return 0;
    }
    const uint16_t *cumulative = ec_at(reader->decoder, cumulative_at);
    const uint32_t unit = reader->width >> SLOTS_BITS;
    const uint32_t word = word_with_slot(cumulative, words, reader->above / unit);
    narrow(reader, unit * cumulative[word], unit * ((uint32_t)cumulative[word + 1] - cumulative[word]));
    return word;
}

static uint32_t read_fine_bits(ec_coded_reader *reader, uint32_t bits) {
    if (bits == 0) {
        return 0;
    }
    const uint32_t share = (reader->width >> SLOTS_BITS) << (SLOTS_BITS - bits);
    const uint32_t found = reader->above / share & ((1u << bits) - 1u);
    narrow(reader, share * found, share);
    return found;
}

void ec_start_coded(ec_coded_reader *reader, const ec_decoder *decoder, const uint8_t *payload, size_t bytes) {
    const ec_model_header *header = ec_header(decoder);
    const ec_coded_reader start = {
        .decoder = decoder, .payload = payload, .bytes = bytes, .width = UINT32_MAX, .is_sound = true};
    *reader = start;
    while (reader->read < HELD_BYTES) {
        reader->above = reader->above << 8 | byte_of(reader, reader->read++);
    }
    reader->is_sound = reader->above < reader->width;
    reader->regime = read_symbol(reader, header->coded.regimes_at, header->regimes);
}

float ec_read_coordinate(ec_coded_reader *reader, uint32_t rate, uint32_t coordinate) {
    const ec_model_header *header = ec_header(reader->decoder);
    const uint32_t number = (rate - 1) * header->regimes + reader->regime;
    const uint16_t *class_of = ec_at(reader->decoder, header->coded.class_of_at);
    const float *steps = ec_at(reader->decoder, header->coded.steps_at);
    const ec_class *classes = ec_at(reader->decoder, header->coded.classes_at);
    const ec_class *class = &classes[class_of[(size_t)number * header->dimension + coordinate]];
    const uint32_t entry = read_symbol(reader, class->cumulative_at, (2 * class->reach >> class->fine_bits) + 1);
    const uint32_t word = entry << class->fine_bits | read_fine_bits(reader, class->fine_bits);
    reader->is_sound = reader->is_sound && word <= 2 * class->reach;
    const bool negative = word < class->reach;
    const uint32_t index = negative ? class->reach - word : word - class->reach;
    if (index == 0) {
        return 0.0f;
    }
    const float restored = ((float)index + class->shifts[(index < SHIFTS ? index : SHIFTS) - 1]) * steps[number];
    return negative ? -restored : restored;
}

/* The number that the node's coder chooses for this interval, and no zero behind it. */
bool ec_finish_coded(const ec_coded_reader *reader) {
    uint32_t held = 0;
    for (uint32_t i = HELD_BYTES; i > 0; i--) {
        held = held << 8 | byte_of(reader, reader->read - i);
    }
    const uint32_t to_whole = reader->above - held; /* from where the interval begins, modulo 2^32 */
    const uint32_t chosen = to_whole < reader->width ? to_whole : to_whole & (LEAST_WIDTH - 1u);
    return reader->is_sound && reader->above == chosen && reader->bytes <= reader->read &&
           (reader->bytes == 0 || reader->payload[reader->bytes - 1] != 0);
}
