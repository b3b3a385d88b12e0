/* The kernels of the pair engine, written once and compiled for each instruction set: pair_base.c,
 * pair_avx2.c and pair_avx512.c define, before they include this file,
 *
 *   CT_WIDTH     doubles in a vector
 *   CT_GROUP     rows in a register tile
 *   VSQRT(v)     elementwise root
 *   VMASK(m)     the bits of a comparison's result
 *   CT_KERNELS   the name of the table of kernels
 *
 * The register tile is CT_GROUP rows by three vectors: 8 x 24 on 32 registers of 512 bits, 4 x 12
 * and 4 x 6 on 16 registers of 256 and 128. Each step of the product loads three vectors of the
 * panel and broadcasts one element of each row: at 8 x 24, 24 fused multiply-adds for 11 loads, so
 * the two multiply-add units of a core stay busy from the second level cache. */

#include "pairs/pair.h"

#include <math.h>

typedef double vec __attribute__((vector_size(8 * CT_WIDTH)));
typedef long long ivec __attribute__((vector_size(8 * CT_WIDTH)));
typedef double loose __attribute__((vector_size(8 * CT_WIDTH), aligned(8), may_alias));

typedef float fvec __attribute__((vector_size(8 * CT_WIDTH)));
typedef float half_fvec __attribute__((vector_size(4 * CT_WIDTH)));

#define TRIPLE (3 * CT_WIDTH)
#define VABS(v) ((vec)((ivec)(v)&0x7fffffffffffffffLL))
#define INLINE static inline __attribute__((always_inline))

/* out = exp(-a) for a >= 0. exp(-a) = 2^n exp(r), |r| <= ln(2)/2: n by the rounding of the magic
 * number 1.5 * 2^52, r by ln(2) in two parts, exp(r) by its Taylor polynomial of degree 11, which
 * is off by at most r^12/12! = 6.3e-15. Beyond 700 the value stays exp(-700), far below anything
 * that counts. */
INLINE void exp_minus(const vec *a, vec *out) {
  static const double coefficient[] = {
      1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5,         1,          1};
  const double magic = 6755399441055744.0;
  vec zero = {0}, limit = zero + 700;
  ivec above = *a > limit;
  vec x = -(vec)(((ivec)limit & above) | ((ivec)*a & ~above));
  vec shifted = x * 1.4426950408889634 + magic, n = shifted - magic;
  vec r = x - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  vec p = zero + coefficient[0];
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++) p = p * r + coefficient[i];
  *out = (vec)((ivec)p + ((ivec)shifted << 52));
}

/* k of squared distances for the kinds that have a vector form. */
INLINE void covariances(ct_covariance_kind kind, double variance, const vec *sq, vec *k) {
  vec h = kind == CT_COV_GAUSSIAN ? *sq * 0.5 : VSQRT(*sq), factor = {0};
  factor = factor + variance;
  if (kind == CT_COV_MATERN_32) {
    h = h * 1.7320508075688772;
    factor = factor * (h + 1);
  } else if (kind == CT_COV_MATERN_52) {
    h = h * 2.2360679774997897;
    factor = factor * ((h * (1.0 / 3) + 1) * h + 1);
  } else if (kind == CT_COV_MATERN_72) {
    h = h * 2.6457513110645907;
    factor = factor * (((h * (1.0 / 15) + 0.4) * h + 1) * h + 1);
  }
  vec e;
  exp_minus(&h, &e);
  *k = factor * e;
}

INLINE int has_vector_form(ct_covariance_kind kind) {
  return kind == CT_COV_EXPONENTIAL || kind == CT_COV_GAUSSIAN || kind == CT_COV_MATERN_32 ||
         kind == CT_COV_MATERN_52 || kind == CT_COV_MATERN_72;
}

/* CT_GROUP rows against three vectors of the panel. */
INLINE void product(const double *const *row, const double *panel, int rank, double *c) {
  vec sum[CT_GROUP][3];
#pragma GCC unroll 8
  for (int i = 0; i < CT_GROUP; i++) sum[i][0] = sum[i][1] = sum[i][2] = (vec){0};
  for (int t = 0; t < rank; t++) {
    const vec *p = (const vec *)(panel + (size_t)t * CT_PANEL);
    vec p0 = p[0], p1 = p[1], p2 = p[2];
#pragma GCC unroll 8
    for (int i = 0; i < CT_GROUP; i++) {
      double v = row[i][t];
      sum[i][0] += v * p0;
      sum[i][1] += v * p1;
      sum[i][2] += v * p2;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < CT_GROUP; i++) {
    vec *out = (vec *)(c + i * CT_PANEL);
    out[0] = sum[i][0], out[1] = sum[i][1], out[2] = sum[i][2];
  }
}

INLINE void square_distance(const double *x, const double *panel, int dim, vec *sq) {
  vec sum = {0};
  for (int d = 0; d < dim; d++) {
    vec step = *(const vec *)(panel + (size_t)d * CT_PANEL) - x[d];
    sum += step * step;
  }
  *sq = sum;
}

INLINE void finish(const ct_pair_rows *rows, const ct_panel *panel, int dim,
                   ct_covariance_kind kind, double variance, double *c) {
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < CT_PANEL; l += CT_WIDTH) {
      vec sq, k, *out = (vec *)(c + i * CT_PANEL + l);
      square_distance(rows->x[i], panel->x + l, dim, &sq);
      covariances(kind, variance, &sq, &k);
      *out = k - *out;
    }
}

static void tile(const ct_pair_rows *rows, const ct_panel *panel, int rank, int dim,
                 ct_covariance_kind kind, double variance, double *c, double *sq) {
  for (int l = 0; l < CT_PANEL; l += TRIPLE)
    for (int i = 0; i < CT_TILE_ROWS; i += CT_GROUP)
      product(rows->V + i, panel->V + l, rank, c + i * CT_PANEL + l);
  switch (kind) {
    case CT_COV_EXPONENTIAL: finish(rows, panel, dim, CT_COV_EXPONENTIAL, variance, c); return;
    case CT_COV_GAUSSIAN: finish(rows, panel, dim, CT_COV_GAUSSIAN, variance, c); return;
    case CT_COV_MATERN_32: finish(rows, panel, dim, CT_COV_MATERN_32, variance, c); return;
    case CT_COV_MATERN_52: finish(rows, panel, dim, CT_COV_MATERN_52, variance, c); return;
    case CT_COV_MATERN_72: finish(rows, panel, dim, CT_COV_MATERN_72, variance, c); return;
    default: break;
  }
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < CT_PANEL; l += CT_WIDTH)
      square_distance(rows->x[i], panel->x + l, dim, (vec *)(sq + i * CT_PANEL + l));
}

/* Four rows at a time, two sums each: eight chains hide the latency of the multiply-adds. Rows of V
 * are padded to CT_V_LANES doubles. */
INLINE void products_of_four(const double *v, const double *const *row, int rank, double *out) {
  vec even[4], odd[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) even[i] = odd[i] = (vec){0};
  int t = 0;
  for (; t + 2 * CT_WIDTH <= rank; t += 2 * CT_WIDTH) {
    vec v0 = *(const loose *)(v + t), v1 = *(const loose *)(v + t + CT_WIDTH);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      even[i] += v0 * *(const loose *)(row[i] + t);
      odd[i] += v1 * *(const loose *)(row[i] + t + CT_WIDTH);
    }
  }
  for (; t < rank; t += CT_WIDTH)
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) even[i] += *(const loose *)(v + t) * *(const loose *)(row[i] + t);
  for (int i = 0; i < 4; i++) {
    vec sum = even[i] + odd[i];
    out[i] = 0;
    for (int l = 0; l < CT_WIDTH; l++) out[i] += sum[l];
  }
}

static double square_distance_of(const double *a, const double *b, int dim) {
  double sum = 0;
  for (int d = 0; d < dim; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

static void list(const double *V, const double *x, const ct_residual *B, const int *b, int count,
                 ct_covariance_kind kind, double variance, double *c, double *sq) {
  for (int j = 0; j < count; j += 8) {
    double product[8] __attribute__((aligned(64))), square[8] __attribute__((aligned(64))) = {0};
    int some = count - j < 8 ? count - j : 8;
    for (int h = 0; h < 8; h += 4) {
      if (h >= some) break;
      const double *row[4];
      for (int i = 0; i < 4; i++)
        row[i] = B->V + (size_t)b[j + (h + i < some ? h + i : 0)] * (size_t)B->stride;
      products_of_four(V, row, B->rank, product + h);
    }
    for (int i = 0; i < some; i++)
      square[i] = square_distance_of(x, B->x + (size_t)b[j + i] * (size_t)B->dim, B->dim);
    if (has_vector_form(kind)) {
      for (int l = 0; l < some; l += CT_WIDTH) {
        vec k;
        covariances(kind, variance, (const vec *)(square + l), &k);
        *(vec *)(square + l) = k;
      }
      for (int i = 0; i < some; i++) c[j + i] = square[i] - product[i];
    } else {
      for (int i = 0; i < some; i++) c[j + i] = product[i], sq[j + i] = square[i];
    }
  }
}

/* CT_GROUP rows of floats against three vectors of a wide panel, the sum of every run apart. */
INLINE void float_product(const float *const *row, const float *panel, int first, int rank,
                          float *out) {
  fvec zero = {0};
  for (int i = 0; i < CT_GROUP; i++)
    for (int h = 0; h < 3; h++) ((fvec *)(out + i * CT_WIDE))[h] = zero;
  for (int from = first; from < rank; from += CT_RUN) {
    int to = rank - from < CT_RUN ? rank : from + CT_RUN;
    fvec sum[CT_GROUP][3];
#pragma GCC unroll 8
    for (int i = 0; i < CT_GROUP; i++) sum[i][0] = sum[i][1] = sum[i][2] = zero;
    for (int t = from; t < to; t++) {
      const fvec *p = (const fvec *)(panel + (size_t)t * CT_WIDE);
      fvec p0 = p[0], p1 = p[1], p2 = p[2];
#pragma GCC unroll 8
      for (int i = 0; i < CT_GROUP; i++) {
        float v = row[i][t];
        sum[i][0] += v * p0;
        sum[i][1] += v * p1;
        sum[i][2] += v * p2;
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < CT_GROUP; i++) {
      fvec *total = (fvec *)(out + i * CT_WIDE);
      total[0] += sum[i][0], total[1] += sum[i][1], total[2] += sum[i][2];
    }
  }
}

static void tail(const float *const *row, const float *panel, int first, int rank, float *sum) {
  for (int l = 0; l < CT_WIDE; l += 2 * TRIPLE)
    for (int i = 0; i < CT_TILE_ROWS; i += CT_GROUP)
      float_product(row + i, panel + l, first, rank, sum + i * CT_WIDE + l);
}

static void subtract(double *c, const float *sum, double variance) {
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < CT_PANEL; l += CT_WIDTH) {
      vec *value = (vec *)(c + i * CT_PANEL + l);
      *value -=
          variance * __builtin_convertvector(*(const half_fvec *)(sum + i * CT_WIDE + l), vec);
    }
}

static double narrow(const double *v, double factor, int count, float *out) {
  vec sum[2] = {{0}, {0}};
  for (int t = 0; t < count; t += 2 * CT_WIDTH)
    for (int h = 0; h < 2; h++) {
      if (t + h * CT_WIDTH >= count) break;
      vec value = *(const loose *)(v + t + h * CT_WIDTH) * factor;
      *(half_fvec *)(out + t + h * CT_WIDTH) = __builtin_convertvector(value, half_fvec);
      sum[h] += value * value;
    }
  vec both = sum[0] + sum[1];
  double square = 0;
  for (int l = 0; l < CT_WIDTH; l++) square += both[l];
  return square;
}

static void compare(const double *c, const double *threshold, const double *error,
                    const double *root, unsigned *pass) {
  vec least[CT_PANEL / CT_WIDTH], give[CT_PANEL / CT_WIDTH];
  for (int l = 0; l < CT_PANEL / CT_WIDTH; l++) {
    least[l] = *(const vec *)(threshold + l * CT_WIDTH);
    give[l] = *(const vec *)(error + l * CT_WIDTH);
  }
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    unsigned bits = 0;
    for (int l = 0; l < CT_PANEL / CT_WIDTH; l++) {
      vec value = *(const vec *)(c + i * CT_PANEL + l * CT_WIDTH);
      ivec passes = VABS(value) >= least[l] * root[i] - give[l];
      bits |= VMASK(passes) << (l * CT_WIDTH);
    }
    pass[i] = bits;
  }
}

const ct_pair_kernels CT_KERNELS = {tile, tail, subtract, narrow, list, compare};
