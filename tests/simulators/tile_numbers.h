/* What both checks of tiles need: numbers to multiply, and bits to compare. */
#ifndef TILE_NUMBERS_H
#define TILE_NUMBERS_H

#include "half.h"

/* Numbers with exponents from `least` on, of so many sizes; subnormal ones and zeros of both signs among them. */
static inline void fill(ec_half *at, uint32_t count, uint32_t seed, uint32_t least, uint32_t sizes) {
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t exponent = seed % 11 == 0 ? 0 : least + (seed >> 8) % sizes;
        at[i] = (ec_half)((seed >> 16 & 0x8000u) | exponent << 10 | (seed % 13 == 0 ? 0 : seed >> 20 & 0x3ffu));
    }
}

static inline bool same(float left, float right) {
    const union { float value; uint32_t bits; } one = {left}, other = {right};
    return one.bits == other.bits;
}

#endif
