#include "metric/canonical.h"

#include "ct.h"
#include "run/parallel.h"
#include "tree/tree_search.h"
#include "tree/tree_support.h"

/* Batches of queries over the cover tree. Every query is answered on its own, so nothing depends on
 * which thread answers it, or when. Distances that must stay on the calling thread are asked for
 * outside any parallel region, because they may never return. */

/* Scratch of one thread. */
typedef struct {
  ct_tree_searcher searcher;
  int *row; /* k answers */
  double *distance;
  ct_status status; /* of the first query that failed */
} worker;

/* What is asked of every query, and where the answers go. */
typedef struct {
  const ct_tree *tree;
  const ct_distances *distances;
  const ct_queries *queries;
  int k; /* nearest; 0: within radius */
  double radius;
  int *count;           /* within, first call: how many */
  const size_t *offset; /* within, second call: where they go */
  int *id;
  double *dist;
  worker *workers;
} task;

/* When all indexed points ask, they ask in tree order: one after the other visits the same
 * nodes. */
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
  ct_tree_answers answers;
  ct_tree_answers_nearest(&answers, w->row, w->distance, t->k);
  CT_TRY(ct_search_tree(&w->searcher, &question, &answers));
  ct_tree_answers_sort(&answers);
  for (int j = 0; j < t->k; j++) {
    size_t at = (size_t)q + (size_t)j * (size_t)t->queries->count;
    t->id[at] = j < answers.count ? answers.row[j] : -1;
    t->dist[at] = j < answers.count ? answers.distance[j] : NAN;
  }
  return CT_OK;
}

static double radius_of(const task *t, int q) {
  return t->queries->radius ? t->queries->radius[q] : t->radius;
}

static ct_status answer_within(const task *t, int q, worker *w) {
  ct_question question = question_of(t, q);
  ct_tree_answers answers;
  if (t->count) {
    ct_tree_answers_within(&answers, NULL, NULL, radius_of(t, q));
    CT_TRY(ct_search_tree(&w->searcher, &question, &answers));
    t->count[q] = answers.count;
    return CT_OK;
  }
  ct_tree_answers_within(&answers, t->id + t->offset[q], t->dist + t->offset[q], radius_of(t, q));
  CT_TRY(ct_search_tree(&w->searcher, &question, &answers));
  ct_tree_answers_sort(&answers);
  return CT_OK;
}

static ct_status answer(const task *t, int i, worker *w) {
  int q = query_at(t, i);
  return t->k > 0 ? answer_knn(t, q, w) : answer_within(t, q, w);
}

static void answer_item(void *task_, int i, int thread) {
  const task *t = task_;
  worker *w = &t->workers[thread];
  if (w->status == CT_OK) w->status = answer(t, i, w);
}

static ct_status answer_by_team(task *t, const ct_run *run) {
  CT_TRY(ct_rounds_run(answer_item, t, t->queries->count, 4, 0, 1, run));
  for (int i = 0; i < run->threads; i++) CT_TRY(t->workers[i].status);
  return CT_OK;
}

static ct_status answer_alone(const task *t, const ct_run *run) {
  ct_pace pace = ct_pace_start(run);
  int count = t->queries->count;
  for (int i = 0; i < count; i++) {
    CT_TRY(answer(t, i, t->workers));
    CT_TRY(ct_pace_poll(&pace, (double)i / count));
  }
  return CT_OK;
}

static ct_status check_queries(const ct_queries *queries, int n) {
  if (n < 1 || queries->count < 0) return CT_ERR_DOMAIN;
  if (queries->points) return CT_OK;
  if (!queries->rows) return queries->count <= n ? CT_OK : CT_ERR_DOMAIN;
  for (int q = 0; q < queries->count; q++)
    if (queries->rows[q] < 0 || queries->rows[q] >= n) return CT_ERR_DOMAIN;
  return CT_OK;
}

static ct_status make_workers(task *t, const ct_search_plan *plan, int threads, const ct_run *run) {
  CT_NEW(t->workers, &run->arena, threads);
  for (int i = 0; i < threads; i++) {
    worker *w = &t->workers[i];
    w->status = CT_OK;
    CT_TRY(ct_tree_searcher_make(&w->searcher, plan, run));
    CT_NEW(w->row, &run->arena, t->k);
    CT_NEW(w->distance, &run->arena, t->k);
  }
  return CT_OK;
}

static ct_status perform(task *t, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  int threads = t->distances->parallel ? run->threads : 1;
  ct_search_plan plan;
  CT_TRY(check_queries(t->queries, t->tree->n));
  CT_TRY(ct_search_plan_make(&plan, t->tree, t->distances, run));
  CT_TRY(make_workers(t, &plan, threads, run));
  CT_TRY(threads > 1 ? answer_by_team(t, run) : answer_alone(t, run));
  for (int i = 0; i < threads; i++) {
    stats->evaluations += t->workers[i].searcher.evaluations;
    stats->nodes += t->workers[i].searcher.nodes;
  }
  stats->queries += t->queries->count;
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}

ct_status ct_tree_knn(const ct_tree *tree, const ct_distances *distances, const ct_queries *queries,
                      int k, int *id, double *dist, ct_stats *stats, const ct_run *run) {
  task t = {
      .tree = tree, .distances = distances, .queries = queries, .k = k, .id = id, .dist = dist};
  return k < 1 ? CT_ERR_DOMAIN : perform(&t, stats, run);
}

ct_status ct_tree_within_count(const ct_tree *tree, const ct_distances *distances,
                               const ct_queries *queries, double radius, int *count,
                               ct_stats *stats, const ct_run *run) {
  task t = {
      .tree = tree, .distances = distances, .queries = queries, .radius = radius, .count = count};
  return radius >= 0 ? perform(&t, stats, run) : CT_ERR_DOMAIN;
}

ct_status ct_tree_within(const ct_tree *tree, const ct_distances *distances,
                         const ct_queries *queries, double radius, const size_t *offset, int *id,
                         double *dist, ct_stats *stats, const ct_run *run) {
  task t = {.tree = tree,
            .distances = distances,
            .queries = queries,
            .radius = radius,
            .offset = offset,
            .id = id,
            .dist = dist};
  return radius >= 0 ? perform(&t, stats, run) : CT_ERR_DOMAIN;
}
