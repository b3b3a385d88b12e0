/* The kernels of conditional selection on 128-bit vectors, and the choice among all. */

#include "metric/canonical.h"

#include "process/select_kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#define CT_LANES 2

#include "metric/canonical_lanes.h"
#include "process/select_lanes.h"

static const ct_select_kernels base = {squares, advance, scores};

#if CT_SIMD_X86
extern const ct_select_kernels ct_select_avx2, ct_select_avx512;
#endif

const ct_select_kernels *ct_select_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_select_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_select_avx2;
#endif
  (void)simd;
  return &base;
}
