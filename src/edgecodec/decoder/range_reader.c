#include "range_reader.h"

#define HELD_BYTES 4u
#define LEAST_WIDTH 0x01000000u

/* Byte `i` of the payload with zeros behind it. */
static uint32_t byte_of(const ec_range_reader *reader, size_t i) {
    return i < reader->bytes ? reader->payload[i] : 0u;
}

void ec_start_range_reader(ec_range_reader *reader, const uint8_t *payload, size_t bytes) {
    const ec_range_reader start = {.payload = payload, .bytes = bytes, .width = UINT32_MAX};
    *reader = start;
    while (reader->read < HELD_BYTES) {
        reader->above = reader->above << 8 | byte_of(reader, reader->read++);
    }
    reader->is_sound = reader->above < reader->width;
}

void ec_narrow_to(ec_range_reader *reader, uint32_t start, uint32_t width) {
    reader->above -= start;
    reader->width = width;
    reader->is_sound = reader->is_sound && reader->above < reader->width;
    while (reader->width < LEAST_WIDTH) {
        reader->width <<= 8;
        reader->above = reader->above << 8 | byte_of(reader, reader->read++);
    }
}

/* The number that the node's coder chooses for this interval, and no zero behind it. */
bool ec_finish_range_reader(const ec_range_reader *reader) {
    uint32_t held = 0;
    for (uint32_t i = HELD_BYTES; i > 0; i--) {
        held = held << 8 | byte_of(reader, reader->read - i);
    }
    const uint32_t to_whole = reader->above - held; /* from where the interval begins, modulo 2^32 */
    const uint32_t chosen = to_whole < reader->width ? to_whole : to_whole & (LEAST_WIDTH - 1u);
    return reader->is_sound && reader->above == chosen && reader->bytes <= reader->read &&
           (reader->bytes == 0 || reader->payload[reader->bytes - 1] != 0);
}
