#ifndef CT_RESIDUAL_RANK_H
#define CT_RESIDUAL_RANK_H

#include "residual_search.h"

/* The k best of given candidates, for some of the queries: query[], count of them, which are best
 * neighbours in space one after the other. candidate: column-major, rows x width, of which row `i`
 * belongs to query[i] where in_order says so, otherwise row query[i]; -1 for none.
 * id, dist: as for ct_residual_rank(), of all queries. */
typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  const int *query;
  int count;
  const int *candidate;
  int rows, width, in_order;
  int k;
  int *id;
  double *dist;
} ct_rank_job;

/* Adds evaluations to stats; the progress goes from done to done + share. */
ct_status ct_rank_queries(const ct_rank_job *job, double done, double share, ct_stats *stats,
                          const ct_run *run);

/* The position in the index, or among the new points, of query q. */
static inline int ct_query_position(const ct_residual *index,
                                    const ct_residual_queries *queries, int q) {
  if (queries->points) return q;
  return index->position[queries->rows ? queries->rows[q] : q];
}

/* All queries by position, so that neighbours follow each other; new points as they come. */
ct_status ct_sort_queries(const ct_residual *index, const ct_residual_queries *queries,
                          const int **sorted, const ct_run *run);

#endif
