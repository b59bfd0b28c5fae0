#include "range_coder.h"

#define LEAST_WIDTH 0x01000000u

void ec_start_range_coder(ec_range_coder *coder, uint8_t *payload, size_t capacity) {
    const ec_range_coder start = {.payload = payload, .capacity = capacity, .width = UINT32_MAX};
    *coder = start;
}

/* Zeros are held back: at the payload's end they are left out. */
void ec_put_byte(ec_range_coder *coder, uint32_t byte) {
    if (byte == 0) {
        coder->zeros++;
        return;
    }
    for (; coder->zeros > 0; coder->zeros--, coder->bytes++) {
        if (coder->bytes < coder->capacity) {
            coder->payload[coder->bytes] = 0;
        }
    }
    if (coder->bytes < coder->capacity) {
        coder->payload[coder->bytes] = (uint8_t)byte;
    }
    coder->bytes++;
}

/* The highest byte of `low` goes out. */
static void shift_out(ec_range_coder *coder) {
    const uint32_t carry = (uint32_t)(coder->low >> 32);
    const uint32_t top = (uint32_t)(coder->low >> 24) & 0xffu;
    if (carry == 0 && top == 0xff) {
        coder->full++;
    } else {
        if (coder->is_holding) { /* otherwise nothing is out yet, and there is no carry */
            ec_put_byte(coder, coder->held + carry);
        }
        for (; coder->full > 0; coder->full--) {
            ec_put_byte(coder, (0xffu + carry) & 0xffu);
        }
        coder->held = top;
        coder->is_holding = true;
    }
    coder->low = (coder->low & 0x00ffffffu) << 8;
}

void ec_narrow(ec_range_coder *coder, uint32_t start, uint32_t width) {
    coder->low += start;
    coder->width = width;
    while (coder->width > 0 && coder->width < LEAST_WIDTH) { /* damaged tables may give 0 */
        coder->width <<= 8;
        shift_out(coder);
    }
}

/* Of the numbers of the interval, one that ends in the most zero bytes. */
size_t ec_finish_range_coder(ec_range_coder *coder) {
    const uint32_t whole = 0u - (uint32_t)coder->low;
    coder->low += whole < coder->width ? whole : whole & 0x00ffffffu;
    for (uint32_t i = 0; i < 5; i++) {
        shift_out(coder);
    }
    return coder->bytes;
}
