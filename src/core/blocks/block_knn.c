/* The k nearest.
 *
 * Queries come in blocks of up to 32 that are near each other, and share one walk over the boxes.
 * Two ways to do a block:
 *
 * One by one, in few dimensions. The first query of the block, its most central one, is searched
 * alone: the leaves around it in order give a bound, a walk with that bound the leaves that matter.
 * The distance of its last neighbour then bounds those of the others by the triangle inequality,
 * and one walk for all of them lists leaves by their distance from the block. Each query goes
 * through that list, testing eight boxes at a time, and ends where all that follow are too far from
 * the block. Finished queries go on to lend their bounds to later ones. With limits queries stand
 * in ascending order, so that what one may find the next ones may find as well.
 *
 * All together, in many dimensions, where every query needs most leaves of the list: see
 * block_float_scan.c. There bounds from other queries are worth little, and each query gets its own
 * from the leaves around.
 *
 * The own row of an indexed query is a candidate like any other, and one more than k are wanted; so
 * the triangle inequality needs no exception. It is dropped when the answer is written.
 *
 * Where only the set of the k nearest is asked for, the end of a query is a selection instead of a
 * sort: with 400 neighbours in two or three columns the sort is two thirds of the search. */

#include "metric/canonical.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blocks/block_answers.h"
#include "blocks/block_search.h"
#include "run/select.h"
#include "blocks/block_float_scan.h"
#include "ct.h"

/* Of the progress; the rest is for the answers' last step. */
#define SEARCH_SHARE 0.95

/* A block is done together while the candidates of all its queries fit a core's second cache. */
#define TOGETHER_BYTES (1 << 20)

typedef struct {
  ct_block_worker own;
  ct_float_scan float_scan;
  double
      reach[CT_LEAF]; /* per query of the block: norm of its last wanted neighbour, or INFINITY */
} worker;

typedef struct {
  ct_block_search search;
  ct_block_answers answers;
  int *set; /* sets of rows instead of answers: k entries a query */
  int k, wanted;
  worker *workers;
} task;

/* ---- the end of a query ---- */

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
  ct_block_answers_write(&t->answers, q, row, distance, count < t->k ? count : t->k);
}

/* The rows of query q, its own one or the farthest dropped when there is one too many. */
static void answer_set(const task *t, worker *w, int q, int count) {
  const ct_queries *queries = t->search.list.queries;
  int own = queries->self ? -1 : ct_query_row(queries, q), place = 0;
  double *distance = w->own.distance;
  int *row = w->own.row, *set = t->set + (size_t)q * (size_t)t->k;
  while (place < count && row[place] != own) place++;
  if (place < count) row[place] = row[--count];
  else if (count > t->k)
    ct_keep_nearest(t->search.blocks.select, distance, row, count, t->k), count = t->k;
  memcpy(set, row, (size_t)count * sizeof *set);
  for (int i = count; i < t->k; i++) set[i] = -1;
}

static void finish_set(const task *t, worker *w, ct_candidates *c, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  int count = c->count, last_row = -1;
  double *distance = w->own.distance, last = -1;
  int *row = w->own.row;
  ct_candidates_measure(c, blocks, distance, row);
  if (count > t->wanted) {
    last = ct_keep_nearest(blocks->select, distance, row, count, t->wanted);
    count = t->wanted;
  } else if (count == t->wanted) {
    for (int j = 0; j < count; j++) last = distance[j] > last ? distance[j] : last;
  }
  w->reach[i] = last < 0 ? INFINITY : ct_norm_of_distance(blocks, last);
  if (last == 0) {
    for (int j = 0; j < count; j++) last_row = row[j] > last_row ? row[j] : last_row;
    c->tie_key = 0, c->tie_row = last_row;
  }
  answer_set(t, w, w->own.block.query[i], count);
}

/* Orders the candidates of query i of the block and writes them. */
static void finish_query(const task *t, worker *w, ct_candidates *c, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  double *distance = w->own.distance;
  int *row = w->own.row;
  if (t->set) {
    finish_set(t, w, c, i);
    return;
  }
  /* few enough to be sorted at once */
  if (c->count > t->wanted + t->wanted / 3 + 8) ct_candidates_cut(c, blocks);
  ct_candidates_measure(c, blocks, distance, row);
  if (c->count <= CT_RANKED) {
    ct_rank_neighbors(blocks->select, distance, row, c->count, w->own.sorted_distance,
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

/* ---- first bounds ---- */

/* Gives a query a bound: scans leaves around a near one until there are candidates enough. */
static void seed(const task *t, ct_candidates *c, int leaf) {
  const ct_blocks *blocks = &t->search.blocks;
  const int *first_row = blocks->level[0].first_row;
  int low = leaf - 1, high = leaf + 1;
  blocks->kernels.scan_leaf(blocks, leaf, c->point, c);
  while (c->count < t->wanted && (low >= 0 || high < blocks->leaves)) {
    if (low >= 0 && first_row[low] < c->limit) blocks->kernels.scan_leaf(blocks, low, c->point, c);
    if (c->count > c->full) ct_candidates_cut(c, blocks);
    if (high < blocks->leaves && first_row[high] < c->limit)
      blocks->kernels.scan_leaf(blocks, high, c->point, c);
    if (c->count > c->full) ct_candidates_cut(c, blocks);
    low--, high++;
  }
  ct_candidates_cut(c, blocks);
  c->count = 0;
}

static void start_query(const ct_blocks *blocks, const ct_query_block *block, int i,
                        ct_candidates *c, double bound) {
  ct_candidates_start(c, block->point + i * blocks->dim, block->limit[i], bound);
}

/* ---- one by one ---- */

/* The first query of a block, alone. */
static void search_first(const task *t, worker *w) {
  const ct_blocks *blocks = &t->search.blocks;
  ct_candidates *c = w->own.candidates;
  start_query(blocks, &w->own.block, 0, c, DBL_MAX);
  if (!t->set) ct_block_answers_prefetch(&t->answers, w->own.block.query[0]);
  seed(t, c, ct_nearest_leaf(blocks, c->point, c->limit));
  ct_walk walk = {c->bound, c->limit, c->tie_key, c->tie_row};
  ct_block_worker_list(&w->own, &t->search, c->point, c->point, &walk);
  blocks->kernels.scan_list(blocks, &w->own.list, c->point, c);
  finish_query(t, w, c, 0);
}

/* A key that no wanted neighbour of query i exceeds, by the triangle inequality: an earlier query's
 * wanted neighbours are not farther than its reach and the way there. */
static double reach_key(const task *t, const worker *w, int i) {
  const ct_blocks *blocks = &t->search.blocks;
  const double *point = w->own.block.point + i * blocks->dim;
  return ct_key_of_norm(blocks,
                        blocks->kernels.nearest_reach(blocks, w->own.block.x, w->reach, point));
}

static int is_one_place(const ct_query_block *block, int dim) {
  for (int c = 0; c < dim; c++)
    if (block->low[c] < block->high[c]) return 0;
  return 1;
}

static void search_one_by_one(const task *t, worker *w) {
  const ct_blocks *blocks = &t->search.blocks;
  ct_query_block *block = &w->own.block;
  ct_candidates *c = w->own.candidates;
  for (int i = 0; i < CT_LEAF; i++) w->reach[i] = INFINITY;
  search_first(t, w);
  ct_walk walk = {0, block->limit[block->count - 1], INFINITY, INT_MAX};
  for (int i = 1; i < block->count; i++) walk.bound = fmax(walk.bound, reach_key(t, w, i));
  if (is_one_place(block, blocks->dim)) walk.tie_key = c->tie_key, walk.tie_row = c->tie_row;
  ct_block_worker_list(&w->own, &t->search, block->low, block->high, &walk);
  for (int i = 1; i < block->count; i++) {
    start_query(blocks, block, i, c, reach_key(t, w, i));
    c->tie_key = walk.tie_key;
    c->tie_row = walk.tie_row;
    if (!t->set) ct_block_answers_prefetch(&t->answers, block->query[i]);
    blocks->kernels.scan_list(blocks, &w->own.list, c->point, c);
    finish_query(t, w, c, i);
  }
}

/* ---- all together ---- */

static void search_together(const task *t, worker *w) {
  const ct_blocks *blocks = &t->search.blocks;
  ct_query_block *block = &w->own.block;
  ct_walk walk = {0, block->limit[block->count - 1], INFINITY, INT_MAX};
  int leaf = ct_nearest_leaf(blocks, block->point, block->limit[0]);
  for (int i = 0; i < block->count; i++) {
    ct_candidates *c = &w->own.candidates[i];
    start_query(blocks, block, i, c, DBL_MAX);
    seed(t, c, leaf);
    walk.bound = fmax(walk.bound, c->bound);
  }
  if (is_one_place(block, blocks->dim)) {
    walk.tie_key = w->own.candidates[0].tie_key;
    walk.tie_row = w->own.candidates[0].tie_row;
  }
  ct_block_worker_list(&w->own, &t->search, block->low, block->high, &walk);
  ct_float_scan_list(&w->float_scan, blocks, block, &w->own.list, w->own.candidates);
  for (int i = 0; i < block->count; i++) {
    if (!t->set) ct_block_answers_prefetch(&t->answers, block->query[i]);
    finish_query(t, w, &w->own.candidates[i], i);
  }
}

static void search_block(void *self, int number, int thread) {
  const task *t = self;
  worker *w = &t->workers[thread];
  ct_block_worker_load(&w->own, &t->search, number);
  if (w->own.together > 1) search_together(t, w);
  else search_one_by_one(t, w);
}

/* ---- the call ---- */

/* How many nearest rows a search must find so that k are left without the query's own. */
static int wanted_rows(const ct_queries *queries, int k, int n) {
  int own = 0;
  if (!queries->points && !queries->self)
    for (int q = 0; q < queries->count && !own; q++)
      own = !queries->limit || queries->limit[q] > ct_query_row(queries, q);
  return k < n - own ? k + own : n;
}

static int queries_together(const ct_blocks *blocks, int wanted) {
  size_t bytes = ct_candidates_size(blocks, wanted) * (sizeof(double) + sizeof(int)) * CT_LEAF;
  return ct_float_scan_pays(blocks) && bytes <= TOGETHER_BYTES ? CT_LEAF : 1;
}

static ct_status make_workers(task *t, const ct_run *run) {
  int together = queries_together(&t->search.blocks, t->wanted);
  CT_NEW(t->workers, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    CT_TRY(ct_block_worker_make(&t->workers[i].own, &t->search, t->wanted, together, run));
    if (together > 1) CT_TRY(ct_float_scan_make(&t->workers[i].float_scan, &t->search.blocks, run));
  }
  return CT_OK;
}

static ct_status search_all(task *t, const ct_block_index *index, const ct_queries *queries,
                            double share, ct_stats *stats, const ct_run *run) {
  CT_TRY(ct_block_search_start(index, queries, &t->search, stats, run));
  t->wanted = wanted_rows(queries, t->k, index->points->n);
  CT_TRY(make_workers(t, run));
  CT_TRY(ct_block_search_run(&t->search, search_block, t, share, stats, run));
  for (int i = 0; i < run->threads; i++) ct_block_worker_count(&t->workers[i].own, stats);
  return CT_OK;
}

ct_status ct_block_knn(const ct_block_index *index, const ct_queries *queries, int k, int *id,
                       double *dist, ct_stats *stats, const ct_run *run) {
  task t = {.k = k};
  if (k < 1) return CT_ERR_DOMAIN;
  if (queries->count == 0) return CT_OK;
  ct_block_answers_start(&t.answers, id, dist, queries->count, k);
  CT_TRY(search_all(&t, index, queries, SEARCH_SHARE, stats, run));
  double start = run->now();
  ct_status status = ct_block_answers_finish(&t.answers, SEARCH_SHARE, 1 - SEARCH_SHARE, run);
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return status;
}

ct_status ct_block_sets(const ct_block_index *index, const ct_queries *queries, int k, int *set,
                        ct_stats *stats, const ct_run *run) {
  task t = {.k = k, .set = set};
  if (k < 1) return CT_ERR_DOMAIN;
  if (queries->count == 0) return CT_OK;
  return search_all(&t, index, queries, 1, stats, run);
}
