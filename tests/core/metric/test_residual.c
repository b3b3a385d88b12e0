/* Canonical scores: within their stated error of a long double formula, the same bits everywhere,
 * symmetric, and never NaN, on data made to go wrong. */

#include <float.h>
#include <math.h>

#include "metric/canonical_kernels.h"
#include "check.h"
#include "covariance_support.h"
#include "residual_support.h"

/* ---- data ---- */

typedef enum { PLAIN, DUPLICATES, ON_INDUCING, TINY_RANGE, HUGE_RANGE, CLOSE, KINDS } data_kind;

/* n points in dim dimensions, and rank of them as inducing points; V and p from the factor. */
static ct_status make_points(test_residual *r, int which, data_kind kind, int n, int dim, int rank,
                             test_random *random, const ct_run *run) {
  test_residual_new(r, CT_COV_GAUSSIAN, n, dim, rank);
  r->covariance = test_covariance_of(which);
  r->covariance.variance = kind == PLAIN ? 1 : 2.5;
  double side = kind == TINY_RANGE ? 1e6 : kind == HUGE_RANGE ? 1e-7 : kind == CLOSE ? 0.3 : 2;
  for (int i = 0; i < n; i++) {
    r->row[i] = n - 1 - i;
    for (int c = 0; c < dim; c++) {
      double value = side * test_uniform(random);
      if (kind == DUPLICATES && i % 3 == 1) value = r->x[(i - 1) * dim + c];
      r->x[i * dim + c] = value;
    }
  }
  size_t inducing = (size_t)(rank > 0 ? rank : 1);
  double *u = test_new(inducing * (size_t)dim * sizeof *u),
         *L = test_new(inducing * inducing * sizeof *L), used = 0;
  for (int j = 0; j < rank; j++)
    for (int c = 0; c < dim; c++)
      u[j * dim + c] =
          kind == ON_INDUCING ? r->x[j * 2 % n * dim + c] : side * test_uniform(random);
  int pair[2];
  ct_stats stats = {0};
  ct_status status = CT_OK;
  if (rank > 0)
    status = ct_factor_cholesky(&r->covariance, u, rank, dim, -1, L, &used, pair, &stats, run);
  if (status == CT_OK) status = test_residual_factor(r, u, L, used, run);
  free(u), free(L);
  return status;
}

static void all_positions(int *b, int n) {
  for (int i = 0; i < n; i++) b[i] = i;
}

/* ---- t ---- */

static long double exact_t(const ct_residual *A, int i, const ct_residual *B, int j) {
  if (A == B && i == j) return 0;
  if (A->scale[i] == 0 || B->scale[j] == 0) return 1;
  long double c = test_covariance(A->covariance, A->x + i * A->dim, B->x + j * B->dim, A->dim);
  for (int t = 0; t < A->rank; t++)
    c -= (long double)A->V[i * A->stride + t] * B->V[j * B->stride + t];
  long double rho = fabsl(c) / (sqrtl(A->p[i]) * sqrtl(B->p[j]));
  return 1 - (rho < 1 ? rho : 1);
}

static double bound(const ct_residual *A, int i, const ct_residual *B, int j) {
  double norms = ct_residual_norm(A, i) * ct_residual_norm(B, j);
  return ct_residual_error(A, norms, A->scale[i] * B->scale[j]);
}

/* The worst error as a share of the bound. */
static double check_scores(const ct_residual *A, const ct_residual *B, double *t, int *b) {
  double worst = 0, work[1];
  all_positions(b, B->n);
  for (int i = 0; i < A->n; i++) {
    ct_residual_t(A, i, B, b, B->n, t, work, CT_SIMD_BASE);
    for (int j = 0; j < B->n; j++) {
      CHECK(t[j] >= 0 && t[j] <= 1);
      double error = (double)fabsl(t[j] - exact_t(A, i, B, j));
      worst = fmax(worst, error / bound(A, i, B, j));
    }
  }
  return worst;
}

static int same_point(const ct_residual *r, int i, int j) {
  return memcmp(r->x + i * r->dim, r->x + j * r->dim, (size_t)r->dim * sizeof *r->x) == 0;
}

/* Symmetric, the same from every instruction set and in every company, 0 and 1 where they must be.
 */
static void check_bits(const ct_residual *r, double *t, int *b) {
  int n = r->n;
  double work[1], *other = test_new((size_t)n * sizeof *other), back;
  for (int i = 0; i < n; i++) {
    all_positions(b, n);
    ct_residual_t(r, i, r, b, n, t, work, CT_SIMD_BASE);
    for (int simd = 1; simd <= (int)ct_simd_best(); simd++) {
      ct_residual_t(r, i, r, b, n, other, work, (ct_simd)simd);
      CHECK(memcmp(t, other, (size_t)n * sizeof *t) == 0);
    }
    for (int j = 0; j < n; j++) {
      ct_residual_t(r, j, r, &i, 1, &back, work, ct_simd_best());
      CHECK(memcmp(&back, t + j, sizeof back) == 0);
      if (i == j) CHECK(t[j] == 0);
      else if (r->scale[i] == 0 || r->scale[j] == 0) CHECK(t[j] == 1);
      else if (same_point(r, i, j)) CHECK(t[j] == 0);
    }
  }
  free(other);
}

/* A reversed sum, a pairwise one with FMA, another division: all within the bound of the exact t.
 */
static void check_other_orders(const ct_residual *r, int i, int j) {
  const double *v = r->V + i * r->stride, *w = r->V + j * r->stride;
  double backwards = 0, even = 0, odd = 0, sq = 0, k, work[1];
  for (int t = r->rank - 1; t >= 0; t--) backwards += v[t] * w[t];
  for (int t = 0; t < r->rank; t++)
    if (t % 2) odd = fma(v[t], w[t], odd);
    else even = fma(v[t], w[t], even);
  for (int c = r->dim - 1; c >= 0; c--) {
    double step = r->x[j * r->dim + c] - r->x[i * r->dim + c];
    sq = fma(step, step, sq);
  }
  ct_covariance_many(r->covariance, &sq, 1, &k, work, CT_SIMD_BASE);
  double product[] = {backwards, even + odd};
  for (int o = 0; o < 2; o++) {
    double rho = fabs(k - product[o]) / sqrt(r->p[i] * r->p[j]);
    if (r->scale[i] == 0 || r->scale[j] == 0 || i == j) continue;
    CHECK(fabsl(1 - fmin(rho, 1) - exact_t(r, i, r, j)) <= bound(r, i, r, j));
  }
}

static void test_scores(int which, data_kind kind, int dim, int rank) {
  int n = which < 12 ? 37 : 9;
  test_random random = {(uint64_t)(1000 * which + 100 * (int)kind + 10 * dim + rank)};
  test_host host;
  test_residual r;
  double t[37];
  int b[37];
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  if (CHECK(make_points(&r, which, kind, n, dim, rank, &random, &run) == CT_OK)) {
    double worst = check_scores(&r.residual, &r.residual, t, b);
    if (!CHECK(worst <= 1)) printf("covariance %d, data %d: %g of the bound\n", which, kind, worst);
    check_bits(&r.residual, t, b);
    for (int i = 0; i < n; i++) check_other_orders(&r.residual, i, (7 * i + 3) % n);
  }
  test_residual_free(&r);
  test_host_end(&host);
}

/* ---- the user's own V and p ---- */

/* Rows of V almost as long as the root of the variance leave p = gap, times 1 + noise. */
static void own_factor(test_residual *r, double gap, double noise, test_random *random) {
  int stride = ct_residual_stride(r->rank);
  for (int i = 0; i < r->n; i++) {
    double *v = r->V + i * stride, square = 0;
    int copy = i % 3 == 1;
    for (int t = 0; t < r->rank; t++) {
      v[t] = copy ? v[t - stride] : test_uniform(random) - 0.3;
      square += v[t] * v[t];
    }
    double length = sqrt((r->covariance.variance - gap) / square), rest = r->covariance.variance;
    for (int t = 0; t < r->rank; t++) {
      if (!copy) v[t] *= length;
      rest -= v[t] * v[t];
    }
    for (int t = r->rank; t < stride; t++) v[t] = 0;
    r->p[i] = fmax(rest, 0) * (1 + noise * (test_uniform(random) - 0.5));
  }
}

static void test_own_factor(double gap, double noise, int rank) {
  enum { N = 60, DIM = 2 };
  test_random random = {(uint64_t)rank + 77};
  test_host host;
  test_residual r;
  double t[N], *p;
  int b[N];
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(make_points(&r, 3, DUPLICATES, N, DIM, rank, &random, &run) == CT_OK);
  own_factor(&r, gap, noise, &random);
  p = r.p;
  int explained = 0, counted = ct_residual_scale(&r.covariance, p, N, r.scale);
  for (int i = 0; i < N; i++) explained += p[i] <= CT_EXPLAINED * r.covariance.variance;
  CHECK(explained == counted);
  double worst = check_scores(&r.residual, &r.residual, t, b);
  if (!CHECK(worst <= 1)) printf("own factor, p %g: %g of the bound\n", gap, worst);
  /* equal points with equal V but p apart by rounding are at distance 0; not so with a nugget in p
   */
  for (int i = 0; i + 1 < N; i += 3) {
    int duplicate = i + 1;
    ct_residual_t(&r.residual, i, &r.residual, &duplicate, 1, t, NULL, ct_simd_best());
    if (r.scale[i] > 0 && r.scale[i + 1] > 0 && noise < 1e-13) CHECK(t[0] == 0);
    r.p[i] += 0.5, r.p[i + 1] += 0.5;
    ct_residual_scale(&r.covariance, p, N, r.scale);
    ct_residual_t(&r.residual, i, &r.residual, &duplicate, 1, t, NULL, ct_simd_best());
    CHECK(t[0] > 0.1);
  }
  test_residual_free(&r);
  test_host_end(&host);
}

/* Rows at an angle of 1e-6 .. 1e-1 in the residual: |rho| just below 1, where cancellation is
 * worst. */
static void test_near_one(void) {
  enum { N = 40 };
  test_residual r;
  double t[N];
  int b[N];
  test_host host;
  test_random random = {3};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(make_points(&r, 1, PLAIN, N, 1, 1, &random, &run) == CT_OK);
  for (int i = 0; i < N; i++) r.x[i] = 0.5 + ldexp(1, -i / 2) * (i % 2 ? 1 : -1) * 1e-1;
  double u[] = {0.5}, L[1], used;
  int pair[2];
  ct_stats stats = {0};
  CHECK(ct_factor_cholesky(&r.covariance, u, 1, 1, 0, L, &used, pair, &stats, &run) == CT_OK);
  CHECK(test_residual_factor(&r, u, L, used, &run) == CT_OK);
  CHECK(check_scores(&r.residual, &r.residual, t, b) <= 1);
  check_bits(&r.residual, t, b);
  test_residual_free(&r);
  test_host_end(&host);
}

/* ---- new points ---- */

static void test_new_points(int which, int rank) {
  test_random random = {(uint64_t)which};
  test_host host;
  test_residual a, b;
  double t[30], back, work[1];
  int at[30];
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(make_points(&a, which, PLAIN, 30, 3, rank, &random, &run) == CT_OK);
  CHECK(make_points(&b, which, PLAIN, 20, 3, rank, &random, &run) == CT_OK);
  CHECK(check_scores(&b.residual, &a.residual, t, at) <= 1);
  for (int i = 0; i < 20; i++) {
    ct_residual_t(&b.residual, i, &a.residual, at, 30, t, work, ct_simd_best());
    for (int j = 0; j < 30; j++) {
      ct_residual_t(&a.residual, j, &b.residual, &i, 1, &back, work, CT_SIMD_BASE);
      CHECK(back == t[j]);
    }
  }
  test_residual_free(&a);
  test_residual_free(&b);
  test_host_end(&host);
}

/* ---- distances for the tree ---- */

static void check_triangles(const ct_distances *d, int n) {
  for (int a = 0; a < n; a++)
    for (int b = 0; b < n; b++)
      for (int c = 0; c < n; c++) {
        int rows[] = {b, c};
        double from_a[2], bc;
        CHECK(d->between(d->self, a, rows, 2, from_a) == CT_OK);
        CHECK(d->between(d->self, b, &c, 1, &bc) == CT_OK);
        double give = d->slack * (from_a[0] + from_a[1] + bc) + 3 * d->absolute_slack;
        CHECK(from_a[1] <= from_a[0] + bc + give);
      }
}

static void test_distances(int which, data_kind kind) {
  enum { N = 25 };
  test_random random = {11};
  test_host host;
  test_residual r;
  ct_distances d;
  double out[600], t[N], work[1];
  int rows[600];
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  CHECK(make_points(&r, which, kind, N, 2, 12, &random, &run) == CT_OK);
  CHECK(ct_distances_of_residual(&r.residual, &r.residual, &d, &run) == CT_OK);
  CHECK(d.parallel && d.slack < 1e-14 && d.absolute_slack > 0 && d.absolute_slack <= 1);
  if (kind == PLAIN) CHECK(d.absolute_slack < 1e-4);
  check_triangles(&d, N);
  for (int j = 0; j < 600; j++) rows[j] = j * 7 % N;
  for (int a = 0; a < N; a++) {
    int b[N];
    all_positions(b, N);
    ct_residual_t(&r.residual, r.position[a], &r.residual, b, N, t, work, CT_SIMD_BASE);
    CHECK(d.between(d.self, a, rows, 600, out) == CT_OK);
    for (int j = 0; j < 600; j++) CHECK(out[j] == sqrt(t[r.position[rows[j]]]));
    CHECK(d.to(d.self, r.position[a], rows, 600, out) == CT_OK);
    for (int j = 0; j < 600; j++) CHECK(out[j] == sqrt(t[r.position[rows[j]]]));
  }
  for (int call = 0; call < 2; call++) {
    test_host_reset(&host);
    host.fail_at = call;
    CHECK(ct_distances_of_residual(&r.residual, NULL, &d, &run) == CT_ERR_MEMORY);
  }
  test_residual_free(&r);
  test_host_end(&host);
}

int main(void) {
  CHECK(ct_residual_stride(0) == 0 && ct_residual_stride(1) == 8 && ct_residual_stride(16) == 16);
  for (int which = 0; which < TEST_COVARIANCES; which++)
    for (int kind = 0; kind < KINDS; kind++)
      test_scores(which, (data_kind)kind, 1 + (which + kind) % 3,
                  which < 12 ? 1 + (which * 7 + kind) % 33 : 4);
  for (int rank = 0; rank <= 70; rank += 10)
    test_scores(rank % 5, (data_kind)(rank / 10 % KINDS), 2, rank);
  for (int rank = 1; rank < 600; rank = 2 * rank + 1) {
    test_own_factor(1e-9, 0, rank);
    test_own_factor(1e-9, 1e-6, rank);
    test_own_factor(1e-3, 1e-15, rank);
  }
  test_near_one();
  test_new_points(3, 20);
  test_new_points(2, 0);
  for (int kind = 0; kind < KINDS; kind++)
    test_distances(2, (data_kind)kind), test_distances(1, (data_kind)kind);
  return check_report();
}
