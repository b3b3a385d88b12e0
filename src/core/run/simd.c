#include "run/simd.h"

ct_simd ct_simd_best(void) {
#if CT_SIMD_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return CT_SIMD_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CT_SIMD_AVX2;
#endif
  return CT_SIMD_BASE;
}

const char *ct_simd_name(ct_simd simd) {
  static const char *const names[CT_SIMDS] = {"base", "avx2", "avx512"};
  return names[simd];
}
