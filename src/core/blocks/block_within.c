#include "metric/canonical.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "blocks/block_search.h"
#include "run/select.h"
#include "ct.h"

/* Candidates that are collected before they are measured. */
#define COLLECTED 256

typedef struct {
  ct_block_worker own;
  int query;     /* the one at work, */
  double radius; /* of it, */
  size_t found;  /* and what it has found */
  const void *task;
} worker;

typedef struct {
  ct_block_search search;
  double radius;
  int *count;           /* either these, */
  const size_t *offset; /* or a place for every query */
  int *id;
  double *dist;
  worker *workers;
} task;

/* Takes the candidates that are within the radius, as it is reported, and makes room for others. */
static void take(ct_candidates *candidates, const ct_blocks *blocks) {
  worker *w = candidates->owner;
  const task *t = w->task;
  const ct_queries *queries = t->search.list.queries;
  int own = queries->self ? -1 : ct_query_row(queries, w->query);
  ct_candidates_measure(candidates, blocks, w->own.distance, w->own.row);
  for (int i = 0; i < candidates->count; i++) {
    if (w->own.distance[i] > w->radius || w->own.row[i] == own) continue;
    if (t->offset) {
      t->id[t->offset[w->query] + w->found] = w->own.row[i];
      t->dist[t->offset[w->query] + w->found] = w->own.distance[i];
    }
    w->found++;
  }
  candidates->count = 0;
}

static void finish_query(const task *t, worker *w) {
  take(w->own.candidates, &t->search.blocks);
  if (t->count) t->count[w->query] = (int)w->found;
  if (!t->offset) return;
  int *id = t->id + t->offset[w->query];
  double *dist = t->dist + t->offset[w->query];
  if (w->found > CT_RANKED) {
    ct_sort_neighbors(dist, id, w->found);
    return;
  }
  ct_rank_neighbors(t->search.blocks.select, dist, id, (int)w->found, w->own.sorted_distance,
                    w->own.sorted_row);
  memcpy(dist, w->own.sorted_distance, w->found * sizeof *dist);
  memcpy(id, w->own.sorted_row, w->found * sizeof *id);
}

static double radius_of(const task *t, int query) {
  const double *radius = t->search.list.queries->radius;
  return radius ? radius[query] : t->radius;
}

static double bound_of(const task *t, double radius) {
  return ct_metric_key_bound(t->search.blocks.metric, radius);
}

/* The bound of keys that holds for all queries of a block. */
static double bound_of_block(const task *t, const ct_query_block *block) {
  double largest = 0;
  for (int i = 0; i < block->count; i++) largest = fmax(largest, radius_of(t, block->query[i]));
  return bound_of(t, largest);
}

static void search_block(void *self, int number, int thread) {
  const task *t = self;
  worker *w = &t->workers[thread];
  ct_query_block *block = &w->own.block;
  const ct_blocks *blocks = &t->search.blocks;
  ct_block_worker_load(&w->own, &t->search, number);
  ct_walk walk = {bound_of_block(t, block), block->limit[block->count - 1], INFINITY, INT_MAX};
  ct_block_worker_list(&w->own, &t->search, block->low, block->high, &walk);
  for (int i = 0; i < block->count; i++) {
    const double *point = block->point + i * blocks->dim;
    w->query = block->query[i];
    w->radius = radius_of(t, w->query);
    w->found = 0;
    ct_candidates_start(w->own.candidates, point, block->limit[i], bound_of(t, w->radius));
    blocks->kernels.scan_list(blocks, &w->own.list, point, w->own.candidates);
    finish_query(t, w);
  }
}

static ct_status search_within(task *t, const ct_block_index *index, const ct_queries *queries,
                               ct_stats *stats, const ct_run *run) {
  if (!(t->radius >= 0)) return CT_ERR_DOMAIN;
  if (queries->count == 0) return CT_OK;
  CT_TRY(ct_block_search_start(index, queries, &t->search, stats, run));
  CT_NEW(t->workers, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    worker *w = &t->workers[i];
    CT_TRY(ct_block_worker_make(&w->own, &t->search, COLLECTED, 1, run));
    w->task = t;
    w->own.candidates->owner = w;
    w->own.candidates->relieve = take;
  }
  CT_TRY(ct_block_search_run(&t->search, search_block, t, 1, stats, run));
  for (int i = 0; i < run->threads; i++) ct_block_worker_count(&t->workers[i].own, stats);
  return CT_OK;
}

ct_status ct_block_within_count(const ct_block_index *index, const ct_queries *queries,
                                double radius, int *count, ct_stats *stats, const ct_run *run) {
  task t;
  t.radius = radius;
  t.count = count;
  t.offset = NULL, t.id = NULL, t.dist = NULL;
  return search_within(&t, index, queries, stats, run);
}

ct_status ct_block_within(const ct_block_index *index, const ct_queries *queries, double radius,
                          const size_t *offset, int *id, double *dist, ct_stats *stats,
                          const ct_run *run) {
  task t;
  t.radius = radius;
  t.count = NULL;
  t.offset = offset, t.id = id, t.dist = dist;
  return search_within(&t, index, queries, stats, run);
}
