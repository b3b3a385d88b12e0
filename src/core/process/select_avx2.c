/* The kernels of conditional selection on 256-bit vectors. */

#include "metric/canonical.h"

#include "process/select_kernels.h"

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

#include "metric/canonical_lanes.h"
#include "process/select_lanes.h"

const ct_select_kernels ct_select_avx2 = {squares, advance, scores};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int ct_select_avx2_is_empty;
#endif
