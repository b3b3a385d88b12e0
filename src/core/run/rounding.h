#ifndef CT_ROUNDING_H
#define CT_ROUNDING_H

/* To be included first by every file whose arithmetic reaches a result: forbids the compiler to
 * fuse a multiplication and an addition, so that all builds round alike. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#endif
