/* The screened search's kernels on 512-bit vectors with fused multiply-adds. */

#include "run/simd.h"

#if CT_SIMD_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), \
                             apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")
#endif

#include <immintrin.h>

#define CT_WIDTH 16
#define CT_QUERIES 8
#define CT_KERNELS ct_screened_avx512
#define VSQRT(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
#define VMASK(m) ((unsigned)_mm512_movepi32_mask((__m512i)(m)))

#include "screened/screened_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_screened_avx512_is_empty;
#endif
