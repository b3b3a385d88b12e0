/* Places along the Hilbert curve: on a full grid every step goes to a neighbouring cell. */

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ct.h"
#include "run_support.h"

static void ranks_of(const double *x, int n, int dim, ct_metric metric, int threads, int *rank) {
  test_host host;
  ct_points points = {x, n, dim};
  test_host_start(&host);
  ct_run run = test_run(&host, threads, CT_SIMD_BASE);
  CHECK(ct_hilbert_rank(&points, &metric, rank, &run) == CT_OK);
  CHECK(!host.backwards && host.polls > 0);
  test_host_end(&host);
}

static int is_permutation(const int *rank, int n) {
  char *seen = calloc((size_t)n, 1);
  int good = 1;
  for (int i = 0; i < n; i++)
    if (rank[i] < 0 || rank[i] >= n || seen[rank[i]]++) good = 0;
  free(seen);
  return good;
}

/* All cells of a cube of the given side, in shuffled rows, with constant columns among them. The
 * range is that of side cells, so that a grid of any power of two cells has its lines between
 * them. */
static void test_grid(int side, int dim, int constant) {
  int n = 1, columns = dim + constant;
  for (int c = 0; c < dim; c++) n *= side;
  test_random random = {(uint64_t)(side + dim)};
  double *x = malloc((size_t)n * (size_t)columns * sizeof *x);
  int *cell = malloc((size_t)n * sizeof *cell), *rank = malloc((size_t)n * sizeof *rank);
  int *row = malloc((size_t)n * sizeof *row), far = 0;
  for (int i = 0; i < n; i++) cell[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int j = test_below(&random, i + 1), t = cell[i];
    cell[i] = cell[j], cell[j] = t;
  }
  for (int i = 0; i < n; i++)
    for (int c = 0, rest = cell[i]; c < columns; c++) {
      x[i + c * n] = c < constant ? 42 : rest % side;
      if (c >= constant) rest /= side;
    }
  ranks_of(x, n, columns, (ct_metric){.kind = CT_EUCLIDEAN}, 2, rank);
  if (CHECK(is_permutation(rank, n))) {
    for (int i = 0; i < n; i++) row[rank[i]] = i;
    for (int p = 1; p < n; p++) {
      double step = 0;
      for (int c = 0; c < columns; c++) step += fabs(x[row[p] + c * n] - x[row[p - 1] + c * n]);
      far += step != 1;
    }
    CHECK(far == 0);
  }
  free(x), free(cell), free(rank), free(row);
}

/* Cells are equal for points that are, so rows decide. */
static void test_ties(void) {
  enum { N = 500 };
  double x[2 * N];
  int rank[N];
  for (int i = 0; i < 2 * N; i++) x[i] = 7;
  ranks_of(x, N, 2, (ct_metric){.kind = CT_EUCLIDEAN}, 1, rank);
  for (int i = 0; i < N; i++) CHECK(rank[i] == i);
  for (int i = 0; i < 2 * N; i++) x[i] = i % N % 5;
  ranks_of(x, N, 2, (ct_metric){.kind = CT_EUCLIDEAN}, 1, rank);
  for (int i = 5; i < N; i++) CHECK(rank[i] == rank[i - 5] + 1);
}

static void test_line(void) {
  double x[] = {3, -1e300, 0.5, 1e300, 0, 0.25};
  int rank[6];
  ranks_of(x, 6, 1, (ct_metric){.kind = CT_EUCLIDEAN}, 1, rank);
  CHECK(rank[1] == 0 && rank[3] == 5);
  double y[] = {3, -1, 0.5, 4, 0, 0.25};
  ranks_of(y, 6, 1, (ct_metric){.kind = CT_EUCLIDEAN}, 1, rank);
  CHECK(rank[1] == 0 && rank[4] == 1 && rank[5] == 2 && rank[2] == 3 && rank[0] == 4 &&
        rank[3] == 5);
}

/* Values at the ends of the doubles, as a user's metric may take; more columns than a key has
 * bits. */
static void test_extremes(void) {
  static const double value[] = {DBL_MAX, -DBL_MAX, 5e-324, -5e-324, 0, 1, DBL_MIN};
  enum { N = 300, COLUMNS = 40 };
  double *x = malloc(sizeof(double) * N * COLUMNS);
  int rank[N], again[N];
  test_random random = {3};
  for (int scale = 0; scale < 3; scale++)
    for (int dim = 1; dim <= COLUMNS; dim += 3) {
      for (int i = 0; i < N * dim; i++)
        x[i] = scale == 2 ? test_uniform(&random)
                          : value[test_below(&random, 7)] * (scale ? 1 : 1e-310);
      ranks_of(x, N, dim, (ct_metric){.kind = CT_FUNCTION}, 1, rank);
      CHECK(is_permutation(rank, N));
      ranks_of(x, N, dim, (ct_metric){.kind = CT_FUNCTION}, 3, again);
      CHECK(memcmp(rank, again, sizeof rank) == 0);
    }
  free(x);
}

/* With more than 16 columns the widest decide: narrow ones may come and go. */
static void test_widest(void) {
  enum { N = 200, COLUMNS = 24 };
  double *x = malloc(sizeof(double) * N * COLUMNS);
  int with[N], without[N];
  test_random random = {4};
  for (int c = 0; c < COLUMNS; c++)
    for (int i = 0; i < N; i++) x[i + c * N] = test_uniform(&random) * (c < 16 ? 1 : 0.5);
  ranks_of(x, N, COLUMNS, (ct_metric){.kind = CT_EUCLIDEAN}, 1, with);
  ranks_of(x, N, 16, (ct_metric){.kind = CT_EUCLIDEAN}, 1, without);
  CHECK(memcmp(with, without, sizeof with) == 0);
  free(x);
}

static void test_failures(void) {
  enum { N = 5000 };
  double *x = malloc(sizeof(double) * N * 2);
  int *rank = malloc(sizeof(int) * N);
  test_random random = {5};
  test_host host;
  ct_metric metric = {.kind = CT_EUCLIDEAN};
  for (int i = 0; i < 2 * N; i++) x[i] = test_uniform(&random);
  ct_points points = {x, N, 2}, none = {x, 0, 2};
  test_host_start(&host);
  ct_run run = test_run(&host, 2, CT_SIMD_BASE);
  ct_status status = CT_ERR_MEMORY;
  for (host.fail_at = 0; status == CT_ERR_MEMORY && host.fail_at < 30; host.fail_at++) {
    status = ct_hilbert_rank(&points, &metric, rank, &run);
    test_host_reset(&host);
  }
  CHECK(status == CT_OK && host.fail_at > 5);
  host.fail_at = -1, host.stop_at = 0;
  CHECK(ct_hilbert_rank(&points, &metric, rank, &run) == CT_ERR_INTERRUPTED);
  CHECK(ct_hilbert_rank(&none, &metric, rank, &run) == CT_ERR_DOMAIN);
  free(x), free(rank);
  test_host_end(&host);
}

int main(void) {
  test_grid(32, 1, 0);
  test_grid(64, 2, 0);
  test_grid(64, 2, 1);
  test_grid(16, 3, 0);
  test_grid(8, 4, 2);
  test_grid(4, 5, 0);
  test_grid(2, 9, 1);
  test_ties();
  test_line();
  test_extremes();
  test_widest();
  test_failures();
  return check_report();
}
