/* Local search and search within a radius: equal to sorting canonical scores, bit by bit. */

#include <float.h>
#include <math.h>

#include "check.h"
#include "covariance_support.h"
#include "ct.h"
#include "residual_support.h"

/* n points on a grid if coarse (ties, duplicates), rank inducing points. */
static void make_points(test_residual *r, int which, int n, int rank, int coarse, uint64_t seed,
                        const ct_run *run) {
  test_random random = {seed};
  test_residual_new(r, CT_COV_GAUSSIAN, n, 2, rank);
  r->covariance = test_covariance_of(which);
  for (int i = 0; i < n; i++) r->row[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int j = test_below(&random, i + 1), row = r->row[i];
    r->row[i] = r->row[j], r->row[j] = row;
  }
  for (int i = 0; i < 2 * n; i++)
    r->x[i] = coarse ? test_below(&random, 6) * 0.3 : 4 * test_uniform(&random);
  double *u = test_new((size_t)(rank + 1) * 2 * sizeof *u),
         *L = test_new((size_t)(rank * rank + 1) * sizeof *L);
  double used = 0;
  int pair[2];
  ct_stats stats = {0};
  for (int j = 0; j < 2 * rank; j++) u[j] = coarse ? r->x[j % (2 * n)] : 4 * test_uniform(&random);
  if (rank)
    CHECK(ct_factor_cholesky(&r->covariance, u, rank, 2, -1, L, &used, pair, &stats, run) == CT_OK);
  CHECK(test_residual_factor(r, u, L, used, run) == CT_OK);
  free(u), free(L);
}

/* ---- one query by sorting ---- */

typedef struct {
  const ct_residual *of;
  int position, row, limit;
} asker;

static asker asker_of(const ct_residual *index, const ct_residual_queries *queries, int q) {
  asker a = {queries->points, q, -1, queries->limit ? queries->limit[q] : index->n};
  if (queries->points) return a;
  a.of = index;
  a.row = queries->rows ? queries->rows[q] : q;
  a.position = index->position[a.row];
  return a;
}

static double distance(const ct_residual *index, const asker *a, int row) {
  double t, work[1];
  int at = index->position[row];
  ct_residual_t(a->of, a->position, index, &at, 1, &t, work, CT_SIMD_BASE);
  return sqrt(t);
}

static void check_query(const test_neighbour *all, int found, int k, const int *id,
                        const double *dist, size_t q, size_t step) {
  for (int i = 0; i < k; i++) {
    size_t at = q + (size_t)i * step;
    CHECK(id[at] == (i < found ? all[i].row : -1));
    CHECK(i < found ? dist[at] == all[i].dist : isnan(dist[at]));
  }
}

/* ---- rank ---- */

static void check_rank(const ct_residual *index, const ct_residual_queries *queries,
                       const int *candidate, int width, int k, const int *id, const double *dist) {
  test_neighbour *all = test_new((size_t)width * sizeof *all);
  for (int q = 0; q < queries->count; q++) {
    asker a = asker_of(index, queries, q);
    int found = 0;
    for (int j = 0; j < width; j++) {
      int row = candidate[(size_t)q + (size_t)j * (size_t)queries->count];
      if (row >= 0) all[found].row = row, all[found++].dist = distance(index, &a, row);
    }
    qsort(all, (size_t)found, sizeof *all, test_nearer);
    check_query(all, found, k, id, dist, (size_t)q, (size_t)queries->count);
  }
  free(all);
}

/* width different rows for each query, from its own neighbourhood of rows; some missing. */
static void draw_candidates(int *candidate, int n, int count, int width, test_random *random) {
  for (int q = 0; q < count; q++) {
    int first = test_below(random, n), step = 1 + test_below(random, 3);
    while (n % step == 0 && step > 1) step--;
    for (int j = 0; j < width; j++)
      candidate[(size_t)q + (size_t)j * (size_t)count] =
          test_below(random, 9) ? (first + j * step) % n : -1;
  }
}

static void test_rank(int which, int n, int rank, int coarse, int width, int k, int way) {
  test_random random = {(uint64_t)(n + width + k + way)};
  test_host host;
  test_residual r, fresh;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  make_points(&r, which, n, rank, coarse, 5, &run);
  make_points(&fresh, which, 41, rank, coarse, 6, &run);
  int rows[50];
  for (int i = 0; i < 50; i++) rows[i] = test_below(&random, n);
  ct_residual_queries queries = {NULL, NULL, n, NULL, 0, NULL};
  if (way == 1) queries.rows = rows, queries.count = 50;
  if (way == 2) queries.points = &fresh.residual, queries.count = 41;
  size_t answers = (size_t)queries.count * (size_t)k;
  int *candidate = test_new((size_t)queries.count * (size_t)width * sizeof *candidate);
  int *id = test_new(answers * sizeof *id);
  double *dist = test_new(answers * sizeof *dist), given = 0;
  draw_candidates(candidate, n, queries.count, width, &random);
  for (int i = 0; i < queries.count * width; i++) given += candidate[i] >= 0;
  for (int simd = 0; simd <= (int)ct_simd_best(); simd++)
    for (int threads = 1; threads <= 3; threads++) {
      ct_stats stats = {0};
      test_host_reset(&host);
      run = test_run(&host, threads, (ct_simd)simd);
      memset(id, 99, answers * sizeof *id);
      CHECK(ct_residual_rank(&r.residual, &queries, candidate, width, k, id, dist, &stats, &run) ==
            CT_OK);
      CHECK(stats.evaluations == given && stats.queries == queries.count && !host.backwards);
      check_rank(&r.residual, &queries, candidate, width, k, id, dist);
    }
  free(candidate), free(id), free(dist);
  test_residual_free(&r), test_residual_free(&fresh);
  test_host_end(&host);
}

/* ---- local ---- */

/* Equal to ranking what the search in input space finds, however the queries are parted. */
static void test_local(int which, int n, int coarse, int width, int k, int way) {
  test_host host;
  test_residual r, fresh;
  ct_stats stats = {0};
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  make_points(&r, which, n, 13, coarse, 5, &run);
  make_points(&fresh, which, 37, 13, coarse, 6, &run);
  double *x = test_new((size_t)n * 2 * sizeof *x), y[74];
  for (int i = 0; i < n; i++)
    for (int c = 0; c < 2; c++) x[r.row[i] + c * n] = r.x[i * 2 + c];
  for (int i = 0; i < 37; i++)
    for (int c = 0; c < 2; c++) y[i + c * 37] = fresh.x[i * 2 + c];
  ct_points points = {x, n, 2}, others = {y, 37, 2};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  int rows[30], *limit = test_new((size_t)n * sizeof *limit),
                *order = test_new((size_t)n * sizeof *order);
  CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_OK);
  for (int i = 0; i < 30; i++) rows[i] = i * 41 % n;
  for (int i = 0; i < n; i++) limit[i] = i * 3 / 4;
  ct_residual_queries queries = {NULL, NULL, n, way % 2 ? limit : NULL, way == 0, NULL};
  ct_queries near = {NULL, NULL, n, queries.limit, queries.self, NULL};
  if (way == 2 || way == 3) queries.rows = near.rows = rows, queries.count = near.count = 30;
  if (way >= 4)
    queries.points = &fresh.residual, near.points = &others, queries.count = near.count = 37;
  size_t entries = (size_t)queries.count * (size_t)width,
         answers = (size_t)queries.count * (size_t)k;
  int *candidate = test_new(entries * sizeof *candidate), *id = test_new(answers * sizeof *id);
  double *distance = test_new(entries * sizeof *distance), *dist = test_new(answers * sizeof *dist),
         given = 0;
  CHECK(ct_block_knn(&(ct_block_index){&points, &metric, order, NULL}, &near, width, candidate,
                     distance, &stats, &run) == CT_OK);
  for (size_t i = 0; i < entries; i++) given += candidate[i] >= 0;
  for (int at_once = 0; at_once <= 64; at_once = 2 * at_once + 7) {
    ct_stats counted = {0};
    test_host_reset(&host);
    memset(id, 99, answers * sizeof *id);
    CHECK(ct_residual_local(&r.residual, &queries, &(ct_block_index){&points, &metric, order, NULL},
                            &near, width, k, at_once, id, dist, &counted, &run) == CT_OK);
    CHECK(counted.evaluations == given && counted.queries == queries.count && !host.backwards);
    check_rank(&r.residual, &queries, candidate, width, k, id, dist);
  }
  free(x), free(limit), free(order), free(candidate), free(id), free(distance), free(dist);
  test_residual_free(&r), test_residual_free(&fresh);
  test_host_end(&host);
}

/* ---- within ---- */

static int all_within(const ct_residual *index, const ct_residual_queries *queries, int q,
                      double radius, test_neighbour *all) {
  asker a = asker_of(index, queries, q);
  int found = 0;
  for (int row = 0; row < a.limit; row++) {
    if (row == a.row && !queries->self) continue;
    all[found].row = row;
    all[found].dist = distance(index, &a, row);
    found += all[found].dist <= radius;
  }
  qsort(all, (size_t)found, sizeof *all, test_nearer);
  return found;
}

static void check_within(const ct_residual *index, const ct_residual_queries *queries,
                         double radius, const ct_run *run) {
  ct_stats stats = {0};
  size_t total = 0, *offset = test_new((size_t)queries->count * sizeof *offset);
  int *count = test_new((size_t)queries->count * sizeof *count);
  test_neighbour *all = test_new((size_t)index->n * sizeof *all);
  CHECK(ct_residual_within_count(index, queries, radius, count, &stats, run) == CT_OK);
  for (int q = 0; q < queries->count; q++) {
    offset[q] = total;
    total += (size_t)count[q];
  }
  int *id = test_new(total * sizeof *id);
  double *dist = test_new(total * sizeof *dist);
  CHECK(ct_residual_within(index, queries, radius, offset, id, dist, &stats, run) == CT_OK);
  for (int q = 0; q < queries->count; q++) {
    int found = all_within(index, queries, q, radius, all);
    if (CHECK(found == count[q]))
      check_query(all, found, found, id + offset[q], dist + offset[q], 0, 1);
  }
  free(count), free(offset), free(all), free(id), free(dist);
}

/* Radii that are distances, and the next smaller numbers: answers at the very edge. */
static void test_edges(int which, int rank) {
  enum { N = 60 };
  test_host host;
  test_residual r;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  make_points(&r, which, N, rank, 0, 8, &run);
  ct_residual_queries queries = {NULL, NULL, N, NULL, 0, NULL};
  for (int i = 0; i < 40; i++) {
    asker a = asker_of(&r.residual, &queries, i);
    double d = distance(&r.residual, &a, (i * 7 + 1) % N);
    test_host_reset(&host);
    check_within(&r.residual, &queries, d, &run);
    check_within(&r.residual, &queries, nextafter(d, 0), &run);
  }
  test_residual_free(&r);
  test_host_end(&host);
}

static void test_within(int which, int n, int rank, int coarse, int way) {
  static const double radius[] = {0, 1e-3, 0.2, 0.6, 0.95, 1, 2};
  test_host host;
  test_residual r, fresh;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  make_points(&r, which, n, rank, coarse, 5, &run);
  make_points(&fresh, which, 11, rank, coarse, 6, &run);
  int rows[20], *limit = test_new((size_t)n * sizeof *limit);
  for (int i = 0; i < 20; i++) rows[i] = i * 37 % n;
  for (int i = 0; i < n; i++) limit[i] = i;
  ct_residual_queries queries = {NULL, NULL, n, NULL, way == 0, NULL};
  if (way == 1) queries.limit = limit;
  if (way == 2) queries.rows = rows, queries.count = 20, queries.limit = limit;
  if (way == 3) queries.points = &fresh.residual, queries.count = 11;
  for (int i = 0; i < 7; i++) {
    run = test_run(&host, 1 + i % 3, (ct_simd)(i % ((int)ct_simd_best() + 1)));
    check_within(&r.residual, &queries, radius[i], &run);
  }
  free(limit);
  test_residual_free(&r), test_residual_free(&fresh);
  test_host_end(&host);
}

/* ---- memory and interrupts ---- */

static void test_failures(void) {
  test_host host;
  test_residual r;
  ct_stats stats = {0};
  int candidate[400], id[200], count[100];
  double dist[200];
  test_host_start(&host);
  ct_run run = test_run(&host, 1, ct_simd_best());
  make_points(&r, 1, 100, 10, 0, 5, &run);
  ct_residual_queries queries = {NULL, NULL, 100, NULL, 0, NULL};
  for (int i = 0; i < 400; i++) candidate[i] = i % 97;
  int calls = 0;
  for (ct_status status = CT_ERR_MEMORY; status == CT_ERR_MEMORY; calls++) {
    test_host_reset(&host);
    host.fail_at = calls;
    status = ct_residual_rank(&r.residual, &queries, candidate, 4, 2, id, dist, &stats, &run);
  }
  CHECK(calls > 10 && host.polls > 0);
  for (int call = 0; call < 2; call++) {
    test_host_reset(&host);
    host.fail_at = call;
    CHECK(ct_residual_within_count(&r.residual, &queries, 0.5, count, &stats, &run) ==
          CT_ERR_MEMORY);
  }
  host.fail_at = -1, host.stop_at = 0;
  test_host_reset(&host);
  CHECK(ct_residual_rank(&r.residual, &queries, candidate, 4, 2, id, dist, &stats, &run) ==
        CT_ERR_INTERRUPTED);
  test_host_reset(&host);
  CHECK(ct_residual_within_count(&r.residual, &queries, 0.5, count, &stats, &run) ==
        CT_ERR_INTERRUPTED);
  CHECK(ct_residual_rank(&r.residual, &queries, candidate, 4, 0, id, dist, &stats, &run) ==
        CT_ERR_DOMAIN);
  CHECK(ct_residual_rank(&r.residual, &queries, candidate, 0, 1, id, dist, &stats, &run) ==
        CT_ERR_DOMAIN);
  double x[200];
  int order[100];
  for (int i = 0; i < 100; i++) x[r.row[i]] = r.x[2 * i], x[r.row[i] + 100] = r.x[2 * i + 1];
  ct_points points = {x, 100, 2};
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  ct_queries near = {NULL, NULL, 100, NULL, 0, NULL};
  host.stop_at = -1;
  CHECK(ct_kd_order(&points, &metric, order, &stats, &run) == CT_OK);
  CHECK(ct_residual_local(&r.residual, &queries, &(ct_block_index){&points, &metric, order, NULL},
                          &near, 4, 0, 0, id, dist, &stats, &run) == CT_ERR_DOMAIN);
  calls = 0;
  for (ct_status status = CT_ERR_MEMORY; status == CT_ERR_MEMORY; calls++) {
    test_host_reset(&host);
    host.fail_at = calls;
    status =
        ct_residual_local(&r.residual, &queries, &(ct_block_index){&points, &metric, order, NULL},
                          &near, 4, 2, 0, id, dist, &stats, &run);
  }
  CHECK(calls > 20);
  host.fail_at = -1;
  for (host.stop_at = 0; host.stop_at < 2; host.stop_at++) {
    test_host_reset(&host);
    CHECK(ct_residual_local(&r.residual, &queries, &(ct_block_index){&points, &metric, order, NULL},
                            &near, 4, 2, 0, id, dist, &stats, &run) == CT_ERR_INTERRUPTED);
  }
  test_residual_free(&r);
  test_host_end(&host);
}

int main(void) {
  for (int way = 0; way < 3; way++)
    for (int coarse = 0; coarse < 2; coarse++) {
      test_rank(1, 200, 20, coarse, 40, 5, way);
      test_rank(3, 97, 0, coarse, 7, 12, way);
      test_rank(2, 150, 33, coarse, 149, 149, way);
      test_rank(0, 64, 9, coarse, 1, 1, way);
    }
  test_rank(13, 60, 5, 0, 8, 3, 0);
  for (int way = 0; way < 6; way++)
    for (int coarse = 0; coarse < 2; coarse++) test_local(3, 170, coarse, 24, 5, way);
  for (int way = 0; way < 4; way++)
    for (int coarse = 0; coarse < 2; coarse++) {
      test_within(1, 90, 14, coarse, way);
      test_within(2, 60, 0, coarse, way);
      test_within(9, 300, 25, coarse, way); /* compact support: most pairs at distance 1 */
    }
  test_edges(1, 20);
  test_edges(3, 9);
  test_edges(0, 0);
  test_failures();
  return check_report();
}
