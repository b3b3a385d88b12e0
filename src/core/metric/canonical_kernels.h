#ifndef CT_CANONICAL_KERNELS_H
#define CT_CANONICAL_KERNELS_H

#include "metric/covariance.h"
#include "run/simd.h"

/* The arithmetic that decides, compiled for each instruction set (canonical_base.c,
 * canonical_avx2.c, canonical_avx512.c). Every number that a kernel writes is made by the same
 * operations in the same order in each of them, without FMA, so that their results agree bit for
 * bit: a vector holds several numbers side by side, never parts of one, but for the eight lanes of
 * dots(), which are fixed. */
typedef struct {
  /* out[i] = k of sq[i], as ct_covariance_many(); any kind but CT_COV_MATERN. */
  void (*covariance)(const ct_covariance *covariance, const double *sq, int count, double *out);

  /* out[j] = a . row[j] over stride doubles, a multiple of 8: lane l sums products l, l + 8, ..
   * in turn, then ((0+4) + (2+6)) + ((1+5) + (3+7)). */
  void (*dots)(const double *a, const double *const *row, int count, int stride, double *out);

  /* ---- triangular solves: `panel` points side by side, `strip` rows of L at a time ---- */
  int panel;
  int strip; /* divides panel */

  /* W[j * panel + i] = the squared distance of point i (x[c * panel + i]) and u_j, summed in the
   * order of the coordinates. */
  void (*squares)(const double *x, const double *u, int m, int dim, double *W);

  /* Entry (j, i) of rows first .. first + strip - 1 of W, minus L_jq W_qi for q = 0 .. first - 1 in
   * turn. lines: L_jq at lines[q * strip + j - first]. */
  void (*eliminate)(const double *lines, int first, double *W);

  /* The same with q going on to j - 1, then divided by L_jj: rows first .. of L^-1 W. */
  void (*solve)(const double *lines, int first, double *W);
} ct_canonical_kernels;

const ct_canonical_kernels *ct_canonical_kernels_of(ct_simd simd);

#endif
