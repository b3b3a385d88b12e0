#ifndef CT_SELECT_H
#define CT_SELECT_H

#include <stddef.h>

#include "run/selection_kernels.h"

/* Selecting and sorting by (distance, row). Rows differ, so all entries do. */

typedef struct {
  double distance, key;
  int row, slot;
} ct_measured;

/* Puts the entries 0 .. nth, in any order, before all others; returns the largest of them. */
ct_measured ct_select_measured(ct_measured *item, int count, int nth);

/* Sorts neighbours in place, without scratch, in at most n log n steps whatever the data. */
void ct_sort_neighbors(double *distance, int *row, size_t count);

/* The same for at most CT_RANKED of them, from one pair of arrays to another: by counting for each
 * one the smaller ones, with vectors, which for so few is faster than any sort that branches. */
void ct_rank_neighbors(const ct_selection_kernels *kernels, const double *distance, const int *row,
                       int count, double *sorted_distance, int *sorted_row);

/* The wanted-th smallest of count keys (1 <= wanted <= count), which stay where they are; where
 * many are closer than the 2^-44th part of their range perhaps a larger one of those. There is room
 * for seven more behind the last. */
double ct_wanted_key(const ct_selection_kernels *kernels, double *key, int count, int wanted);

/* Leaves of count neighbours the wanted nearest (1 <= wanted < count), in no particular order, and
 * returns a distance that those do not exceed, 0 only where it is theirs. There is room for seven
 * more entries behind the last. */
double ct_keep_nearest(const ct_selection_kernels *kernels, double *distance, int *row, int count,
                       int wanted);

#endif
