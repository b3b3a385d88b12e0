/* Dropping rows from blocks.
 *
 * A query whose candidates are the rows below some number is asked to blocks of little more than
 * those. They are made from larger blocks by leaving rows out, without a new k-d order: a leaf that
 * has lost points joins its sibling as soon as both together fit one leaf. So a leaf keeps to one
 * cell of the k-d order, the cell grows as rows thin out, and leaves are about three quarters full.
 * (Filled up without regard to cells, leaves would be full but reach from one cell into another
 * one, far away now and then: queries would read half as many points again.)
 *
 * The k-d order cuts at powers of two of leaves. So the cells are the ranges z i .. z (i + 1) - 1
 * of the full leaves, z a power of two, the last one cut off at the end; cell[] keeps where the
 * range of each leaf begins, and it ends where the next one begins. */

#include "metric/canonical.h"

#include "blocks/blocks.h"

/* Moves the point in one slot to another. */
static void move_point(ct_blocks *blocks, int from_leaf, int from, int to_leaf, int to) {
  size_t leaf_size = (size_t)blocks->dim * CT_LEAF;
  const double *source = blocks->x + (size_t)from_leaf * leaf_size + from;
  double *target = blocks->x + (size_t)to_leaf * leaf_size + to;
  for (int c = 0; c < blocks->dim; c++) target[c * CT_LEAF] = source[c * CT_LEAF];
  blocks->row[to_leaf * CT_LEAF + to] = blocks->row[from_leaf * CT_LEAF + from];
}

/* Moves what a leaf keeps to another one, which may be itself; returns how many points that are. */
static int move_below(ct_blocks *blocks, int leaf, int limit, int to_leaf, int held) {
  const int *row = blocks->row + (size_t)leaf * CT_LEAF;
  int count = blocks->held[leaf];
  for (int j = 0; j < count; j++)
    if (row[j] < limit) move_point(blocks, leaf, j, to_leaf, held++);
  return held;
}

/* Whether two leaves, the second one up to full leaf end, are the halves of one cell. */
static int are_siblings(const ct_blocks *blocks, int leaf, int next, int end) {
  int first = blocks->cell[leaf], size = blocks->cell[next] - first;
  if ((size & (size - 1)) || first % (2 * (long)size)) return 0;
  return end == first + 2 * (long)size ||
         (end == blocks->full_leaves && end - first < 2 * (long)size);
}

/* Lets the last two of count leaves become one, as long as they may; returns the new number. end:
 * where the cell of the last one ends. */
static int join_siblings(ct_blocks *blocks, int count, int end) {
  while (count > 1) {
    int leaf = count - 2, next = count - 1;
    int held = blocks->held[leaf], more = blocks->held[next];
    if (held + more > CT_LEAF || !are_siblings(blocks, leaf, next, end)) break;
    for (int j = 0; j < more; j++) move_point(blocks, next, j, leaf, held + j);
    blocks->held[leaf] = held + more;
    count--;
  }
  return count;
}

void ct_blocks_keep_below(ct_blocks *blocks, int limit, const ct_run *run) {
  int leaves = blocks->leaves, count = 0;
  for (int leaf = 0; leaf < leaves; leaf++) {
    int end = leaf + 1 < leaves ? blocks->cell[leaf + 1] : blocks->full_leaves;
    blocks->cell[count] = blocks->cell[leaf];
    blocks->held[count] = move_below(blocks, leaf, limit, count, 0);
    count = join_siblings(blocks, count + 1, end);
  }
  for (int leaf = 0; leaf < count; leaf++) ct_leaf_pad(blocks, leaf, blocks->held[leaf]);
  ct_blocks_bound(blocks, count, run);
}
