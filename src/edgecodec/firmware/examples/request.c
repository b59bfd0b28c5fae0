/* Byte 0: version of this layout, 1 (high four bits), and kind of packets. Byte 1: windows. Byte 2: the error that escapes
 * may have, in tenths of a per cent. Bytes 3, 4: CRC-16 of these, polynomial 0x1021, from 0xFFFF on, little-endian. */
#include "request.h"

#define VERSION 1u
#define CONTENT_BYTES 3u

static uint16_t checksum(const uint8_t *content) {
    uint32_t sum = 0xFFFF;
    for (uint32_t i = 0; i < CONTENT_BYTES; i++) {
        sum ^= (uint32_t)content[i] << 8;
        for (uint32_t bit = 0; bit < 8; bit++) {
            sum = (sum & 0x8000u) != 0 ? sum << 1 ^ 0x1021u : sum << 1;
        }
    }
    return (uint16_t)(sum & 0xFFFF);
}

bool ec_read_request(const uint8_t *message, size_t bytes, ec_request *request) {
    if (bytes != EC_REQUEST_BYTES || checksum(message) != (message[3] | message[4] << 8) || message[0] >> 4 != VERSION) {
        return false;
    }
    const uint32_t kind = message[0] & 15u, windows = message[1], tenths = message[2];
    const bool is_escape = kind == EC_WANTED_ESCAPE;
    if ((!is_escape && kind != EC_WANTED_EXACT) || windows == 0 || is_escape != (tenths > 0)) {
        return false;
    }
    const ec_request read = {is_escape ? EC_WANTED_ESCAPE : EC_WANTED_EXACT, windows, (float)tenths / 10.0f};
    *request = read;
    return true;
}
