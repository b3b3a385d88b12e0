/* The two-frame search's kernels on 256-bit vectors with fused multiply-adds. */

#include "run/simd.h"

#if CT_SIMD_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx2,fma")
#endif

#include <immintrin.h>

#define CT_KERNELS ct_frame_avx2
#define INTS16(p) ((fmask)_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(p))))
#define FLOATS(v) ((fvec)_mm256_cvtepi32_ps((__m256i)(v)))
#define DOT4(sum, u, s)                                                                \
  ((sum) += (fmask)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(u), (__m256i)(s)), \
                                     _mm256_set1_epi16(1)))
#define ROOT(v) ((v) = (fvec)_mm256_sqrt_ps((__m256)(v)))
#define FMAX(a, b) ((fvec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define MASK_GE(bits, a, b) \
  ((bits) = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)(a), (__m256)(b), _CMP_GE_OQ)))
#define QUANTIZE(p, q)                                                                    \
  _mm_storeu_si128((__m128i *)(q), _mm_packs_epi32(_mm256_cvtpd_epi32(_mm256_load_pd(p)), \
                                                   _mm256_cvtpd_epi32(_mm256_load_pd((p) + 4))))

#include "two_frame/frame_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_frame_avx2_is_empty;
#endif
