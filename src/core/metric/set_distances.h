#ifndef CT_SET_DISTANCES_H
#define CT_SET_DISTANCES_H

#include "metric/distances.h"
#include "run/run.h"

/* Sets of indexed rows, whose distances to those who ask are wanted: id is column-major count x k,
 * -1 at the end of a row where there is none. row[q]: the indexed row that asks (NULL: row q);
 * new_points: query q of distances->to asks instead. */
typedef struct {
  const int *id;
  int count, k;
  const int *row;
  int new_points;
} ct_row_sets;

/* dist: as id, NAN where there is none. By whatever metric stands behind distances, on the calling
 * thread alone where they ask for it. */
ct_status ct_set_distances(const ct_distances *distances, const ct_row_sets *sets, double *dist,
                           const ct_run *run);

#endif
