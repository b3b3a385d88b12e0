#ifndef CT_BLOCK_LIST_H
#define CT_BLOCK_LIST_H

#include "blocks.h"

/* The leaves that a block of queries must look at, nearest first, with their boxes gathered in groups
 * of CT_FAN so that one kernel call tests eight of them for one query. */

typedef struct ct_leaf_list {
  int count;
  int *leaf;
  double *box;      /* [group][low, high][dim][CT_FAN] */
  double *rest_key; /* per group: the smallest key, from the block of queries, of it and all behind */
  int *rest_row;    /* per group: the smallest row of it and all behind */
  /* scratch of the walk */
  int *node, *next, *bucket;
  double *node_key, *key;
} ct_leaf_list;

ct_status ct_leaf_list_make(ct_leaf_list *list, const ct_blocks *blocks, const ct_run *run);

/* What a walk may leave out: boxes with a key above bound, without a row below limit, or whose key is
 * at least tie_key and whose rows are all above tie_row. */
typedef struct {
  double bound;
  int limit;
  double tie_key;
  int tie_row;
} ct_walk;

/* Lists the leaves near the box low..high. Returns the number of boxes tested. */
long ct_leaf_list_fill(ct_leaf_list *list, const ct_blocks *blocks, const double *low,
                       const double *high, const ct_walk *walk);

/* The leaf whose box is nearest to a point among those with a row below limit, a first one of several. */
int ct_nearest_leaf(const ct_blocks *blocks, const double *point, int limit);

#endif
