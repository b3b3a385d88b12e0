/* The canonical kernels on 512-bit vectors. */

#include "metric/canonical.h"

#include "metric/canonical_kernels.h"

#if CT_SIMD_X86
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), \
                             apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")
#include <immintrin.h>
#endif

#define CT_LANES 8
#define VSQRT(v) ((vec)_mm512_sqrt_pd((__m512d)(v)))
#define DOT_ROWS 4
#define PANEL_VECTORS 3
#define STRIP 8

#include "metric/canonical_lanes.h"
#include "metric/canonical_exp.h"
#include "metric/canonical_covariance.h"
#include "metric/canonical_products.h"

const ct_canonical_kernels ct_canonical_avx512 = {covariance, dots,      PANEL, STRIP,
                                                  squares,    eliminate, solve};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_canonical_avx512_is_empty;
#endif
