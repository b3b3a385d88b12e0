/* The k-d order: a permutation, the same for every thread count, whose aligned runs are cells. */

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "ct.h"
#include "blocks/kd_order.h"
#include "run_support.h"

static void fill(double *x, int n, int dim, int kind, test_random *random) {
  for (size_t i = 0; i < (size_t)n * (size_t)dim; i++) {
    double u = test_uniform(random);
    if (kind == 0) x[i] = u;
    else if (kind == 1) x[i] = floor(6 * u);
    else if (kind == 2) x[i] = tan(3.14159 * (u - 0.5));
    else x[i] = 7;
  }
}

/* Ends of the bounding box of a run along one side, by (coordinate, row). */
static int cut_separates(const ct_points *p, const int *order, int from, int cut, int to, int c) {
  int last = order[from], first = order[cut];
  for (int i = from; i < cut; i++) {
    double a = ct_points_at(p, order[i], c), b = ct_points_at(p, last, c);
    if (a > b || (a == b && order[i] > last)) last = order[i];
  }
  for (int i = cut; i < to; i++) {
    double a = ct_points_at(p, order[i], c), b = ct_points_at(p, first, c);
    if (a < b || (a == b && order[i] < first)) first = order[i];
  }
  double a = ct_points_at(p, last, c), b = ct_points_at(p, first, c);
  return a < b || (a == b && last < first);
}

static int widest(const ct_points *p, const int *order, int from, int to) {
  int best = 0;
  double most = -1;
  for (int c = 0; c < p->dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int i = from; i < to; i++) {
      low = fmin(low, ct_points_at(p, order[i], c));
      high = fmax(high, ct_points_at(p, order[i], c));
    }
    if (high - low > most) most = high - low, best = c;
  }
  return best;
}

static void check_cuts(const ct_points *p, const int *order, int from, int to) {
  while (to - from > CT_LEAF) {
    int leaves = (to - from + CT_LEAF - 1) / CT_LEAF, half = 1;
    while (2 * half < leaves) half *= 2;
    int cut = from + half * CT_LEAF;
    CHECK(cut_separates(p, order, from, cut, to, widest(p, order, from, to)));
    check_cuts(p, order, from, cut);
    from = cut;
  }
  for (int i = from + 1; i < to; i++) CHECK(order[i - 1] < order[i]);
}

static int is_permutation(const int *order, int n) {
  char *seen = calloc((size_t)n, 1);
  int good = 1;
  for (int i = 0; i < n; i++)
    if (order[i] < 0 || order[i] >= n || seen[order[i]]++) good = 0;
  free(seen);
  return good;
}

static void test_order(int n, int dim, int kind) {
  test_random random = {(uint64_t)(1000 * n + 10 * dim + kind)};
  test_host host;
  ct_stats stats = {0};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  double *x = malloc((size_t)n * (size_t)dim * sizeof *x);
  int *order = malloc((size_t)n * sizeof *order), *other = malloc((size_t)n * sizeof *other);
  fill(x, n, dim, kind, &random);
  ct_points points = {x, n, dim};
  test_host_start(&host);
  for (int threads = 1; threads <= 3; threads++) {
    ct_run run = test_run(&host, threads, CT_SIMD_BASE);
    CHECK(ct_kd_order(&points, &metric, threads == 1 ? order : other, &stats, &run) == CT_OK);
    CHECK(host.polls > 0 && !host.backwards);
    test_host_reset(&host);
    if (threads > 1) CHECK(memcmp(order, other, (size_t)n * sizeof *order) == 0);
  }
  if (CHECK(is_permutation(order, n))) check_cuts(&points, order, 0, n);
  free(x), free(order), free(other);
  test_host_end(&host);
}

static void test_failures(void) {
  test_random random = {5};
  test_host host;
  ct_stats stats = {0};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  enum { N = 70000 };
  double *x = malloc(N * sizeof *x);
  int *order = malloc(N * sizeof *order);
  fill(x, N, 1, 0, &random);
  ct_points points = {x, N, 1};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  for (host.fail_at = 0; host.fail_at < 3; host.fail_at++) {
    CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_ERR_MEMORY);
    test_host_reset(&host);
  }
  host.fail_at = -1;
  for (host.stop_at = 0; host.stop_at < 3; host.stop_at++) {
    CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_ERR_INTERRUPTED);
    test_host_reset(&host);
  }
  metric.kind = CT_FUNCTION;
  CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_ERR_DOMAIN);
  free(x), free(order);
  test_host_end(&host);
}

int main(void) {
  int sizes[] = {1, 2, 31, 32, 33, 64, 65, 257, 1000, 4097};
  for (int s = 0; s < 10; s++)
    for (int dim = 1; dim <= 7; dim++)
      for (int kind = 0; kind < 4; kind++) test_order(sizes[s], dim, kind);
  for (int kind = 0; kind < 4; kind++) test_order(100001, 2, kind);
  test_failures();
  return check_report();
}
