/* Product sums, in the arithmetic that the codec was exported for.
 *
 * `dotpex`: products are added to a float, pair by pair.
 * `lanes` (EC_LANES, see arithmetic.h), for cores that add to float16 only: the pairs of a sum come in runs of
 * EC_RUN_PAIRS. In a run the first halves of the pairs are added up in one float16 lane, the second halves in another,
 * each by fused multiply-adds that round once; at its end the lanes go to the float sum.
 */
#ifndef EC_PRODUCTS_H
#define EC_PRODUCTS_H

#include "arithmetic.h"
#include "half.h"

/* The machine multiplies and adds in one instruction: asked for where it does not, compilers call a function. */
#if defined(__ARM_FEATURE_FMA) || defined(__riscv_flen) || defined(__riscv_zfinx) || defined(__FP_FAST_FMAF)
#define EC_FUSES
#endif

/* Adds the products of two pairs of float16. They are exact, so that a fused multiply-add gives the same bits. */
static inline float ec_add_products_of_floats(float sum, ec_floats left, ec_floats right) {
    const float first = left.first * right.first;
#ifdef EC_FUSES
    const float pair = __builtin_fmaf(left.second, right.second, first);
#else
    const float pair = left.second * right.second + first;
#endif
    return sum + pair;
}

#ifdef EC_LANES

/* The float16 next to left * right + sum, all four values of float16.
 *
 * The product is exact. The sum is rounded to odd (Boldo, Melquiond: Emulation of FMA and correctly rounded sums, IEEE
 * Trans. Computers 57, 2008): of the two floats about an inexact sum the one whose last bit is 1, so that what is lost
 * can make no tie, and rounding once more gives what rounding the exact sum would. */
static inline float ec_fused(float sum, float left, float right) {
    const float product = left * right;
    union {
        float value;
        uint32_t bits;
    } odd = {.value = sum + product};
    const float of_product = odd.value - sum;
    const float lost = (sum - (odd.value - of_product)) + (product - of_product); /* exact: Knuth's TwoSum */
    if ((lost < 0.0f || lost > 0.0f) && odd.bits % 2 == 0) {
        odd.bits += (lost > 0.0f) == (odd.value > 0.0f) ? 1u : UINT32_MAX; /* one step from zero, or to it */
    }
    return ec_to_float(ec_to_half(odd.value));
}

#ifdef EC_XPULP

typedef ec_pair ec_lanes;

static inline ec_lanes ec_begin_run(void) {
    return 0;
}

/* The cores load pairs at any halfword. */
static inline ec_lanes ec_add_pair(ec_lanes lanes, const ec_half *left, const ec_half *right) {
    ec_pair pairs[2];
    __asm__("lw %0, %1" : "=r"(pairs[0]) : "m"(*(const ec_half(*)[2])left));
    __asm__("lw %0, %1" : "=r"(pairs[1]) : "m"(*(const ec_half(*)[2])right));
    __asm__(".insn r 0x33, 2, 0x48, %0, %1, %2" : "+r"(lanes) : "r"(pairs[0]), "r"(pairs[1])); /* vfmac.h */
    return lanes;
}

static inline float ec_end_run(float sum, ec_lanes lanes) {
    return sum + (ec_to_float((ec_half)lanes) + ec_to_float((ec_half)(lanes >> 16)));
}

#else

typedef struct ec_lanes {
    float first; /* values of float16 */
    float second;
} ec_lanes;

static inline ec_lanes ec_begin_run(void) {
    const ec_lanes zeros = {0.0f, 0.0f};
    return zeros;
}

static inline ec_lanes ec_add_pair(ec_lanes lanes, const ec_half *left, const ec_half *right) {
    const ec_lanes added = {ec_fused(lanes.first, ec_to_float(left[0]), ec_to_float(right[0])),
                            ec_fused(lanes.second, ec_to_float(left[1]), ec_to_float(right[1]))};
    return added;
}

static inline float ec_end_run(float sum, ec_lanes lanes) {
    return sum + (lanes.first + lanes.second);
}

#endif

/* Adds `count` (even) products to `sum`: whole runs, and one that may be shorter. */
static inline float ec_add_products(float sum, const ec_half *left, const ec_half *right, uint32_t count) {
    for (uint32_t i = 0; i < count;) {
        const uint32_t end = count - i < 2 * EC_RUN_PAIRS ? count : i + 2 * EC_RUN_PAIRS;
        ec_lanes lanes = ec_begin_run();
        for (; i < end; i += 2) {
            lanes = ec_add_pair(lanes, left + i, right + i);
        }
        sum = ec_end_run(sum, lanes);
    }
    return sum;
}

#else

/* Adds `count` (even) products to `sum`; `right` is a multiple of four bytes. */
static inline float ec_add_products(float sum, const ec_half *left, const ec_half *right, uint32_t count) {
#ifdef EC_XPULP
    for (uint32_t i = 0; i < count; i += 2) { /* vfdotpex.s.h; the cores load pairs at any halfword */
        uint32_t pairs[2];
        __asm__("lw %0, %1" : "=r"(pairs[0]) : "m"(*(const ec_half(*)[2])(left + i)));
        __asm__("lw %0, %1" : "=r"(pairs[1]) : "m"(*(const ec_half(*)[2])(right + i)));
        __asm__(".insn r 0x33, 0, 0x4b, %0, %1, %2" : "+r"(sum) : "r"(pairs[0]), "r"(pairs[1]));
    }
#else
    for (; count >= 4; count -= 4) {
        sum = ec_add_products_of_floats(sum, ec_widen(ec_load_any_pair(left)), ec_widen(ec_load_pair(right)));
        sum = ec_add_products_of_floats(sum, ec_widen(ec_load_any_pair(left + 2)), ec_widen(ec_load_pair(right + 2)));
        left += 4;
        right += 4;
    }
    if (count > 0) {
        sum = ec_add_products_of_floats(sum, ec_widen(ec_load_any_pair(left)), ec_widen(ec_load_pair(right)));
    }
#endif
    return sum;
}

#endif

/* Adds the products of two pairs to `sum`, in both arithmetics alike. */
static inline float ec_add_products_of_pair(float sum, ec_pair left, ec_pair right) {
#if defined(EC_XPULP) && !defined(EC_LANES)
    __asm__(".insn r 0x33, 0, 0x4b, %0, %1, %2" : "+r"(sum) : "r"(left), "r"(right)); /* vfdotpex.s.h */
    return sum;
#else
    return ec_add_products_of_floats(sum, ec_widen(left), ec_widen(right));
#endif
}

/* In their order. */
static inline float ec_add_up(const float *terms, uint32_t count) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        sum = sum + terms[i];
    }
    return sum;
}

#endif
