/* Converts every float16, and floats around all of them, and prints a hash of each kind of result. */
#include "half.h"
#include "hexadecimal.h"
#include "qemu.h"

/* FNV-1a, word by word. */
static uint32_t mixed(uint32_t hash, uint32_t word) {
    return (hash ^ word) * 16777619u;
}

static uint32_t float_bits(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static void put_hash(const char *name, uint32_t hash) {
    qemu_put(name);
    put_hexadecimal(qemu_put, hash);
    qemu_put("\n");
}

_Noreturn void program(void) {
    uint32_t widened = 2166136261u, narrowed = widened;
    for (uint32_t half = 0; half < 0x10000u; half++) {
        if (ec_half_is_finite((ec_half)half) || (half & 0x3ffu) == 0) {
            widened = mixed(widened, float_bits(ec_to_float((ec_half)half)));
        }
    }
    /* Around each float16, and half way to the next: the floats beside these, and they themselves. */
    for (uint32_t bits = 0x33000000u - 0x1000u; bits < 0x47801000u; bits += 0x1000u) {
        for (uint32_t near = bits - 1u; near != bits + 2u; near++) {
            narrowed = mixed(narrowed, ec_to_half(float_of(near)));
            narrowed = mixed(narrowed, ec_to_half(float_of(near | 0x80000000u)));
        }
    }
    put_hash("widened ", widened);
    put_hash("narrowed ", narrowed);
    qemu_exit(0);
}
