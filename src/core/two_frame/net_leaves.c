#include "two_frame/net_leaves.h"

#include <math.h>
#include <string.h>

#define LEAF CT_NET_LEAF
#define FAN 8 /* nodes under a node of the hierarchy of boxes */
#define QUEUE 2048

static int widest_side(const ct_residual *index, const int *point, int count) {
  int widest = 0;
  double width = -1;
  for (int d = 0; d < index->dim; d++) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; i++) {
      double x = index->x[(size_t)point[i] * (size_t)index->dim + (size_t)d];
      low = x < low ? x : low;
      high = x > high ? x : high;
    }
    if (high - low > width) width = high - low, widest = d;
  }
  return widest;
}

/* Sorts a cell of at most 32 points along its widest side. */
static void sort_cell(const ct_residual *index, int *point, int count) {
  size_t dim = (size_t)index->dim, side = (size_t)widest_side(index, point, count);
  for (int i = 1; i < count; i++) {
    int moved = point[i], j = i;
    double x = index->x[(size_t)moved * dim + side];
    for (; j > 0 && index->x[(size_t)point[j - 1] * dim + side] > x; j--) point[j] = point[j - 1];
    point[j] = moved;
  }
}

/* Cells of 32 of the k-d order become four compact leaves of eight. */
static void split_cells(ct_net_leaves *leaves) {
  int n = leaves->index->n;
  for (int i = 0; i < n; i++) leaves->point[i] = i;
  for (int size = 4 * LEAF; size > LEAF; size /= 2)
    for (int first = 0; first < n; first += size)
      sort_cell(leaves->index, leaves->point + first, n - first < size ? n - first : size);
}

static void box_of_leaf(const ct_net_leaves *leaves, int leaf, float *box) {
  int dim = leaves->index->dim, from = leaf * LEAF,
      to = from + LEAF < leaves->index->n ? from + LEAF : leaves->index->n;
  for (int d = 0; d < dim; d++) {
    box[d] = INFINITY;
    box[dim + d] = -INFINITY;
    for (int i = from; i < to; i++) {
      float x = (float)leaves->index->x[(size_t)leaves->point[i] * (size_t)dim + (size_t)d];
      if (x < box[d]) box[d] = x;
      if (x > box[dim + d]) box[dim + d] = x;
    }
  }
}

static void box_of_children(const ct_net_leaves *leaves, int level, int node, float *box) {
  int dim = leaves->index->dim, from = node * FAN, to = from + FAN;
  if (to > leaves->nodes[level - 1]) to = leaves->nodes[level - 1];
  memcpy(box, leaves->box[level - 1] + (size_t)from * (size_t)(2 * dim),
         (size_t)(2 * dim) * sizeof *box);
  for (int child = from + 1; child < to; child++) {
    const float *other = leaves->box[level - 1] + (size_t)child * (size_t)(2 * dim);
    for (int d = 0; d < dim; d++) {
      if (other[d] < box[d]) box[d] = other[d];
      if (other[dim + d] > box[dim + d]) box[dim + d] = other[dim + d];
    }
  }
}

static ct_status build_boxes(ct_net_leaves *leaves, const ct_run *run) {
  int dim = leaves->index->dim, count = (leaves->index->n + LEAF - 1) / LEAF;
  for (leaves->levels = 0; leaves->levels < CT_NET_LEVELS; leaves->levels++) {
    int level = leaves->levels;
    leaves->nodes[level] = count;
    CT_NEW(leaves->box[level], &run->arena, (size_t)count * (size_t)(2 * dim));
    for (int node = 0; node < count; node++) {
      float *box = leaves->box[level] + (size_t)node * (size_t)(2 * dim);
      if (level == 0) box_of_leaf(leaves, node, box);
      else box_of_children(leaves, level, node, box);
    }
    if (count == 1) break;
    count = (count + FAN - 1) / FAN;
  }
  return CT_OK;
}

ct_status ct_net_leaves_make(ct_net_leaves *leaves, const ct_residual *index, const ct_run *run) {
  leaves->index = index;
  CT_NEW(leaves->point, &run->arena, index->n);
  split_cells(leaves);
  return build_boxes(leaves, run);
}

static float distance_to_box(const float *box, const double *x, int dim) {
  float sum = 0;
  for (int d = 0; d < dim; d++) {
    float below = box[d] - (float)x[d], above = (float)x[d] - box[dim + d];
    float gap = below > above ? below : above;
    if (gap > 0) sum += gap * gap;
  }
  return sum;
}

/* ---- tours ---- */

static void push(ct_leaf_visit *queue, int *count, ct_leaf_visit entry) {
  int i = (*count)++;
  for (; i > 0 && queue[(i - 1) / 2].distance > entry.distance; i = (i - 1) / 2)
    queue[i] = queue[(i - 1) / 2];
  queue[i] = entry;
}

static ct_leaf_visit pop(ct_leaf_visit *queue, int *count) {
  ct_leaf_visit top = queue[0], last = queue[--*count];
  int i = 0;
  for (int child = 1; child < *count; child = 2 * i + 1) {
    if (child + 1 < *count && queue[child + 1].distance < queue[child].distance) child++;
    if (queue[child].distance >= last.distance) break;
    queue[i] = queue[child];
    i = child;
  }
  queue[i] = last;
  return top;
}

static void open_node(ct_leaf_tour *tour, const ct_net_leaves *leaves, ct_leaf_visit at) {
  int dim = leaves->index->dim, level = at.level - 1, to = (at.node + 1) * FAN;
  if (to > leaves->nodes[level]) to = leaves->nodes[level];
  for (int node = at.node * FAN; node < to && tour->queued < QUEUE; node++) {
    const float *box = leaves->box[level] + (size_t)node * (size_t)(2 * dim);
    ct_leaf_visit child = {distance_to_box(box, tour->from, dim), level, node};
    push(tour->queue, &tour->queued, child);
  }
}

ct_status ct_leaf_tour_new(ct_leaf_tour *tour, const ct_arena *arena) {
  CT_NEW(tour->queue, arena, QUEUE + 1);
  return CT_OK;
}

void ct_leaf_tour_start(ct_leaf_tour *tour, const ct_net_leaves *leaves, const double *from) {
  tour->from = from;
  tour->queued = 1;
  tour->queue[0] = (ct_leaf_visit){0, leaves->levels, 0};
}

int ct_leaf_tour_next(ct_leaf_tour *tour, const ct_net_leaves *leaves, const int **point,
                      int *count) {
  while (tour->queued > 0) {
    ct_leaf_visit at = pop(tour->queue, &tour->queued);
    if (at.level > 0) {
      open_node(tour, leaves, at);
      continue;
    }
    int first = at.node * LEAF, left = leaves->index->n - first;
    *point = leaves->point + first;
    *count = left < LEAF ? left : LEAF;
    return 1;
  }
  return 0;
}
