/* Sets by conditional selection, row by row.
 *
 * Rows are taken by size of what they may choose from, in powers of two, and then by place: rows
 * one after the other then share many candidates, whose coordinates stay in the cache. With
 * inducing points a covariance is a product as long as they are many; what some rows share is
 * multiplied once for all of them (select_gram.c). */

#include "metric/canonical.h"

#include "process/select_sets.h"

#include <string.h>

#include "process/select_gram.h"
#include "process/select_greedy.h"
#include "residual/residual_rank.h"
#include "run/parallel.h"

/* Rows of a task; with inducing points, they share products. */
#define TASK 64

/* Members of a Gram matrix, times the candidates of a row. More are shared by more rows, but the
 * matrix grows with the square. */
#define SHARED 4

typedef struct {
  ct_greedy greedy;
  ct_gram gram;  /* with inducing points */
  int *position; /* TASK * width: candidates of each row of the task */
  int *held;     /* TASK: how many it has */
  int *id;       /* candidates as members of the gram */
  int *chosen;
  double *x;          /* coordinates of candidates, coordinate c of candidate l at c * room + l */
  double *at;         /* one candidate's */
  const double **row; /* of V */
  double *product, *work;
  ct_selection_counts counts;
} scratch;

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  const ct_selection *selection;
  const int *sorted;
  int *set;
  scratch *of_thread;
  ct_simd simd;
} job;

/* ---- covariances among candidates ---- */

typedef struct {
  const job *job;
  scratch *s;
} by_place;

static void column_by_place(const void *self, int j, double *out) {
  const by_place *from = self;
  scratch *s = from->s;
  int room = s->greedy.room, dim = from->job->index->dim;
  for (int c = 0; c < dim; c++) s->at[c] = s->x[(size_t)c * (size_t)room + (size_t)j];
  s->greedy.kernels->squares(s->x, room, dim, s->at, out);
  ct_covariance_many(from->job->index->covariance, out, room, out, s->work, from->job->simd);
}

static void column_by_gram(const void *self, int j, double *out) {
  const scratch *s = self;
  const double *row = s->gram.matrix + (size_t)s->id[j] * (size_t)s->gram.most;
  for (int l = 0; l < s->greedy.room; l++) out[l] = row[s->id[l]];
}

typedef struct {
  const double *covariance;
  int count, room;
} by_matrix;

static void column_by_matrix(const void *self, int j, double *out) {
  const by_matrix *from = self;
  const double *row = from->covariance + (size_t)(j + 1) * (size_t)(from->count + 1) + 1;
  memcpy(out, row, (size_t)from->count * sizeof *out);
  for (int l = from->count; l < from->room; l++) out[l] = 0;
}

/* ---- one row ---- */

/* Coordinates of the candidates; the first one's beyond them. */
static void gather(const job *job, scratch *s, const int *position, int count) {
  size_t dim = (size_t)job->index->dim, room = (size_t)s->greedy.room;
  for (size_t l = 0; l < room; l++) {
    const double *x = job->index->x + (size_t)position[l < (size_t)count ? l : 0] * dim;
    for (size_t c = 0; c < dim; c++) s->x[c * room + l] = x[c];
  }
}

/* Covariances of the candidates with the target, and their variances. */
static void begin(const job *job, scratch *s, const ct_residual *of, int target,
                  const int *position, int count) {
  const ct_residual *index = job->index;
  ct_greedy *g = &s->greedy;
  ct_greedy_begin(g, count);
  gather(job, s, position, count);
  g->kernels->squares(s->x, g->room, index->dim, of->x + (size_t)target * (size_t)of->dim,
                      g->covariance);
  ct_covariance_many(index->covariance, g->covariance, g->room, g->covariance, s->work, job->simd);
  for (int l = 0; l < count; l++) g->variance[l] = index->p[position[l]] + job->selection->nugget;
  for (int l = count; l < g->room; l++) g->variance[l] = 0;
  if (index->rank == 0) return;
  const double *v = of->V + (size_t)target * (size_t)of->stride;
  for (int l = 0; l < count; l++)
    s->row[l] = index->V + (size_t)position[l] * (size_t)index->stride;
  s->gram.kernels->dots(v, s->row, count, index->stride, s->product);
  for (int l = 0; l < count; l++) g->covariance[l] -= s->product[l];
}

static void choose(const job *job, scratch *s, int q, const int *position, int count) {
  const ct_residual *index = job->index, *of = job->queries->points ? job->queries->points : index;
  const ct_selection *selection = job->selection;
  int target = ct_query_position(index, job->queries, q), m = selection->m;
  by_place places = {job, s};
  ct_greedy_source source = {column_by_place, &places};
  begin(job, s, of, target, position, count);
  if (index->rank > 0) {
    source = (ct_greedy_source){column_by_gram, s};
    for (int l = 0; l < s->greedy.room; l++)
      s->id[l] = l < count ? s->gram.number[position[l]] - 1 : 0;
  }
  int chosen = count < m ? count : m;
  int scored = ct_greedy_choose(&s->greedy, &source, of->p[target] + selection->nugget,
                                index->covariance->variance + selection->nugget, m, s->chosen);
  s->counts.short_sets += scored < chosen;
  s->counts.filled += chosen - scored;
  for (int t = 0; t < m; t++)
    job->set[(size_t)q + (size_t)t * (size_t)job->queries->count] =
        t < chosen ? index->row[position[s->chosen[t]]] : -1;
}

/* ---- a task ---- */

static int read_candidates(const job *job, int q, int *position) {
  size_t count = (size_t)job->queries->count;
  int held = 0;
  for (; held < job->selection->width; held++) {
    int row = job->selection->candidate[(size_t)q + (size_t)held * count];
    if (row < 0) break;
    position[held] = job->index->position[row];
  }
  return held;
}

/* Rows from .. to - 1 of the task, whose candidates are the gram's members. */
static void choose_shared(const job *job, scratch *s, const int *query, int from, int to) {
  if (job->index->rank > 0 && s->gram.count > 0) ct_gram_fill(&s->gram);
  for (int i = from; i < to; i++)
    choose(job, s, query[i], s->position + (size_t)i * (size_t)job->selection->width, s->held[i]);
  if (job->index->rank > 0) ct_gram_clear(&s->gram);
}

static void do_task(void *task, int item, int thread) {
  const job *job = task;
  scratch *s = job->of_thread + thread;
  const int *query = job->sorted + (size_t)item * TASK;
  int rest = job->queries->count - item * TASK, count = rest < TASK ? rest : TASK, first = 0;
  for (int i = 0; i < count; i++) {
    int *position = s->position + (size_t)i * (size_t)job->selection->width;
    s->held[i] = read_candidates(job, query[i], position);
    if (job->index->rank == 0) continue;
    if (!ct_gram_fits(&s->gram, position, s->held[i])) {
      choose_shared(job, s, query, first, i);
      first = i;
    }
    ct_gram_add(&s->gram, position, s->held[i]);
  }
  choose_shared(job, s, query, first, count);
}

/* ---- all rows ---- */

static ct_status new_scratch(scratch *s, const ct_residual *index, const ct_selection *selection,
                             const ct_run *run) {
  size_t width = (size_t)selection->width, room = width + CT_SELECT_LANES;
  memset(&s->counts, 0, sizeof s->counts);
  CT_TRY(ct_greedy_new(&s->greedy, selection->width, selection->m, run));
  CT_NEW(s->position, &run->arena, TASK * width);
  CT_NEW(s->held, &run->arena, TASK);
  CT_NEW(s->chosen, &run->arena, width);
  CT_NEW(s->x, &run->arena, (size_t)index->dim * room);
  CT_NEW(s->at, &run->arena, index->dim);
  CT_NEW(s->work, &run->arena, (size_t)index->covariance->work_size + 1);
  if (index->rank == 0) return CT_OK;
  CT_NEW(s->id, &run->arena, room);
  CT_NEW(s->row, &run->arena, width);
  CT_NEW(s->product, &run->arena, width);
  return ct_gram_new(&s->gram, index, SHARED * selection->width, run);
}

/* Bits of the number of rows that query q may choose from. */
static int level_of(const ct_residual_queries *queries, int q) {
  int level = 0;
  for (int limit = queries->limit ? queries->limit[q] : 0; limit > 0; limit >>= 1) level++;
  return level;
}

/* Stable, by key < keys. */
static void sort_by(const int *key, int keys, const int *from, int count, int *start, int *to) {
  memset(start, 0, ((size_t)keys + 1) * sizeof *start);
  for (int i = 0; i < count; i++) start[key[i] + 1]++;
  for (int k = 0; k < keys; k++) start[k + 1] += start[k];
  for (int i = 0; i < count; i++) to[start[key[from[i]]]++] = from[i];
}

#define LEVELS 32

/* Queries by level, then by the place of their nearest candidate. */
static ct_status sort_queries(job *job, const ct_run *run) {
  const ct_residual *index = job->index;
  int count = job->queries->count, *key, *start, *placed, *sorted;
  CT_NEW(key, &run->arena, count);
  CT_NEW(placed, &run->arena, count);
  CT_NEW(sorted, &run->arena, count);
  CT_NEW(start, &run->arena, (size_t)index->n + LEVELS + 1);
  for (int q = 0; q < count; q++) {
    int nearest = job->selection->candidate[q];
    sorted[q] = q;
    key[q] = nearest < 0 ? 0 : index->position[nearest];
  }
  sort_by(key, index->n, sorted, count, start, placed);
  for (int q = 0; q < count; q++) key[q] = level_of(job->queries, q);
  sort_by(key, LEVELS, placed, count, start, sorted);
  job->sorted = sorted;
  return CT_OK;
}

ct_status ct_select_sets(const ct_residual *index, const ct_residual_queries *queries,
                         const ct_selection *selection, int *set, ct_selection_counts *counts,
                         ct_stats *stats, const ct_run *run) {
  double start = run->now();
  int count = queries->count;
  if (selection->m < 1 || selection->width < 1) return CT_ERR_DOMAIN;
  job job = {
      .index = index, .queries = queries, .selection = selection, .set = set, .simd = run->simd};
  CT_TRY(sort_queries(&job, run));
  CT_NEW(job.of_thread, &run->arena, run->threads);
  for (int t = 0; t < run->threads; t++)
    CT_TRY(new_scratch(job.of_thread + t, index, selection, run));
  CT_TRY(ct_rounds_run(do_task, &job, count / TASK + (count % TASK > 0), 1, 0, 1, run));
  for (int t = 0; t < run->threads; t++) {
    counts->short_sets += job.of_thread[t].counts.short_sets;
    counts->filled += job.of_thread[t].counts.filled;
  }
  stats->queries += count;
  stats->seconds[CT_PHASE_SELECT] += run->now() - start;
  return CT_OK;
}

ct_status ct_select_dense(const double *covariance, int count, int m, double scale, int *chosen,
                          int *scored, const ct_run *run) {
  ct_greedy greedy;
  if (m < 1 || count < 0) return CT_ERR_DOMAIN;
  CT_TRY(ct_greedy_new(&greedy, count, m, run));
  ct_greedy_begin(&greedy, count);
  by_matrix from = {covariance, count, greedy.room};
  ct_greedy_source source = {column_by_matrix, &from};
  for (int l = 0; l < greedy.room; l++) {
    size_t row = (size_t)l + 1;
    greedy.covariance[l] = l < count ? covariance[row] : 0;
    greedy.variance[l] = l < count ? covariance[row * (size_t)(count + 1) + row] : 0;
  }
  *scored = ct_greedy_choose(&greedy, &source, covariance[0], scale, m, chosen);
  return CT_OK;
}
