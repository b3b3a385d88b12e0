/* Answers written query by query, in any order, stand column-major in the end. */

#include <math.h>
#include <stdlib.h>

#include "blocks/block_answers.h"
#include "check.h"
#include "run_support.h"

static int row_of(int q, int j) {
  return 31 * q + j;
}
static double distance_of(int q, int j) {
  return q + j / 1024.0;
}

static void test_answers(int queries, int k, int threads, int missing) {
  size_t size = (size_t)queries * (size_t)k;
  int *id = malloc(size * sizeof *id), *row = malloc((size_t)k * sizeof *row);
  double *dist = malloc(size * sizeof *dist), *distance = malloc((size_t)k * sizeof *distance);
  int *order = malloc((size_t)queries * sizeof *order);
  test_random random = {(uint64_t)(queries + 1000003 * k)};
  test_host host;
  ct_block_answers answers;
  for (int q = 0; q < queries; q++) {
    int other = test_below(&random, q + 1);
    order[q] = order[other];
    order[other] = q;
  }
  test_host_start(&host);
  ct_run run = test_run(&host, threads, CT_SIMD_BASE);
  ct_block_answers_start(&answers, id, dist, queries, k);
  for (int i = 0; i < queries; i++) {
    int q = order[i], found = missing && q % 3 == 0 ? q % (k + 1) : k;
    for (int j = 0; j < found; j++) row[j] = row_of(q, j), distance[j] = distance_of(q, j);
    ct_block_answers_prefetch(&answers, q);
    ct_block_answers_write(&answers, q, row, distance, found);
  }
  CHECK(ct_block_answers_finish(&answers, 0.5, 0.5, &run) == CT_OK);
  CHECK(!host.backwards && (answers.panels == 0 || host.done == 1));
  int wrong = 0;
  for (int q = 0; q < queries; q++) {
    int found = missing && q % 3 == 0 ? q % (k + 1) : k;
    for (int j = 0; j < k; j++) {
      size_t at = (size_t)q + (size_t)j * (size_t)queries;
      if (j < found) wrong += id[at] != row_of(q, j) || dist[at] != distance_of(q, j);
      else wrong += id[at] != -1 || !isnan(dist[at]);
    }
  }
  if (!CHECK(wrong == 0)) printf("  queries %d k %d threads %d\n", queries, k, threads);
  test_host_end(&host);
  free(id), free(dist), free(row), free(distance), free(order);
}

int main(void) {
  int queries[] = {1, 127, 128, 129, 640, 2047, 2048, 2049, 4096, 6145, 10000};
  int ks[] = {1, 2, 3, 10, 30, 31, 64, 200, 515, 1030};
  for (int i = 0; i < 11; i++)
    for (int j = 0; j < 10; j++) {
      if (queries[i] > 2100 && ks[j] > 100) continue;
      test_answers(queries[i], ks[j], 1 + (i + j) % 3, j % 2);
    }
  return check_report();
}
