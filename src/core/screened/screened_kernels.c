#include "screened/screened_kernels.h"

const ct_screened_kernels *ct_screened_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_screened_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_screened_avx2;
#endif
  (void)simd;
  return &ct_screened_base;
}

int ct_screened_has_kind(ct_covariance_kind kind) {
  return kind <= CT_COV_MATERN_72;
}
