#ifndef CT_COVARIANCE_H
#define CT_COVARIANCE_H

#include "metric/points.h"
#include "run/simd.h"
#include "run/status.h"

/* Stationary covariances k(a, b) = variance * c(h), h = the Euclidean distance of the two points
 * after embedding: every column divided by its lengthscale; with lonlat the first two columns, in
 * degrees, become a unit vector (three coordinates, so h uses the chord) divided by the first
 * lengthscale, and further columns follow, divided by their own.
 *
 *   exponential  exp(-h)
 *   gaussian     exp(-h^2 / 2)
 *   matern       2^(1-nu) / Gamma(nu) s^nu K_nu(s), s = sqrt(2 nu) h; closed forms for 3/2, 5/2,
 *                7/2
 *   powered      exp(-h^shape), 0 < shape <= 2
 *   wendland     compact support h < 1, positive definite in up to 3 dimensions:
 *                shape 0: (1-h)^2   1: (1-h)^4 (4h+1)   2: (1-h)^6 (35h^2+18h+3)/3 */
typedef enum {
  CT_COV_EXPONENTIAL,
  CT_COV_GAUSSIAN,
  CT_COV_MATERN_32,
  CT_COV_MATERN_52,
  CT_COV_MATERN_72,
  CT_COV_MATERN,
  CT_COV_POWERED,
  CT_COV_WENDLAND
} ct_covariance_kind;

typedef struct {
  ct_covariance_kind kind;
  double variance;           /* within 1e-100 .. 1e100 */
  double nugget;             /* >= 0, absolute; not part of k(a, b): callers add it */
  double shape;              /* nu <= CT_MATERN_NU_MAX, power or q */
  const double *lengthscale; /* one per column; with lonlat one for the first two */
  int lonlat;
  /* exp(s) K_nu(s) for the general Matern, s > 0, with a relative error of at most CT_BESSEL_ERROR:
   * the core has no Bessel function of its own. It is never asked where K overflows. work holds
   * work_size doubles, one array per thread. NULL for every other kind. */
  double (*bessel_k_scaled)(double s, double nu, double *work);
  int work_size;
} ct_covariance;

/* Beyond it the Gamma function overflows soon, and the covariance is almost the Gaussian's. */
#define CT_MATERN_NU_MAX 100

#define CT_BESSEL_ERROR 1e-13

/* Finds the first value that cannot be embedded: not finite, so large that a squared distance
 * overflows, a longitude or latitude out of range. CT_ERR_DOMAIN and the place, or CT_OK. */
ct_status ct_covariance_check(const ct_covariance *covariance, const ct_points *points, int *row,
                              int *column);

/* Columns of the embedded points: dim, or dim + 1 with lonlat. */
int ct_covariance_dim(const ct_covariance *covariance, int dim);

/* Writes ct_covariance_dim() coordinates of point i. */
void ct_covariance_embed(const ct_covariance *covariance, const ct_points *points, int i,
                         double *embedded);

/* k of count squared embedded distances, by canonical arithmetic: fixed operations, the same bits
 * for every simd and compiler (but for the Bessel function), never above the variance, never NaN.
 * sq and out may be the same array. work: see bessel_k_scaled. Thread-safe. */
void ct_covariance_many(const ct_covariance *covariance, const double *sq, int count, double *out,
                        double *work, ct_simd simd);

/* Whether it is a covariance among points of dim coordinates: Wendland's functions are up to
 * three. */
int ct_covariance_is_definite(const ct_covariance *covariance, int dim);

/* A bound on |computed - exact| / variance, when ct_covariance_many() gets the squared distance of
 * two embedded points of dim coordinates, summed in doubles in any order, with or without FMA. */
double ct_covariance_error(const ct_covariance *covariance, int dim);

#endif
