#include "two_frame/frame_kernels.h"

const ct_frame_kernels *ct_frame_kernels_of(ct_simd simd, int frame_size) {
  int which = frame_size > 8;
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return ct_frame_avx512 + which;
  if (simd == CT_SIMD_AVX2) return ct_frame_avx2 + which;
#endif
  (void)simd;
  return ct_frame_base + which;
}
