/* The pair engine's kernels on 128-bit vectors: SSE2, NEON, or whatever the compiler makes of them.
 */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

#define CT_WIDTH 2
#define CT_GROUP 4
#define CT_KERNELS ct_pair_base

#if defined(__SSE2__)
#include <emmintrin.h>
#define VSQRT(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
#define VMASK(m) ((unsigned)_mm_movemask_pd((__m128d)(m)))
#else
#define VSQRT(v) ((vec){sqrt((v)[0]), sqrt((v)[1])})
#define VMASK(m) ((unsigned)((m)[0] & 1) | (unsigned)((m)[1] & 2))
#endif

#include "pairs/pair_tile.h"
