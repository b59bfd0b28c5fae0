/* IEEE 754 binary16 as storage: kept as its bits, computed with as float.
 *
 * Both conversions are exact or round to nearest even, so every path below gives the same bits. No arithmetic is ever
 * done in binary16 itself: compilers keep excess precision there.
 */
#ifndef EC_HALF_H
#define EC_HALF_H

#include <stdbool.h>
#include <stdint.h>

#include "exact.h"

typedef uint16_t ec_half;

#define EC_HALF_EXPONENT 0x7c00u

static inline bool ec_half_is_finite(ec_half value) {
    return (value & EC_HALF_EXPONENT) != EC_HALF_EXPONENT;
}

#if !defined(EC_PORTABLE_HALF)
/* Arm's float units convert since VFPv4, that of Cortex-M4 among them; a register may hold two. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_FMA) && !defined(__aarch64__) && !defined(__ARM_BIG_ENDIAN)
#define EC_ARM_HALF
#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE & 2
#define EC_HELIUM /* and a register of the vector unit four floats */
#endif
#endif
/* The compiler's type of binary16, where the machine converts in hardware. GCC 12 has it on Arm, but loads it with
 * instructions that Cortex-M55 without MVE lacks. */
#if defined(__riscv_zhinx) || defined(__riscv_zhinxmin) || defined(__riscv_zfh) || defined(__riscv_zfhmin) || \
    defined(__F16C__) || defined(__aarch64__)
#define EC_MACHINE_HALF _Float16
#elif defined(__ARM_FP16_FORMAT_IEEE) && defined(__ARM_FP) && \
    (defined(__clang__) ? __ARM_FP & 2 : !defined(EC_ARM_HALF))
#define EC_MACHINE_HALF __fp16
#endif
#endif

#if defined(EC_MACHINE_HALF)

typedef union ec_half_bits {
    uint16_t bits;
    EC_MACHINE_HALF value;
} ec_half_bits;

static inline float ec_to_float(ec_half half) {
    const ec_half_bits pun = {.bits = half};
    return (float)pun.value;
}

static inline ec_half ec_to_half(float value) {
    const ec_half_bits pun = {.value = (EC_MACHINE_HALF)value};
    return pun.bits;
}

#elif defined(EC_ARM_HALF)

static inline float ec_to_float(ec_half half) {
    const uint32_t word = half;
    float value;
    __builtin_memcpy(&value, &word, sizeof value);
    __asm__("vcvtb.f32.f16 %0, %0" : "+t"(value));
    return value;
}

static inline ec_half ec_to_half(float value) {
    uint32_t word;
    __asm__("vcvtb.f16.f32 %0, %0" : "+t"(value));
    __builtin_memcpy(&word, &value, sizeof word);
    return (ec_half)word;
}

#else

typedef union ec_float_bits {
    uint32_t bits;
    float value;
} ec_float_bits;

static inline float ec_to_float(ec_half half) {
    const uint32_t sign = (half & 0x8000u) << 16;
    if (!ec_half_is_finite(half)) {
        const ec_float_bits special = {.bits = sign | 0x7f800000u | (half & 0x03ffu) << 13};
        return special.value;
    }
    /* Exponent and mantissa moved into place; the factor makes good the difference of the exponents' biases. */
    const ec_float_bits moved = {.bits = (half & 0x7fffu) << 13};
    ec_float_bits scaled = {.value = moved.value * 0x1p+112f};
    scaled.bits |= sign;
    return scaled.value;
}

static inline ec_half ec_to_half(float value) {
    const ec_float_bits pun = {.value = value};
    const uint32_t sign = pun.bits >> 16 & 0x8000u;
    const uint32_t magnitude = pun.bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return (ec_half)(sign | 0x7e00u | (magnitude >> 13 & 0x01ffu));  /* NaN, made quiet */
    }
    if (magnitude >= 0x477ff000u) {
        return (ec_half)(sign | EC_HALF_EXPONENT);  /* from 65520 on */
    }
    if (magnitude < 0x38800000u) {
        /* Below 2^-14: adding 0.5 lets the float unit round at 2^-24, the subnormals' step. */
        const ec_float_bits absolute = {.bits = magnitude};
        const ec_float_bits rounded = {.value = absolute.value + 0.5f};
        return (ec_half)(sign | (rounded.bits - 0x3f000000u));
    }
    const uint32_t odd = magnitude >> 13 & 1u;
    return (ec_half)(sign | ((magnitude + 0x0fffu + odd - (112u << 23)) >> 13));
}

#endif

/* Two values rounded, side by side as they lie in memory. */
typedef uint32_t ec_pair;

static inline ec_pair ec_to_pair(float first, float second) {
#ifdef EC_XPULP
    ec_pair pair; /* vfcpka.h.s */
    __asm__(".insn r 0x33, 2, 0x58, %0, %1, %2" : "=r"(pair) : "r"(first), "r"(second));
    return pair;
#elif defined(EC_ARM_HALF)
    float both;
    ec_pair pair;
    __asm__("vcvtb.f16.f32 %0, %1" : "=t"(both) : "t"(first));
    __asm__("vcvtt.f16.f32 %0, %1" : "+t"(both) : "t"(second));
    __builtin_memcpy(&pair, &both, sizeof pair);
    return pair;
#else
    return ec_to_half(first) | (ec_pair)ec_to_half(second) << 16;
#endif
}

/* A pair in memory is a word. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EC_PAIR_IS_WORD
#endif

/* `at` is a multiple of four bytes. */
static inline void ec_store_pair(ec_half *at, ec_pair pair) {
#ifdef EC_PAIR_IS_WORD
    __builtin_memcpy(__builtin_assume_aligned(at, sizeof pair), &pair, sizeof pair);
#else
    at[0] = (ec_half)pair;
    at[1] = (ec_half)(pair >> 16);
#endif
}

static inline ec_pair ec_load_pair(const ec_half *at) {
#ifdef EC_PAIR_IS_WORD
    ec_pair pair;
    __builtin_memcpy(&pair, __builtin_assume_aligned(at, sizeof pair), sizeof pair);
    return pair;
#else
    return at[0] | (ec_pair)at[1] << 16;
#endif
}

/* `at` may lie between words. */
static inline ec_pair ec_load_any_pair(const ec_half *at) {
#if defined(EC_PAIR_IS_WORD) && defined(__ARM_FEATURE_UNALIGNED)
    ec_pair pair;
    __builtin_memcpy(&pair, at, sizeof pair);
    return pair;
#else
    return at[0] | (ec_pair)at[1] << 16;
#endif
}

static inline float ec_first_of(ec_pair pair) {
    return ec_to_float((ec_half)pair);
}

static inline float ec_second_of(ec_pair pair) {
    return ec_to_float((ec_half)(pair >> 16));
}

typedef struct ec_floats {
    float first;
    float second;
} ec_floats;

#ifdef EC_ARM_HALF
static inline ec_floats ec_widen_both(float both) {
    ec_floats wide;
    __asm__("vcvtb.f32.f16 %0, %1" : "=t"(wide.first) : "t"(both));
    __asm__("vcvtt.f32.f16 %0, %1" : "=t"(wide.second) : "t"(both));
    return wide;
}
#endif

static inline ec_floats ec_widen(ec_pair pair) {
#ifdef EC_ARM_HALF
    float both;
    __builtin_memcpy(&both, &pair, sizeof both);
    return ec_widen_both(both);
#else
    const ec_floats wide = {ec_first_of(pair), ec_second_of(pair)};
    return wide;
#endif
}

typedef struct ec_four_pairs {
    ec_floats first;
    ec_floats second;
    ec_floats third;
    ec_floats fourth;
} ec_four_pairs;

/* Pairs one behind the other; `at` is a multiple of four bytes. */
static inline ec_four_pairs ec_load_four_pairs(const ec_half *at) {
#ifdef EC_ARM_HALF /* one instruction loads registers in a row */
    register float first __asm__("s0"), second __asm__("s1"), third __asm__("s2"), fourth __asm__("s3");
    __asm__("vldmia %4, {s0-s3}" : "=t"(first), "=t"(second), "=t"(third), "=t"(fourth)
            : "r"(at), "m"(*(const ec_half(*)[8])at));
    const ec_four_pairs pairs = {ec_widen_both(first), ec_widen_both(second), ec_widen_both(third),
                                 ec_widen_both(fourth)};
#else
    const ec_four_pairs pairs = {ec_widen(ec_load_pair(at)), ec_widen(ec_load_pair(at + 2)),
                                 ec_widen(ec_load_pair(at + 4)), ec_widen(ec_load_pair(at + 6))};
#endif
    return pairs;
}

/* Rounding the exact difference, or that of float, gives the same. */
static inline ec_pair ec_subtract_pairs(ec_pair left, ec_pair right) {
#ifdef EC_XPULP
    ec_pair difference; /* vfsub.h */
    __asm__(".insn r 0x33, 2, 0x42, %0, %1, %2" : "=r"(difference) : "r"(left), "r"(right));
    return difference;
#else
    const ec_floats from = ec_widen(left), taken = ec_widen(right);
    return ec_to_pair(from.first - taken.first, from.second - taken.second);
#endif
}

/* Of both values, without their signs. */
static inline ec_pair ec_pair_magnitudes(ec_pair pair) {
    return pair & 0x7fff7fffu;
}

/* Value by value, that of `left` where it is so said, else that of `right`. */
static inline ec_pair ec_choose_pair(bool first_of_left, bool second_of_left, ec_pair left, ec_pair right) {
    return ((first_of_left ? left : right) & 0xffffu) | ((second_of_left ? left : right) & 0xffff0000u);
}

/* The lower ones, value by value; of numbers. */
static inline ec_pair ec_lower_pair(ec_pair left, ec_pair right) {
#ifdef EC_XPULP
    ec_pair lower; /* vfmin.h */
    __asm__(".insn r 0x33, 2, 0x45, %0, %1, %2" : "=r"(lower) : "r"(left), "r"(right));
    return lower;
#else
    const ec_floats one = ec_widen(left), other = ec_widen(right);
    return ec_choose_pair(one.first < other.first, one.second < other.second, left, right);
#endif
}

/* The higher ones, value by value; of numbers. */
static inline ec_pair ec_higher_pair(ec_pair left, ec_pair right) {
#ifdef EC_XPULP
    ec_pair higher; /* vfmax.h */
    __asm__(".insn r 0x33, 2, 0x46, %0, %1, %2" : "=r"(higher) : "r"(left), "r"(right));
    return higher;
#else
    const ec_floats one = ec_widen(left), other = ec_widen(right);
    return ec_choose_pair(one.first > other.first, one.second > other.second, left, right);
#endif
}

/* Not zero if one of the two is not finite. */
static inline uint32_t ec_pair_overflow(ec_pair pair) {
    return ((pair & 0x7c007c00u) + 0x04000400u) & 0x80008000u;
}

#endif
