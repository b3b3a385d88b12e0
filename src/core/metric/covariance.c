#include "metric/canonical.h"

#include "metric/covariance.h"

#include <float.h>
#include <math.h>

#include "metric/canonical_kernels.h"
#include "metric/sphere.h"

int ct_covariance_dim(const ct_covariance *covariance, int dim) {
  return dim + (covariance->lonlat ? 1 : 0);
}

void ct_covariance_embed(const ct_covariance *covariance, const ct_points *points, int i,
                         double *embedded) {
  const double *scale = covariance->lengthscale;
  int c = 0;
  if (covariance->lonlat) {
    ct_sphere_embed(ct_points_at(points, i, 0), ct_points_at(points, i, 1), embedded);
    for (int s = 0; s < 3; s++) embedded[s] /= scale[0];
    /* column 2 has lengthscale 1 and becomes coordinate 3 */
    c = 2, scale--, embedded++;
  }
  for (; c < points->dim; c++) embedded[c] = ct_points_at(points, i, c) / scale[c];
}

static int value_fits(const ct_covariance *covariance, double value, int c, double largest) {
  const double *scale = covariance->lengthscale;
  if (!isfinite(value)) return 0;
  if (!covariance->lonlat) return fabs(value / scale[c]) <= largest;
  if (c < 2) return fabs(value) <= (c == 0 ? 720.0 : 90.0) && 1 / scale[0] <= largest;
  return fabs(value / scale[c - 1]) <= largest;
}

ct_status ct_covariance_check(const ct_covariance *covariance, const ct_points *points, int *row,
                              int *column) {
  /* dim squares of differences of two such values stay finite */
  double largest = 0.25 * sqrt(DBL_MAX / ct_covariance_dim(covariance, points->dim));
  for (int c = 0; c < points->dim; c++)
    for (int i = 0; i < points->n; i++)
      if (!value_fits(covariance, ct_points_at(points, i, c), c, largest)) {
        *row = i, *column = c;
        return CT_ERR_DOMAIN;
      }
  return CT_OK;
}

/* ---- the general Matern ---- */

/* The correlation 2 / Gamma(nu) (s/2)^nu K_nu(s) for small s and large nu, by the ascending series
 * of K_nu: the sum of (s^2/4)^k / (k! (1-nu) .. (k-nu)). What belongs to I_nu is smaller by
 * (s/2)^(2 nu). */
static double matern_series(double s, double nu) {
  double term = 1, sum = 1, quarter = 0.25 * s * s;
  for (int k = 1; k < nu && fabs(term) > DBL_EPSILON / 4; k++) {
    term *= quarter / (k * (k - nu));
    sum += term;
  }
  return sum;
}

/* K_nu(s) overflows where Gamma(nu)/2 (2/s)^nu does: there the series is exact to rounding, its
 * neglected part below e^-1000 and s^2/4 below nu. exp(s) K_nu(s) is about sqrt(pi / (2 s)) for
 * large s, so the product vanishes with (s/2)^nu exp(-s). */
static double matern(const ct_covariance *covariance, double sq, double log_gamma, double *work) {
  double nu = covariance->shape, s = sqrt(2 * nu) * sqrt(sq), log_half = log(0.5 * s);
  if (s > 1e4) return 0;
  if (log_gamma - nu * log_half > 600) return matern_series(s, nu);
  if (nu * log_half - s - log_gamma < -750) return 0;
  double bessel = covariance->bessel_k_scaled(s, nu, work);
  return 2 / tgamma(nu) * (pow(0.5 * s, nu) * exp(-s) * bessel);
}

static void matern_many(const ct_covariance *covariance, const double *sq, int count, double *out,
                        double *work) {
  double log_gamma = log(tgamma(covariance->shape));
  for (int i = 0; i < count; i++) {
    double c = sq[i] > 0 ? matern(covariance, sq[i], log_gamma, work) : 1;
    out[i] = covariance->variance * (c < 1 ? c : 1);
  }
}

/* Errors in units of u = 2^-53, where h is the distance and c(h) the correlation:
 *
 *   h        each square has one rounding before, which counts twice, and one after; the sum has
 *            dim - 1: (dim + 2) relative, half of that in h, which rounds itself: d = dim / 2 + 2
 *   c(h)     feels it as |h c'(h)| d, which is at most 0.37 d for the exponential, 0.74 d for the
 *            Gaussian, which bounds the Materns and the powered exponential, 0.75 d for Wendland's
 *   s        sqrt(2 nu) h has two roundings more: 1.5
 *   exp      2.2 (canonical_exp.h)
 *   Matern   at most six operations on terms of one sign, 6
 *   Wendland (1 - h)^6 one for each factor and one for each product, its polynomial five, the
 *            last product one: 17
 *   powered  w = h^shape = exp(y), y = shape / 2 log(h^2), has 6 |log w| + 2.2 relative; and
 *            w |log w| exp(-w) <= 0.3, w exp(-w) <= 0.37: 2.7
 *   nu       pow, exp, tgamma and five products, 12, beside the Bessel function
 *   variance 1
 *
 * Together below 0.4 dim + 21. */
int ct_covariance_is_definite(const ct_covariance *covariance, int dim) {
  return covariance->kind != CT_COV_WENDLAND || dim <= 3;
}

double ct_covariance_error(const ct_covariance *covariance, int dim) {
  double bessel = covariance->kind == CT_COV_MATERN ? CT_BESSEL_ERROR : 0;
  return (24 + 0.5 * dim) * (DBL_EPSILON / 2) + bessel;
}

void ct_covariance_many(const ct_covariance *covariance, const double *sq, int count, double *out,
                        double *work, ct_simd simd) {
  if (covariance->kind == CT_COV_MATERN) matern_many(covariance, sq, count, out, work);
  else ct_canonical_kernels_of(simd)->covariance(covariance, sq, count, out);
}
