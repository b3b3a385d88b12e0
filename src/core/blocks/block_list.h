#ifndef CT_BLOCK_LIST_H
#define CT_BLOCK_LIST_H

#include "blocks/blocks.h"

/* The leaves that a block of queries must look at, in groups of CT_FAN, so that one kernel call
 * tests eight boxes for one query; near ones first.
 *
 * A list of usual length is gathered: its leaves are sorted by distance and their boxes copied
 * together. A list that would be longer than CT_LISTED groups, as in high dimensions where most
 * leaves are near, has the groups of the index instead: so a thread needs no scratch of the size of
 * the data. */

#define CT_LISTED 1024

typedef struct ct_leaf_list {
  int groups;
  int gathered; /* or groups of the index, by their numbers in node */
  int *leaf;    /* gathered: [group][CT_FAN] */
  double *box;  /* gathered: [group][low, high][dim][CT_FAN] */
  int *node;
  double *rest_key; /* the smallest key, from the queries, of the group and all behind it */
  int *rest_row;    /* their smallest row */
  /* scratch of the walk */
  int *next, *bucket;
  double *node_key, *key;
} ct_leaf_list;

ct_status ct_leaf_list_make(ct_leaf_list *list, const ct_blocks *blocks, const ct_run *run);

/* What a walk may leave out: boxes with a key above bound, without a row below limit, or whose key
 * is at least tie_key and whose rows are all above tie_row. */
typedef struct {
  double bound;
  int limit;
  double tie_key;
  int tie_row;
} ct_walk;

/* Lists the leaves near the box low..high. Returns the number of boxes tested. */
long ct_leaf_list_fill(ct_leaf_list *list, const ct_blocks *blocks, const double *low,
                       const double *high, const ct_walk *walk);

/* Boxes and leaves of a group of the list. */
static inline const double *ct_listed_boxes(const ct_leaf_list *list, const ct_blocks *blocks,
                                            int g, int dim) {
  const double *all = list->gathered ? list->box : blocks->level[0].side;
  return all + (size_t)(list->gathered ? g : list->node[g]) * 2 * (size_t)dim * CT_FAN;
}

static inline int ct_listed_leaf(const ct_leaf_list *list, int g, int j) {
  return list->gathered ? list->leaf[g * CT_FAN + j] : list->node[g] * CT_FAN + j;
}

/* The leaf whose box is nearest to a point among those with a row below limit, a first one of
 * several. */
int ct_nearest_leaf(const ct_blocks *blocks, const double *point, int limit);

#endif
