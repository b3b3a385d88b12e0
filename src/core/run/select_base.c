/* Selection with 128-bit vectors, which every processor has. */

#include "run/rounding.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-var-tracking") /* of debug symbols: a third of the library */
#endif

#define CT_VEC 128
#define CT_KERNELS ct_selection_base
#include "run/select_body.h"
