/* The screened search's kernels on 256-bit vectors with fused multiply-adds. */

#include "run/simd.h"

#if CT_SIMD_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx2,fma")
#endif

#include <immintrin.h>

#define CT_WIDTH 8
#define CT_QUERIES 4
#define CT_KERNELS ct_screened_avx2
#define VSQRT(v) ((vec)_mm256_sqrt_ps((__m256)(v)))
#define VMASK(m) ((unsigned)_mm256_movemask_ps((__m256)(m)))

#include "screened/screened_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_screened_avx2_is_empty;
#endif
