/* The two-frame search's kernels with the 32 registers and masks of AVX-512, on 256-bit vectors:
 * balls of 20 to 30 points fill eight lanes better than sixteen. */

#include "run/simd.h"

#if CT_SIMD_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), \
                             apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#endif

#include <immintrin.h>

#define CT_KERNELS ct_frame_avx512
#define INTS16(p) ((fmask)_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(p))))
#define FLOATS(v) ((fvec)_mm256_cvtepi32_ps((__m256i)(v)))
#define DOT4(sum, u, s)                                                                \
  ((sum) += (fmask)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(u), (__m256i)(s)), \
                                     _mm256_set1_epi16(1)))
#define ROOT(v) ((v) = (fvec)_mm256_sqrt_ps((__m256)(v)))
#define FMAX(a, b) ((fvec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define MASK_GE(bits, a, b) \
  ((bits) = (unsigned)_mm256_cmp_ps_mask((__m256)(a), (__m256)(b), _CMP_GE_OQ))
#define QUANTIZE(p, q) \
  _mm_storeu_si128((__m128i *)(q), _mm256_cvtsepi32_epi16(_mm512_cvtpd_epi32(_mm512_load_pd(p))))

#include "two_frame/frame_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_frame_avx512_is_empty;
#endif
