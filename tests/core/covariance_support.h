#ifndef COVARIANCE_SUPPORT_H
#define COVARIANCE_SUPPORT_H

/* The covariances in plain long double formulas, and a Bessel function for the general Matern. */

#include <math.h>

#include "metric/covariance.h"

/* exp(s) K_nu(s), the integral over t >= 0 of exp(-s (cosh t - 1)) cosh(nu t) by the trapezoidal
 * rule, which converges exponentially for it. */
static inline long double test_bessel_long(long double s, long double nu) {
  const long double step = 1.0L / 32;
  long double sum = 0.5L;
  for (int i = 1;; i++) {
    long double t = step * i, grows = nu * t, falls = s * (coshl(t) - 1);
    if (falls - grows > 60 && s * sinhl(t) > nu) break;
    sum += 0.5L * (expl(grows - falls) + expl(-grows - falls));
  }
  return sum * step;
}

static inline double test_bessel(double s, double nu, double *work) {
  if (work) work[0] = s; /* as a real one, which needs it */
  return (double)test_bessel_long(s, nu);
}

static inline long double test_matern(long double h, long double nu) {
  long double s = sqrtl(2 * nu) * h;
  if (s == 0) return 1;
  if (s > 11000) return 0;
  long double power = nu * logl(0.5L * s) - s - lgammal(nu);
  return 2 * expl(power) * test_bessel_long(s, nu);
}

/* The correlation at distance h. */
static inline long double test_correlation(const ct_covariance *k, long double h) {
  long double g = h < 1 ? 1 - h : 0;
  switch (k->kind) {
    case CT_COV_EXPONENTIAL: return expl(-h);
    case CT_COV_GAUSSIAN: return expl(-h * h / 2);
    case CT_COV_MATERN_32: return (1 + sqrtl(3) * h) * expl(-sqrtl(3) * h);
    case CT_COV_MATERN_52: return (1 + sqrtl(5) * h + 5 * h * h / 3) * expl(-sqrtl(5) * h);
    case CT_COV_MATERN_72:
      return (1 + sqrtl(7) * h + 14 * h * h / 5 + 7 * sqrtl(7) * h * h * h / 15) *
             expl(-sqrtl(7) * h);
    case CT_COV_MATERN: return test_matern(h, k->shape);
    case CT_COV_POWERED: return h > 0 ? expl(-powl(h, k->shape)) : 1;
    default: break;
  }
  if (k->shape == 0) return g * g;
  if (k->shape == 1) return powl(g, 4) * (4 * h + 1);
  return powl(g, 6) * (35 * h * h + 18 * h + 3) / 3;
}

/* k of two embedded points. */
static inline long double test_covariance(const ct_covariance *k, const double *a, const double *b,
                                          int dim) {
  long double sq = 0;
  for (int c = 0; c < dim; c++) sq += ((long double)a[c] - b[c]) * ((long double)a[c] - b[c]);
  return k->variance * test_correlation(k, sqrtl(sq));
}

/* Every kind and shape that tests walk through; lengthscale is not set. */
#define TEST_COVARIANCES 18

static inline ct_covariance test_covariance_of(int which) {
  static const ct_covariance_kind kind[TEST_COVARIANCES] = {
      CT_COV_EXPONENTIAL, CT_COV_GAUSSIAN, CT_COV_MATERN_32, CT_COV_MATERN_52, CT_COV_MATERN_72,
      CT_COV_POWERED,     CT_COV_POWERED,  CT_COV_POWERED,   CT_COV_POWERED,   CT_COV_WENDLAND,
      CT_COV_WENDLAND,    CT_COV_WENDLAND, CT_COV_MATERN,    CT_COV_MATERN,    CT_COV_MATERN,
      CT_COV_MATERN,      CT_COV_MATERN,   CT_COV_MATERN};
  static const double shape[TEST_COVARIANCES] = {0, 0, 0, 0,   0, 0.1, 0.7, 1.5,  2,
                                                 0, 1, 2, 0.2, 1, 1.5, 2.3, 12.5, 100};
  ct_covariance k = {.kind = kind[which], .variance = 1, .shape = shape[which]};
  if (k.kind == CT_COV_MATERN) k.bessel_k_scaled = test_bessel, k.work_size = 1;
  return k;
}

#endif
