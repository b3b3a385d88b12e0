/* Conditional selection: a step by step elimination of the dense covariance matrix chooses the same
 * rows, for every instruction set and number of threads. */

#include <math.h>

#include "check.h"
#include "process/select_sets.h"
#include "residual_support.h"

#define N 300
#define WIDTH 40
#define M 12
#define NUGGET 0.05

/* c less V V', the nugget on the diagonal. */
static double entry(const ct_residual *r, int i, int j) {
  double sq = 0, k, work[1];
  if (i == j) return r->p[i] + NUGGET;
  for (int c = 0; c < r->dim; c++) sq += pow(r->x[i * r->dim + c] - r->x[j * r->dim + c], 2);
  ct_covariance_many(r->covariance, &sq, 1, &k, work, CT_SIMD_BASE);
  for (int q = 0; q < r->rank; q++) k -= r->V[i * r->stride + q] * r->V[j * r->stride + q];
  return k;
}

/* Row i's set from its candidates by full elimination. */
static void plain_greedy(const ct_residual *r, int i, const int *candidate, int count, int *set) {
  double C[WIDTH + 1][WIDTH + 1];
  int row[WIDTH + 1];
  for (int a = 0; a <= count; a++) row[a] = a ? candidate[a - 1] : i;
  for (int a = 0; a <= count; a++)
    for (int b = 0; b <= count; b++) C[a][b] = entry(r, r->position[row[a]], r->position[row[b]]);
  for (int t = 0; t < M; t++) {
    int best = 0;
    double most = 0;
    for (int a = 1; a <= count; a++)
      if (C[a][a] > 1e-13 && C[0][a] * C[0][a] / C[a][a] > most * (1 + 1e-9))
        most = C[0][a] * C[0][a] / C[a][a], best = a;
    set[t] = best ? row[best] : -1;
    if (!best) continue;
    for (int a = 0; a <= count; a++)
      for (int b = 0; b <= count; b++)
        if (a != best && b != best) C[a][b] -= C[a][best] * C[best][b] / C[best][best];
    for (int a = 0; a <= count; a++) C[a][best] = C[best][a] = 0;
  }
}

static void test_sets(int rank) {
  test_random random = {7};
  test_host host;
  test_residual r;
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  test_residual_new(&r, CT_COV_MATERN_32, N, 2, rank);
  for (int i = 0; i < N; i++) r.row[i] = (i * 7) % N;
  for (int i = 0; i < 2 * N; i++) r.x[i] = 3 * test_uniform(&random);
  double *u = test_new((size_t)(2 * rank + 1) * sizeof *u),
         *L = test_new((size_t)(rank * rank + 1) * sizeof *L), used = 0;
  int pair[2], *candidate = test_new(N * WIDTH * sizeof *candidate), limit[N];
  ct_stats stats = {0};
  for (int i = 0; i < 2 * rank; i++) u[i] = 3 * test_uniform(&random);
  if (rank) ct_factor_cholesky(&r.covariance, u, rank, 2, -1, L, &used, pair, &stats, &run);
  CHECK(test_residual_factor(&r, u, L, used, &run) == CT_OK);
  for (int i = 0; i < N; i++) limit[i] = i;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < WIDTH; j++) candidate[i + j * N] = i - 1 - j >= 0 ? i - 1 - j : -1;
  ct_residual_queries queries = {.count = N, .limit = limit};
  ct_selection selection = {candidate, WIDTH, M, NUGGET};
  for (int simd = 0; simd <= (int)ct_simd_best(); simd++)
    for (int threads = 1; threads <= 3; threads++) {
      int set[N * M], own[WIDTH], truth[M];
      ct_selection_counts counts = {0, 0};
      test_host_reset(&host);
      run = test_run(&host, threads, (ct_simd)simd);
      CHECK(ct_select_sets(&r.residual, &queries, &selection, set, &counts, &stats, &run) == CT_OK);
      for (int i = 0; i < N; i++) {
        int count = i < WIDTH ? i : WIDTH;
        for (int j = 0; j < count; j++) own[j] = candidate[i + j * N];
        plain_greedy(&r.residual, i, own, count, truth);
        for (int t = 0; t < M; t++) CHECK(set[i + t * N] == truth[t]);
      }
      CHECK(counts.short_sets == 0 && counts.filled == 0);
    }
  free(u), free(L), free(candidate);
  test_residual_free(&r);
  test_host_end(&host);
}

int main(void) {
  test_sets(0);
  test_sets(20);
  return check_report();
}
