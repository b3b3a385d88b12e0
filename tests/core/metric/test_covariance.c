/* Covariances: against long double formulas within the stated error, and the same bits everywhere.
 */

#include "metric/canonical.h"

#include <float.h>
#include <math.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define VSQRT(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
#else
#define VSQRT(v) ((vec){sqrt((v)[0]), sqrt((v)[1])})
#endif
#define CT_LANES 2
#include "metric/canonical_lanes.h"
#include "metric/canonical_exp.h"

#include "check.h"
#include "metric/covariance.h"
#include "covariance_support.h"
#include "run_support.h"

/* ---- the exponential function and the logarithm ---- */

/* Largest relative error in units of 2^-53, from both lanes. */
static double exp_error(double x, double y) {
  double worst = 0, out[2];
  vec both = {x, y}, e = exp_lanes(both);
  STORE(out, e);
  for (int l = 0; l < 2; l++) {
    long double exact = expl(l ? y : x);
    double error = (double)(fabsl(out[l] - exact) / exact * 0x1p53L);
    worst = error > worst ? error : worst;
  }
  return worst;
}

static void test_exp(void) {
  test_random random = {1};
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double wide = -708.39 + 1417.3 * test_uniform(&random), near = -2 * test_uniform(&random);
    double error = exp_error(wide, near);
    worst = error > worst ? error : worst;
    error = exp_error(-ldexp(test_uniform(&random), -test_below(&random, 60)), -near);
    worst = error > worst ? error : worst;
  }
  if (!CHECK(worst < 2.2)) printf("exp: %g u\n", worst);
}

/* Below 2^-1022 results are rounded to a multiple of 2^-1074, within three quarters of it. */
static void test_exp_ends(void) {
  for (double x = -708; x > -760; x -= 0.0078125) {
    vec e = exp_lanes((vec){x, x});
    long double exact = expl(x);
    CHECK(fabsl((long double)e[0] - exact) <= 0.75L * 0x1p-1074L + 2.2L * 0x1p-53L * exact);
  }
  double args[] = {-INFINITY, -1e300, -746, -745.2, 0, -0.0};
  double want[] = {0, 0, 0, 0, 1, 1};
  for (int i = 0; i < 6; i++) CHECK(exp_lanes(SPREAD(args[i]))[0] == want[i]);
  CHECK(exp_lanes(SPREAD(1e9))[0] > 1e300 && exp_lanes(SPREAD(1e9))[0] < INFINITY);
}

static void test_log(void) {
  test_random random = {2};
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double wide = ldexp(1 + test_uniform(&random), test_below(&random, 2096) - 1073);
    double near = i % 2 ? 1 + ldexp(test_uniform(&random), -test_below(&random, 50))
                        : 0.4 + test_uniform(&random);
    vec e = log_lanes((vec){wide, near});
    for (int l = 0; l < 2; l++) {
      long double exact = logl(l ? near : wide);
      if (exact == 0) continue;
      double error = (double)(fabsl((long double)e[l] - exact) / fabsl(exact) * 0x1p53L);
      worst = error > worst ? error : worst;
    }
  }
  if (!CHECK(worst < 5)) printf("log: %g u\n", worst);
  CHECK(log_lanes(SPREAD(1.0))[0] == 0);
}

/* ---- embedding ---- */

static void test_embed(void) {
  double x[] = {1, -2, 3, 90, 45, -30, 7, 8, 9}, scale[] = {2, 4, 8}, e[4];
  ct_points points = {x, 3, 3};
  ct_covariance k = {.kind = CT_COV_GAUSSIAN, .variance = 1, .lengthscale = scale};
  CHECK(ct_covariance_dim(&k, 3) == 3);
  ct_covariance_embed(&k, &points, 1, e);
  CHECK(e[0] == -1 && e[1] == 45 / 4.0 && e[2] == 1);

  k.lonlat = 1;
  double place[] = {90, 180, 0, 90, 5, 7};
  ct_points places = {place, 2, 3};
  CHECK(ct_covariance_dim(&k, 3) == 4);
  ct_covariance_embed(&k, &places, 0, e);
  CHECK(e[0] == 0 && e[1] == 0.5 && e[2] == 0 && e[3] == 1.25);
  ct_covariance_embed(&k, &places, 1, e);
  CHECK(fabs(e[0]) == 0 && e[1] == 0 && e[2] == 0.5 && e[3] == 1.75);
  ct_points two = {place, 2, 2};
  CHECK(ct_covariance_dim(&k, 2) == 3);
  ct_covariance_embed(&k, &two, 0, e);
  CHECK(e[1] == 0.5);
}

static void check_fault(const ct_covariance *k, double a, double b, double c, int column) {
  double x[] = {1, a, 2, b, 3, c};
  ct_points points = {x, 2, 3};
  int row = -1, found = -1;
  ct_status status = ct_covariance_check(k, &points, &row, &found);
  CHECK(status == (column < 0 ? CT_OK : CT_ERR_DOMAIN));
  CHECK(found == column && row == (column < 0 ? -1 : 1));
}

static void test_check_values(void) {
  double scale[] = {1, 1, 10};
  ct_covariance k = {.kind = CT_COV_GAUSSIAN, .variance = 1, .lengthscale = scale};
  check_fault(&k, 5, -7, 1e150, -1);
  check_fault(&k, NAN, 2, 3, 0);
  check_fault(&k, 1, INFINITY, 3, 1);
  check_fault(&k, 1, -1e160, 3, 1);
  check_fault(&k, 1, 2, 1e160, 2);
  k.lonlat = 1;
  check_fault(&k, 720, -90, 1e9, -1);
  check_fault(&k, 721, 0, 0, 0);
  check_fault(&k, 0, 91, 0, 1);
  check_fault(&k, 0, 0, -INFINITY, 2);
  scale[0] = 1e-170;
  double x[] = {10, 20, 3};
  ct_points points = {x, 1, 3};
  int row = -1, column = -1;
  CHECK(ct_covariance_check(&k, &points, &row, &column) == CT_ERR_DOMAIN && row == 0 &&
        column == 0);
}

/* ---- covariances ---- */

/* Two points at about the distance at which the covariance says something, or far too near or far.
 */
static void draw_pair(test_random *random, int dim, double *a, double *b) {
  double spread =
      ldexp(1, test_below(random, 3) ? test_below(random, 8) - 5 : test_below(random, 80) - 60);
  for (int c = 0; c < dim; c++) {
    a[c] = test_uniform(random);
    b[c] = a[c] + spread * (test_uniform(random) - 0.5);
  }
}

static void test_accuracy(int which) {
  test_random random = {(uint64_t)which + 10};
  ct_covariance k = test_covariance_of(which);
  double worst = 0, work[1];
  int cases = k.kind == CT_COV_MATERN ? 3000 : 40000;
  for (int i = 0; i < cases; i++) {
    double a[10], b[10], sq = 0, out;
    int dim = 1 + test_below(&random, 10);
    k.variance = i % 3 ? 1 : ldexp(test_uniform(&random), test_below(&random, 600) - 300);
    draw_pair(&random, dim, a, b);
    for (int c = 0; c < dim; c++) sq += (a[c] - b[c]) * (a[c] - b[c]);
    ct_covariance_many(&k, &sq, 1, &out, work, CT_SIMD_BASE);
    long double exact = test_covariance(&k, a, b, dim);
    double error = (double)(fabsl(out - exact) / k.variance) / ct_covariance_error(&k, dim);
    worst = error > worst ? error : worst;
    CHECK(out >= 0 && out <= k.variance);
  }
  if (!CHECK(worst <= 1)) printf("covariance %d: %g of the bound\n", which, worst);
}

static void test_ends(int which) {
  ct_covariance k = test_covariance_of(which);
  double sq[] = {0, 5e-324, 1e-300, 1e4, 1e10, 1e100, 1e307}, out[7], work[1];
  k.variance = 3.7;
  ct_covariance_many(&k, sq, 7, out, work, CT_SIMD_BASE);
  CHECK(out[0] == 3.7);
  for (int i = 1; i < 7; i++) CHECK(out[i] >= 0 && out[i] <= out[i - 1]);
  if (k.kind != CT_COV_POWERED) CHECK(out[1] == 3.7 && out[5] == 0 && out[6] == 0);
}

/* The same bits from every instruction set, wherever a value stands, in place or not. */
static void test_same_bits(int which) {
  enum { N = 203 };
  test_random random = {(uint64_t)which + 100};
  ct_covariance k = test_covariance_of(which);
  double sq[N], base[N], out[N], work[1];
  k.variance = 0.83;
  for (int i = 0; i < N; i++)
    sq[i] = i % 11 ? ldexp(test_uniform(&random), test_below(&random, 40) - 25) : 0;
  ct_covariance_many(&k, sq, N, base, work, CT_SIMD_BASE);
  for (int simd = 0; simd <= (int)ct_simd_best(); simd++)
    for (int from = 0; from < 19; from++) {
      memcpy(out, sq, sizeof out);
      ct_covariance_many(&k, out + from, N - from - 3, out + from, work, (ct_simd)simd);
      CHECK(memcmp(out + from, base + from, (size_t)(N - from - 3) * sizeof *out) == 0);
      CHECK(memcmp(out + N - 3, sq + N - 3, 3 * sizeof *out) == 0);
      if (from) CHECK(out[from - 1] == sq[from - 1]);
    }
}

/* General nu where closed forms exist, and where the Bessel function would overflow. */
static void test_matern_forms(void) {
  static const ct_covariance_kind kind[] = {CT_COV_EXPONENTIAL, CT_COV_MATERN_32, CT_COV_MATERN_52,
                                            CT_COV_MATERN_72};
  test_random random = {7};
  double work[1], closed, general;
  for (int i = 0; i < 4; i++) {
    ct_covariance a = {.kind = kind[i], .variance = 1};
    ct_covariance b = {.kind = CT_COV_MATERN,
                       .variance = 1,
                       .shape = i + 0.5,
                       .bessel_k_scaled = test_bessel,
                       .work_size = 1};
    for (int c = 0; c < 500; c++) {
      double sq = ldexp(test_uniform(&random), test_below(&random, 80) - 70);
      ct_covariance_many(&a, &sq, 1, &closed, work, CT_SIMD_BASE);
      ct_covariance_many(&b, &sq, 1, &general, work, CT_SIMD_BASE);
      CHECK(fabs(closed - general) <= ct_covariance_error(&a, 1) + ct_covariance_error(&b, 1));
    }
  }
}

int main(void) {
  test_exp();
  test_exp_ends();
  test_log();
  test_embed();
  test_check_values();
  for (int which = 0; which < TEST_COVARIANCES; which++) {
    test_accuracy(which);
    test_ends(which);
    test_same_bits(which);
  }
  test_matern_forms();
  return check_report();
}
