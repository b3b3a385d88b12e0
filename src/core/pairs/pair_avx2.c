/* The pair engine's kernels on 256-bit vectors with fused multiply-adds. */

#include "run/simd.h"

#if CT_SIMD_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx2,fma")
#endif

#include <immintrin.h>

#define CT_WIDTH 4
#define CT_GROUP 4
#define CT_KERNELS ct_pair_avx2
#define VSQRT(v) ((vec)_mm256_sqrt_pd((__m256d)(v)))
#define VMASK(m) ((unsigned)_mm256_movemask_pd((__m256d)(m)))

#include "pairs/pair_tile.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_pair_avx2_is_empty;
#endif
