/* The kernels of conditional selection on 512-bit vectors. */

#include "metric/canonical.h"

#include "process/select_kernels.h"

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

#include "metric/canonical_lanes.h"
#include "process/select_lanes.h"

const ct_select_kernels ct_select_avx512 = {squares, advance, scores};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_select_avx512_is_empty;
#endif
