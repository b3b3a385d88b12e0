#include "metric/canonical.h"

#include "blocks/block_queries.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Queries that a cell should hold on average, at most: so few that it seldom holds more than a
 * block. */
#define CELL_QUERIES 32

#define LEAF_BITS 5          /* CT_LEAF is 2^5 */
#define LARGEST_CELL_BITS 30 /* of a shift of int */

/* ---- the list ---- */

static int classes_for(int n) {
  int classes = 1;
  for (long prefix = CT_FIRST_PREFIX; prefix < n; prefix *= 2) classes++;
  return classes;
}

static int class_of(int limit, int classes) {
  int k = 0;
  for (long prefix = CT_FIRST_PREFIX; prefix < limit && k < classes - 1; prefix *= 2) k++;
  return k;
}

/* Sorting queries is no part of the progress: it counts from 0 to 1 for itself. */
static int poll_at_start(void *owner, double done) {
  const ct_run *run = owner;
  (void)done;
  return run->poll(run->owner, 0);
}

/* The queries in a spatial order: that of the index where they are its rows, one of their own
 * else. */
static ct_status order_queries(const ct_points *points, const ct_metric *metric, const int *order,
                               const ct_queries *queries, const int **query, const ct_run *run) {
  if (!queries->points && !queries->rows && queries->count == points->n) {
    *query = order;
    return CT_OK;
  }
  ct_run sorting = *run;
  int *own;
  sorting.poll = poll_at_start;
  sorting.owner = (void *)run;
  CT_NEW(own, &run->arena, queries->count);
  *query = own;
  return ct_kd_order_rows(queries->points ? queries->points : points, metric,
                          queries->points ? NULL : queries->rows, queries->count, own, &sorting);
}

/* Places are sorted in so many parts, whatever the number of threads. */
#define PARTS 64

/* Lists of fewer queries are sorted by the calling thread alone. */
#define PARALLEL_QUERIES 16384

typedef struct {
  int next[CT_CLASSES]; /* how many of each class, and then where the next one goes */
} part;

/* Each class begins behind all of the one before; within it, each part behind the part before. */
static void place_parts(part *parts, int *start) {
  int sum = 0;
  for (int c = 0; c < CT_CLASSES; c++) {
    start[c] = sum;
    for (int p = 0; p < PARTS; p++) {
      int count = parts[p].next[c];
      parts[p].next[c] = sum;
      sum += count;
    }
  }
  start[CT_CLASSES] = sum;
}

static int part_begin(int count, int p) {
  return (int)((long long)count * p / PARTS);
}

/* Sorts places in the spatial order by class; within one they stay in order. */
static ct_status sort_places(const ct_query_list *list, int *place, int *start, const ct_run *run) {
  const int *limit = list->queries->limit;
  int count = list->queries->count;
  unsigned char *class;
  part *parts;
  CT_NEW(class, &run->arena, count);
  CT_NEW(parts, &run->arena, PARTS);
  memset(parts, 0, PARTS * sizeof *parts);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > PARALLEL_QUERIES)
  for (int p = 0; p < PARTS; p++)
    for (int i = part_begin(count, p); i < part_begin(count, p + 1); i++) {
      class[i] = (unsigned char)class_of(limit[list->query[i]], list->classes);
      parts[p].next[class[i]]++;
    }
  place_parts(parts, start);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > PARALLEL_QUERIES)
  for (int p = 0; p < PARTS; p++)
    for (int i = part_begin(count, p); i < part_begin(count, p + 1); i++)
      place[parts[p].next[class[i]]++] = i;
  return CT_OK;
}

/* Ends of blocks for the places from .. to - 1 of one class. A cell of the k-d order is a run of 32
 * 2^j places from a multiple of that on: blocks are such cells, of a size that gives half-full
 * ones, and only parts of a cell where it holds too many. Returns the number of blocks written to
 * begin. */
static int cut_cells(const int *place, int from, int to, int all, int *begin) {
  int cell_bits = LEAF_BITS, blocks = 0;
  if (from == to) return 0;
  while (cell_bits < LARGEST_CELL_BITS &&
         (long long)(to - from) << (cell_bits + 1) <= (long long)CELL_QUERIES * all)
    cell_bits++;
  for (int first = from, last; first < to; first = last) {
    int cell = place[first] >> cell_bits;
    for (last = first + 1; last < to && place[last] >> cell_bits == cell;) last++;
    int parts = (last - first + CT_LEAF - 1) / CT_LEAF;
    for (int p = 0; p < parts; p++)
      begin[blocks++] = first + (int)((long)(last - first) * p / parts);
  }
  return blocks;
}

static ct_status cut_classes(ct_query_list *list, const ct_run *run) {
  int count = list->queries->count, start[CT_CLASSES + 1], *place, blocks = 0;
  CT_NEW(place, &run->arena, count);
  /* all but the last block of a class, or of a cell, have more than eight queries on average */
  CT_NEW(list->begin, &run->arena, (size_t)count / 4 + 2 * CT_CLASSES);
  CT_TRY(sort_places(list, place, start, run));
  for (int c = 0; c < list->classes; c++) {
    list->first[c] = blocks;
    blocks += cut_cells(place, start[c], start[c + 1], count, list->begin + blocks);
  }
  list->first[list->classes] = blocks;
  list->begin[blocks] = count;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > PARALLEL_QUERIES)
  for (int i = 0; i < count; i++) place[i] = list->query[place[i]];
  list->query = place;
  return CT_OK;
}

/* Without limits all queries are of the last class, and its blocks are the leaves of their
 * order. */
static ct_status cut_leaves(ct_query_list *list, const ct_run *run) {
  int count = list->queries->count, blocks = count / CT_LEAF + (count % CT_LEAF > 0);
  CT_NEW(list->begin, &run->arena, (size_t)blocks + 1);
  for (int b = 0; b < blocks; b++) list->begin[b] = b * CT_LEAF;
  list->begin[blocks] = count;
  for (int c = 0; c < list->classes; c++) list->first[c] = 0;
  list->first[list->classes] = blocks;
  return CT_OK;
}

ct_status ct_query_list_make(const ct_points *points, const ct_metric *metric, const int *order,
                             const ct_queries *queries, ct_query_list *list, const ct_run *run) {
  list->queries = queries;
  CT_TRY(order_queries(points, metric, order, queries, &list->query, run));
  list->classes = classes_for(points->n);
  list->aligned = list->query == order && !queries->limit;
  return queries->limit ? cut_classes(list, run) : cut_leaves(list, run);
}

/* ---- a block ---- */

ct_status ct_query_block_make(ct_query_block *block, int dim, const ct_run *run) {
  CT_NEW(block->point, &run->arena, (size_t)dim * CT_LEAF);
  CT_NEW(block->x, &run->arena, (size_t)dim * CT_LEAF);
  CT_NEW(block->low, &run->arena, dim);
  CT_NEW(block->high, &run->arena, dim);
  return CT_OK;
}

static void sort_by_limit(ct_query_block *block) {
  for (int i = 1; i < block->count; i++) {
    int query = block->query[i], limit = block->limit[i], j = i;
    for (; j > 0 && block->limit[j - 1] > limit; j--) {
      block->query[j] = block->query[j - 1];
      block->limit[j] = block->limit[j - 1];
    }
    block->query[j] = query;
    block->limit[j] = limit;
  }
}

static void bound_block(ct_query_block *block, int dim) {
  for (int c = 0; c < dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < block->count; i++) {
      double value = block->point[i * dim + c];
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    block->low[c] = low;
    block->high[c] = high;
  }
}

static double off_center(const ct_query_block *block, int i, int dim) {
  double sum = 0;
  for (int c = 0; c < dim; c++) {
    double t = block->point[i * dim + c] - 0.5 * (block->low[c] + block->high[c]);
    sum += t * t;
  }
  return sum;
}

/* The query nearest to the middle of the box changes places with the first. */
static void put_center_first(ct_query_block *block, int dim) {
  int center = 0, query = block->query[0];
  double least = off_center(block, 0, dim);
  for (int i = 1; i < block->count; i++) {
    double distance = off_center(block, i, dim);
    if (distance < least) least = distance, center = i;
  }
  block->query[0] = block->query[center];
  block->query[center] = query;
  for (int c = 0; c < dim; c++) {
    double value = block->point[c];
    block->point[c] = block->point[center * dim + c];
    block->point[center * dim + c] = value;
  }
}

static void transpose(ct_query_block *block, int dim) {
  for (int c = 0; c < dim; c++) {
    for (int i = 0; i < block->count; i++) block->x[c * CT_LEAF + i] = block->point[i * dim + c];
    for (int i = block->count; i < CT_LEAF; i++) block->x[c * CT_LEAF + i] = NAN;
  }
}

void ct_query_block_load(ct_query_block *block, const ct_blocks *blocks, const ct_query_list *list,
                         int number) {
  const ct_queries *queries = list->queries;
  const ct_points *points = queries->points ? queries->points : blocks->points;
  int dim = blocks->dim, first = list->begin[number], count = list->begin[number + 1] - first;
  block->count = count;
  for (int i = 0; i < count; i++) {
    int q = list->query[first + i];
    block->query[i] = q;
    block->limit[i] =
        !queries->limit || queries->limit[q] >= blocks->points->n ? INT_MAX : queries->limit[q];
  }
  if (queries->limit) sort_by_limit(block);
  const double *leaf = ct_leaf_at(blocks, first / CT_LEAF);
  for (int i = 0; i < count; i++) {
    double *point = block->point + i * dim;
    int row = queries->points ? block->query[i] : ct_query_row(queries, block->query[i]);
    if (!list->aligned) ct_metric_embed(blocks->metric, points, row, point);
    else
      for (int c = 0; c < dim; c++) point[c] = leaf[c * CT_LEAF + i];
  }
  bound_block(block, dim);
  if (!queries->limit) put_center_first(block, dim);
  transpose(block, dim);
}
