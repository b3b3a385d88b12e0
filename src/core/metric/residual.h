#ifndef CT_RESIDUAL_H
#define CT_RESIDUAL_H

#include "metric/covariance.h"
#include "metric/distances.h"
#include "run/run.h"

/* The residual process of a Gaussian process after its low-rank part V V' has been subtracted:
 *
 *   c_ij = k(x_i, x_j) - V_i . V_j,   p_i = c_ii,
 *   rho_ij = c_ij / sqrt(p_i p_j), clamped to [-1, 1],   t_ij = 1 - |rho_ij|,   d_ij = sqrt(t_ij).
 *
 * A point with p_i <= CT_EXPLAINED k(x_i, x_i) is explained by the inducing points: its rho with
 * every other point is 0, its distance to them 1 (and 0 to itself).
 * With rank 0 there is no V and rho is the plain correlation.
 * d is a metric as far as the c_ij are a covariance: K - V V' positive semidefinite, as it is for
 * V from ct_factor_apply() up to rounding. p may exceed c_ii (by a nugget).
 *
 * Points stand at *positions* 0 .. n-1, in an order good for memory (k-d order of the embedded
 * coordinates for an index); row[] says which row of the user's data stands where. All borrowed. */

#define CT_EXPLAINED 1e-10

/* Rows of V are padded with zeros to ct_residual_stride() doubles, a multiple of this many. */
#define CT_V_LANES 8

/* The Cholesky factor of K_uu + jitter I. */
typedef struct {
  const double *L; /* rank * rank, row-major, zeros above the diagonal */
  double jitter;
  const double *u; /* rank * dim: inducing points, embedded, a point after the other; or NULL */
} ct_factor;

typedef struct {
  const ct_covariance *covariance;
  const ct_factor *factor; /* that made V; NULL when V is the user's own */
  int n;
  int dim;             /* embedded coordinates */
  int rank;            /* inducing points, columns of V; may be 0 */
  int stride;          /* doubles from one row of V to the next: ct_residual_stride(rank) */
  const double *x;     /* n * dim: embedded coordinates, a point after the other */
  const double *V;     /* n * stride; quickest when aligned to 64 bytes */
  const double *p;     /* n: residual variances, >= 0 */
  const double *scale; /* n: 1 / sqrt(p), or 0 for explained points */
  const int *row;      /* n: row of each position, a permutation of 0 .. n-1 */
  const int *position; /* n: its inverse */
} ct_residual;

/* stride of a rank: the next multiple of CT_V_LANES, or one more. */
int ct_residual_stride(int rank);

/* scale[i] from p[i]; returns the number of explained points. */
int ct_residual_scale(const ct_covariance *covariance, const double *p, int n, double *scale);

/* ---- factor ---- */

/* The Cholesky factor of K_uu of m inducing points (embedded, row-major u: m * dim), and the jitter
 * it needed. L: m * m, row-major, zeros above the diagonal; the same bits for every simd. jitter <
 * 0: none first, then mean(diag) times 1e-10, 1e-9 .. 1e-6; >= 0: exactly that much (absolute,
 * added to the diagonal). A pivot counts as positive above its rounding error, m eps times the
 * diagonal. CT_ERR_FACTOR when exhausted: then pair[] holds the two closest inducing points. */
ct_status ct_factor_cholesky(const ct_covariance *covariance, const double *u, int m, int dim,
                             double jitter, double *L, double *jitter_used, int pair[2],
                             ct_stats *stats, const ct_run *run);

/* V = K_xu L^-T and p = k(x, x) - |V|^2 (never below 0) of n embedded points x (row-major n * dim).
 * V: n * ct_residual_stride(m), padding zeroed; p: n. Parallel over points, each point's arithmetic
 * fixed: the same bits for every simd, thread count and neighbourhood. */
ct_status ct_factor_apply(const ct_covariance *covariance, const double *L, const double *u, int m,
                          const double *x, int n, int dim, double *V, double *p, ct_stats *stats,
                          const ct_run *run);

/* A lower bound of the smallest eigenvalue of L L', m rows; 0 when it drowns in rounding. */
ct_status ct_factor_least(const ct_covariance *covariance, const ct_factor *known, int m,
                          double *least, const ct_run *run);

/* Kriging weights a = L'^-1 V_i of n rows of V: sum[i] = |a|_1 and root[i] = |a|_2 as computed.
 * Takes as long as V did. */
ct_status ct_factor_weights(const ct_covariance *covariance, const ct_factor *known, int m,
                            const double *V, int n, double *sum, double *root, const ct_run *run);

/* ---- canonical scores ---- */

/* The canonical t of point a of A against points b[j] of B (positions; B may be A), j < count: the
 * number that decides everywhere. Fixed lanes, no FMA: out is bit-identical for every simd and
 * symmetric (the arithmetic does not depend on which of the two points comes first). Never NaN.
 * A point and itself (A == B, a == b[j]) give 0; points of equal coordinates give 0 when their t is
 * no more than its rounding error and neither is explained; an explained point gives 1.
 * Thread-safe; work: as for ct_covariance_many(), NULL unless the covariance needs it. */
void ct_residual_t(const ct_residual *A, int a, const ct_residual *B, const int *b, int count,
                   double *out, double *work, ct_simd simd);

/* ---- rounding ----
 *
 * u = 2^-53, m = rank, N >= |V_i| |V_j|. A sum of m products in doubles, in any order, with or
 * without FMA, is off by at most m u / (1 - m u) times the sum of their absolute values, which is
 * at most N (Cauchy-Schwarz). k is off by e = ct_covariance_error() times the variance, and the
 * difference rounds once, by u (variance + N). So a computed c is within variance (e + u) + N (m +
 * 1) u of c_ij.
 *
 * The canonical sum has eight lanes of m/8 terms: m/8 + 3 roundings of each product. For points of
 * equal coordinates its k is exact, and t is set to 0 when that changes it by no more than the
 * bound above says of *any* computation, here and in p. This adds (m/8 + 4) u N, and makes the
 * bound that ct_residual_product_error() returns: variance (e + 2 u) + N (9m/8 + 8) u.
 *
 * scale_i = 1 / sqrt(p_i) has two roundings, scale_i scale_j and its product with c one each: 6 u
 * relative to |rho| <= 1 (clamping contracts), and 1 - |rho| one. So t is off by the error of c
 * times the scales and 16 u, the rest of which is for other ways to divide, as c / sqrt(p_i p_j).
 * The product of the scales is canonical because it costs no root and no division a pair, and no p
 * is small enough to make it overflow; its few u are nothing beside the error of c over p. */

/* An upper bound of |V_i|, i a position. */
double ct_residual_norm(const ct_residual *points, int i);

/* The bound on |c - c_ij| for c computed from the given coordinates and V. norms: N. */
double ct_residual_product_error(const ct_residual *points, double norms);

/* The bound on |t - t_ij|, p and V taken as exact: of ct_residual_t(), and of any other computation
 * in doubles by the formulas above with k by ct_covariance_many(). scales: scale_i scale_j. So two
 * of them differ by at most twice as much. */
double ct_residual_error(const ct_residual *points, double norms, double scales);

/* Distances sqrt(t) between rows of an index, and from positions of queries (may be NULL), for the
 * cover tree. Borrows its arguments and arena memory. */
ct_status ct_distances_of_residual(const ct_residual *index, const ct_residual *queries,
                                   ct_distances *distances, const ct_run *run);

#endif
