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

/* A search that can be tried before it is paid for. */
typedef struct ct_screened ct_screened;

/* *opened: NULL when there are no such columns: V is the user's own, or the condition of its factor
 * too large. */
ct_status ct_screened_open(ct_screened **opened, const ct_screened_task *task, const ct_run *run);

/* *seconds that ct_screened_search() would take on one thread, by what a few blocks of queries take
 * with those points that are near them, and with a sample of all others. */
ct_status ct_screened_probe(const ct_screened *screened, const unsigned char *answered,
                            double *seconds, const ct_run *run);

/* Answers, as ct_residual_knn() would, the queries q of which answered[q] is 0, and sets it to 1.
 * Those that are left are for the scan: rows that are asked for twice, and queries that bounds in
 * floats say too little about. */
ct_status ct_screened_search(const ct_screened *screened, unsigned char *answered, double done,
                             double share, ct_stats *stats, const ct_run *run);

#endif
