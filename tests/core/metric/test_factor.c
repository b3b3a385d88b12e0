/* The low-rank factor: against the plain recurrence bit by bit, against a long double factorisation
 * within rounding, and its jitter and failures. */

#include "metric/canonical.h"

#include <float.h>
#include <math.h>

#include "check.h"
#include "covariance_support.h"
#include "metric/residual.h"
#include "run_support.h"

typedef struct {
  int m, n, dim, stride;
  ct_covariance k;
  double *u, *x, *L, *V, *p;
} problem;

static problem new_problem(int which, int m, int n, int dim, double lengthscale, uint64_t seed) {
  test_random random = {seed};
  problem a = {.m = m, .n = n, .dim = dim, .stride = ct_residual_stride(m)};
  a.k = test_covariance_of(which);
  size_t rows = (size_t)n, columns = (size_t)dim, inducing = (size_t)m;
  a.u = malloc(inducing * columns * sizeof *a.u);
  a.x = malloc(rows * columns * sizeof *a.x);
  a.L = malloc(inducing * inducing * sizeof *a.L);
  a.V = malloc(rows * (size_t)a.stride * sizeof *a.V);
  a.p = malloc(rows * sizeof *a.p);
  for (size_t i = 0; i < inducing * columns; i++) a.u[i] = test_uniform(&random) / lengthscale;
  for (size_t i = 0; i < rows * columns; i++) a.x[i] = test_uniform(&random) / lengthscale;
  return a;
}

static void free_problem(problem *a) {
  free(a->u), free(a->x), free(a->L), free(a->V), free(a->p);
}

static ct_status do_cholesky(problem *a, double jitter, double *used, int pair[2], ct_simd simd) {
  test_host host;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, simd);
  ct_status status =
      ct_factor_cholesky(&a->k, a->u, a->m, a->dim, jitter, a->L, used, pair, &stats, &run);
  CHECK(stats.seconds[CT_PHASE_FACTOR] >= 0);
  test_host_end(&host);
  return status;
}

static ct_status do_apply(problem *a, int from, int to, double *V, double *p, int threads,
                          ct_simd simd) {
  test_host host;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_run run = test_run(&host, threads, simd);
  ct_status status = ct_factor_apply(&a->k, a->L, a->u, a->m, a->x + from * a->dim, to - from,
                                     a->dim, V, p, &stats, &run);
  test_host_end(&host);
  return status;
}

static double square_distance(const double *a, const double *b, int dim) {
  double sum = 0;
  for (int c = 0; c < dim; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

static double covariance(const problem *a, const double *x, const double *y) {
  double sq = square_distance(x, y, a->dim), k, work[1];
  ct_covariance_many(&a->k, &sq, 1, &k, work, CT_SIMD_BASE);
  return k;
}

/* ---- the recurrence, an entry after the other ---- */

static double next_entry(double start, const double *row, const double *other, int j) {
  for (int q = 0; q < j; q++) start -= row[q] * other[q];
  return start;
}

static void plain_cholesky(const problem *a, double jitter, double *L) {
  int m = a->m;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < m; j++) {
      double *row = L + i * m;
      row[j] = 0;
      if (j > i) continue;
      double k = covariance(a, a->u + i * a->dim, a->u + j * a->dim) + (i == j ? jitter : 0);
      double rest = next_entry(k, row, L + j * m, j);
      row[j] = i == j ? sqrt(rest) : rest / L[j * m + j];
    }
}

static void plain_row(const problem *a, int i, double *row) {
  for (int j = 0; j < a->stride; j++) row[j] = 0;
  for (int j = 0; j < a->m; j++) {
    double k = covariance(a, a->x + i * a->dim, a->u + j * a->dim);
    row[j] = next_entry(k, row, a->L + j * a->m, j) / a->L[j * a->m + j];
  }
}

static double plain_variance(const problem *a, const double *row) {
  double lane[8] = {0}, left, right;
  for (int j = 0; j < a->stride; j++) lane[j % 8] += row[j] * row[j];
  left = (lane[0] + lane[4]) + (lane[2] + lane[6]);
  right = (lane[1] + lane[5]) + (lane[3] + lane[7]);
  double p = a->k.variance - (left + right);
  return p > 0 ? p : 0;
}

static void test_bit_for_bit(int which, int m, int n, int dim, double lengthscale) {
  problem a = new_problem(which, m, n, dim, lengthscale, (uint64_t)(which + 100 * m + 7 * n + dim));
  size_t entries = (size_t)m * (size_t)m, row_bytes = (size_t)a.stride * sizeof(double);
  double *L = malloc(entries * sizeof *L), *row = malloc(row_bytes), used;
  int pair[2];
  for (int simd = 0; simd <= (int)ct_simd_best(); simd++) {
    if (!CHECK(do_cholesky(&a, -1, &used, pair, (ct_simd)simd) == CT_OK)) continue;
    plain_cholesky(&a, used, L);
    CHECK(memcmp(L, a.L, entries * sizeof *L) == 0);
    for (int threads = 1; threads <= 3; threads += 2) {
      memset(a.V, 255, (size_t)n * row_bytes);
      CHECK(do_apply(&a, 0, n, a.V, a.p, threads, (ct_simd)simd) == CT_OK);
      for (int i = 0; i < n; i++) {
        plain_row(&a, i, row);
        CHECK(memcmp(row, a.V + i * a.stride, row_bytes) == 0);
        CHECK(plain_variance(&a, row) == a.p[i]);
      }
    }
  }
  free(L), free(row);
  free_problem(&a);
}

/* Points get the same row of V in whatever company. */
static void test_company(void) {
  problem a = new_problem(3, 37, 101, 2, 0.5, 5);
  double used, *V = malloc(101 * (size_t)a.stride * sizeof *V), p[101];
  int pair[2];
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK);
  CHECK(do_apply(&a, 0, 101, a.V, a.p, 1, ct_simd_best()) == CT_OK);
  for (int from = 0; from < 101; from += 13)
    for (int to = from; to <= 101; to += 22) {
      CHECK(do_apply(&a, from, to, V, p, 2, ct_simd_best()) == CT_OK);
      CHECK(memcmp(V, a.V + from * a.stride, (size_t)((to - from) * a.stride) * sizeof *V) == 0);
      CHECK(memcmp(p, a.p + from, (size_t)(to - from) * sizeof *p) == 0);
    }
  free(V);
  free_problem(&a);
}

/* ---- against long double ---- */

static void long_cholesky(const problem *a, double jitter, long double *L) {
  int m = a->m;
  for (int i = 0; i < m; i++)
    for (int j = 0; j <= i; j++) {
      long double sum = test_covariance(&a->k, a->u + i * a->dim, a->u + j * a->dim, a->dim);
      if (i == j) sum += jitter;
      for (int q = 0; q < j; q++) sum -= L[i * m + q] * L[j * m + q];
      L[i * m + j] = i == j ? sqrtl(sum) : sum / L[j * m + j];
    }
}

static void long_row(const problem *a, const long double *L, int i, long double *row) {
  for (int j = 0; j < a->m; j++) {
    row[j] = test_covariance(&a->k, a->x + i * a->dim, a->u + j * a->dim, a->dim);
    for (int q = 0; q < j; q++) row[j] -= row[q] * L[j * a->m + q];
    row[j] /= L[j * a->m + j];
  }
}

/* Covariances that are far from singular, where the factor itself is accurate. */
static void test_accuracy(int which, int m, int dim, double lengthscale, double tolerance) {
  problem a = new_problem(which, m, 60, dim, lengthscale, (uint64_t)(which + m));
  size_t entries = (size_t)m * (size_t)m;
  long double *L = calloc(entries, sizeof *L), *row = malloc((size_t)m * sizeof *row);
  double used, worst = 0;
  int pair[2];
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK && used == 0);
  CHECK(do_apply(&a, 0, 60, a.V, a.p, 1, ct_simd_best()) == CT_OK);
  long_cholesky(&a, used, L);
  for (int i = 0; i < 60; i++) {
    long double p = a.k.variance;
    long_row(&a, L, i, row);
    for (int j = 0; j < m; j++) {
      p -= row[j] * row[j];
      worst = fmax(worst, (double)fabsl(row[j] - a.V[i * a.stride + j]));
    }
    worst = fmax(worst, (double)fabsl(p - a.p[i]));
    CHECK(a.p[i] >= 0 && a.p[i] <= a.k.variance);
  }
  if (!CHECK(worst <= tolerance)) printf("factor of %d, m %d: off by %g\n", which, m, worst);
  free(L), free(row);
  free_problem(&a);
}

/* ---- jitter ---- */

static void test_jitter(void) {
  problem a = new_problem(2, 40, 1, 2, 0.2, 3);
  double used = -1;
  int pair[2] = {-1, -1};
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK && used == 0);
  CHECK(do_cholesky(&a, 0.25, &used, pair, ct_simd_best()) == CT_OK && used == 0.25);
  CHECK(a.L[0] == sqrt(1.25));
  a.u[2 * 31] = a.u[2 * 7], a.u[2 * 31 + 1] = a.u[2 * 7 + 1];
  a.k.variance = 5;
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK && used == 1e-10 * 5);
  CHECK(pair[0] == -1);
  CHECK(do_cholesky(&a, 0, &used, pair, ct_simd_best()) == CT_ERR_FACTOR && pair[0] == 7 &&
        pair[1] == 31);
  free_problem(&a);
}

/* A pivot of 2^-52, positive by rounding alone, is none. */
static void test_small_pivot(void) {
  problem a = new_problem(1, 2, 1, 1, 1, 3);
  double used = -1;
  int pair[2];
  a.u[0] = 0, a.u[1] = 1.5e-8;
  CHECK(1 - covariance(&a, a.u, a.u + 1) == DBL_EPSILON / 2);
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK && used == 1e-10);
  free_problem(&a);
}

/* Everything in one place: rank one, saved by the ladder, and points at inducing points explained.
 */
static void test_rank_one(void) {
  problem a = new_problem(1, 30, 5, 3, 1e9, 4);
  double used;
  int pair[2];
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_OK && used > 0);
  CHECK(do_apply(&a, 0, 5, a.V, a.p, 1, ct_simd_best()) == CT_OK);
  for (int i = 0; i < 5; i++) CHECK(a.p[i] >= 0 && a.p[i] < 1e-9);
  free_problem(&a);
}

/* In many dimensions a Wendland function is no covariance: an eigenvalue of K_uu is negative, and
 * no jitter helps. */
static void test_exhausted(void) {
  enum { M = 200 };
  problem a = new_problem(9, M, 1, M, 1, 6);
  double used;
  int pair[2];
  /* u_0 in the middle, at c = 0.35^2 of the others, whose own c are 0.08^2: 199 * 0.35^4 = 3.0 is
   * more than 1 + 198 * 0.08^2 = 2.3 */
  for (int i = 0; i < M; i++)
    for (int c = 0; c < M; c++) a.u[i * M + c] = i > 0 && c == i ? 0.65 : 0;
  a.u[5 * M + 5] = 0.1;
  CHECK(do_cholesky(&a, -1, &used, pair, ct_simd_best()) == CT_ERR_FACTOR);
  CHECK(pair[0] == 0 && pair[1] == 5);
  free_problem(&a);
}

/* ---- memory and interrupts ---- */

static void test_failures(void) {
  problem a = new_problem(1, 70, 3000, 3, 0.3, 9);
  test_host host;
  ct_stats stats = {0};
  double used;
  int pair[2];
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  for (host.fail_at = 0; host.fail_at < 4; host.fail_at++) {
    CHECK(ct_factor_cholesky(&a.k, a.u, a.m, a.dim, -1, a.L, &used, pair, &stats, &run) ==
          CT_ERR_MEMORY);
    test_host_reset(&host);
  }
  host.fail_at = -1;
  CHECK(ct_factor_cholesky(&a.k, a.u, a.m, a.dim, -1, a.L, &used, pair, &stats, &run) == CT_OK);
  test_host_reset(&host);
  for (host.fail_at = 0; host.fail_at < 4; host.fail_at++) {
    CHECK(ct_factor_apply(&a.k, a.L, a.u, a.m, a.x, a.n, a.dim, a.V, a.p, &stats, &run) ==
          CT_ERR_MEMORY);
    test_host_reset(&host);
  }
  host.fail_at = -1, host.stop_at = 0;
  CHECK(ct_factor_apply(&a.k, a.L, a.u, a.m, a.x, a.n, a.dim, a.V, a.p, &stats, &run) ==
        CT_ERR_INTERRUPTED);
  test_host_end(&host);
  free_problem(&a);
}

int main(void) {
  for (int m = 1; m <= 130; m += m < 35 ? 1 : 19) test_bit_for_bit(m % 9, m, 31, 1 + m % 4, 0.4);
  for (int which = 0; which < TEST_COVARIANCES; which++)
    test_bit_for_bit(which, which < 12 ? 50 : 14, 29, 3, 0.3);
  test_bit_for_bit(1, 96, 100, 2, 2); /* needs jitter */
  test_company();
  test_accuracy(0, 200, 2, 0.3, 1e-12);
  test_accuracy(2, 100, 3, 0.3, 1e-11);
  test_accuracy(3, 60, 5, 0.3, 1e-11);
  test_accuracy(12, 50, 2, 0.3, 1e-11);
  test_jitter();
  test_small_pivot();
  test_rank_one();
  test_exhausted();
  test_failures();
  return check_report();
}
