#include "run/select_kernels.h"

const ct_select_kernels *ct_select_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_select_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_select_avx2;
#endif
  (void)simd;
  return &ct_select_base;
}
