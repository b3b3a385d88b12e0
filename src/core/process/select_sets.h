#ifndef CT_SELECT_SETS_H
#define CT_SELECT_SETS_H

#include "residual/residual_search.h"

/* What sets are chosen from. candidate: column-major queries x width rows, nearest first, missing
 * ones -1 at the end (what ct_block_knn() returns). m: rows to choose. nugget: added to every p of
 * points whose p has none. */
typedef struct {
  const int *candidate;
  int width;
  int m;
  double nugget;
} ct_selection;

/* Sets that ran out of candidates with a score, and rows that were added to them as the nearest. */
typedef struct {
  double short_sets;
  double filled;
} ct_selection_counts;

/* The m candidates of each query that tell most of it, one after the other (select_greedy.c), by
 * the covariance that the residual process of the index says: k - V V', its variances p and the
 * nugget on the diagonal.
 * set: column-major queries x m rows in the order of selection, so that columns 1 .. j are the sets
 * of size j; missing ones -1. The same bits for every simd and number of threads. m, width >= 1. */
ct_status ct_select_sets(const ct_residual *index, const ct_residual_queries *queries,
                         const ct_selection *selection, int *set, ct_selection_counts *counts,
                         ct_stats *stats, const ct_run *run);

/* The same for one target, from a covariance matrix of 1 + count rows, the target's first and then
 * the candidates', nearest first. chosen: min(m, count) candidates, counted from 0; *scored of them
 * had a score. scale: the largest variance of the process. */
ct_status ct_select_dense(const double *covariance, int count, int m, double scale, int *chosen,
                          int *scored, const ct_run *run);

#endif
