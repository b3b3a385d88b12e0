/* Selection with 512-bit vectors. */

#include "run/rounding.h"

#include "run/simd.h"

#if CT_SIMD_X86

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,popcnt,bmi"))), apply_to = function)
#else
#pragma GCC optimize("O3", "no-var-tracking") /* of debug symbols: a third of the library */
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,popcnt,bmi")
#endif

#define CT_VEC 512
#define CT_KERNELS ct_selection_avx512
#include "run/select_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int ct_no_select_avx512; /* a C file must not be empty */
#endif
