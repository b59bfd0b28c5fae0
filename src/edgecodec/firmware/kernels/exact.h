/* Results are defined to the bit by the order of the sums, which some options let a compiler change. GCC tells of each
 * of them by a macro, clang of some; the pragma takes back what the others would let it do. */
#ifndef EC_EXACT_H
#define EC_EXACT_H

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)
#error "EdgeCodec's results are defined bit by bit: compile without -ffast-math and the options that are part of it"
#endif

#ifdef __clang__
#pragma clang fp reassociate(off)
#endif

#endif
