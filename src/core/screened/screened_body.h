/* The kernels of the screened search, written once and compiled for each instruction set.
 * screened_base.c, screened_avx2.c and screened_avx512.c define, before they include this file,
 *
 *   CT_WIDTH      floats in a vector
 *   CT_QUERIES    queries in a register tile of two vectors: 8 on 32 registers, 4 on 16
 *   VSQRT(v)      elementwise root
 *   VMASK(m)      the bits of a comparison's result
 *   CT_KERNELS    the name of the table of kernels */

#include "screened/screened_kernels.h"

#include "run/inline.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * CT_WIDTH), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * CT_WIDTH), may_alias));
typedef double dvec __attribute__((vector_size(4 * CT_WIDTH), may_alias));

#define VECTORS (CT_SCREEN / CT_WIDTH)
#define DOUBLES (CT_WIDTH / 2)
#define AT(p, v) (((const vec *)(p))[v])
#define SET(p, v) (((vec *)(p))[v])
#define VABS(v) ((vec)((ivec)(v)&0x7fffffff))
#define UNROLL _Pragma("GCC unroll 8")

CT_INLINE vec smaller(vec a, vec b) {
  ivec is = a < b;
  return (vec)(((ivec)a & is) | ((ivec)b & ~is));
}

/* ---- products ---- */

#define RUNS (CT_QUERIES / 2) /* vectors of four rows in a register tile */

static void rotate(const double *A, const double *P, int count, double *out) {
  for (int r = 0; r < CT_COLUMNS; r += 4)
    for (int v = 0; v < CT_SCREEN; v += RUNS * DOUBLES) {
      dvec sum[4][RUNS];
      memset(sum, 0, sizeof sum);
      for (int t = 0; t < count; t++) {
        const dvec *p = (const dvec *)(P + (size_t)t * CT_SCREEN + v);
        UNROLL for (int i = 0; i < 4; i++) {
          double a = A[(size_t)(r + i) * (size_t)count + (size_t)t];
          UNROLL for (int j = 0; j < RUNS; j++) sum[i][j] += p[j] * a;
        }
      }
      UNROLL for (int i = 0; i < 4; i++)
          UNROLL for (int j = 0; j < RUNS; j++)((dvec *)(out + (r + i) * CT_SCREEN + v))[j] =
              sum[i][j];
    }
}

/* Two vectors of points and a run of queries. */
CT_INLINE void add_tile(const int *lane, const int *group, int groups, const float *q,
                        const float *x, float *const *to, int v) {
  vec sum[CT_QUERIES][2];
  UNROLL for (int i = 0; i < CT_QUERIES; i++) UNROLL for (int j = 0; j < 2; j++) sum[i][j] =
      (vec){0};
  for (int g = 0; g < groups; g++) {
    size_t first = (size_t)group[g] * CT_COLUMNS * CT_SCREEN;
    for (int c = 0; c < CT_COLUMNS; c++) {
      const float *w = q + first + c * CT_SCREEN, *y = x + first + c * CT_SCREEN;
      vec one = AT(y, v), two = AT(y, v + 1);
      UNROLL for (int i = 0; i < CT_QUERIES; i++) {
        sum[i][0] += one * w[lane[i]];
        sum[i][1] += two * w[lane[i]];
      }
    }
  }
  UNROLL for (int i = 0; i < CT_QUERIES; i++) UNROLL for (int j = 0; j < 2; j++)
      SET(to[i], v + j) += sum[i][j];
}

static void add_groups(const int *list, int count, const int *group, int groups, const float *q,
                       const float *x, float *sum) {
  for (int a = 0; a < count; a += CT_QUERIES) {
    int lane[CT_QUERIES];
    float *to[CT_QUERIES];
    for (int i = 0; i < CT_QUERIES; i++) {
      lane[i] = list[a + i < count ? a + i : a];
      to[i] = sum + (a + i < count ? lane[i] : CT_SCREEN + i) * CT_SCREEN;
    }
    for (int v = 0; v < VECTORS; v += 2) add_tile(lane, group, groups, q, x, to, v);
  }
}

/* ---- covariances ---- */

static void add_gaps(float from, float to, const float *low, const float *high, float *sum) {
  UNROLL for (int v = 0; v < VECTORS; v++) {
    vec below = AT(low, v) - to, above = from - AT(high, v);
    vec gap = -smaller(smaller(-below, -above), (vec){0});
    SET(sum, v) += gap * gap;
  }
}

/* exp(-a), a >= 0: 2^n times the Taylor polynomial of degree 7 on |r| <= ln(2)/2, off by at most
 * 5e-9; with the rounding of a log2(e), which counts a times, and ln(2) in two parts, 4 + a units
 * in all. Beyond 87 it stays exp(-87). */
CT_INLINE vec exp_minus(vec a) {
  static const float of[] = {1.f / 5040, 1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, .5f, 1, 1};
  vec x = -smaller(a, (vec){0} + 87.f), shifted = x * 1.44269504f + 12582912.f;
  vec n = shifted - 12582912.f, r = (x - n * .693359375f) + n * 2.12194440e-4f,
      p = (vec){0} + of[0];
  UNROLL for (int i = 1; i < 8; i++) p = p * r + of[i];
  return (vec)((ivec)p + ((ivec)shifted << 23));
}

CT_INLINE vec correlation(ct_covariance_kind kind, vec square) {
  if (kind == CT_COV_GAUSSIAN) return exp_minus(square * .5f);
  vec h = VSQRT(square);
  if (kind == CT_COV_EXPONENTIAL) return exp_minus(h);
  float root = kind == CT_COV_MATERN_32   ? 1.7320508f
               : kind == CT_COV_MATERN_52 ? 2.236068f
                                          : 2.6457513f;
  vec s = smaller(h * root, (vec){0} + 87.f), factor = s + 1.f;
  if (kind == CT_COV_MATERN_52) factor += s * s * (1.f / 3);
  if (kind == CT_COV_MATERN_72) factor += s * s * (s * (1.f / 15) + .4f);
  return factor * exp_minus(s);
}

CT_INLINE void correlate_kind(ct_covariance_kind kind, float factor, const float *share,
                              const float *square, float *out) {
  UNROLL for (int v = 0; v < VECTORS; v++) SET(out, v) =
      correlation(kind, AT(square, v)) * (AT(share, v) * factor);
}

static void correlate(ct_covariance_kind kind, float factor, const float *share,
                      const float *square, float *out) {
  switch (kind) {
    case CT_COV_EXPONENTIAL: correlate_kind(CT_COV_EXPONENTIAL, factor, share, square, out); break;
    case CT_COV_GAUSSIAN: correlate_kind(CT_COV_GAUSSIAN, factor, share, square, out); break;
    case CT_COV_MATERN_32: correlate_kind(CT_COV_MATERN_32, factor, share, square, out); break;
    case CT_COV_MATERN_52: correlate_kind(CT_COV_MATERN_52, factor, share, square, out); break;
    default: correlate_kind(CT_COV_MATERN_72, factor, share, square, out);
  }
}

static void covary(ct_covariance_kind kind, float factor, const float *share, int dim, int a,
                   const float *q, const float *x, float *out) {
  vec square[VECTORS];
  memset(square, 0, sizeof square);
  for (int c = 0; c < dim; c++) UNROLL for (int v = 0; v < VECTORS; v++) {
      vec step = AT(x + c * CT_SCREEN, v) - q[c * CT_SCREEN + a];
      square[v] += step * step;
    }
  correlate(kind, factor, share, (const float *)square, out);
}

/* ---- bounds ---- */

static unsigned below(const int *row, int limit) {
  unsigned lanes = 0;
  UNROLL for (int v = 0; v < VECTORS; v++) {
    ivec is = ((const ivec *)row)[v] < limit;
    lanes |= VMASK(is) << (v * CT_WIDTH);
  }
  return lanes;
}

static unsigned reach(const float *sum, const float *tail, const float *z, float tail_q, float most,
                      float slack_q, float need) {
  unsigned lanes = 0;
  UNROLL for (int v = 0; v < VECTORS; v++) {
    vec bound = VABS(AT(sum, v)) + smaller(AT(tail, v) * tail_q, (vec){0} + most);
    ivec is = bound + AT(z, v) * slack_q >= (vec){0} + need;
    lanes |= VMASK(is) << (v * CT_WIDTH);
  }
  return lanes;
}

static void bound(const float *norm, const float *top, int groups, const float *near,
                  const float *z, float slack, float *bound, float *rest) {
  vec sum[VECTORS];
  memset(sum, 0, sizeof sum);
  for (int g = 0; g < groups; g++)
    UNROLL for (int v = 0; v < VECTORS; v++) sum[v] += AT(norm + (size_t)g * CT_SCREEN, v) * top[g];
  UNROLL for (int v = 0; v < VECTORS; v++) {
    SET(rest, v) = sum[v];
    SET(bound, v) = AT(near, v) + sum[v] + AT(z, v) * slack;
  }
}

static void tails(const float *norm, const int *left, int count, const float *top, float *tail,
                  float *rest) {
  vec squares[VECTORS], sum[VECTORS];
  memset(squares, 0, sizeof squares);
  memset(sum, 0, sizeof sum);
  for (int i = 0; i < count; i++) {
    float w = top ? top[left[i]] : 0;
    UNROLL for (int v = 0; v < VECTORS; v++) {
      vec one = AT(norm + (size_t)left[i] * CT_SCREEN, v);
      squares[v] += one * one;
      sum[v] += one * w;
    }
  }
  UNROLL for (int v = 0; v < VECTORS; v++) SET(tail, v) = VSQRT(squares[v]);
  if (top) UNROLL for (int v = 0; v < VECTORS; v++) SET(rest, v) = sum[v];
}

const ct_screened_kernels CT_KERNELS = {rotate, add_groups, add_gaps, correlate, covary,
                                        below,  reach,      bound,    tails};
