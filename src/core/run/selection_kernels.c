#include "run/selection_kernels.h"

const ct_selection_kernels *ct_selection_kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_selection_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_selection_avx2;
#endif
  (void)simd;
  return &ct_selection_base;
}
