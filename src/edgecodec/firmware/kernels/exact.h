/* Results are defined to the bit by the order of the sums, and by every rounding in them. Some options let a compiler
 * change these. GCC tells of each by a macro, clang of some. The pragmas take back what they would do untold: contract a
 * product and a sum to one rounding, as is their default, and in clang reorder sums. They cannot take back clang's
 * -ffp-contract=fast. */
#ifndef EC_EXACT_H
#define EC_EXACT_H

#if defined(__FAST_MATH__)
#error "-ffast-math changes bits of the result: compile without it, and without -Ofast"
#endif
#if defined(__ASSOCIATIVE_MATH__)
#error "-fassociative-math changes bits of the result: compile without it, and without -funsafe-math-optimizations"
#endif
#if defined(__RECIPROCAL_MATH__)
#error "-freciprocal-math changes bits of the result: compile without it, and without -funsafe-math-optimizations"
#endif
#if defined(__NO_SIGNED_ZEROS__)
#error "-fno-signed-zeros changes bits of the result: compile without it, and without -funsafe-math-optimizations"
#endif
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0
#error "-ffinite-math-only takes NaN and Inf for numbers: compile without it"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "-mfpmath=387, or a processor that computes float in a wider type, changes bits of the result: choose another"
#endif

#if defined(__clang__)
#pragma clang fp reassociate(off) contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#endif
