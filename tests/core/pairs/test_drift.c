/* Drift: measured covariances against those of an exact process in long double, and kriging weights
 * against their bounds. */

#include "metric/canonical.h"

#include <math.h>

#include "covariance_support.h"
#include "pairs/drift.h"
#include "residual_support.h"

#define N 60

typedef struct {
  int which, rank, dim;
  double side, jitter;
  ct_weights weights; /* that must be chosen */
  double tight; /* the bound on |a|_1 exceeds the truth at most so many times, at the median */
} problem;

static ct_status make(test_residual *r, double *u, const problem *c, const ct_run *run) {
  test_random random = {(uint64_t)(c->which + 10 * c->rank)};
  double *L = test_new((size_t)(c->rank * c->rank) * sizeof *L), used;
  int pair[2];
  ct_stats stats = {0};
  test_residual_new(r, CT_COV_GAUSSIAN, N, c->dim, c->rank);
  r->covariance = test_covariance_of(c->which);
  for (int i = 0; i < N; i++) r->row[i] = i;
  for (int i = 0; i < N * c->dim; i++) r->x[i] = c->side * test_uniform(&random);
  for (int i = 0; i < c->rank * c->dim; i++) u[i] = c->side * test_uniform(&random);
  for (int i = 0; i < 5 * c->dim; i++) r->x[i] = u[i] + (i / c->dim) * 1e-4;
  CT_TRY(ct_factor_cholesky(&r->covariance, u, c->rank, c->dim, c->jitter, L, &used, pair, &stats,
                            run));
  ct_status status = test_residual_factor(r, u, L, used, run);
  free(L);
  return status;
}

/* L of K + jitter, and exact rows of V, for shift beyond the jitter. */
typedef struct {
  long double *L, *V;
} exact;

static void factor_exactly(exact *e, const test_residual *r, const double *u, double jitter) {
  int m = r->rank, d = r->dim;
  for (int i = 0; i < m; i++)
    for (int j = 0; j <= i; j++) {
      long double sum = test_covariance(&r->covariance, u + i * d, u + j * d, d);
      if (i == j) sum += jitter;
      for (int q = 0; q < j; q++) sum -= e->L[i * m + q] * e->L[j * m + q];
      e->L[i * m + j] = i == j ? sqrtl(sum) : sum / e->L[j * m + j];
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < m; j++) {
      long double sum = test_covariance(&r->covariance, r->x + i * d, u + j * d, d);
      for (int q = 0; q < j; q++) sum -= e->V[i * m + q] * e->L[j * m + q];
      e->V[i * m + j] = sum / e->L[j * m + j];
    }
}

/* |L'^-1 V_i|_1 */
static long double weight_of(const exact *e, int m, int i) {
  long double *a = calloc((size_t)m, sizeof *a), sum = 0;
  for (int j = m - 1; j >= 0; j--) {
    a[j] = e->V[i * m + j];
    for (int q = j + 1; q < m; q++) a[j] -= e->L[q * m + j] * a[q];
    a[j] /= e->L[j * m + j];
    sum += fabsl(a[j]);
  }
  free(a);
  return sum;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Drift over scale is at least unit (spread + |a|_1). */
static void check_weights(const test_residual *r, const ct_drift *drift, const double *own,
                          const exact *e, double tight) {
  double ratio[N];
  int count = 0;
  for (int i = 0; i < N; i++) {
    if (r->scale[i] <= 0) continue;
    double bound = own[i] / r->scale[i] / drift->unit - drift->spread;
    double truth = (double)weight_of(e, r->rank, i);
    CHECK(bound >= truth * (1 - 1e-4));
    ratio[count++] = bound / truth;
  }
  qsort(ratio, (size_t)count, sizeof *ratio, ascending);
  if (!CHECK(count > N / 2 && ratio[count / 2] <= tight))
    printf("weights of %d points bounded %g times too high\n", count, ratio[count / 2]);
}

/* Every pair, measured two ways, is as far from the process as its drift says, or nearer. The drift
 * may not be so large that this says nothing: a few thousand times the largest error. */
static void check_pairs(const test_residual *r, const ct_pairs *pairs, const double *own,
                        const exact *e) {
  int m = r->rank, position[N];
  double c[N], t[N], *work = test_new(ct_pairs_work(pairs, N) * sizeof *work);
  double largest = 0, share = 0;
  for (int i = 0; i < N; i++) position[i] = i;
  for (int i = 0; i < N; i++) {
    ct_pairs_list(pairs, &r->residual, i, &r->residual, position, N, c, work);
    ct_residual_t(&r->residual, i, &r->residual, position, N, t, work, pairs->simd);
    for (int j = 0; j < N; j++) {
      long double k = test_covariance(&r->covariance, r->x + i * r->dim, r->x + j * r->dim, r->dim);
      for (int q = 0; q < m; q++) k -= e->V[i * m + q] * e->V[j * m + q];
      double scales = r->scale[i] * r->scale[j], off = (double)fabsl(c[j] - k) * scales;
      double size = fmin(fabs((double)k) * scales, 1), slow = fabs(1 - t[j] - size);
      CHECK(off <= own[i] * own[j]);
      if (i != j) CHECK(slow <= own[i] * own[j] + 4e-15);
      largest = fmax(largest, off / (own[i] * own[j]));
      share = fmax(share, own[i] * own[j]);
    }
  }
  if (!CHECK(largest > 1e-5)) printf("drift %g times the errors\n", 1 / largest);
  CHECK(share < 1);
  free(work);
}

static void test_process(const problem *c) {
  test_host host;
  test_residual r;
  double *u = test_new((size_t)(c->rank * c->dim) * sizeof *u), norm[N], own[N], largest = 1;
  size_t m = (size_t)c->rank;
  exact e = {calloc(m * m, sizeof *e.L), calloc(m * N, sizeof *e.V)};
  ct_drift drift;
  ct_pairs pairs;
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  if (CHECK(make(&r, u, c, &run) == CT_OK)) {
    ct_pairs_init(&pairs, &r.residual, run.simd);
    for (int i = 0; i < N; i++) norm[i] = ct_residual_norm(&r.residual, i);
    CHECK(ct_drift_of_index(&drift, &pairs, norm, largest, own, &run) == CT_OK);
    if (!CHECK(drift.weights == c->weights))
      printf("weights %d, not %d\n", drift.weights, c->weights);
    factor_exactly(&e, &r, u, r.factor.jitter + drift.shift);
    check_pairs(&r, &pairs, own, &e);
    check_weights(&r, &drift, own, &e, c->tight);
    double again[N];
    CHECK(ct_drift_of_new(&drift, &r.residual, again, &run) == CT_OK);
    CHECK(memcmp(own, again, sizeof own) == 0);
  }
  test_host_end(&host);
  test_residual_free(&r);
  free(u), free(e.L), free(e.V);
}

/* The smallest eigenvalue of a factor whose squares are known, and of one that is lost in rounding.
 */
static void test_least(void) {
  double L[9] = {2, 0, 0, 0, 1, 0, 0, 0, 1e-3}, least;
  test_host host;
  ct_covariance k = test_covariance_of(1);
  ct_factor known = {.L = L};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(ct_factor_least(&k, &known, 3, &least, &run) == CT_OK);
  CHECK(least <= 1e-6 && least > 0.99e-6);
  L[6] = 1;
  CHECK(ct_factor_least(&k, &known, 3, &least, &run) == CT_OK);
  CHECK(least <= 0.8e-6 && least > 0.3e-6); /* the exact one is 0.8e-6 */
  L[8] = 1e-17;
  CHECK(ct_factor_least(&k, &known, 3, &least, &run) == CT_OK && least == 0);
  L[8] = NAN;
  CHECK(ct_factor_least(&k, &known, 3, &least, &run) == CT_OK && !(least > 0));
  test_host_end(&host);
}

/* Weights against the plain substitution. */
static void test_weights(void) {
  problem c = {1, 37, 2, 3, -1, CT_WEIGHTS_SOLVED, 0};
  test_host host;
  test_residual r;
  double u[74], sum[N], root[N];
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  CHECK(make(&r, u, &c, &run) == CT_OK);
  CHECK(ct_factor_weights(&r.covariance, &r.factor, 37, r.V, N, sum, root, &run) == CT_OK);
  for (int i = 0; i < N; i++) {
    long double a[37], one = 0, two = 0;
    for (int j = 36; j >= 0; j--) {
      a[j] = r.V[i * r.residual.stride + j];
      for (int q = j + 1; q < 37; q++) a[j] -= r.L[q * 37 + j] * a[q];
      a[j] /= r.L[j * 37 + j];
      one += fabsl(a[j]), two += a[j] * a[j];
    }
    CHECK(fabsl(sum[i] - one) <= 1e-6L * one && fabsl(root[i] - sqrtl(two)) <= 1e-6L * one);
  }
  test_host_end(&host);
  test_residual_free(&r);
}

/* No process, no drift that is finite; the user's own V has one without weights. */
static void test_unseen(void) {
  problem c = {10, 20, 4, 1, 0.1, CT_WEIGHTS_VARIANCE, 0};
  test_host host;
  test_residual r;
  double u[80], norm[N], own[N];
  ct_drift drift;
  ct_pairs pairs;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(make(&r, u, &c, &run) == CT_OK);
  for (int i = 0; i < N; i++) norm[i] = ct_residual_norm(&r.residual, i);
  ct_pairs_init(&pairs, &r.residual, run.simd);
  CHECK(ct_drift_of_index(&drift, &pairs, norm, 1, own, &run) == CT_OK);
  for (int i = 0; i < N; i++) CHECK(isinf(own[i])); /* Wendland's function in four dimensions */
  r.covariance.kind = CT_COV_MATERN_32;
  r.residual.factor = NULL;
  CHECK(ct_drift_of_index(&drift, &pairs, norm, 1, own, &run) == CT_OK);
  CHECK(drift.weights == CT_WEIGHTS_UNSEEN);
  for (int i = 0; i < N; i++) CHECK(own[i] > 0 && own[i] < 1e-5);
  test_host_end(&host);
  test_residual_free(&r);
}

int main(void) {
  static const problem problems[] = {
      {1, 100, 3, 3, 1e-6, CT_WEIGHTS_VARIANCE, 30},
      {3, 100, 3, 3, 1e-6, CT_WEIGHTS_VARIANCE, 600},
      {1, 120, 2, 3, 1e-8, CT_WEIGHTS_VARIANCE, 200},
      {0, 80, 3, 5, 0, CT_WEIGHTS_EIGEN, 300},
      {2, 150, 2, 5, 0, CT_WEIGHTS_SOLVED, 20}, /* close inducing points */
      {13, 60, 2, 5, 0, CT_WEIGHTS_SOLVED, 20},
      {1, 60, 2, 6, 0, CT_WEIGHTS_SOLVED, 20},
      {4, 90, 2, 3, 0, CT_WEIGHTS_SOLVED, 20},
  };
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) test_process(problems + i);
  test_least();
  test_weights();
  test_unseen();
  return check_report();
}
