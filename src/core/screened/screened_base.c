/* The screened search's kernels on 128-bit vectors: SSE2, NEON, or whatever the compiler makes of
 * them. */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

#define CT_WIDTH 4
#define CT_QUERIES 4
#define CT_KERNELS ct_screened_base

#if defined(__SSE2__)
#include <emmintrin.h>
#define VSQRT(v) ((vec)_mm_sqrt_ps((__m128)(v)))
#define VMASK(m) ((unsigned)_mm_movemask_ps((__m128)(m)))
#else
#define VSQRT(v) ((vec){sqrtf((v)[0]), sqrtf((v)[1]), sqrtf((v)[2]), sqrtf((v)[3])})
#define VMASK(m)                                                              \
  ((unsigned)((m)[0] & 1) | (unsigned)((m)[1] & 2) | (unsigned)((m)[2] & 4) | \
   (unsigned)((m)[3] & 8))
#endif

#include "screened/screened_body.h"
