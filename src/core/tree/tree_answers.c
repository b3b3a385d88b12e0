#include "tree/tree_answers.h"

#include <limits.h>
#include <math.h>

/* One heap serves both: what sorts last stands on top, so it is given up first, and taking the top
 * off again and again sorts in place. */

static int before(double distance, int row, const ct_tree_answers *a, int i) {
  return distance < a->distance[i] || (distance == a->distance[i] && row < a->row[i]);
}

static void put(ct_tree_answers *a, int at, double distance, int row) {
  a->distance[at] = distance;
  a->row[at] = row;
}

/* Fills a hole in the heap of count entries, from the hole downwards. */
static void sift_down(ct_tree_answers *a, int hole, int count, double distance, int row) {
  for (int below = 2 * hole + 1; below < count; below = 2 * hole + 1) {
    if (below + 1 < count && before(a->distance[below], a->row[below], a, below + 1)) below++;
    if (!before(distance, row, a, below)) break;
    put(a, hole, a->distance[below], a->row[below]);
    hole = below;
  }
  put(a, hole, distance, row);
}

static void sift_up(ct_tree_answers *a, int hole, double distance, int row) {
  while (hole > 0) {
    int above = (hole - 1) / 2;
    if (before(distance, row, a, above)) break;
    put(a, hole, a->distance[above], a->row[above]);
    hole = above;
  }
  put(a, hole, distance, row);
}

void ct_tree_answers_nearest(ct_tree_answers *answers, int *row, double *distance, int capacity) {
  *answers = (ct_tree_answers){row, distance, 0, capacity, INFINITY, INT_MAX};
}

void ct_tree_answers_within(ct_tree_answers *answers, int *row, double *distance, double radius) {
  *answers = (ct_tree_answers){row, distance, 0, 0, radius, INT_MAX};
}

static void tighten(ct_tree_answers *a) {
  a->bound = a->distance[0];
  a->bound_row = a->row[0];
}

static void add_nearest(ct_tree_answers *a, double distance, int row) {
  if (a->count < a->capacity) sift_up(a, a->count++, distance, row);
  else sift_down(a, 0, a->count, distance, row);
  if (a->count == a->capacity) tighten(a);
}

void ct_tree_answers_add(ct_tree_answers *answers, double distance, int row) {
  if (answers->capacity > 0) {
    add_nearest(answers, distance, row);
  } else {
    if (answers->row) put(answers, answers->count, distance, row);
    answers->count++;
  }
}

void ct_tree_answers_sort(ct_tree_answers *a) {
  if (a->capacity == 0)
    for (int i = a->count / 2 - 1; i >= 0; i--)
      sift_down(a, i, a->count, a->distance[i], a->row[i]);
  for (int last = a->count - 1; last > 0; last--) {
    double distance = a->distance[last];
    int row = a->row[last];
    put(a, last, a->distance[0], a->row[0]);
    sift_down(a, 0, last, distance, row);
  }
}
