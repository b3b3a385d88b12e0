/* The block search against brute force: rows and distances equal to the last bit, for every metric,
 * dimension, kind of data and of query, instruction set and thread count. */

#include "blocks/block_oracle.h"
#include "check.h"

enum { ALL, SELF, ROWS, NEW_POINTS, PREDECESSORS, LIMITS, NEW_LIMITS, ROW_LIMITS, WAYS };

typedef struct {
  ct_queries queries;
  int rows[600], limit[1200];
  ct_points points;
} asked;

static void ask(asked *a, int way, const ct_points *points, const ct_metric *metric, int kind,
                test_random *random) {
  int n = points->n;
  memset(a, 0, sizeof *a);
  a->queries.count = n;
  if (way == SELF) a->queries.self = 1;
  if (way == ROWS || way == ROW_LIMITS) {
    a->queries.count = 70;
    for (int i = 0; i < 70; i++) a->rows[i] = test_below(random, n);
    a->queries.rows = a->rows;
  }
  if (way == NEW_POINTS || way == NEW_LIMITS) {
    a->points = test_points(75, points->dim, kind, random);
    fit_to_metric(metric, &a->points, kind);
    a->queries.points = &a->points;
    a->queries.count = 75;
  }
  if (way >= PREDECESSORS) {
    for (int i = 0; i < a->queries.count; i++)
      a->limit[i] = way == PREDECESSORS ? i : test_below(random, n + 5);
    a->queries.limit = a->limit;
  }
}

/* Of many queries every seventh is enough. */
static int next_query(const ct_queries *queries, int q) {
  return queries->count > 400 ? q + 7 : q + 1;
}

/* Rows and distances against brute force, for one result. */
static int same_as_all(const ct_points *points, const ct_metric *metric, const ct_queries *queries,
                       int k, const int *id, const double *dist) {
  neighbor *found = malloc((size_t)points->n * sizeof *found);
  size_t rows = (size_t)queries->count;
  double *indexed = embed_all(points, metric);
  double *asked = queries->points ? embed_all(queries->points, metric) : NULL;
  int wrong = 0;
  for (int q = 0; q < queries->count; q = next_query(queries, q)) {
    int count = all_neighbors(points, metric, queries, q, indexed, asked, found);
    for (int j = 0; j < k; j++) {
      size_t at = (size_t)q + (size_t)j * rows;
      if (j < count) wrong += id[at] != found[j].row || !(dist[at] == found[j].distance);
      else wrong += id[at] != -1 || !isnan(dist[at]);
    }
  }
  free(found), free(indexed), free(asked);
  return wrong == 0;
}

/* Rows ascending, -1 last. */
static int by_row(const void *a, const void *b) {
  unsigned x = (unsigned)*(const int *)a, y = (unsigned)*(const int *)b;
  return (x > y) - (x < y);
}

/* The sets hold the rows of id. */
static int same_sets(const int *id, int *set, int queries, int k) {
  int wrong = 0, *row = malloc((size_t)k * sizeof *row);
  for (int q = 0; q < queries; q++) {
    for (int j = 0; j < k; j++) row[j] = id[(size_t)q + (size_t)j * (size_t)queries];
    for (int j = 1; j < k; j++)
      wrong += set[(size_t)q * (size_t)k + (size_t)j - 1] < 0 && row[j] >= 0;
    qsort(row, (size_t)k, sizeof *row, by_row);
    qsort(set + (size_t)q * (size_t)k, (size_t)k, sizeof *set, by_row);
    wrong += memcmp(row, set + (size_t)q * (size_t)k, (size_t)k * sizeof *row) != 0;
  }
  free(row);
  return wrong == 0;
}

static void test_knn(int n, int dim, int kind, int which, int way, int k, int variants) {
  test_random random = {
      (uint64_t)(n + 7919 * dim + 104729 * kind + 1299709 * which + 31 * way + k)};
  ct_metric metric = test_metric(which);
  ct_points points = test_points(n, dim, kind, &random);
  fit_to_metric(&metric, &points, kind);
  static asked a;
  ask(&a, way, &points, &metric, kind, &random);
  size_t size = (size_t)a.queries.count * (size_t)k;
  int *id = malloc(size * sizeof *id), *other_id = malloc(size * sizeof *id);
  double *dist = malloc(size * sizeof *dist), *other_dist = malloc(size * sizeof *dist);
  int *order = malloc((size_t)n * sizeof *order);
  test_host host;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_OK);
  CHECK(ct_block_knn(&(ct_block_index){&points, &metric, order, NULL}, &a.queries, k, id, dist,
                     &stats, &run) == CT_OK);
  if (!CHECK(same_as_all(&points, &metric, &a.queries, k, id, dist)))
    printf("  n %d dim %d kind %d metric %d way %d k %d\n", n, dim, kind, which, way, k);
  for (int v = 1; v < variants; v++) {
    test_host_reset(&host);
    run = test_run(&host, 1 + v % 3,
                   (ct_simd)(v % 3) <= ct_simd_best() ? (ct_simd)(v % 3) : CT_SIMD_BASE);
    ct_block_index index = {&points, &metric, order, NULL};
    /* blocks that both searches share, made for another instruction set */
    ct_run making = test_run(&host, 1, CT_SIMD_BASE);
    if (v % 2) CHECK(ct_blocks_prepare(&index, &stats, &making) == CT_OK);
    CHECK(ct_block_knn(&index, &a.queries, k, other_id, other_dist, &stats, &run) == CT_OK);
    if (!CHECK(memcmp(id, other_id, size * sizeof *id) == 0 &&
               memcmp(dist, other_dist, size * sizeof *dist) == 0))
      printf("  n %d dim %d kind %d metric %d way %d k %d variant %d\n", n, dim, kind, which, way,
             k, v);
    CHECK(ct_block_sets(&index, &a.queries, k, other_id, &stats, &run) == CT_OK);
    if (!CHECK(same_sets(id, other_id, a.queries.count, k)))
      printf("  set n %d dim %d kind %d metric %d way %d k %d variant %d\n", n, dim, kind, which,
             way, k, v);
  }
  free(id), free(other_id), free(dist), free(other_dist), free(order);
  free((double *)points.x), free((double *)a.points.x);
  test_host_end(&host);
}

/* A radius that some distance equals: the one to the median neighbour of some query. */
static double some_radius(const ct_points *points, const ct_metric *metric,
                          const ct_queries *queries, neighbor *found, const double *indexed,
                          const double *asked) {
  for (int q = 0; q < queries->count; q++) {
    int count = all_neighbors(points, metric, queries, q, indexed, asked, found);
    if (count > 9) return found[count / 3].distance;
  }
  return 0.1;
}

static int same_as_within(const ct_points *points, const ct_metric *metric,
                          const ct_queries *queries, double radius, const int *count,
                          const size_t *offset, const int *id, const double *dist, neighbor *found,
                          const double *indexed, const double *asked) {
  int wrong = 0;
  for (int q = 0; q < queries->count; q = next_query(queries, q)) {
    int all = all_neighbors(points, metric, queries, q, indexed, asked, found), j = 0;
    for (; j < all && found[j].distance <= radius; j++)
      if (j < count[q])
        wrong += id[offset[q] + (size_t)j] != found[j].row ||
                 !(dist[offset[q] + (size_t)j] == found[j].distance);
    wrong += j != count[q];
  }
  return wrong == 0;
}

static void test_within(int n, int dim, int kind, int which, int way, int variant) {
  test_random random = {(uint64_t)(n + 7919 * dim + 104729 * kind + 1299709 * which + 31 * way)};
  ct_metric metric = test_metric(which);
  ct_points points = test_points(n, dim, kind, &random);
  fit_to_metric(&metric, &points, kind);
  static asked a;
  ask(&a, way, &points, &metric, kind, &random);
  ct_queries *queries = &a.queries;
  int *order = malloc((size_t)n * sizeof *order);
  int *count = malloc((size_t)queries->count * sizeof *count);
  size_t *offset = malloc((size_t)(queries->count + 1) * sizeof *offset);
  neighbor *found = malloc((size_t)n * sizeof *found);
  double *indexed = embed_all(&points, &metric);
  double *asked_points = queries->points ? embed_all(queries->points, &metric) : NULL;
  double radius = some_radius(&points, &metric, queries, found, indexed, asked_points);
  test_host host;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_simd simd = (ct_simd)(variant % 3) <= ct_simd_best() ? (ct_simd)(variant % 3) : CT_SIMD_BASE;
  ct_run run = test_run(&host, 1 + variant % 3, simd);
  CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_OK);
  CHECK(ct_block_within_count(&(ct_block_index){&points, &metric, order, NULL}, queries, radius,
                              count, &stats, &run) == CT_OK);
  offset[0] = 0;
  for (int q = 0; q < queries->count; q++) offset[q + 1] = offset[q] + (size_t)count[q];
  size_t size = offset[queries->count];
  int *id = malloc(size * sizeof *id + 1);
  double *dist = malloc(size * sizeof *dist + 1);
  CHECK(ct_block_within(&(ct_block_index){&points, &metric, order, NULL}, queries, radius, offset,
                        id, dist, &stats, &run) == CT_OK);
  if (!CHECK(same_as_within(&points, &metric, queries, radius, count, offset, id, dist, found,
                            indexed, asked_points)))
    printf("  within: n %d dim %d kind %d metric %d way %d\n", n, dim, kind, which, way);
  free(order), free(count), free(offset), free(found), free(indexed), free(asked_points);
  free(id), free(dist), free((double *)points.x), free((double *)a.points.x);
  test_host_end(&host);
}

int main(void) {
  for (int which = 0; which < TEST_METRICS; which++)
    for (int dim = which == 8 ? 2 : 1; dim <= (which == 8 ? 2 : 9); dim++)
      for (int kind = 0; kind < TEST_KINDS; kind++)
        for (int way = 0; way < WAYS; way++) {
          /* a third of the combinations, of the powers, where pow() takes its time, a ninth */
          int powers = test_metric(which).kind == CT_MINKOWSKI;
          if ((way + kind + dim) % (powers ? 9 : 3)) continue;
          int n = 40 + 17 * (way + dim), ks[3] = {1, 7, way == ALL ? n : 40};
          if (!test_fits(which, kind)) continue;
          test_knn(n, dim, kind, which, way, ks[(dim + way + kind) % 3], 4);
          test_within(n, dim, kind, which, way, dim + way + kind);
        }
  /* more dimensions than have kernels of their own */
  for (int kind = 0; kind < TEST_KINDS; kind++)
    for (int way = kind % 2; way < WAYS; way += 2) {
      test_knn(400, 11, kind, 0, way, 7, 4);
      test_knn(200, 33, kind, way % 4, way, 30, 4);
      test_knn(390, 16, kind, 7, way, 3, 4);
    }
  for (int kind = 0; kind < TEST_KINDS; kind++)
    for (int way = 0; way < WAYS; way++) {
      test_knn(1100, 2, kind, 0, way, 7, 4);
      test_knn(1, 2, kind, 0, way, 3, 4);
      test_knn(5, 3, kind, 0, way, 9, 4);
      test_knn(33, 3, kind, 2, way, 33, 4);
      test_within(1100, 2, kind, 0, way, way);
      test_within(1, 2, kind, 0, way, way);
    }
  return check_report();
}
