#ifndef CT_SETS_H
#define CT_SETS_H

#include <stddef.h>

#include "run/run.h"
#include "run/status.h"

/* Conditioning sets, a borrowed view of a matrix with a row per set: set i belongs to place
 * first + i, and its neighbours are row[i], row[i + count] .. row[i + (size - 1) * count], places
 * counted from origin; numbers below origin stand for none. */
typedef struct {
  const int *row;
  int count;
  int size;
  int first;
  int origin;
} ct_sets;

/* Neighbour a of set i, counted from 0; negative: none. */
static inline int ct_sets_at(const ct_sets *sets, int i, int a) {
  int row = sets->row[(size_t)i + (size_t)a * (size_t)sets->count];
  return row < sets->origin ? -1 : row - sets->origin;
}

/* Whether every neighbour comes before its place: CT_OK, or CT_ERR_DOMAIN and the first set and
 * column that breaks it. */
ct_status ct_sets_check(const ct_sets *sets, int *set, int *column, const ct_run *run);

/* Sets of places in another order: row i of out, which lies as sets->row does and counts from the
 * same origin, is the set of place order[i], whose neighbours are given their new numbers rank[j];
 * order and rank are inverse permutations of 0 .. count - 1. first is 0. */
void ct_sets_renumber(const ct_sets *sets, const int *order, const int *rank, int *out,
                      const ct_run *run);

#endif
