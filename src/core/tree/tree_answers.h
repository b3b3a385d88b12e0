#ifndef CT_TREE_ANSWERS_H
#define CT_TREE_ANSWERS_H

/* The answers to one query while the tree is walked. Arrays belong to the caller. Nearest: the
 * capacity nearest so far, a heap with the last by (distance, row) on top; the bound tightens once
 * it is full. Within: everything up to a fixed bound; row NULL only counts. */
typedef struct {
  int *row;
  double *distance;
  int count;
  int capacity; /* of the nearest; 0: within */
  double bound; /* what is farther, or as far with a row above bound_row, is no answer */
  int bound_row;
} ct_tree_answers;

void ct_tree_answers_nearest(ct_tree_answers *answers, int *row, double *distance, int capacity);
void ct_tree_answers_within(ct_tree_answers *answers, int *row, double *distance, double radius);

/* Whether something at this distance or beyond, of this row or a later one, may be an answer. */
static inline int ct_tree_answers_admit(const ct_tree_answers *answers, double distance, int row) {
  return distance < answers->bound || (distance == answers->bound && row < answers->bound_row);
}

/* Adds an answer that is admitted. */
void ct_tree_answers_add(ct_tree_answers *answers, double distance, int row);

/* Puts them in order of (distance, row); nothing may be added afterwards. */
void ct_tree_answers_sort(ct_tree_answers *answers);

#endif
