#ifndef CT_RESIDUAL_RANK_H
#define CT_RESIDUAL_RANK_H

#include "residual/residual_search.h"

/* The k best of given candidates, for some of the queries: query[], count of them, which are best
 * neighbours in space one after the other. Candidate j, -1 for none, of query[i] stands at
 * candidate[i * step + j * next], or at query[i] instead of i unless in_order.
 * id, dist: as for ct_residual_rank(), of all queries. */
typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  const int *query;
  int count;
  const int *candidate;
  int width, in_order;
  size_t step, next;
  int k;
  int *id;
  double *dist;
} ct_rank_job;

/* Adds evaluations to stats; the progress goes from done to done + share. */
ct_status ct_rank_queries(const ct_rank_job *job, double done, double share, ct_stats *stats,
                          const ct_run *run);

#endif
