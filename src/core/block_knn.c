#include "canonical.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "block_answers.h"
#include "block_search.h"
#include "block_select.h"
#include "ct.h"

/* Of the progress; the rest is for the answers' last step. */
#define SEARCH_SHARE 0.95

typedef struct {
  ct_block_worker own;
  double reach[CT_LEAF]; /* per query of the block: norm of its last wanted neighbour, or INFINITY */
} worker;

typedef struct {
  ct_block_search search;
  ct_answers answers;
  int k, wanted;
  worker *workers;
} task;

/* Answers query q from its sorted candidates, its own row dropped. */
static void answer(const task *t, int q, double *distance, int *row, int count) {
  const ct_queries *queries = t->search.list.queries;
  int own = queries->self ? -1 : ct_query_row(queries, q), place = 0;
  while (place < count && row[place] != own) place++;
  if (place < count) {
    /* it is the first but for equal points */
    for (int i = place; i > 0; i--) distance[i] = distance[i - 1], row[i] = row[i - 1];
    distance++, row++, count--;
  }
  ct_answers_write(&t->answers, q, row, distance, count < t->k ? count : t->k);
}

/* Orders the candidates of query i of the block and writes them. */
static void finish_query(const task *t, worker *w, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  ct_candidates *c = &w->own.candidates;
  double *distance = w->own.distance;
  int *row = w->own.row;
  /* few enough to be sorted at once */
  if (c->count > t->wanted + t->wanted / 3 + 8) ct_candidates_cut(c, blocks);
  ct_candidates_measure(c, blocks, distance, row);
  if (c->count <= CT_RANKED) {
    ct_rank_neighbors(&blocks->kernels, distance, row, c->count, w->own.sorted_distance,
                      w->own.sorted_row);
    distance = w->own.sorted_distance;
    row = w->own.sorted_row;
  } else {
    ct_sort_neighbors(distance, row, (size_t)c->count);
  }
  w->reach[i] = INFINITY;
  if (c->count >= t->wanted) {
    double last = distance[t->wanted - 1];
    w->reach[i] = ct_norm_of_distance(blocks, last);
    if (last == 0) c->tie_key = 0, c->tie_row = row[t->wanted - 1];
  }
  answer(t, w->own.block.query[i], distance, row, c->count);
}

/* Scans leaves around the one nearest to query i until there are candidates enough for a bound. */
static void seed(const task *t, worker *w, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  const int *first_row = blocks->level[0].first_row;
  const double *point = w->own.block.point + i * blocks->dim;
  ct_candidates *c = &w->own.candidates;
  ct_candidates_start(c, point, w->own.block.limit[i], DBL_MAX);
  int leaf = ct_nearest_leaf(blocks, point, c->limit), low = leaf - 1, high = leaf + 1;
  blocks->kernels.scan_leaf(blocks, leaf, point, c);
  for (; c->count < t->wanted && (low >= 0 || high < blocks->leaves); low--, high++) {
    if (low >= 0 && first_row[low] < c->limit) blocks->kernels.scan_leaf(blocks, low, point, c);
    if (c->count > c->full) ct_candidates_cut(c, blocks);
    if (high < blocks->leaves && first_row[high] < c->limit)
      blocks->kernels.scan_leaf(blocks, high, point, c);
  }
  ct_candidates_cut(c, blocks);
}

/* The first query of a block, alone. */
static void search_first(const task *t, worker *w) {
  ct_candidates *c = &w->own.candidates;
  const double *point = w->own.block.point;
  ct_answers_prefetch(&t->answers, w->own.block.query[0]);
  seed(t, w, 0);
  ct_walk walk = {c->bound, c->limit, c->tie_key, c->tie_row};
  ct_block_worker_list(&w->own, &t->search, point, point, &walk);
  c->count = 0;
  t->search.blocks.kernels.scan_list(&t->search.blocks, &w->own.list, point, c);
  finish_query(t, w, 0);
}

/* A key that no wanted neighbour of query i exceeds, by the triangle inequality: an earlier query's
 * wanted neighbours are not farther than its reach and the way there. */
static double reach_key(const task *t, const worker *w, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  const double *point = w->own.block.point + i * blocks->dim;
  return ct_key_of_norm(blocks, blocks->kernels.nearest_reach(blocks, w->own.block.x, w->reach, point));
}

static int is_one_place(const ct_query_block *block, int dim) {
  for (int c = 0; c < dim; c++)
    if (block->low[c] < block->high[c]) return 0;
  return 1;
}

static void search_block(void *self, int number, int thread) {
  const task *t = self;
  worker *w = &t->workers[thread];
  ct_query_block *block = &w->own.block;
  const ct_blocks *blocks = &t->search.blocks;
  ct_block_worker_load(&w->own, &t->search, number);
  for (int i = 0; i < CT_LEAF; i++) w->reach[i] = INFINITY;

  search_first(t, w);
  ct_walk walk = {0, block->limit[block->count - 1], INFINITY, INT_MAX};
  for (int i = 1; i < block->count; i++) walk.bound = fmax(walk.bound, reach_key(t, w, i));
  if (is_one_place(block, blocks->dim) && w->own.candidates.tie_key == 0)
    walk.tie_key = 0, walk.tie_row = w->own.candidates.tie_row;
  ct_block_worker_list(&w->own, &t->search, block->low, block->high, &walk);
  for (int i = 1; i < block->count; i++) {
    const double *point = block->point + i * blocks->dim;
    ct_candidates_start(&w->own.candidates, point, block->limit[i], reach_key(t, w, i));
    ct_answers_prefetch(&t->answers, block->query[i]);
    w->own.candidates.tie_key = walk.tie_key;
    w->own.candidates.tie_row = walk.tie_row;
    blocks->kernels.scan_list(blocks, &w->own.list, point, &w->own.candidates);
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

ct_status ct_block_knn(const ct_points *points, const ct_metric *metric, const int *order,
                       const ct_queries *queries, int k, int *id, double *dist, ct_stats *stats,
                       const ct_run *run) {
  task t;
  if (k < 1) return CT_ERR_DOMAIN;
  if (queries->count == 0) return CT_OK;
  CT_TRY(ct_block_search_start(points, metric, order, queries, &t.search, stats, run));
  t.k = k, t.wanted = wanted_rows(queries, k, points->n);
  ct_answers_start(&t.answers, id, dist, queries->count, k);
  CT_NEW(t.workers, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++)
    CT_TRY(ct_block_worker_make(&t.workers[i].own, &t.search, t.wanted, run));
  CT_TRY(ct_block_search_run(&t.search, search_block, &t, SEARCH_SHARE, stats, run));
  for (int i = 0; i < run->threads; i++) ct_block_worker_count(&t.workers[i].own, stats);
  double start = run->now();
  ct_status status = ct_answers_finish(&t.answers, SEARCH_SHARE, 1 - SEARCH_SHARE, run);
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return status;
}
