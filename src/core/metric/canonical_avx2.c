/* The canonical kernels on 256-bit vectors. */

#include "metric/canonical.h"

#include "metric/canonical_kernels.h"

#if CT_SIMD_X86
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx2")
#include <immintrin.h>
#endif

#define CT_LANES 4
#define VSQRT(v) ((vec)_mm256_sqrt_pd((__m256d)(v)))
#define DOT_ROWS 4
#define PANEL_VECTORS 2
#define STRIP 4

#include "metric/canonical_lanes.h"
#include "metric/canonical_exp.h"
#include "metric/canonical_covariance.h"
#include "metric/canonical_products.h"

const ct_canonical_kernels ct_canonical_avx2 = {covariance, dots,      PANEL, STRIP,
                                                squares,    eliminate, solve};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_canonical_avx2_is_empty;
#endif
