/* The process kernels on 256-bit vectors with fused multiply-adds. */

#include "process/process_kernels.h"

#if CT_SIMD_X86
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx2,fma")
#include <immintrin.h>
#endif

#define CT_LANES 4
#define VSQRT(v) ((vec)_mm256_sqrt_pd((__m256d)(v)))
#define VMASK(m) ((unsigned)_mm256_movemask_pd((__m256d)(m)))
#define GATHER(p, i) ((vec)_mm256_i64gather_pd(p, (__m256i)(i), 8))
#define CT_KERNELS ct_process_avx2

#include "process/lanes_rows.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_process_avx2_is_empty;
#endif
