/* Four pairs of float16 side by side, for Arm's vector unit Helium. Sums and products round as those of the float unit, but
 * subnormal floats are zeros to it. Products of float16 are none: they are multiples of 2^-48. */
#ifndef EC_HELIUM_H
#define EC_HELIUM_H

#include <arm_mve.h>

#include "half.h"

#ifndef __clang__
/* GNU's assembler, 2.40 at least, takes other registers than it is told for VCVTB and VCVTT of vectors. So here is the
 * instruction as a number, to which those of its registers are added. */
#define EC_VCVT(number) \
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7\n.equ ec_number_of_q\\i, \\i\n.endr\n" \
    ".inst.w " number " | ec_number_of_%q0 << 13 | ec_number_of_%q1 << 1"
#endif

/* The first and the second ones of four pairs. */
typedef struct ec_float_pairs {
    float32x4_t first;
    float32x4_t second;
} ec_float_pairs;

static inline ec_float_pairs ec_widen_pairs(uint32x4_t pairs) {
    const float16x8_t halves = vreinterpretq_f16_u32(pairs);
#ifdef __clang__
    const ec_float_pairs wide = {vcvtbq_f32_f16(halves), vcvttq_f32_f16(halves)};
#else
    ec_float_pairs wide;
    __asm__(EC_VCVT("0xfe3f0e01") : "=w"(wide.first) : "w"(halves));
    __asm__(EC_VCVT("0xfe3f1e01") : "=w"(wide.second) : "w"(halves));
#endif
    return wide;
}

/* Four floats rounded; the upper halves of the words are zero. */
static inline uint32x4_t ec_to_halves(float32x4_t values) {
#ifdef __clang__
    return vreinterpretq_u32_f16(vcvtbq_f16_f32(vreinterpretq_f16_u32(vdupq_n_u32(0)), values));
#else
    uint32x4_t halves = vdupq_n_u32(0);
    __asm__(EC_VCVT("0xee3f0e01") : "+w"(halves) : "w"(values));
    return halves;
#endif
}

/* `at` is a multiple of four bytes. */
static inline ec_float_pairs ec_load_pairs(const ec_half *at) {
    return ec_widen_pairs(vreinterpretq_u32_u16(vld1q_u16(at)));
}

/* A macro, since `number` has to be a constant. */
#define ec_lane(pairs, number) \
    ((ec_floats){vgetq_lane_f32((pairs).first, number), vgetq_lane_f32((pairs).second, number)})

/* Of four things that are `step` bytes apart. */
static inline uint32x4_t ec_places(uint32_t step) {
    return vmulq_n_u32(vidupq_n_u32(0, 1), step);
}

static inline ec_float_pairs ec_gather_pairs(const ec_half *at, uint32x4_t places) {
    return ec_widen_pairs(vldrwq_gather_offset_u32((const uint32_t *)(const void *)at, places));
}

/* Adds to each sum the products of two pairs of its own. */
static inline float32x4_t ec_add_products_side_by_side(float32x4_t sums, ec_float_pairs left, ec_float_pairs right) {
    return vaddq_f32(sums, vfmaq_f32(vmulq_f32(left.first, right.first), left.second, right.second));
}

/* Adds to each sum the products of a pair of its own with `right`. */
static inline float32x4_t ec_add_products_of_pairs(float32x4_t sums, ec_float_pairs left, ec_floats right) {
    const float32x4_t first = vmulq_n_f32(left.first, right.first);
    return vaddq_f32(sums, vfmaq_n_f32(first, left.second, right.second));
}

#endif
