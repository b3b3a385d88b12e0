#ifndef CT_RESIDUAL_H
#define CT_RESIDUAL_H

#include "covariance.h"
#include "distances.h"
#include "run.h"

/* The residual process of a Gaussian process after its low-rank part V V' has been subtracted:
 *
 *   c_ij = k(x_i, x_j) - V_i . V_j,   p_i = c_ii,   rho_ij = c_ij / sqrt(p_i p_j), clamped to [-1, 1],
 *   t_ij = 1 - |rho_ij|,   d_ij = sqrt(t_ij).
 *
 * A point with p_i <= CT_EXPLAINED k(x_i, x_i) is explained by the inducing points: its rho with every
 * other point is 0, its distance to them 1 (and 0 to itself).
 * With rank 0 there is no V and rho is the plain correlation.
 *
 * Points stand at *positions* 0 .. n-1, in an order good for memory (k-d order of the embedded
 * coordinates for an index); row[] says which row of the user's data stands where. Everything borrowed. */

#define CT_EXPLAINED 1e-10

/* Rows of V are padded with zeros to a multiple of this many doubles. */
#define CT_V_LANES 8

typedef struct {
  const ct_covariance *covariance;
  int n;
  int dim;              /* embedded coordinates */
  int rank;             /* inducing points, columns of V; may be 0 */
  int stride;           /* doubles from one row of V to the next: rank rounded up to CT_V_LANES */
  const double *x;      /* n * dim: embedded coordinates, a point after the other */
  const double *V;      /* n * stride */
  const double *p;      /* n: residual variances, >= 0 */
  const double *scale;  /* n: 1 / sqrt(p), or 0 for explained points */
  const int *row;       /* n: row of each position, a permutation of 0 .. n-1 */
  const int *position;  /* n: its inverse */
} ct_residual;

/* stride of a rank. */
int ct_residual_stride(int rank);

/* scale[i] from p[i], and the number of explained points. */
int ct_residual_scale(const ct_covariance *covariance, const double *p, int n, double *scale);

/* ---- factor ---- */

/* The Cholesky factor of K_uu of m inducing points (embedded, row-major u: m * dim), and the jitter it needed.
 * L: m * m, row-major lower triangle; fixed-lane arithmetic without FMA, the same bits everywhere.
 * jitter < 0: none first, then mean(diag) times 1e-10, 1e-9 .. 1e-6; >= 0: exactly that much (absolute, added
 * to the diagonal). CT_ERR_FACTOR when exhausted: then *pair holds the two closest inducing points. */
ct_status ct_factor_cholesky(const ct_covariance *covariance, const double *u, int m, int dim, double jitter,
                             double *L, double *jitter_used, int pair[2], const ct_run *run);

/* V = K_xu L^-T and p = k(x, x) - |V|^2 (never below 0) of n embedded points x (row-major n * dim).
 * V: n * ct_residual_stride(m), padding zeroed; p: n. Parallel over points, each point's arithmetic fixed. */
ct_status ct_factor_apply(const ct_covariance *covariance, const double *L, const double *u, int m,
                          const double *x, int n, int dim, double *V, double *p, ct_stats *stats,
                          const ct_run *run);

/* ---- canonical scores ---- */

/* The canonical t of point a of A against points b[j] of B (positions; B may be A), j < count: the number that decides
 * everywhere. Fixed lanes, no FMA: out is bit-identical for every instruction set, and for A = B symmetric (the
 * arithmetic does not depend on which of the two comes first). Thread-safe; work: as for ct_covariance_many(),
 * NULL unless the covariance needs it. Positions of the same row give 0. */
void ct_residual_t(const ct_residual *A, int a, const ct_residual *B, const int *b, int count, double *out,
                   double *work, ct_simd simd);

/* Distances sqrt(t) between rows of an index (and from query points, may be NULL), for the cover tree.
 * Borrows its arguments and arena memory. */
ct_status ct_distances_of_residual(const ct_residual *index, const ct_residual *queries, ct_distances *distances,
                                   const ct_run *run);

#endif
