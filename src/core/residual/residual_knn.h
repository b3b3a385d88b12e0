#ifndef CT_RESIDUAL_KNN_H
#define CT_RESIDUAL_KNN_H

#include "residual/residual_search.h"

/* The number of first rows that are to have an index of their own, 0: there are no such queries. */
int ct_early_rows(const ct_residual_plan *plan, const ct_residual *index,
                  const ct_residual_queries *queries);

/* As ct_residual_knn(), the queries that want the first cut rows only in an index of these. */
ct_status ct_early_search(const ct_residual *index, const ct_residual_queries *queries, int cut,
                          int k, const ct_residual_plan *plan, int *used, int *id, double *dist,
                          ct_stats *stats, const ct_run *run);

#endif
