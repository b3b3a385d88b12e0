#ifndef CT_BLOCK_QUERIES_H
#define CT_BLOCK_QUERIES_H

#include "blocks/blocks.h"
#include "ct.h"

/* Queries as the coordinate search takes them: in blocks of neighbours, which share a walk over the
 * boxes, and, when they have limits, class by class.
 *
 * Class c holds the queries with a limit up to CT_FIRST_PREFIX * 2^c that no smaller class takes;
 * the rows below that number are all they need. The last class needs all rows. */

#define CT_FIRST_PREFIX 512
#define CT_CLASSES 24 /* 512 * 2^23 > 2^31 */

typedef struct {
  const ct_queries *queries;
  const int *query; /* query numbers, class by class, along a k-d order in each */
  int *begin;       /* where in query each block begins, and the last one ends */
  int classes;
  int first[CT_CLASSES + 1]; /* the first block of each class, and behind them all */
  int aligned;               /* whether query i of the list is slot i of the blocks */
} ct_query_list;

/* order: the k-d order of points. */
ct_status ct_query_list_make(const ct_points *points, const ct_metric *metric, const int *order,
                             const ct_queries *queries, ct_query_list *list, const ct_run *run);

/* The indexed row of a query, -1 for a new point. */
static inline int ct_query_row(const ct_queries *queries, int q) {
  if (queries->points) return -1;
  return queries->rows ? queries->rows[q] : q;
}

/* A block of at most CT_LEAF queries of one class. With limits they stand by ascending limit, so
 * that what one query may find the later ones may find too; without, the most central one stands
 * first. */
typedef struct {
  int count;
  int query[CT_LEAF];
  int limit[CT_LEAF]; /* INT_MAX without */
  double *point;      /* [query][dim] */
  double *x;          /* [dim][CT_LEAF], like a leaf */
  double *low, *high; /* their bounding box */
} ct_query_block;

ct_status ct_query_block_make(ct_query_block *block, int dim, const ct_run *run);

/* Loads block number of the list. */
void ct_query_block_load(ct_query_block *block, const ct_blocks *blocks, const ct_query_list *list,
                         int number);

#endif
