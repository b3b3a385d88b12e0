#include "metric/canonical.h"

#include "blocks/block_list.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "run/inline.h"

/* The list is sorted by distance roughly, into so many classes: it only has to begin with near
 * leaves and to end with far ones. */
#define CLASSES 64

ct_status ct_leaf_list_make(ct_leaf_list *list, const ct_blocks *blocks, const ct_run *run) {
  size_t groups = (size_t)blocks->leaves / CT_FAN + 1;
  size_t listed = groups < CT_LISTED ? groups : CT_LISTED, leaves = listed * CT_FAN;
  /* either the leaves of a gathered list, or groups of the index */
  size_t nodes = groups > leaves ? groups : leaves;
  CT_NEW(list->leaf, &run->arena, leaves);
  CT_NEW(list->box, &run->arena, leaves * 2 * (size_t)blocks->dim);
  CT_NEW(list->rest_key, &run->arena, groups);
  CT_NEW(list->rest_row, &run->arena, groups);
  CT_NEW(list->node, &run->arena, nodes);
  CT_NEW(list->next, &run->arena, nodes);
  CT_NEW(list->bucket, &run->arena, nodes);
  CT_NEW(list->node_key, &run->arena, nodes);
  CT_NEW(list->key, &run->arena, nodes);
  return CT_OK;
}

static void swap_nodes(ct_leaf_list *list) {
  int *node = list->node;
  list->node = list->next;
  list->next = node;
}

/* ---- the walk ---- */

/* From the boxes of one level in node[] to those below them. */
static int descend(ct_leaf_list *list, const ct_blocks *blocks, int level, int count,
                   const double *low, const double *high, const ct_walk *walk) {
  const int *first_row = blocks->level[level].first_row;
  double key[CT_FAN];
  int found = 0;
  for (int i = 0; i < count; i++) {
    const double *group = ct_box_group_at(blocks, level, list->node[i]);
    unsigned near = blocks->kernels.near_boxes(blocks, group, low, high, walk->bound, key);
    for (; near; near &= near - 1) {
      int j = ct_lowest_bit(near), box = list->node[i] * CT_FAN + j;
      if (first_row[box] >= walk->limit) continue;
      if (key[j] >= walk->tie_key && first_row[box] > walk->tie_row) continue;
      list->node_key[found] = key[j];
      list->next[found++] = box;
    }
  }
  swap_nodes(list);
  return found;
}

/* Leaves leaves in node[], or groups of them when they would be too many, and their keys in
 * node_key[]. Returns their number; *level: 0 or 1. */
static int walk_down(ct_leaf_list *list, const ct_blocks *blocks, const double *low,
                     const double *high, const ct_walk *walk, int *level, long *boxes) {
  int count = 1;
  list->node[0] = 0;
  list->node_key[0] = 0;
  for (*level = blocks->levels; *level > 0 && !(*level == 1 && count > CT_LISTED); --*level) {
    *boxes += (long)count * CT_FAN;
    count = descend(list, blocks, *level - 1, count, low, high, walk);
  }
  return count;
}

/* Sorts node[] by distance, near ones first; keys go to key[]. */
static void sort_by_distance(ct_leaf_list *list, const ct_blocks *blocks, int count) {
  int start[CLASSES + 1] = {0}, root = blocks->key == CT_KEY_SQUARES;
  double most = 0;
  for (int i = 0; i < count; i++) most = list->node_key[i] > most ? list->node_key[i] : most;
  double scale = most > 0 ? (CLASSES - 1) / (root ? sqrt(most) : most) : 0;
  if (!(scale < DBL_MAX)) scale = 0;
  for (int i = 0; i < count; i++) {
    double distance = root ? sqrt(list->node_key[i]) : list->node_key[i];
    list->bucket[i] = (int)(distance * scale);
    start[list->bucket[i] + 1]++;
  }
  for (int b = 0; b < CLASSES; b++) start[b + 1] += start[b];
  for (int i = 0; i < count; i++) {
    int place = start[list->bucket[i]]++;
    list->next[place] = list->node[i];
    list->key[place] = list->node_key[i];
  }
  swap_nodes(list);
}

/* What every group and all behind it have at least; each group has so many of the sorted nodes. */
static void bound_the_rest(ct_leaf_list *list, const int *first_row, int count, int nodes) {
  double key = INFINITY;
  int row = INT_MAX;
  for (int i = count - 1; i >= 0; i--) {
    int first = first_row[list->node[i]];
    key = list->key[i] < key ? list->key[i] : key;
    row = first < row ? first : row;
    if (i % nodes) continue;
    list->rest_key[i / nodes] = key;
    list->rest_row[i / nodes] = row;
  }
}

static void gather_boxes(ct_leaf_list *list, const ct_blocks *blocks, int count) {
  int sides = 2 * blocks->dim;
  for (int i = 0; i < list->groups * CT_FAN; i++) {
    double *to = list->box + (size_t)(i / CT_FAN) * (size_t)sides * CT_FAN + i % CT_FAN;
    if (i < count) {
      int leaf = list->node[i];
      const double *from = ct_box_group_at(blocks, 0, leaf / CT_FAN) + leaf % CT_FAN;
      list->leaf[i] = leaf;
      for (int s = 0; s < sides; s++) to[s * CT_FAN] = from[s * CT_FAN];
    } else {
      for (int s = 0; s < sides; s++) to[s * CT_FAN] = s < blocks->dim ? INFINITY : -INFINITY;
    }
  }
}

long ct_leaf_list_fill(ct_leaf_list *list, const ct_blocks *blocks, const double *low,
                       const double *high, const ct_walk *walk) {
  long boxes = 0;
  int level, count = walk_down(list, blocks, low, high, walk, &level, &boxes);
  list->gathered = level == 0;
  list->groups = level == 0 ? (count + CT_FAN - 1) / CT_FAN : count;
  sort_by_distance(list, blocks, count);
  bound_the_rest(list, blocks->level[level].first_row, count, level == 0 ? CT_FAN : 1);
  if (list->gathered) gather_boxes(list, blocks, count);
  return boxes;
}

/* ---- the nearest leaf ---- */

typedef struct {
  double key;
  int level, group; /* boxes of this level and group are to be looked at */
} step;

/* Steps that wait for their turn: on every level at most all boxes of a group but the nearest. */
#define WAITING (CT_BOX_LEVELS * CT_FAN)

typedef struct {
  step waiting[WAITING];
  int count;
  double least; /* key of the nearest leaf so far */
  int leaf;
} descent;

/* Looks at one group. Boxes that may hold a nearer leaf wait, the nearest of them on top. */
static void look_at_group(descent *d, const ct_blocks *blocks, step at, const double *point,
                          int limit) {
  const double *group = ct_box_group_at(blocks, at.level, at.group);
  const int *first_row = blocks->level[at.level].first_row + (size_t)at.group * CT_FAN;
  double key[CT_FAN];
  int bottom = d->count;
  unsigned near = blocks->kernels.near_boxes(blocks, group, point, point, d->least, key);
  for (; near; near &= near - 1) {
    int j = ct_lowest_bit(near), box = at.group * CT_FAN + j;
    if (first_row[j] >= limit || !(key[j] < d->least)) continue;
    if (at.level == 0) {
      d->least = key[j];
      d->leaf = box;
      continue;
    }
    step next = {key[j], at.level - 1, box};
    int top = d->count++;
    d->waiting[top] = next;
    if (top > bottom && !(key[j] < d->waiting[top - 1].key)) {
      d->waiting[top] = d->waiting[top - 1];
      d->waiting[top - 1] = next;
    }
  }
}

int ct_nearest_leaf(const ct_blocks *blocks, const double *point, int limit) {
  descent d;
  d.count = 1;
  d.waiting[0] = (step){0, blocks->levels - 1, 0};
  d.least = DBL_MAX;
  d.leaf = 0;
  while (d.count) {
    step next = d.waiting[--d.count];
    if (next.key < d.least) look_at_group(&d, blocks, next, point, limit);
  }
  return d.leaf;
}
