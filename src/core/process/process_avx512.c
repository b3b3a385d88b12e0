/* The process kernels on 512-bit vectors. */

#include "process/process_kernels.h"

#if CT_SIMD_X86
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), \
                             apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")
#include <immintrin.h>
#endif

#define CT_LANES 8
#define VSQRT(v) ((vec)_mm512_sqrt_pd((__m512d)(v)))
#define VMASK(m) ((unsigned)_mm512_movepi64_mask((__m512i)(m)))
#define GATHER(p, i) ((vec)_mm512_i64gather_pd((__m512i)(i), p, 8))
#define CT_KERNELS ct_process_avx512

#include "process/lanes_rows.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_process_avx512_is_empty;
#endif
