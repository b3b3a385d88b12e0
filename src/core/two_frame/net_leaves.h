#ifndef CT_NET_LEAVES_H
#define CT_NET_LEAVES_H

#include "metric/residual.h"

/* The points of an index in leaves of eight, with a hierarchy of boxes above them, and the leaves
 * in order of their distance from a point. Of use where positions are in k-d order: a leaf holds
 * points of one cell of 32. */

#define CT_NET_LEAF 8
#define CT_NET_LEVELS 12

typedef struct {
  const ct_residual *index;
  int *point; /* positions, leaf after leaf */
  int levels; /* the top one has one node */
  int nodes[CT_NET_LEVELS];
  float *box[CT_NET_LEVELS]; /* 2 * dim floats a node: low sides, high sides */
} ct_net_leaves;

ct_status ct_net_leaves_make(ct_net_leaves *leaves, const ct_residual *index, const ct_run *run);

typedef struct {
  float distance;
  int level;
  int node;
} ct_leaf_visit;

/* A way through the leaves, nearest first. */
typedef struct {
  const double *from;
  int queued;
  ct_leaf_visit *queue; /* a heap of what is still to be opened */
} ct_leaf_tour;

ct_status ct_leaf_tour_new(ct_leaf_tour *tour, const ct_arena *arena);

/* from: dim coordinates, borrowed. */
void ct_leaf_tour_start(ct_leaf_tour *tour, const ct_net_leaves *leaves, const double *from);

/* The next leaf: *point are its *count points. 0 at the end. A tour so long that its heap is full
 * leaves some out. */
int ct_leaf_tour_next(ct_leaf_tour *tour, const ct_net_leaves *leaves, const int **point,
                      int *count);

#endif
