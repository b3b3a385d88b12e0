/* The block search when it may not, or must not, go on. */

#include "blocks/block_oracle.h"
#include "check.h"

enum { N = 3000, K = 5 };

typedef struct {
  ct_points points;
  ct_metric metric;
  ct_queries queries;
  int order[N], id[N * K], limit[N], count[N];
  size_t offset[N];
  double dist[N * K];
  test_host host;
  ct_stats stats;
} setting;

static ct_status knn(setting *s, int threads) {
  ct_run run = test_run(&s->host, threads, ct_simd_best());
  ct_status status = ct_block_knn(&(ct_block_index){&s->points, &s->metric, s->order, NULL},
                                  &s->queries, K, s->id, s->dist, &s->stats, &run);
  CHECK(!s->host.backwards);
  test_host_reset(&s->host);
  return status;
}

static ct_status within(setting *s, double radius) {
  ct_run run = test_run(&s->host, 1, ct_simd_best());
  ct_status status =
      ct_block_within_count(&(ct_block_index){&s->points, &s->metric, s->order, NULL}, &s->queries,
                            radius, s->count, &s->stats, &run);
  test_host_reset(&s->host);
  return status;
}

/* Every allocation fails once; then all is well. */
static void test_memory(setting *s) {
  ct_status status = CT_ERR_MEMORY;
  for (s->host.fail_at = 0; status == CT_ERR_MEMORY && s->host.fail_at < 1000; s->host.fail_at++)
    status = knn(s, 2);
  CHECK(status == CT_OK && s->host.fail_at > 10);
  status = CT_ERR_MEMORY;
  for (s->host.fail_at = 0; status == CT_ERR_MEMORY && s->host.fail_at < 1000; s->host.fail_at++)
    status = within(s, 0.1);
  CHECK(status == CT_OK && s->host.fail_at > 10);
  s->host.fail_at = -1;
}

/* Every poll asks to stop once. */
static void test_interrupt(setting *s) {
  ct_status status = CT_ERR_INTERRUPTED;
  for (s->host.stop_at = 0; status == CT_ERR_INTERRUPTED && s->host.stop_at < 1000;
       s->host.stop_at++)
    status = knn(s, 1);
  CHECK(status == CT_OK && s->host.stop_at > 3);
  s->host.stop_at = -1;
}

/* Queries given by rows are sorted first, which is no progress. */
static void test_progress_of_rows(setting *s) {
  int row[N];
  for (int i = 0; i < N; i++) row[i] = N - 1 - i;
  s->queries.rows = row;
  CHECK(knn(s, 1) == CT_OK);
  s->queries.rows = NULL;
}

static void test_domain(setting *s) {
  ct_run run = test_run(&s->host, 1, CT_SIMD_BASE);
  CHECK(ct_block_knn(&(ct_block_index){&s->points, &s->metric, s->order, NULL}, &s->queries, 0,
                     s->id, s->dist, &s->stats, &run) == CT_ERR_DOMAIN);
  CHECK(within(s, -1) == CT_ERR_DOMAIN);
  CHECK(within(s, NAN) == CT_ERR_DOMAIN);
  s->metric.kind = CT_FUNCTION;
  CHECK(knn(s, 1) == CT_ERR_DOMAIN);
  CHECK(within(s, 1) == CT_ERR_DOMAIN);
  s->metric.kind = CT_EUCLIDEAN;
  int count = s->queries.count;
  s->queries.count = 0;
  CHECK(knn(s, 1) == CT_OK && within(s, 1) == CT_OK);
  s->queries.count = count;
}

/* Counts: every query is counted, far from every pair is computed, and all of them where all are
 * near. */
static void test_counts(setting *s) {
  memset(&s->stats, 0, sizeof s->stats);
  CHECK(knn(s, 1) == CT_OK);
  CHECK(s->stats.queries == N && s->stats.evaluations > N * (K + 1) && s->stats.nodes > N);
  CHECK(s->stats.evaluations < 200.0 * N);
  memset(&s->stats, 0, sizeof s->stats);
  CHECK(within(s, INFINITY) == CT_OK);
  CHECK(s->stats.queries == N && s->stats.evaluations == (double)N * N);
  for (int i = 0; i < N; i++) CHECK(s->count[i] == N - 1);
}

int main(void) {
  static setting s;
  test_random random = {3};
  s.points = test_points(N, 2, UNIFORM, &random);
  s.metric = test_metric(0);
  s.queries.count = N;
  test_host_start(&s.host);
  ct_run run = test_run(&s.host, 1, CT_SIMD_BASE);
  CHECK(ct_kd_order(&s.points, &s.metric, s.order, &s.stats, &run) == CT_OK);
  test_host_reset(&s.host);
  test_counts(&s);
  for (int i = 0; i < N; i++) s.limit[i] = i;
  for (int way = 0; way < 2; way++) {
    s.queries.limit = way ? s.limit : NULL;
    test_memory(&s);
    test_interrupt(&s);
  }
  s.queries.limit = NULL;
  test_domain(&s);
  test_progress_of_rows(&s);
  free((double *)s.points.x);
  test_host_end(&s.host);
  return check_report();
}
