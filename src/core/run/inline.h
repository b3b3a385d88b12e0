#ifndef CT_INLINE_H
#define CT_INLINE_H

/* For bodies that are written once and compiled for several constants: a call must become a copy,
 * or the constant argument would be a variable again. And for functions that only prefetch: GCC
 * finds that they have no effect, and drops calls of them. */
#if defined(__GNUC__) || defined(__clang__)
#define CT_INLINE static inline __attribute__((always_inline))
#else
#define CT_INLINE static inline
#endif

/* The number of the lowest bit that is set; one must be. */
static inline int ct_lowest_bit(unsigned bits) {
#if defined(__GNUC__) || defined(__clang__)
  return __builtin_ctz(bits);
#else
  int i = 0;
  while (!(bits >> i & 1)) i++;
  return i;
#endif
}

#endif
