#ifndef CT_BLOCKS_H
#define CT_BLOCKS_H

#include "blocks/block_kernels.h"
#include "run/selection_kernels.h"
#include "blocks/kd_order.h"
#include "metric/metric.h"
#include "metric/points.h"
#include "run/run.h"

/* Points as the coordinate search reads them.
 *
 * Leaves are runs of CT_LEAF points of a k-d order (or of what a filter leaves of one); a point's
 * place in that order is its *slot*. Coordinates are embedded and stand leaf by leaf, one side
 * after the other. A leaf may have empty slots behind its points: their coordinates are NAN, which
 * no bound lets pass, and their row is INT_MAX.
 *
 * Above the leaves stand boxes, CT_FAN to a group, one level above the other: box i of a level
 * bounds the boxes of group i below, and box i of level 0 bounds leaf i. The top level is one
 * group. Boxes that are only there to fill a group are empty (low INFINITY, high -INFINITY):
 * infinitely far away. */

#define CT_FAN 8
#define CT_BOX_LEVELS 10 /* 8^10 leaves of 32 points: 2^35 */

typedef struct {
  int count;
  double *side;   /* [group][low, high][dim][CT_FAN] */
  int *first_row; /* smallest row in each box, INT_MAX in an empty one */
} ct_box_level;

typedef struct ct_blocks {
  const ct_points *points;
  const ct_metric *metric;
  ct_kernels kernels;
  const ct_selection_kernels *select;
  ct_key key;
  int dim; /* of the embedded points */
  int leaves;
  int levels;
  int *row;  /* [slot] */
  int *held; /* [leaf]: its points */
  int *cell; /* [leaf]: the first full leaf of the k-d cell that the leaf holds; block_filter.c */
  int full_leaves; /* with all points */
  double *x;       /* [leaf][dim][CT_LEAF] */
  ct_box_level level[CT_BOX_LEVELS];
} ct_blocks;

/* Blocks of all points in an order, with the arena's memory. */
ct_status ct_blocks_make(const ct_points *points, const ct_metric *metric, const int *order,
                         ct_blocks *blocks, const ct_run *run);

/* A copy in the arena's memory. */
ct_status ct_blocks_copy(const ct_blocks *from, ct_blocks *to, const ct_run *run);

/* Drops all points whose row is not below limit. Reuses the memory. */
void ct_blocks_keep_below(ct_blocks *blocks, int limit, const ct_run *run);

/* Boxes of all levels over so many leaves, whose points are in place. */
void ct_blocks_bound(ct_blocks *blocks, int leaves, const ct_run *run);

/* Makes the slots of a leaf from held on empty. */
void ct_leaf_pad(ct_blocks *blocks, int leaf, int held);

static inline const double *ct_leaf_at(const ct_blocks *blocks, int leaf) {
  return blocks->x + (size_t)leaf * (size_t)blocks->dim * CT_LEAF;
}

static inline const double *ct_box_group_at(const ct_blocks *blocks, int level, int group) {
  return blocks->level[level].side + (size_t)group * 2 * (size_t)blocks->dim * CT_FAN;
}

/* ---- bounds: where a search may stop ---- */

/* The key that no candidate exceeds which is as near as one of the given key, by reported
 * distances. */
double ct_key_widened(const ct_blocks *blocks, double key);

/* Keys as a norm, for which the triangle inequality holds: the root, and an upper bound back. */
double ct_norm_of_distance(const ct_blocks *blocks, double distance);
double ct_key_of_norm(const ct_blocks *blocks, double norm);

/* Whether a larger key never belongs to a smaller distance, to the last bit. */
int ct_key_is_monotone(const ct_blocks *blocks);

#endif
