#include "canonical.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "block_candidates.h"
#include "block_list.h"
#include "block_queries.h"
#include "block_select.h"
#include "ct.h"
#include "rounds.h"

/* What one thread works with. */
typedef struct {
  ct_query_block block;
  ct_leaf_list list;
  ct_candidates candidates;
  double reach[CT_LEAF]; /* per query of the block: norm of its last wanted neighbour, or INFINITY */
  double *distance, *sorted_distance;
  int *row, *sorted_row;
  long boxes;
} worker;

typedef struct {
  const ct_blocks *blocks;
  const ct_query_list *queries;
  int first, last; /* the class at work, in the list */
  int k, wanted;
  int *id;
  double *dist;
  worker *workers;
} task;

static ct_status make_worker(worker *w, const ct_blocks *blocks, int wanted, const ct_run *run) {
  CT_TRY(ct_query_block_make(&w->block, blocks->dim, run));
  CT_TRY(ct_leaf_list_make(&w->list, blocks, run));
  CT_TRY(ct_candidates_make(&w->candidates, blocks, wanted, run));
  size_t size = ct_candidates_size(&w->candidates);
  CT_NEW(w->distance, &run->arena, size);
  CT_NEW(w->row, &run->arena, size);
  CT_NEW(w->sorted_distance, &run->arena, CT_RANKED);
  CT_NEW(w->sorted_row, &run->arena, CT_RANKED);
  w->boxes = 0;
  return CT_OK;
}

/* Column-major output of query q, without its own row. */
static void write_neighbors(const task *t, int q, const double *distance, const int *row, int count) {
  const ct_queries *queries = t->queries->queries;
  int own = queries->self ? -1 : ct_query_row(queries, q), written = 0;
  size_t rows = (size_t)queries->count, place = (size_t)q;
  for (int i = 0; i < count && written < t->k; i++) {
    if (row[i] == own) continue;
    t->id[place + (size_t)written * rows] = row[i];
    t->dist[place + (size_t)written++ * rows] = distance[i];
  }
  for (; written < t->k; written++) {
    t->id[place + (size_t)written * rows] = -1;
    t->dist[place + (size_t)written * rows] = NAN;
  }
}

/* Orders the candidates of query i of the block and writes them. */
static void finish_query(const task *t, worker *w, int i) {
  ct_candidates *c = &w->candidates;
  double *distance = w->distance;
  int *row = w->row;
  if (c->count > t->wanted + t->wanted / 3 + 8) ct_candidates_cut(c, t->blocks);
  ct_candidates_measure(c, t->blocks, distance, row);
  if (c->count <= CT_RANKED) {
    ct_rank_neighbors(&t->blocks->kernels, distance, row, c->count, w->sorted_distance, w->sorted_row);
    distance = w->sorted_distance;
    row = w->sorted_row;
  } else {
    ct_sort_neighbors(distance, row, (size_t)c->count);
  }
  w->reach[i] = INFINITY;
  if (c->count >= t->wanted) {
    double last = distance[t->wanted - 1];
    w->reach[i] = ct_norm_of_distance(t->blocks, last);
    if (last == 0) c->tie_key = 0, c->tie_row = row[t->wanted - 1];
  }
  write_neighbors(t, w->block.query[i], distance, row, c->count);
}

/* Scans leaves around the nearest one until there are candidates enough for a bound. */
static void seed(const task *t, worker *w, int i) {
  const ct_blocks *blocks = t->blocks;
  const double *point = w->block.point + i * blocks->dim;
  ct_candidates *c = &w->candidates;
  ct_candidates_start(c, point, w->block.limit[i], DBL_MAX);
  int low = ct_nearest_leaf(blocks, point, c->limit), high = low + 1;
  blocks->kernels.scan_leaf(blocks, low, point, c);
  while (c->count < t->wanted && (low > 0 || high < blocks->leaves)) {
    if (low > 0 && blocks->level[0].first_row[--low] < c->limit)
      blocks->kernels.scan_leaf(blocks, low, point, c);
    if (high < blocks->leaves && blocks->level[0].first_row[high++] < c->limit)
      blocks->kernels.scan_leaf(blocks, high - 1, point, c);
    if (c->count > c->full) ct_candidates_cut(c, blocks);
  }
  ct_candidates_cut(c, blocks);
}

/* The first query of a block, alone. */
static void search_first(const task *t, worker *w) {
  ct_candidates *c = &w->candidates;
  const double *point = w->block.point;
  seed(t, w, 0);
  ct_walk walk = {c->bound, c->limit, c->tie_key, c->tie_row};
  w->boxes += ct_leaf_list_fill(&w->list, t->blocks, point, point, &walk);
  c->count = 0;
  t->blocks->kernels.scan_list(t->blocks, &w->list, point, c);
  finish_query(t, w, 0);
}

static double reach_key(const task *t, const worker *w, int i) {
  const ct_blocks *blocks = t->blocks;
  const double *point = w->block.point + i * blocks->dim;
  return ct_key_of_norm(blocks, blocks->kernels.nearest_reach(blocks, w->block.x, w->reach, point));
}

static int is_point(const ct_query_block *block, int dim) {
  for (int c = 0; c < dim; c++)
    if (block->low[c] < block->high[c]) return 0;
  return 1;
}

static void search_block(void *self, int number, int thread) {
  const task *t = self;
  worker *w = &t->workers[thread];
  ct_query_block *block = &w->block;
  int first = t->first + number * CT_LEAF;
  int count = t->last - first < CT_LEAF ? t->last - first : CT_LEAF;
  ct_query_block_load(block, t->blocks, t->queries, first, count);
  for (int i = 0; i < CT_LEAF; i++) w->reach[i] = INFINITY;

  search_first(t, w);
  ct_walk walk = {0, block->limit[count - 1], INFINITY, INT_MAX};
  for (int i = 1; i < count; i++) walk.bound = fmax(walk.bound, reach_key(t, w, i));
  if (is_point(block, t->blocks->dim) && w->candidates.tie_key == 0)
    walk.tie_key = 0, walk.tie_row = w->candidates.tie_row;
  w->boxes += ct_leaf_list_fill(&w->list, t->blocks, block->low, block->high, &walk);
  for (int i = 1; i < count; i++) {
    const double *point = block->point + i * t->blocks->dim;
    ct_candidates_start(&w->candidates, point, block->limit[i], reach_key(t, w, i));
    w->candidates.tie_key = walk.tie_key;
    w->candidates.tie_row = walk.tie_row;
    t->blocks->kernels.scan_list(t->blocks, &w->list, point, &w->candidates);
    finish_query(t, w, i);
  }
}

/* How many nearest rows a search must find so that k are left without the query's own. */
static int wanted_rows(const ct_queries *queries, int k, int n) {
  int own = 0;
  if (!queries->points && !queries->self)
    for (int q = 0; q < queries->count && !own; q++)
      own = !queries->limit || queries->limit[q] > ct_query_row(queries, q);
  return k < n - own ? k + own : n;
}

static void add_counts(const task *t, int threads, ct_stats *stats) {
  stats->queries += t->queries->queries->count;
  for (int i = 0; i < threads; i++) {
    stats->evaluations += (double)t->workers[i].candidates.points;
    stats->nodes += (double)(t->workers[i].boxes + t->workers[i].candidates.boxes);
  }
}

/* The classes from the last to the first, so that each drops rows of what the one before needed. */
static ct_status search_classes(task *t, ct_blocks *blocks, ct_stats *stats, const ct_run *run) {
  double total = t->queries->queries->count, done = 0;
  for (int c = t->queries->classes - 1; c >= 0; c--) {
    double start = run->now();
    t->first = t->queries->start[c], t->last = t->queries->start[c + 1];
    if (t->first == t->last) continue;
    if (c < t->queries->classes - 1) ct_blocks_keep_below(blocks, CT_FIRST_PREFIX << c, run);
    double searching = run->now();
    int count = t->last - t->first, rounds = (count + CT_LEAF - 1) / CT_LEAF;
    CT_TRY(ct_rounds_run(search_block, t, rounds, 4, done, count / total, run));
    done += count / total;
    stats->seconds[CT_PHASE_BLOCKS] += searching - start;
    stats->seconds[CT_PHASE_SEARCH] += run->now() - searching;
  }
  return CT_OK;
}

ct_status ct_block_knn(const ct_points *points, const ct_metric *metric, const int *order,
                       const ct_queries *queries, int k, int *id, double *dist, ct_stats *stats,
                       const ct_run *run) {
  ct_blocks blocks;
  ct_query_list list;
  double start = run->now();
  if (k < 1) return CT_ERR_DOMAIN;
  if (queries->count == 0) return CT_OK;
  CT_TRY(ct_blocks_make(points, metric, order, &blocks, run));
  CT_TRY(ct_query_list_make(points, metric, order, queries, &list, run));
  stats->seconds[CT_PHASE_BLOCKS] += run->now() - start;

  task t = {&blocks, &list, 0, 0, k, wanted_rows(queries, k, points->n), id, dist, NULL};
  CT_NEW(t.workers, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(make_worker(&t.workers[i], &blocks, t.wanted, run));
  CT_TRY(search_classes(&t, &blocks, stats, run));
  add_counts(&t, run->threads, stats);
  return CT_OK;
}
