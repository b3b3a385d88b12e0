#include "canonical.h"

#include "ct.h"
#include "tree_query.h"
#include "tree_support.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Batches of queries over the cover tree. */

/* What is asked of every query, and where answers go. */
typedef struct {
  const ct_tree *tree;
  const ct_distances *distances;
  const ct_queries *queries;
  int k;               /* nearest; 0: within radius */
  double radius;
  int *count;          /* within: how many */
  const size_t *offset; /* within: where they go */
  int *id;
  double *dist;
} task;

/* Scratch of one thread. */
typedef struct {
  ct_walker walker;
  int *row; /* k answers */
  double *distance;
} worker;

static int thread_number(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/* All indexed points are asked in tree order, so that one after the other walks the same nodes. */
static int query_at(const task *t, int i) {
  const ct_queries *queries = t->queries;
  int all = !queries->points && !queries->rows && queries->count == t->tree->n;
  return all ? t->tree->point[i] : i;
}

static ct_question question_of(const task *t, int q) {
  const ct_queries *queries = t->queries;
  int row = queries->rows ? queries->rows[q] : q;
  int is_new = queries->points != NULL;
  return (ct_question){.ask = is_new ? q : row,
                       .is_new = is_new,
                       .limit = queries->limit ? queries->limit[q] : t->tree->n,
                       .without = is_new || queries->self ? -1 : row};
}

static ct_status answer_knn(const task *t, int q, worker *w) {
  ct_question question = question_of(t, q);
  ct_answers answers;
  ct_answers_nearest(&answers, w->row, w->distance, t->k);
  CT_TRY(ct_walk(&w->walker, &question, &answers));
  ct_answers_sort(&answers);
  for (int j = 0; j < t->k; j++) {
    size_t at = (size_t)q + (size_t)j * (size_t)t->queries->count;
    t->id[at] = j < answers.count ? answers.row[j] : -1;
    t->dist[at] = j < answers.count ? answers.distance[j] : NAN;
  }
  return CT_OK;
}

static ct_status answer_within(const task *t, int q, worker *w) {
  ct_question question = question_of(t, q);
  ct_answers answers;
  int fill = t->offset != NULL;
  ct_answers_within(&answers, fill ? t->id + t->offset[q] : NULL,
                    fill ? t->dist + t->offset[q] : NULL, t->radius);
  CT_TRY(ct_walk(&w->walker, &question, &answers));
  if (fill) ct_answers_sort(&answers);
  else t->count[q] = answers.count;
  return CT_OK;
}

static ct_status answer(const task *t, int i, worker *w) {
  int q = query_at(t, i);
  return t->k > 0 ? answer_knn(t, q, w) : answer_within(t, q, w);
}

static ct_status round_of(const task *t, int from, int to, worker *workers, int threads) {
  int failed = CT_OK;
  (void)threads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4) reduction(max : failed)
  for (int i = from; i < to; i++) {
    int status = (int)answer(t, i, &workers[thread_number()]);
    failed = status > failed ? status : failed;
  }
  return (ct_status)failed;
}

/* Rounds of about 50 ms. */
static ct_status answer_all(const task *t, worker *workers, int threads, const ct_run *run) {
  ct_pace pace = ct_pace_start(run);
  int count = t->queries->count, step = 8 * threads;
  for (int from = 0; from < count;) {
    int to = count - from < step ? count : from + step;
    double start = run->now();
    if (threads > 1) CT_TRY(round_of(t, from, to, workers, threads));
    else for (int i = from; i < to; i++) CT_TRY(answer(t, i, workers));
    double spent = run->now() - start;
    from = to;
    if (spent < 0.025 && step < count) step *= 2;
    else if (spent > 0.1 && step > threads) step /= 2;
    CT_TRY(ct_pace_poll(&pace, (double)from / count));
  }
  return CT_OK;
}

static ct_status check_rows(const ct_queries *queries, int n) {
  if (queries->count < 0) return CT_ERR_DOMAIN;
  if (queries->points) return CT_OK;
  if (!queries->rows) return queries->count <= n ? CT_OK : CT_ERR_DOMAIN;
  for (int q = 0; q < queries->count; q++)
    if (queries->rows[q] < 0 || queries->rows[q] >= n) return CT_ERR_DOMAIN;
  return CT_OK;
}

static ct_status run_task(const task *t, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  int threads = t->distances->parallel ? run->threads : 1;
  worker *workers;
  if (t->tree->n < 1) return CT_ERR_DOMAIN;
  CT_TRY(check_rows(t->queries, t->tree->n));
  CT_NEW(workers, &run->arena, threads);
  for (int i = 0; i < threads; i++) {
    CT_TRY(ct_walker_make(&workers[i].walker, t->tree, t->distances, run));
    CT_NEW(workers[i].row, &run->arena, t->k);
    CT_NEW(workers[i].distance, &run->arena, t->k);
  }
  CT_TRY(answer_all(t, workers, threads, run));
  for (int i = 0; i < threads; i++) {
    stats->evaluations += workers[i].walker.evaluations;
    stats->nodes += workers[i].walker.nodes;
  }
  stats->queries += t->queries->count;
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}

ct_status ct_tree_knn(const ct_tree *tree, const ct_distances *distances, const ct_queries *queries,
                      int k, int *id, double *dist, ct_stats *stats, const ct_run *run) {
  task t = {.tree = tree, .distances = distances, .queries = queries, .k = k, .id = id, .dist = dist};
  return k < 1 ? CT_ERR_DOMAIN : run_task(&t, stats, run);
}

ct_status ct_tree_within_count(const ct_tree *tree, const ct_distances *distances,
                               const ct_queries *queries, double radius, int *count, ct_stats *stats,
                               const ct_run *run) {
  task t = {.tree = tree, .distances = distances, .queries = queries, .radius = radius, .count = count};
  return radius >= 0 ? run_task(&t, stats, run) : CT_ERR_DOMAIN;
}

ct_status ct_tree_within(const ct_tree *tree, const ct_distances *distances, const ct_queries *queries,
                         double radius, const size_t *offset, int *id, double *dist, ct_stats *stats,
                         const ct_run *run) {
  task t = {.tree = tree, .distances = distances, .queries = queries, .radius = radius,
            .offset = offset, .id = id, .dist = dist};
  return radius >= 0 ? run_task(&t, stats, run) : CT_ERR_DOMAIN;
}
