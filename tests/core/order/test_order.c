/* Maximin orderings, bit for bit those of the greedy algorithm on all pairs of points; distances to
 * the centre. */

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "ct.h"
#include "run_support.h"

/* ---- data ---- */

enum { UNIFORM, INTEGERS, TENTHS, DUPLICATES, FLAT, LINE, TINY, SMALL, KINDS };

/* DUPLICATES: nearly a third of the points repeat another. FLAT: the last column is constant. LINE:
 * all columns are equal. TINY: squares vanish. SMALL: cubes do. */
static void fill(double *x, int n, int dim, int kind, test_random *random) {
  for (int c = 0; c < dim; c++)
    for (int i = 0; i < n; i++) {
      double u = test_uniform(random);
      if (kind == INTEGERS) u = floor(5 * u) + 1;
      if (kind == TENTHS) u = 0.1 * (floor(12 * u) + 1);
      if (kind == FLAT && c == dim - 1) u = 0.7;
      if (kind == LINE && c > 0) u = x[i];
      if (kind == TINY) u = 1e-161 * floor(20 * u + 1);
      if (kind == SMALL) u = 6e-109 * floor(5 * u + 1);
      x[i + c * n] = u;
    }
  if (kind != DUPLICATES) return;
  for (int i = 0; i < n; i++) {
    int j = test_below(random, n);
    if (test_uniform(random) > 0.3) continue;
    for (int c = 0; c < dim; c++) x[i + c * n] = x[j + c * n];
  }
}

/* Numbers of the unit interval become longitudes and latitudes, with poles and the date line; on
 * grids where the numbers are integers or tenths. */
static void to_sphere(double *x, int n, int kind) {
  for (int i = 0; i < n; i++) {
    if (kind == INTEGERS) {
      x[i] = 90 * (x[i] - 3);
      x[i + n] = 45 * (x[i + n] - 3);
    } else {
      double whole = kind == TENTHS ? 1.2 : 1;
      x[i] = 360 * fmin(1, x[i] / whole) - 180;
      x[i + n] = 180 * fmin(1, x[i + n] / whole) - 90;
    }
  }
}

/* ---- the greedy algorithm on all pairs ---- */

typedef struct {
  int *order;
  double *distance;
} ordering;

static ordering ordering_new(int n) {
  ordering o = {malloc((size_t)n * sizeof(int)), malloc((size_t)n * sizeof(double))};
  return o;
}

static void ordering_free(ordering *o) {
  free(o->order), free(o->distance);
}

static void greedy(const ct_points *points, const ct_metric *metric, int first, ordering *o) {
  int n = points->n, dim = ct_metric_dim(metric, points->dim), next = first;
  double *at = malloc((size_t)n * (size_t)dim * sizeof *at);
  double *far = malloc((size_t)n * sizeof *far);
  for (int i = 0; i < n; i++) {
    ct_metric_embed(metric, points, i, at + (size_t)i * (size_t)dim);
    far[i] = INFINITY;
  }
  for (int j = 0; j < n; j++) {
    o->order[j] = next;
    o->distance[j] = far[next];
    far[next] = -1;
    const double *newest = at + (size_t)next * (size_t)dim;
    next = 0;
    for (int i = 0; i < n; i++) {
      double d = ct_metric_distance(metric, newest, at + (size_t)i * (size_t)dim, dim);
      if (d < far[i]) far[i] = d;
      if (far[i] > far[next]) next = i;
    }
  }
  free(at), free(far);
}

/* ---- cases ---- */

static int same(const ordering *a, const ordering *b, int n) {
  return memcmp(a->order, b->order, (size_t)n * sizeof(int)) == 0 &&
         memcmp(a->distance, b->distance, (size_t)n * sizeof(double)) == 0;
}

static void test_points(const ct_points *points, const ct_metric *metric, int first, int kind) {
  ordering want = ordering_new(points->n), got = ordering_new(points->n);
  test_host host;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  greedy(points, metric, first, &want);
  CHECK(ct_order_maxmin(points, metric, first, points->n, got.order, got.distance, &stats, &run) ==
        CT_OK);
  if (!CHECK(same(&want, &got, points->n)))
    printf("  metric %d, p = %g, data %d, n = %d, dim = %d, first = %d\n", (int)metric->kind,
           metric->power, kind, points->n, points->dim, first);
  test_host_end(&host);
  ordering_free(&want), ordering_free(&got);
}

static void test_metric(ct_metric metric, int n, int dim, int kind, test_random *random) {
  double *x = malloc((size_t)n * (size_t)dim * sizeof *x);
  ct_points points = {x, n, dim};
  int row, column;
  fill(x, n, dim, kind, random);
  if (metric.kind == CT_GREAT_CIRCLE) to_sphere(x, n, kind);
  CHECK(ct_metric_check(&metric, &points, &row, &column) == CT_OK);
  test_points(&points, &metric, test_below(random, n), kind);
  free(x);
}

static void test_all_metrics(int n, int dim, int kind, test_random *random) {
  static const double scale[] = {0.3, 7, 1, 0.01, 2, 3};
  static const double power[] = {1, 1.3, 1.7, 2, 3, 6, 40};
  static const ct_metric_kind plain[] = {CT_EUCLIDEAN, CT_MANHATTAN, CT_MAXIMUM, CT_ANGULAR};
  for (int m = 0; m < 4; m++)
    test_metric((ct_metric){plain[m], NULL, 0, 0, NULL}, n, dim, kind, random);
  test_metric((ct_metric){CT_EUCLIDEAN, scale, 0, 0, NULL}, n, dim, kind, random);
  for (int p = 0; p < 7; p++)
    test_metric((ct_metric){CT_MINKOWSKI, NULL, power[p], 0, NULL}, n, dim, kind, random);
  if (dim == 2)
    test_metric((ct_metric){CT_GREAT_CIRCLE, NULL, 0, 6371, NULL}, n, dim, kind, random);
}

static void test_many(void) {
  static const int sizes[] = {1, 2, 3, 31, 32, 33, 100, 400};
  test_random random = {1};
  for (int s = 0; s < 8; s++)
    for (int dim = 1; dim <= 6; dim++)
      for (int kind = 0; kind < KINDS; kind++) test_all_metrics(sizes[s], dim, kind, &random);
}

static void test_large(void) {
  test_random random = {2};
  ct_metric euclidean = {CT_EUCLIDEAN, NULL, 0, 0, NULL},
            sphere = {CT_GREAT_CIRCLE, NULL, 0, 1, NULL};
  for (int kind = 0; kind <= FLAT; kind++) test_metric(euclidean, 3000, 2, kind, &random);
  test_metric(euclidean, 3000, 5, UNIFORM, &random);
  test_metric(sphere, 3000, 2, UNIFORM, &random);
  test_metric(sphere, 3000, 2, TENTHS, &random);
}

/* ---- what is promised beside the result ---- */

static double evaluations_per_point(int n, int threads, ordering *o) {
  test_random random = {3};
  test_host host;
  ct_stats stats = {0};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  double *x = malloc(2 * (size_t)n * sizeof *x);
  ct_points points = {x, n, 2};
  fill(x, n, 2, UNIFORM, &random);
  test_host_start(&host);
  ct_run run = test_run(&host, threads, ct_simd_best());
  CHECK(ct_order_maxmin(&points, &metric, 0, n, o->order, o->distance, &stats, &run) == CT_OK);
  CHECK(host.polls > 0 && !host.backwards);
  test_host_end(&host);
  free(x);
  return stats.evaluations / n;
}

static void test_cost_grows_like_the_logarithm(void) {
  ordering o = ordering_new(65536);
  double small = evaluations_per_point(16384, 1, &o), large = evaluations_per_point(65536, 1, &o);
  CHECK(small < 80);
  CHECK(large < 1.2 * small);
  ordering_free(&o);
}

static void test_threads_agree(void) {
  ordering one = ordering_new(50000), three = ordering_new(50000);
  evaluations_per_point(50000, 1, &one);
  evaluations_per_point(50000, 3, &three);
  CHECK(same(&one, &three, 50000));
  ordering_free(&one), ordering_free(&three);
}

static void test_distance_is_optional(void) {
  double x[] = {0, 3, 1, 1};
  int order[4];
  test_host host;
  ct_stats stats = {0};
  ct_points points = {x, 4, 1};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_order_maxmin(&points, &metric, 0, 4, order, NULL, &stats, &run) == CT_OK);
  CHECK(order[0] == 0 && order[1] == 1 && order[2] == 2 && order[3] == 3);
  test_host_end(&host);
}

static void test_a_part_is_a_prefix(void) {
  enum { N = 500 };
  test_random random = {5};
  test_host host;
  ct_stats stats = {0};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  double x[2 * N];
  ct_points points = {x, N, 2};
  ordering all = ordering_new(N), part = ordering_new(N);
  fill(x, N, 2, DUPLICATES, &random);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_order_maxmin(&points, &metric, 7, N, all.order, all.distance, &stats, &run) == CT_OK);
  for (int count = 1; count <= N; count++) {
    part.order[count % N] = -5;
    CHECK(ct_order_maxmin(&points, &metric, 7, count, part.order, part.distance, &stats, &run) ==
          CT_OK);
    CHECK(same(&all, &part, count));
    CHECK(count == N || part.order[count] == -5);
  }
  test_host_end(&host);
  ordering_free(&all), ordering_free(&part);
}

/* ---- distances to the centre ---- */

static void centre_distance(const double *x, int n, int dim, ct_metric metric, double *distance) {
  test_host host;
  ct_points points = {x, n, dim};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_centre_distance(&points, &metric, distance, &run) == CT_OK);
  test_host_end(&host);
}

static void test_centre(void) {
  ct_metric euclidean = {CT_EUCLIDEAN, NULL, 0, 0, NULL},
            manhattan = {CT_MANHATTAN, NULL, 0, 0, NULL};
  ct_metric sphere = {CT_GREAT_CIRCLE, NULL, 0, 1, NULL}, angular = {CT_ANGULAR, NULL, 0, 0, NULL};
  double d[6];
  centre_distance((double[]){1, 1, 2, 2, 10, 20, 10, 20}, 4, 2, euclidean, d);
  CHECK(d[0] == sqrt(25.25) && d[0] == d[1] && d[1] == d[2] && d[2] == d[3]);
  /* a sum that would overflow */
  centre_distance((double[]){4e307, 4e307, 4e307, 4e307, 4e307, 1e307}, 6, 1, manhattan, d);
  CHECK(fabs(d[0] / 5e306 - 1) < 1e-14 && fabs(d[5] / 2.5e307 - 1) < 1e-14);
  /* across the date line */
  centre_distance((double[]){170, -170, 180, 0, 0, 0}, 3, 2, sphere, d);
  CHECK(fabs(d[0] - d[1]) < 1e-15 && d[2] < 1e-15);
  /* points on all sides have no centre: the first stands for it */
  centre_distance((double[]){0, 180, 0, 0, 0, 0, 90, -90}, 4, 2, sphere, d);
  CHECK(d[0] == 0 && fabs(d[1] - 2 * d[2]) < 1e-15);
  centre_distance((double[]){1, 0, 0, 100}, 2, 2, angular, d);
  CHECK(fabs(d[0] - d[1]) < 1e-15 && fabs(d[0] - 0.78539816339744831) < 1e-15);
}

static void test_failures(void) {
  enum { N = 40000 };
  test_random random = {4};
  test_host host;
  ct_stats stats = {0};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  double *x = malloc(2 * N * sizeof *x);
  ordering o = ordering_new(N);
  ct_points points = {x, N, 2};
  fill(x, N, 2, DUPLICATES, &random);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  ct_status status = CT_ERR_MEMORY;
  for (host.fail_at = 0; status == CT_ERR_MEMORY; host.fail_at++) {
    test_host_reset(&host);
    status = ct_order_maxmin(&points, &metric, 0, N, o.order, o.distance, &stats, &run);
  }
  CHECK(status == CT_OK && host.fail_at > 10);
  int polls = host.polls;
  host.fail_at = -1;
  for (host.stop_at = 0; host.stop_at < polls; host.stop_at++) {
    test_host_reset(&host);
    status = ct_order_maxmin(&points, &metric, 0, N, o.order, o.distance, &stats, &run);
    CHECK(status == CT_ERR_INTERRUPTED || host.polls <= host.stop_at);
  }
  CHECK(ct_order_maxmin(&points, &metric, -1, N, o.order, NULL, &stats, &run) == CT_ERR_DOMAIN);
  CHECK(ct_order_maxmin(&points, &metric, N, N, o.order, NULL, &stats, &run) == CT_ERR_DOMAIN);
  CHECK(ct_order_maxmin(&points, &metric, 0, 0, o.order, NULL, &stats, &run) == CT_ERR_DOMAIN);
  CHECK(ct_order_maxmin(&points, &metric, 0, N + 1, o.order, NULL, &stats, &run) == CT_ERR_DOMAIN);
  metric.kind = CT_FUNCTION;
  CHECK(ct_centre_distance(&points, &metric, o.distance, &run) == CT_ERR_DOMAIN);
  CHECK(ct_order_maxmin(&points, &metric, 0, N, o.order, NULL, &stats, &run) == CT_ERR_DOMAIN);
  test_host_end(&host);
  ordering_free(&o), free(x);
}

int main(void) {
  test_many();
  test_large();
  test_cost_grows_like_the_logarithm();
  test_threads_agree();
  test_distance_is_optional();
  test_a_part_is_a_prefix();
  test_centre();
  test_failures();
  return check_report();
}
