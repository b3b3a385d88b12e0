#ifndef CT_SCREENED_H
#define CT_SCREENED_H

#include "metric/queries.h"

/* Exact search by the columns of the symmetric root that matter (screened.c). */

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  int k;
  int *id;
  double *dist;
} ct_screened_task;

/* Answers, as ct_residual_knn() would, the queries q of which answered[q] is 0, and sets it to 1.
 * Those that are left are for the scan: rows that are asked for twice, and queries that bounds in
 * floats say too little about. *found: 0 when there are no such columns, and nothing was done: V is
 * the user's own, or the condition of its factor too large. */
ct_status ct_screened_search(const ct_screened_task *task, unsigned char *answered, int *found,
                             double done, double share, ct_stats *stats, const ct_run *run);

#endif
