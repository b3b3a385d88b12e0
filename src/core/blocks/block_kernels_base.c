/* Kernels for 128-bit vectors, which every processor has. */

#include "metric/canonical.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-var-tracking") /* of debug symbols: a third of the library */
#endif

#define CT_VEC 128
#define CT_KERNELS ct_kernels_base
#include "blocks/block_kernel_body.h"
