#include "canonical.h"

#include <math.h>

#include "block_select.h"
#include "residual_search.h"
#include "rounds.h"

/* All candidates within a radius: every candidate's canonical distance, a block of positions after the
 * other. */

#define BLOCK 256

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  double radius;
  ct_simd simd;
  int *count;           /* of each query, or NULL: then answers are written */
  const size_t *offset;
  int *id;
  double *dist;
  double *work;         /* of each thread */
  double *evaluations;
} within;

/* Who asks. */
typedef struct {
  const ct_residual *of;
  int position; /* there */
  int row;      /* not a candidate; -1: all may be */
  int limit;
} asker;

static asker asker_of(const within *w, int q) {
  const ct_residual_queries *queries = w->queries;
  int limit = queries->limit ? queries->limit[q] : w->index->n;
  if (queries->points) return (asker){queries->points, q, -1, limit};
  int row = queries->rows ? queries->rows[q] : q;
  return (asker){w->index, w->index->position[row], queries->self ? -1 : row, limit};
}

/* Answers among the positions of one block; written at id, dist unless these are NULL. */
static int scan_block(const within *w, const asker *a, int from, int to, double *work, int *id,
                      double *dist, double *evaluations) {
  int position[BLOCK], count = 0, found = 0;
  double t[BLOCK];
  for (int i = from; i < to; i++) {
    int row = w->index->row[i];
    if (row < a->limit && row != a->row) position[count++] = i;
  }
  if (count == 0) return 0;
  ct_residual_t(a->of, a->position, w->index, position, count, t, work, w->simd);
  for (int j = 0; j < count; j++) {
    double d = sqrt(t[j]);
    if (!(d <= w->radius)) continue;
    if (id) id[found] = w->index->row[position[j]], dist[found] = d;
    found++;
  }
  *evaluations += count;
  return found;
}

static void scan_query(void *task, int q, int thread) {
  const within *w = task;
  asker a = asker_of(w, q);
  double *work = w->work + thread * w->index->covariance->work_size, evaluations = 0;
  int *id = w->count ? NULL : w->id + w->offset[q], found = 0;
  double *dist = w->count ? NULL : w->dist + w->offset[q];
  for (int from = 0; from < w->index->n; from += BLOCK) {
    int to = w->index->n - from < BLOCK ? w->index->n : from + BLOCK;
    found += scan_block(w, &a, from, to, work, id ? id + found : NULL, id ? dist + found : NULL,
                        &evaluations);
  }
  if (id) ct_sort_neighbors(dist, id, (size_t)found);
  else w->count[q] = found;
  w->evaluations[thread] += evaluations;
}

static ct_status scan_all(within *w, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  w->simd = run->simd;
  CT_NEW(w->work, &run->arena, (size_t)run->threads * (size_t)w->index->covariance->work_size + 1);
  CT_NEW(w->evaluations, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) w->evaluations[i] = 0;
  CT_TRY(ct_rounds_run(scan_query, w, w->queries->count, 1, 0, 1, run));
  for (int i = 0; i < run->threads; i++) stats->evaluations += w->evaluations[i];
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}

ct_status ct_residual_within_count(const ct_residual *index, const ct_residual_queries *queries,
                                   double radius, int *count, ct_stats *stats, const ct_run *run) {
  within w = {.index = index, .queries = queries, .radius = radius, .count = count};
  stats->queries += queries->count;
  return scan_all(&w, stats, run);
}

ct_status ct_residual_within(const ct_residual *index, const ct_residual_queries *queries,
                             double radius, const size_t *offset, int *id, double *dist,
                             ct_stats *stats, const ct_run *run) {
  within w = {.index = index, .queries = queries, .radius = radius, .offset = offset, .id = id,
              .dist = dist};
  return scan_all(&w, stats, run);
}
