#ifndef CT_SCREENED_KERNELS_H
#define CT_SCREENED_KERNELS_H

#include "metric/covariance.h"
#include "run/simd.h"

/* The inner loops of the screened search. Points stand in blocks of CT_SCREEN lanes, columns in
 * groups of CT_COLUMNS. All arrays of lanes are aligned to 64 bytes. */

#define CT_SCREEN 32
#define CT_COLUMNS 8

/* Behind the sums of CT_SCREEN queries there is room for this many more. */
#define CT_SPARE 8

typedef struct {
  /* out[r * CT_SCREEN + lane] = sum over t of A[r * count + t] P[t * CT_SCREEN + lane], in doubles,
   * of rows r < CT_COLUMNS. */
  void (*rotate)(const double *A, const double *P, int count, double *out);
  /* sum[a * CT_SCREEN + lane] += the sum of q[c][a] x[c][lane] over the columns c of some groups,
   * for the lanes a in a list. */
  void (*add_groups)(const int *list, int count, const int *group, int groups, const float *q,
                     const float *x, float *sum);
  /* sum[lane] += the square of the gap between from .. to and low[lane] .. high[lane]. */
  void (*add_gaps)(float from, float to, const float *low, const float *high, float *sum);
  /* out[lane] = factor share[lane] correlation, of squared distances, for the kinds that
   * ct_screened_has_kind(). */
  void (*correlate)(ct_covariance_kind kind, float factor, const float *share, const float *square,
                    float *out);
  /* The same of the distances between lane a of one block and the lanes of another, dim columns of
   * coordinates each. */
  void (*covary)(ct_covariance_kind kind, float factor, const float *share, int dim, int a,
                 const float *q, const float *x, float *out);
  /* Bit lane: row < limit. */
  unsigned (*below)(const int *row, int limit);
  /* Bit lane: |sum| + min(tail_q tail, most) + slack_q z >= need. */
  unsigned (*reach)(const float *sum, const float *tail, const float *z, float tail_q, float most,
                    float slack_q, float need);
  /* bound[lane] = near[lane] + the sum over groups of norm[g][lane] top[g] + slack z[lane]; rest
   * receives the sums. */
  void (*bound)(const float *norm, const float *top, int groups, const float *near, const float *z,
                float slack, float *bound, float *rest);
  /* tail[lane] = root of the sum of the squares of norms of the groups that are left; rest[lane] =
   * the sum of norm[g][lane] top[g] over them. top NULL: none. */
  void (*tails)(const float *norm, const int *left, int count, const float *top, float *tail,
                float *rest);
} ct_screened_kernels;

extern const ct_screened_kernels ct_screened_base, ct_screened_avx2, ct_screened_avx512;

const ct_screened_kernels *ct_screened_kernels_of(ct_simd simd);

/* Whether correlate() knows a covariance; others are computed in doubles. */
int ct_screened_has_kind(ct_covariance_kind kind);

#endif
