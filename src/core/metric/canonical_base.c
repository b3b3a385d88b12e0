/* The canonical kernels on 128-bit vectors (SSE2, NEON, or whatever the compiler makes of them),
 * and the choice among all. */

#include "metric/canonical.h"

#include "metric/canonical_kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include <math.h>

#define CT_LANES 2
#if defined(__SSE2__)
#include <emmintrin.h>
#define VSQRT(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
#else
#define VSQRT(v) ((vec){sqrt((v)[0]), sqrt((v)[1])})
#endif
#define DOT_ROWS 2
#define PANEL_VECTORS 2
#define STRIP 4

#include "metric/canonical_lanes.h"
#include "metric/canonical_exp.h"
#include "metric/canonical_covariance.h"
#include "metric/canonical_products.h"

static const ct_canonical_kernels base = {covariance, dots,      PANEL, STRIP,
                                          squares,    eliminate, solve};

#if CT_SIMD_X86
extern const ct_canonical_kernels ct_canonical_avx2, ct_canonical_avx512;
#endif

const ct_canonical_kernels *ct_canonical_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_canonical_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_canonical_avx2;
#endif
  (void)simd;
  return &base;
}
