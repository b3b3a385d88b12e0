/* Bessel functions are dear, so they are asked for few points: on quarters of each power of two,
 * exp(s) f(x), s = sqrt(x), is interpolated at 14 Chebyshev nodes. Its nearest singularity, at
 * x = 0, is nine half-widths away or more, which leaves 18^-14 of the function. From these curves
 * come the parts' own polynomials, on intervals eight times as short: there exp(-s) changes by no
 * more than a fourth either way up to s = 28, and eight nodes leave 1e-12 of it. */

#include "process/matern.h"

#include <math.h>

#define PI 3.141592653589793
#define NODES 14
#define QUARTERS 4

typedef enum { VALUE, SLOPE, SHAPE } curve;

typedef struct {
  const ct_covariance *covariance;
  curve of;
  double *work;
} matern_function;

/* c(h) of another smoothness, at x = 2 nu h^2. */
static double correlation(const ct_covariance *like, double nu, double x, double *work) {
  ct_covariance of = *like;
  of.kind = CT_COV_MATERN, of.variance = 1, of.shape = nu;
  double out = x / (2 * nu);
  ct_covariance_many(&of, &out, 1, &out, work, CT_SIMD_BASE);
  return out;
}

/* -h c'(h) = s^2 / (2 (nu - 1)) times the correlation of nu - 1 at the same s. */
static double slope(const ct_covariance *of, double x, double *work) {
  double nu = of->shape, s = sqrt(x);
  if (nu > 1) return x / (2 * (nu - 1)) * correlation(of, nu - 1, x, work);
  return 2 / tgamma(nu) * pow(0.5 * s, nu) * s * exp(-s) * of->bessel_k_scaled(s, 1 - nu, work);
}

/* d c / d nu at fixed h, by four points. */
static double shape(const ct_covariance *of, double x, double *work) {
  double nu = of->shape, step = 2e-3 * nu, difference[2];
  for (int k = 1; k <= 2; k++) {
    double more = nu + k * step, less = nu - k * step;
    difference[k - 1] =
        correlation(of, more, x * more / nu, work) - correlation(of, less, x * less / nu, work);
  }
  return (8 * difference[0] - difference[1]) / (12 * step);
}

static double evaluate(const matern_function *f, double x) {
  if (f->of == SLOPE) return slope(f->covariance, x, f->work);
  if (f->of == SHAPE) return shape(f->covariance, x, f->work);
  return correlation(f->covariance, f->covariance->shape, x, f->work);
}

/* Chebyshev coefficients of what has the values y at the n nodes. */
static void chebyshev(const double *y, int n, double *coefficient) {
  for (int k = 0; k < n; k++) {
    double sum = 0;
    for (int j = 0; j < n; j++) sum += y[j] * cos(PI * k * (j + 0.5) / n);
    coefficient[k] = (k ? 2.0 : 1.0) / n * sum;
  }
}

static double node(int j, int n) {
  return cos(PI * (j + 0.5) / n);
}

static double clenshaw(const double *coefficient, int n, double t) {
  double b1 = 0, b2 = 0;
  for (int k = n - 1; k > 0; k--) {
    double b = 2 * t * b1 - b2 + coefficient[k];
    b2 = b1, b1 = b;
  }
  return t * b1 - b2 + coefficient[0];
}

/* The same polynomial by powers of t. */
static void powers(const double *coefficient, int n, double *out) {
  double before[CT_MATERN_TERMS] = {1}, now[CT_MATERN_TERMS] = {0, 1};
  for (int i = 0; i < n; i++) out[i] = coefficient[0] * before[i] + coefficient[1] * now[i];
  for (int k = 2; k < n; k++) {
    double next[CT_MATERN_TERMS];
    for (int i = 0; i < n; i++) next[i] = (i ? 2 * now[i - 1] : 0) - before[i];
    for (int i = 0; i < n; i++) {
      out[i] += coefficient[k] * next[i];
      before[i] = now[i], now[i] = next[i];
    }
  }
}

/* The parts of a quarter, from its first x on. */
static void fill_quarter(const matern_function *f, double first, double width, double *out) {
  double y[NODES], whole[NODES], part[CT_MATERN_TERMS], own[CT_MATERN_TERMS];
  int parts = (1 << CT_MATERN_CUTS) / QUARTERS;
  for (int j = 0; j < NODES; j++) {
    double x = first + 0.5 * width * (node(j, NODES) + 1);
    y[j] = evaluate(f, x) * exp(sqrt(x));
  }
  chebyshev(y, NODES, whole);
  for (int p = 0; p < parts; p++, out += CT_MATERN_TERMS) {
    for (int j = 0; j < CT_MATERN_TERMS; j++) {
      double at = (p + 0.5 * (node(j, CT_MATERN_TERMS) + 1)) / parts; /* of the quarter, 0 .. 1 */
      part[j] = clenshaw(whole, NODES, 2 * at - 1) * exp(-sqrt(first + width * at));
    }
    chebyshev(part, CT_MATERN_TERMS, own);
    powers(own, CT_MATERN_TERMS, out);
  }
}

static ct_status new_table(const ct_covariance *covariance, curve of, const double **table,
                           const ct_run *run) {
  matern_function f = {.covariance = covariance, .of = of};
  double *out;
  CT_NEW(out, &run->arena, CT_MATERN_PARTS * CT_MATERN_TERMS);
  CT_NEW(f.work, &run->arena,
         covariance->work_size + 2); /* nu + 2 steps may be a whole number on */
  *table = out;
  int doubles = CT_MATERN_TERMS * ((1 << CT_MATERN_CUTS) / QUARTERS);
  for (int e = CT_MATERN_LOW; e < CT_MATERN_HIGH; e++)
    for (int q = 0; q < QUARTERS; q++, out += doubles) {
      double width = ldexp(1.0 / QUARTERS, e);
      fill_quarter(&f, ldexp(1, e) + q * width, width, out);
    }
  return CT_OK;
}

ct_status ct_matern_new(ct_matern *matern, const ct_covariance *covariance, int slope, int shape,
                        const ct_run *run) {
  *matern = (ct_matern){0};
  CT_TRY(new_table(covariance, VALUE, &matern->value, run));
  if (slope) CT_TRY(new_table(covariance, SLOPE, &matern->slope, run));
  if (shape) CT_TRY(new_table(covariance, SHAPE, &matern->shape, run));
  return CT_OK;
}
