/* So many leaves near a query that its list falls back on the groups of the index; sorts of more
 * neighbours than are ranked; many classes of limits. */

#include "blocks/block_oracle.h"
#include "blocks/block_list.h"
#include "check.h"

enum { N = CT_LISTED * CT_FAN * CT_LEAF + 5000, QUERIES = 8, K = 300 };

static int is_right(const ct_points *points, const ct_metric *metric, const ct_queries *queries,
                    int k, const int *id, const double *dist, const double *indexed,
                    neighbor *found) {
  int wrong = 0;
  for (int q = 0; q < queries->count; q++) {
    int count = all_neighbors(points, metric, queries, q, indexed, NULL, found);
    for (int j = 0; j < k; j++) {
      size_t at = (size_t)q + (size_t)j * (size_t)queries->count;
      if (j < count) wrong += id[at] != found[j].row || dist[at] != found[j].distance;
      else wrong += id[at] != -1;
    }
  }
  return wrong == 0;
}

int main(void) {
  test_random random = {11};
  test_host host;
  ct_stats stats = {0};
  ct_metric euclidean = test_metric(0);
  ct_points points = test_points(N, 12, UNIFORM, &random);
  int rows[QUERIES], limit[QUERIES], *order = malloc(N * sizeof *order);
  int *id = malloc(QUERIES * K * sizeof *id), ks[3] = {1, 30, K};
  double *dist = malloc(QUERIES * K * sizeof *dist), *indexed = embed_all(&points, &euclidean);
  neighbor *found = malloc(N * sizeof *found);
  ct_queries queries = {NULL, rows, QUERIES, NULL, 0, NULL};
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  CHECK(ct_kd_order(&points, &euclidean, order, &stats, &run) == CT_OK);
  for (int i = 0; i < QUERIES; i++) {
    rows[i] = test_below(&random, N);
    limit[i] = i < 3 ? rows[i] : test_below(&random, N + 1);
  }
  for (int way = 0; way < 3; way++) {
    queries.limit = way ? limit : NULL;
    CHECK(ct_block_knn(&(ct_block_index){&points, &euclidean, order, NULL}, &queries, ks[way], id,
                       dist, &stats, &run) == CT_OK);
    CHECK(is_right(&points, &euclidean, &queries, ks[way], id, dist, indexed, found));
    test_host_reset(&host);
  }
  free(order), free(id), free(dist), free(indexed), free(found), free((double *)points.x);
  test_host_end(&host);
  return check_report();
}
