/* Vectors of CT_LANES doubles, for canonical_base.c, canonical_avx2.c and canonical_avx512.c, which
 * define CT_LANES and VSQRT(v), the elementwise root, before they include this file. */

#include <stddef.h>

#include "run/inline.h"

typedef double vec __attribute__((vector_size(8 * CT_LANES)));
typedef long long ivec __attribute__((vector_size(8 * CT_LANES)));
typedef unsigned long long uvec __attribute__((vector_size(8 * CT_LANES)));

/* The same at any address of a double. */
typedef double loose __attribute__((vector_size(8 * CT_LANES), aligned(8), may_alias));

#define LOAD(p) ((vec)(*(const loose *)(p)))
#define STORE(p, v) (*(loose *)(p) = (loose)(v))
#define SPREAD(a) ((vec){0} + (a))

/* Where yes is set (all bits of a lane, as comparisons make it) a, elsewhere b. */
CT_INLINE vec pick(ivec yes, vec a, vec b) {
  return (vec)(((ivec)a & yes) | ((ivec)b & ~yes));
}

/* b where one of them is NaN. */
CT_INLINE vec smaller(vec a, vec b) {
  return pick((ivec)(a < b), a, b);
}
CT_INLINE vec larger(vec a, vec b) {
  return pick((ivec)(a > b), a, b);
}
