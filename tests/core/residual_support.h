#ifndef RESIDUAL_SUPPORT_H
#define RESIDUAL_SUPPORT_H

/* Random points with a factor, and the brute force that every residual search must equal. */

#include "check.h"
#include "residual/residual_search.h"
#include "run_support.h"

#include <math.h>

typedef struct {
  ct_covariance covariance;
  double lengthscale[16];
  int n;
  int dim;
  int rank;
  double *x;
  double *V;
  double *p;
  double *scale;
  double *L;
  int *row;
  int *position;
  ct_factor factor;
  ct_residual residual;
} test_residual;

static inline void *test_new(size_t bytes) {
  void *block = NULL;
  return posix_memalign(&block, 64, bytes + 64) ? NULL : block;
}

static inline void test_residual_free(test_residual *r) {
  free(r->x);
  free(r->V);
  free(r->p);
  free(r->scale);
  free(r->L);
  free(r->row);
  free(r->position);
}

/* Allocates; the caller fills x (row-major, embedded), row, then test_residual_factor(). */
static inline void test_residual_new(test_residual *r, ct_covariance_kind kind, int n, int dim,
                                     int rank) {
  memset(r, 0, sizeof *r);
  for (int i = 0; i < 16; i++) r->lengthscale[i] = 1;
  r->covariance.kind = kind;
  r->covariance.variance = 1;
  r->covariance.lengthscale = r->lengthscale;
  r->n = n;
  r->dim = dim;
  r->rank = rank;
  r->x = test_new((size_t)n * (size_t)dim * sizeof *r->x);
  r->V = test_new((size_t)n * (size_t)ct_residual_stride(rank) * sizeof *r->V);
  r->p = test_new((size_t)n * sizeof *r->p);
  r->scale = test_new((size_t)n * sizeof *r->scale);
  r->L = test_new((size_t)rank * (size_t)rank * sizeof *r->L);
  r->row = test_new((size_t)n * sizeof *r->row);
  r->position = test_new((size_t)n * sizeof *r->position);
}

/* As the core sees it, V of unknown origin. */
static inline ct_residual test_residual_view(const test_residual *r) {
  return (ct_residual){.covariance = &r->covariance,
                       .n = r->n,
                       .dim = r->dim,
                       .rank = r->rank,
                       .stride = ct_residual_stride(r->rank),
                       .x = r->x,
                       .V = r->V,
                       .p = r->p,
                       .scale = r->scale,
                       .row = r->row,
                       .position = r->position};
}

/* Positions in the order of rows given by row[]; V and p from rank inducing points u and their
 * factor, which is copied. */
static inline ct_status test_residual_factor(test_residual *r, const double *u, const double *L,
                                             double jitter, const ct_run *run) {
  ct_stats stats = {0};
  for (int i = 0; i < r->n; i++) r->position[r->row[i]] = i;
  if (r->rank > 0) memcpy(r->L, L, (size_t)r->rank * (size_t)r->rank * sizeof *L);
  r->factor = (ct_factor){.L = r->L, .jitter = jitter};
  r->residual = test_residual_view(r);
  if (r->rank > 0) r->residual.factor = &r->factor;
  if (r->rank > 0) {
    CT_TRY(ct_factor_apply(&r->covariance, L, u, r->rank, r->x, r->n, r->dim, r->V, r->p, &stats,
                           run));
  } else {
    for (int i = 0; i < r->n; i++) r->p[i] = r->covariance.variance;
  }
  ct_residual_scale(&r->covariance, r->p, r->n, r->scale);
  return CT_OK;
}

/* ---- brute force ---- */

typedef struct {
  double dist;
  int row;
} test_neighbour;

static inline int test_nearer(const void *a, const void *b) {
  const test_neighbour *p = a, *q = b;
  if (p->dist != q->dist) return p->dist < q->dist ? -1 : 1;
  return (p->row > q->row) - (p->row < q->row);
}

/* The k nearest of query q by sorting all candidates' canonical distances. */
static inline void test_brute_force(const ct_residual *index, const ct_residual_queries *queries,
                                    int q, int k, int *id, double *dist) {
  const ct_residual *of = queries->points ? queries->points : index;
  int own = queries->points ? -1 : queries->rows ? queries->rows[q] : q;
  int limit = queries->limit ? queries->limit[q] : index->n, count = 0;
  int *position = test_new((size_t)index->n * sizeof *position);
  double *t = test_new((size_t)index->n * sizeof *t);
  test_neighbour *all = test_new((size_t)index->n * sizeof *all);
  for (int r = 0; r < limit; r++)
    if (r != own || queries->self) position[count++] = index->position[r];
  ct_residual_t(of, own < 0 ? q : index->position[own], index, position, count, t, NULL,
                CT_SIMD_BASE);
  for (int i = 0; i < count; i++) {
    all[i].dist = sqrt(t[i]);
    all[i].row = index->row[position[i]];
  }
  qsort(all, (size_t)count, sizeof *all, test_nearer);
  for (int i = 0; i < k; i++) {
    id[i] = i < count ? all[i].row : -1;
    dist[i] = i < count ? all[i].dist : NAN;
  }
  free(position);
  free(t);
  free(all);
}

/* How many of the queries, every step-th of them, are answered differently, bit by bit. */
static inline int test_differences(const ct_residual *index, const ct_residual_queries *queries,
                                   int k, const int *id, const double *dist, int step) {
  int *expected_id = test_new((size_t)k * sizeof *expected_id), wrong = 0;
  double *expected = test_new((size_t)k * sizeof *expected);
  for (int q = 0; q < queries->count; q += step) {
    int same = 1;
    test_brute_force(index, queries, q, k, expected_id, expected);
    for (int i = 0; i < k; i++) {
      size_t at = (size_t)q + (size_t)i * (size_t)queries->count;
      if (id[at] != expected_id[i]) same = 0;
      if (!(dist[at] == expected[i]) && !(isnan(dist[at]) && isnan(expected[i]))) same = 0;
    }
    wrong += !same;
  }
  free(expected_id);
  free(expected);
  return wrong;
}

#endif
