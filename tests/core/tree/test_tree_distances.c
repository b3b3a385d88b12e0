/* The tree's distances of coordinate metrics: the bits of ct_metric_distance(), within the error
 * they state of the distance in longer arithmetic. */

#include "tree/tree_cases.h"

/* The metric that the computed distance is near: sums and roots in long double; an angle with the
 * difference of lengths as a second leg. */
static long double exact_distance(const ct_metric *metric, const double *a, const double *b,
                                  int dim) {
  long double sum = 0, most = 0, minus = 0, plus = 0, p = metric->power;
  for (int c = 0; c < dim; c++) {
    long double t = fabsl((long double)a[c] - b[c]), u = (long double)a[c] + b[c];
    most = fmaxl(most, t);
    minus += t * t, plus += u * u;
    if (metric->kind == CT_MINKOWSKI) sum += t > 0 ? powl(t, p) : 0;
    else sum += t;
  }
  switch (metric->kind) {
    case CT_MANHATTAN: return sum;
    case CT_MAXIMUM: return most;
    case CT_MINKOWSKI: return most > 0 ? powl(sum, 1 / p) : 0;
    case CT_ANGULAR: return 2 * atan2l(sqrtl(minus), sqrtl(plus));
    case CT_GREAT_CIRCLE: return metric->radius * 2 * atan2l(sqrtl(minus), sqrtl(plus));
    default: return sqrtl(minus);
  }
}

static void check_case(int dim, int kind, int which) {
  enum { N = 40, ASKED = 6 };
  test_random random = {(uint64_t)((dim * 16 + kind) * 16 + which)};
  test_host host;
  ct_metric metric = test_metric(which);
  ct_points points = test_points(N, dim, kind, &random),
            asked = test_points(ASKED, dim, kind, &random);
  int rows[N], row, column;
  double out[N];
  ct_distances d;
  fit_to_metric(&metric, &points, kind);
  fit_to_metric(&metric, &asked, kind);
  double *x = embed_all(&points, &metric), *y = embed_all(&asked, &metric);
  int width = ct_metric_dim(&metric, dim),
      last = ct_metric_check(&metric, &points, &row, &column) == CT_OK;
  last = last && ct_metric_check(&metric, &asked, &row, &column) == CT_OK ? N + ASKED : 0;
  test_host_start(&host);
  ct_run run = test_run(&host, 2, CT_SIMD_BASE);
  for (int j = 0; j < N; j++) rows[j] = (j * 7 + 3) % N;
  CHECK(ct_distances_of_points(&points, &asked, &metric, &d, &run) == CT_OK);
  CHECK(d.parallel && !d.bounded && d.slack < 1e-12);
  for (int i = 0; i < last; i++) {
    const double *a = i < N ? x + i * width : y + (i - N) * width;
    int count = 1 + i % N;
    CHECK((i < N ? d.between(d.self, i, rows, count, out)
                 : d.to(d.self, i - N, rows, count, out)) == CT_OK);
    for (int j = 0; j < count; j++) {
      const double *b = x + rows[j] * width;
      long double exact = exact_distance(&metric, a, b, width);
      CHECK(out[j] == ct_metric_distance(&metric, a, b, width));
      CHECK(fabsl(out[j] - exact) <= d.slack * exact + d.absolute_slack);
    }
  }
  free((double *)points.x), free((double *)asked.x), free(x), free(y);
  test_host_end(&host);
}

static void test_failures(void) {
  double x[] = {1, 2};
  test_host host;
  ct_points points = {x, 2, 1}, none = {x, 0, 1};
  ct_metric metric = test_metric(0);
  ct_distances d;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  for (host.fail_at = 0; host.fail_at < 3; host.fail_at++) {
    CHECK(ct_distances_of_points(&points, &points, &metric, &d, &run) == CT_ERR_MEMORY);
    test_host_reset(&host);
  }
  host.fail_at = -1;
  CHECK(ct_distances_of_points(&points, &points, &metric, &d, &run) == CT_OK);
  CHECK(ct_distances_of_points(&points, &none, &metric, &d, &run) == CT_OK);
  CHECK(ct_distances_of_points(&none, NULL, &metric, &d, &run) == CT_ERR_DOMAIN);
  metric.kind = CT_FUNCTION;
  CHECK(ct_distances_of_points(&points, NULL, &metric, &d, &run) == CT_ERR_DOMAIN);
  test_host_end(&host);
}

int main(void) {
  for (int which = 0; which < TEST_METRICS; which++)
    for (int kind = 0; kind < TEST_KINDS; kind++)
      for (int dim = which == 8 ? 2 : 1; dim <= (which == 8 ? 2 : 9); dim++)
        check_case(dim, kind, which);
  test_failures();
  return check_report();
}
