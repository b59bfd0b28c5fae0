#include "checksum.h"

#define POLYNOMIAL 0xedb88320u
#define POLYNOMIAL_OF_FRAMES 0x8408u /* 0x1021, reflected */

/* What dividing four bits leaves, of every four bits. Made on the stack: constants may lie in slow memory. */
typedef struct nibbles {
    uint32_t remainders[16];
} nibbles;

static nibbles divide_nibbles(void) {
    nibbles all;
    for (uint32_t nibble = 0; nibble < 16; nibble++) {
        uint32_t remainder = nibble;
        for (int bit = 0; bit < 4; bit++) {
            remainder = remainder >> 1 ^ (remainder & 1u ? POLYNOMIAL : 0u);
        }
        all.remainders[nibble] = remainder;
    }
    return all;
}

static uint32_t divide(uint32_t remainder, uint32_t bits, const nibbles *all) {
    for (; bits > 0; bits -= 4) {
        remainder = remainder >> 4 ^ all->remainders[remainder & 15u];
    }
    return remainder;
}

uint32_t ec_checksum(const uint8_t *data, size_t bytes) {
    const nibbles all = divide_nibbles();
    uint32_t remainder = UINT32_MAX;
    for (size_t i = 0; i < bytes; i++) {
        remainder = divide(remainder ^ data[i], 8, &all);
    }
    return ~remainder;
}

uint32_t ec_checksum_of_words(const uint8_t *data, size_t words) {
    const nibbles all = divide_nibbles();
    uint32_t remainder = UINT32_MAX;
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        __builtin_memcpy(&word, __builtin_assume_aligned(data + sizeof word * i, sizeof word), sizeof word);
        remainder = divide(remainder ^ word, 32, &all);
    }
    return ~remainder;
}

uint32_t ec_frame_checksum(const uint8_t *model_hash, const uint8_t *data, size_t bytes) {
    uint32_t sum = (uint32_t)model_hash[0] | (uint32_t)model_hash[1] << 8;
    for (size_t i = 0; i < bytes; i++) {
        sum ^= data[i];
        for (uint32_t bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (sum % 2 == 1 ? POLYNOMIAL_OF_FRAMES : 0u);
        }
    }
    return sum;
}
