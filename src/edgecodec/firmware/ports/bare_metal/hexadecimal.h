/* Numbers in a trap's report, where nothing of the application may be relied on. */
#ifndef BARE_METAL_HEXADECIMAL_H
#define BARE_METAL_HEXADECIMAL_H

#include <stdint.h>

static inline void put_hexadecimal(void (*put)(const char *text), uint32_t value) {
    char digits[9];
    for (int digit = 0; digit < 8; digit++) {
        digits[digit] = "0123456789abcdef"[value >> (28 - 4 * digit) & 15];
    }
    digits[8] = '\0';
    put(digits);
}

#endif
