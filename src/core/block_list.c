#include "canonical.h"

#include "block_list.h"

#include <float.h>
#include <limits.h>
#include <math.h>

/* The list is sorted by distance roughly, into so many classes: it only has to begin with near leaves
 * and to end with far ones. */
#define CLASSES 64

static int lowest_bit(unsigned bits) {
#if defined(__GNUC__) || defined(__clang__)
  return __builtin_ctz(bits);
#else
  int i = 0;
  while (!(bits >> i & 1)) i++;
  return i;
#endif
}

ct_status ct_leaf_list_make(ct_leaf_list *list, const ct_blocks *blocks, const ct_run *run) {
  size_t size = ((size_t)blocks->leaves / CT_FAN + 2) * CT_FAN;
  CT_NEW(list->leaf, &run->arena, size);
  CT_NEW(list->box, &run->arena, size * 2 * (size_t)blocks->dim);
  CT_NEW(list->rest_key, &run->arena, size / CT_FAN);
  CT_NEW(list->rest_row, &run->arena, size / CT_FAN);
  CT_NEW(list->node, &run->arena, size);
  CT_NEW(list->next, &run->arena, size);
  CT_NEW(list->bucket, &run->arena, size);
  CT_NEW(list->node_key, &run->arena, size);
  CT_NEW(list->key, &run->arena, size);
  return CT_OK;
}

/* Walks down from the top, level by level. Leaves the leaves in node[], their keys in node_key[]. */
static int walk_down(ct_leaf_list *list, const ct_blocks *blocks, const double *low, const double *high,
                     const ct_walk *walk, long *boxes) {
  double key[CT_FAN];
  int count = 1;
  list->node[0] = 0;
  for (int level = blocks->levels - 1; level >= 0; level--) {
    const int *first_row = blocks->level[level].first_row;
    int found = 0;
    for (int i = 0; i < count; i++) {
      const double *group = ct_box_group_at(blocks, level, list->node[i]);
      unsigned near = blocks->kernels.near_boxes(blocks, group, low, high, walk->bound, key);
      for (; near; near &= near - 1) {
        int j = lowest_bit(near), box = list->node[i] * CT_FAN + j;
        if (first_row[box] >= walk->limit) continue;
        if (key[j] >= walk->tie_key && first_row[box] > walk->tie_row) continue;
        list->node_key[found] = key[j];
        list->next[found++] = box;
      }
    }
    *boxes += (long)count * CT_FAN;
    count = found;
    int *other = list->node;
    list->node = list->next;
    list->next = other;
  }
  return count;
}

/* Copies the leaves from node[] to leaf[], nearest first. */
static void sort_by_distance(ct_leaf_list *list, const ct_blocks *blocks) {
  int start[CLASSES + 1] = {0};
  double most = 0;
  for (int i = 0; i < list->count; i++) most = fmax(most, list->node_key[i]);
  int root = blocks->key == CT_KEY_SQUARES;
  double scale = most > 0 ? (CLASSES - 1) / (root ? sqrt(most) : most) : 0;
  if (!(scale < DBL_MAX)) scale = 0;
  for (int i = 0; i < list->count; i++) {
    double distance = root ? sqrt(list->node_key[i]) : list->node_key[i];
    list->bucket[i] = (int)(distance * scale);
    start[list->bucket[i] + 1]++;
  }
  for (int b = 0; b < CLASSES; b++) start[b + 1] += start[b];
  for (int i = 0; i < list->count; i++) {
    int place = start[list->bucket[i]]++;
    list->leaf[place] = list->node[i];
    list->key[place] = list->node_key[i];
  }
}

static void bound_the_rest(ct_leaf_list *list, const ct_blocks *blocks) {
  double key = INFINITY;
  int row = INT_MAX;
  for (int i = list->count - 1; i >= 0; i--) {
    int first = blocks->level[0].first_row[list->leaf[i]];
    key = list->key[i] < key ? list->key[i] : key;
    row = first < row ? first : row;
    if (i % CT_FAN == 0) {
      list->rest_key[i / CT_FAN] = key;
      list->rest_row[i / CT_FAN] = row;
    }
  }
}

static void gather_boxes(ct_leaf_list *list, const ct_blocks *blocks) {
  int sides = 2 * blocks->dim, padded = (list->count + CT_FAN - 1) / CT_FAN * CT_FAN;
  for (int i = 0; i < padded; i++) {
    double *to = list->box + (size_t)(i / CT_FAN) * (size_t)sides * CT_FAN + i % CT_FAN;
    if (i < list->count) {
      int leaf = list->leaf[i];
      const double *from = ct_box_group_at(blocks, 0, leaf / CT_FAN) + leaf % CT_FAN;
      for (int s = 0; s < sides; s++) to[s * CT_FAN] = from[s * CT_FAN];
    } else {
      for (int s = 0; s < sides; s++) to[s * CT_FAN] = s < blocks->dim ? INFINITY : -INFINITY;
    }
  }
}

long ct_leaf_list_fill(ct_leaf_list *list, const ct_blocks *blocks, const double *low,
                       const double *high, const ct_walk *walk) {
  long boxes = 0;
  list->count = walk_down(list, blocks, low, high, walk, &boxes);
  sort_by_distance(list, blocks);
  bound_the_rest(list, blocks);
  gather_boxes(list, blocks);
  return boxes;
}

/* Groups that wait for their turn: at most all but one of those below every group on the way down. */
#define WAITING (CT_BOX_LEVELS * CT_FAN)

/* Depth first, the nearest box of a group before its others; boxes that are no nearer than the leaf found
 * are left out. A point of the index is in its leaf's box, so hardly more than the way down is walked. */
int ct_nearest_leaf(const ct_blocks *blocks, const double *point, int limit) {
  struct {
    double key;
    int level, group;
  } waiting[WAITING], next = {0, blocks->levels - 1, 0};
  double least = DBL_MAX, key[CT_FAN];
  int leaf = 0, count = 0;
  for (;;) {
    const double *group = ct_box_group_at(blocks, next.level, next.group);
    const int *first_row = blocks->level[next.level].first_row + (size_t)next.group * CT_FAN;
    unsigned near = blocks->kernels.near_boxes(blocks, group, point, point, least, key);
    int nearest = count;
    for (; near; near &= near - 1) {
      int j = lowest_bit(near), box = next.group * CT_FAN + j;
      if (first_row[j] >= limit || !(key[j] < least)) continue;
      if (next.level == 0) {
        least = key[j], leaf = box;
        continue;
      }
      waiting[count].key = key[j];
      waiting[count].level = next.level - 1;
      waiting[count].group = box;
      if (key[j] < waiting[nearest].key) nearest = count;
      count++;
    }
    if (nearest < count) {
      next = waiting[nearest];
      waiting[nearest] = waiting[--count];
      continue;
    }
    do {
      if (count == 0) return leaf;
      next = waiting[--count];
    } while (!(next.key < least));
  }
}
