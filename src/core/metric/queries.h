#ifndef CT_QUERIES_H
#define CT_QUERIES_H

#include "metric/points.h"
#include "metric/residual.h"
#include "run/run.h"
#include "run/status.h"

/* Who asks, and who may answer. points NULL: query q is indexed row rows[q] (rows NULL: row q);
 * otherwise it is point q of points. limit[q]: only rows < limit[q] are candidates; NULL: all are.
 * self: whether an indexed query may find its own row. radius[q]: of a search within a radius;
 * NULL: the one of the call for all. */
typedef struct {
  const ct_points *points;
  const int *rows;
  int count;
  const int *limit;
  int self;
  const double *radius;
} ct_queries;

/* The same for searches by residual correlation, whose new points have a factor of their own. */
typedef struct {
  const ct_residual *points;
  const int *rows;
  int count;
  const int *limit;
  int self;
  const double *radius;
} ct_residual_queries;

/* One of these, resolved. */
typedef struct {
  const ct_residual *of; /* the index or the new points */
  int position;          /* there */
  int row;               /* of an indexed query, -1 for a new point */
  int limit;             /* candidates have rows below it */
} ct_asker;

ct_asker ct_asker_of(const ct_residual *index, const ct_residual_queries *queries, int q);

/* Where a query stands, in the index or among the new points. */
static inline int ct_query_position(const ct_residual *index, const ct_residual_queries *queries,
                                    int q) {
  if (queries->points) return q;
  return index->position[queries->rows ? queries->rows[q] : q];
}

/* 0 .. count - 1 by key[i], 0 <= key[i] < keys, ties in their own order. */
ct_status ct_order_by_key(const int *key, int count, int keys, int *order, const ct_run *run);

/* All queries by position, so that neighbours follow each other; new points as they come. */
ct_status ct_sort_queries(const ct_residual *index, const ct_residual_queries *queries,
                          const int **sorted, const ct_run *run);

#endif
