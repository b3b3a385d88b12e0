#include "metric/canonical.h"

#include "residual/residual_correlation.h"

#include <float.h>
#include <math.h>

#include "pairs/shortlist.h"
#include "run/parallel.h"

/* Of the progress; the rest is for the distances that are reported. */
#define SEARCH_SHARE 0.9

#define CHUNK 256

/* ---- distances as they are reported ---- */

/* id, dist: either column-major count x k, or with offset count[q] after each other. */
typedef struct {
  const ct_correlation *search;
  int k;
  const size_t *offset;
  int *count;
  double radius;
  int *id;
  double *dist;
  double *work; /* of each thread */
  ct_simd simd;
} task;

/* d of query q and rows id[j * step], j < count, which are all there. */
static void report(const task *t, int q, double *work, const int *id, size_t step, int count,
                   double *dist) {
  const ct_residual *index = t->search->index;
  ct_asker asker = ct_asker_of(index, t->search->asking, q);
  int position[CHUNK];
  double out[CHUNK];
  for (int from = 0; from < count; from += CHUNK) {
    int some = count - from < CHUNK ? count - from : CHUNK;
    for (int j = 0; j < some; j++) position[j] = index->position[id[(size_t)(from + j) * step]];
    ct_residual_t(asker.of, asker.position, index, position, some, out, work, t->simd);
    for (int j = 0; j < some; j++) dist[(size_t)(from + j) * step] = sqrt(out[j]);
  }
}

static double *work_of(const task *t, int thread) {
  return t->work + (size_t)thread * (size_t)t->search->index->covariance->work_size;
}

static void report_nearest(void *self, int q, int thread) {
  const task *t = self;
  size_t step = (size_t)t->search->near->count;
  int found = 0;
  while (found < t->k && t->id[(size_t)q + (size_t)found * step] >= 0) found++;
  report(t, q, work_of(t, thread), t->id + q, step, found, t->dist + q);
}

/* Drops, in place, what is not within the radius by the distance that is reported. */
static void report_within(void *self, int q, int thread) {
  const task *t = self;
  int *id = t->id + t->offset[q], found = 0, count = (int)(t->offset[q + 1] - t->offset[q]);
  double *dist = t->dist + t->offset[q];
  report(t, q, work_of(t, thread), id, 1, count, dist);
  for (int j = 0; j < count; j++)
    if (dist[j] <= t->radius) id[found] = id[j], dist[found++] = dist[j];
  t->count[q] = found;
}

static ct_status report_all(task *t, ct_round_item item, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  int size = t->search->index->covariance->work_size;
  CT_NEW(t->work, &run->arena, (size_t)run->threads * (size_t)size + 1);
  t->simd = run->simd;
  CT_TRY(ct_rounds_run(item, t, t->search->near->count, 64, SEARCH_SHARE, 1 - SEARCH_SHARE, run));
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}

/* ---- the progress of the search in scaled distance ---- */

static int poll_search(void *owner, double done) {
  const ct_run *run = owner;
  return run->poll(run->owner, SEARCH_SHARE * done);
}

static ct_run searching(const ct_run *run) {
  ct_run part = *run;
  part.poll = poll_search;
  part.owner = (void *)run;
  return part;
}

/* ---- the k nearest ---- */

ct_status ct_correlation_knn(const ct_correlation *search, int k, int *id, double *dist,
                             ct_stats *stats, const ct_run *run) {
  task t = {.search = search, .k = k, .id = id, .dist = dist};
  ct_run part = searching(run);
  CT_TRY(ct_block_knn(search->space, search->near, k, id, dist, stats, &part));
  return report_all(&t, report_nearest, stats, run);
}

/* ---- within a radius ---- */

/* 1 - |rho| at a scaled distance. */
static double t_at(const ct_covariance *covariance, double distance, double *work, ct_simd simd) {
  double k = distance * distance;
  ct_covariance_many(covariance, &k, 1, &k, work, simd);
  return 1 - k / covariance->variance;
}

/* A scaled distance beyond which no point is within the radius: found by halving, on a logarithmic
 * scale, what is between a distance that is and one that is not. The margin is that of t, twice for
 * the two ways in which the distance is rounded. INFINITY where every point may be. */
static ct_status reach_of(const ct_correlation *search, double radius, double *reach,
                          const ct_run *run) {
  const ct_covariance *covariance = search->index->covariance;
  double margin = 4 * (ct_covariance_error(covariance, search->index->dim) + 16 * DBL_EPSILON);
  double most = radius * radius * (1 + 4 * DBL_EPSILON) + margin, *work;
  double low = -400 * 2.303, high = 150 * 2.303;
  CT_NEW(work, &run->arena, covariance->work_size + 1);
  *reach = INFINITY;
  if (t_at(covariance, exp(high), work, run->simd) <= most) return CT_OK;
  for (int i = 0; i < 64; i++) {
    double middle = 0.5 * (low + high);
    if (t_at(covariance, exp(middle), work, run->simd) <= most) low = middle;
    else high = middle;
  }
  *reach = exp(high) * (1 + 1e-9);
  return CT_OK;
}

ct_status ct_correlation_within_count(const ct_correlation *search, double radius, int *count,
                                      ct_stats *stats, const ct_run *run) {
  double reach;
  if (!(radius >= 0)) return CT_ERR_DOMAIN;
  CT_TRY(reach_of(search, radius, &reach, run));
  return ct_block_within_count(search->space, search->near, reach, count, stats, run);
}

ct_status ct_correlation_within(const ct_correlation *search, double radius, const size_t *offset,
                                int *count, int *id, double *dist, ct_stats *stats,
                                const ct_run *run) {
  task t = {.search = search, .offset = offset, .count = count, .radius = radius, .id = id};
  double reach;
  ct_run part = searching(run);
  t.dist = dist;
  CT_TRY(reach_of(search, radius, &reach, run));
  CT_TRY(ct_block_within(search->space, search->near, reach, offset, id, dist, stats, &part));
  return report_all(&t, report_within, stats, run);
}
