#include "metric/canonical.h"

#include "blocks/blocks.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "run/parallel.h"

/* Fewer leaves than this are bounded by the calling thread alone. */
#define PARALLEL_LEAVES 1024

/* ---- building ---- */

static int groups_of(int count) {
  return (count + CT_FAN - 1) / CT_FAN;
}

/* Number of boxes on every level. */
static void set_shape(ct_blocks *blocks, int leaves) {
  blocks->leaves = leaves;
  blocks->levels = 0;
  for (int count = leaves;; count = groups_of(count)) {
    blocks->level[blocks->levels++].count = count;
    if (count <= CT_FAN) return;
  }
}

void ct_leaf_pad(ct_blocks *blocks, int leaf, int held) {
  double *x = blocks->x + (size_t)leaf * (size_t)blocks->dim * CT_LEAF;
  for (int j = held; j < CT_LEAF; j++) {
    for (int c = 0; c < blocks->dim; c++) x[c * CT_LEAF + j] = NAN;
    blocks->row[leaf * CT_LEAF + j] = INT_MAX;
  }
}

typedef struct {
  ct_blocks *blocks;
  double *point; /* per thread, dim coordinates */
} fill_task;

static void fill_leaf(void *task, int leaf, int thread) {
  const fill_task *fill = task;
  ct_blocks *blocks = fill->blocks;
  int dim = blocks->dim, n = blocks->points->n, first = leaf * CT_LEAF;
  int held = n - first < CT_LEAF ? n - first : CT_LEAF;
  double *point = fill->point + (size_t)thread * (size_t)dim;
  double *x = blocks->x + (size_t)leaf * (size_t)dim * CT_LEAF;
  for (int j = 0; j < held; j++) {
    ct_metric_embed(blocks->metric, blocks->points, blocks->row[first + j], point);
    for (int c = 0; c < dim; c++) x[c * CT_LEAF + j] = point[c];
  }
  ct_leaf_pad(blocks, leaf, held);
  blocks->held[leaf] = held;
  blocks->cell[leaf] = leaf;
}

/* NAN loses every comparison. */
static void bound_leaf(ct_blocks *blocks, int leaf) {
  int dim = blocks->dim, first = INT_MAX;
  double *side = blocks->level[0].side + (size_t)(leaf / CT_FAN) * 2 * (size_t)dim * CT_FAN;
  const double *x = ct_leaf_at(blocks, leaf);
  const int *row = blocks->row + (size_t)leaf * CT_LEAF;
  for (int c = 0; c < dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int j = 0; j < CT_LEAF; j++) {
      double value = x[c * CT_LEAF + j];
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    side[c * CT_FAN + leaf % CT_FAN] = low;
    side[(dim + c) * CT_FAN + leaf % CT_FAN] = high;
  }
  for (int j = 0; j < CT_LEAF; j++) first = row[j] < first ? row[j] : first;
  blocks->level[0].first_row[leaf] = first;
}

/* Box i of a level from its group below. */
static void bound_group(ct_blocks *blocks, int level, int i) {
  int dim = blocks->dim, first = INT_MAX;
  double *side = blocks->level[level].side + (size_t)(i / CT_FAN) * 2 * (size_t)dim * CT_FAN;
  const double *below = ct_box_group_at(blocks, level - 1, i);
  const int *row = blocks->level[level - 1].first_row + (size_t)i * CT_FAN;
  for (int c = 0; c < dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int j = 0; j < CT_FAN; j++) {
      double l = below[c * CT_FAN + j], h = below[(dim + c) * CT_FAN + j];
      low = l < low ? l : low;
      high = h > high ? h : high;
    }
    side[c * CT_FAN + i % CT_FAN] = low;
    side[(dim + c) * CT_FAN + i % CT_FAN] = high;
  }
  for (int j = 0; j < CT_FAN; j++) first = row[j] < first ? row[j] : first;
  blocks->level[level].first_row[i] = first;
}

/* The empty boxes that fill the last group of a level. */
static void pad_level(ct_blocks *blocks, int level) {
  int dim = blocks->dim, count = blocks->level[level].count;
  for (int i = count; i < groups_of(count) * CT_FAN; i++) {
    double *side = blocks->level[level].side + (size_t)(i / CT_FAN) * 2 * (size_t)dim * CT_FAN;
    for (int c = 0; c < dim; c++) {
      side[c * CT_FAN + i % CT_FAN] = INFINITY;
      side[(dim + c) * CT_FAN + i % CT_FAN] = -INFINITY;
    }
    blocks->level[level].first_row[i] = INT_MAX;
  }
}

void ct_blocks_bound(ct_blocks *blocks, int leaves, const ct_run *run) {
  (void)run;
  set_shape(blocks, leaves);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (leaves > PARALLEL_LEAVES)
  for (int leaf = 0; leaf < leaves; leaf++) bound_leaf(blocks, leaf);
  pad_level(blocks, 0);
  for (int level = 1; level < blocks->levels; level++) {
    for (int i = 0; i < blocks->level[level].count; i++) bound_group(blocks, level, i);
    pad_level(blocks, level);
  }
}

static ct_status allocate(ct_blocks *blocks, const ct_run *run) {
  size_t slots = (size_t)blocks->leaves * CT_LEAF;
  CT_NEW(blocks->row, &run->arena, slots);
  CT_NEW(blocks->x, &run->arena, slots * (size_t)blocks->dim);
  CT_NEW(blocks->held, &run->arena, blocks->leaves);
  CT_NEW(blocks->cell, &run->arena, blocks->leaves);
  for (int l = 0; l < blocks->levels; l++) {
    size_t boxes = (size_t)groups_of(blocks->level[l].count) * CT_FAN;
    CT_NEW(blocks->level[l].side, &run->arena, boxes * 2 * (size_t)blocks->dim);
    CT_NEW(blocks->level[l].first_row, &run->arena, boxes);
  }
  return CT_OK;
}

ct_status ct_blocks_make(const ct_points *points, const ct_metric *metric, const int *order,
                         ct_blocks *blocks, const ct_run *run) {
  fill_task fill = {blocks, NULL};
  if (metric->kind == CT_FUNCTION || points->n < 1) return CT_ERR_DOMAIN;
  blocks->points = points;
  blocks->metric = metric;
  blocks->key = ct_metric_key(metric);
  blocks->dim = ct_metric_dim(metric, points->dim);
  blocks->kernels = ct_kernels_for(run->simd, blocks->key, blocks->dim);
  blocks->select = ct_selection_kernels_of(run->simd);
  blocks->full_leaves = points->n / CT_LEAF + (points->n % CT_LEAF > 0);
  set_shape(blocks, blocks->full_leaves);
  CT_TRY(allocate(blocks, run));
  CT_NEW(fill.point, &run->arena, (size_t)run->threads * (size_t)blocks->dim);
  memcpy(blocks->row, order, (size_t)points->n * sizeof *order);
  CT_TRY(ct_rounds_run(fill_leaf, &fill, blocks->leaves, 256, 0, 0, run));
  ct_blocks_bound(blocks, blocks->full_leaves, run);
  return CT_OK;
}

ct_status ct_blocks_copy(const ct_blocks *from, ct_blocks *to, const ct_run *run) {
  size_t slots = (size_t)from->leaves * CT_LEAF, leaves = (size_t)from->leaves;
  *to = *from;
  CT_TRY(allocate(to, run));
  memcpy(to->row, from->row, slots * sizeof *to->row);
  memcpy(to->x, from->x, slots * (size_t)from->dim * sizeof *to->x);
  memcpy(to->held, from->held, leaves * sizeof *to->held);
  memcpy(to->cell, from->cell, leaves * sizeof *to->cell);
  ct_blocks_bound(to, from->leaves, run);
  return CT_OK;
}

/* ---- bounds ---- */

/* Keys below DBL_MIN have lost digits: what a norm may lack for that. Sums and maxima lose none. */
static double vanished_norm(const ct_blocks *blocks) {
  switch (blocks->key) {
    case CT_KEY_SQUARES: return sqrt(DBL_MIN);
    case CT_KEY_POWERS: return ct_metric_from_key(blocks->metric, DBL_MIN);
    default: return 0;
  }
}

int ct_key_is_monotone(const ct_blocks *blocks) {
  return blocks->key != CT_KEY_POWERS && ct_metric_key_suffices(blocks->metric);
}

double ct_key_widened(const ct_blocks *blocks, double key) {
  if (!(key < DBL_MAX)) return DBL_MAX;
  if (blocks->key == CT_KEY_POWERS)
    return ct_metric_key_bound(blocks->metric, ct_metric_from_key(blocks->metric, key));
  return fmin(key * (1 + CT_KEY_MARGIN), DBL_MAX);
}

double ct_norm_of_distance(const ct_blocks *blocks, double distance) {
  if (ct_metric_key_suffices(blocks->metric)) return distance;
  return sqrt(ct_metric_key_bound(blocks->metric, distance));
}

double ct_key_of_norm(const ct_blocks *blocks, double norm) {
  if (!(norm < DBL_MAX)) return DBL_MAX;
  norm += 2 * vanished_norm(blocks);
  double key = norm;
  if (blocks->key == CT_KEY_SQUARES) key = norm * norm;
  if (blocks->key == CT_KEY_POWERS) key = ct_metric_key_bound(blocks->metric, norm);
  return fmin(key * (1 + CT_KEY_MARGIN), DBL_MAX);
}
