#ifndef CT_TREE_H
#define CT_TREE_H

#include <stdint.h>

#include "metric/distances.h"
#include "run/run.h"

/* A cover tree in preorder, one node per point: arrays of n entries that the caller owns.
 * The subtree of the node at position pos is the run pos .. pos + size[pos] - 1; its first child
 * stands at pos + 1, the next sibling at pos + size[pos].
 *
 * Invariants, for the node at pos with parent q (ct_tree_check() is their executable form):
 *   order       point[] is a permutation, and point[q] < point[pos]: a parent's row is smaller than
 *               all its descendants', so the rows < i are a tree again for every i; duplicates
 *               come first among their siblings, by row
 *   levels      level[pos] < level[q]; CT_LEVEL_DUPLICATE for points at distance 0 of their parent
 *   covering    parent_distance[pos] = d(pos, q) <= 2^(level[pos] + 1), and <= 2^level[q] below
 *               the root
 *   separation  parent_distance[pos] > 2^level[pos]; d(a, b) > 2^level[a] for siblings with
 *               level[a] <= level[b], unless level[a] < level[b] and a's row is the earlier (it
 *               may not be the child of a later one)
 *   radius      radius[pos] = the largest distance to a descendant, 0 for a leaf
 *
 * A level l reaches 2^l. Bounded distances (distances.h) draw levels finer towards 1: there it
 * reaches 2^l / (1 + 2^l), and stands for 2^l above. In a correlation metric most points are nearly
 * at 1 from each other; powers of two would have the thousands of balls of radius 1/2 hang from the
 * root side by side, where .97, .94, .89, .8, .67 collect them first. */
typedef struct {
  int n;
  int *point;
  int *size;
  int *level;
  double *radius;
  double *parent_distance;
} ct_tree;

#define CT_LEVEL_DUPLICATE (-32768)

#endif
