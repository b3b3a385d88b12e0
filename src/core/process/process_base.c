/* The process kernels on 128-bit vectors (SSE2, NEON, or whatever the compiler makes of them), and
 * the choice among all. */

#include "process/process_kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

#include <math.h>

#define CT_LANES 2
#if defined(__SSE2__)
#include <emmintrin.h>
#define VSQRT(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
#else
#define VSQRT(v) ((vec){sqrt((v)[0]), sqrt((v)[1])})
#endif
#define VMASK(m) ((unsigned)((m)[0] & 1) | (unsigned)((m)[1] & 2))
#define GATHER(p, i) ((vec){(p)[(i)[0]], (p)[(i)[1]]})
#define CT_KERNELS ct_process_base

#include "process/lanes_rows.h"

const ct_process_kernels *ct_process_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_process_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_process_avx2;
#endif
  (void)simd;
  return &ct_process_base;
}
