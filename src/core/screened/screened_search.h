#ifndef CT_SCREENED_SEARCH_H
#define CT_SCREENED_SEARCH_H

#include "pairs/shortlist.h"
#include "screened/screened.h"
#include "screened/screened_parts.h"

/* Of distances, when blocks are ordered. */
#define CT_BUCKETS 4096

/* What the parts of a search share. */
typedef struct {
  const ct_screened_task *task;
  const ct_screened_kernels *kernels;
  const ct_screened_side *points; /* the index, and */
  const ct_screened_side *asking; /* who asks: the same, or the new points */
  int groups;
  int dim;
  ct_covariance_kind kind;
  ct_simd simd;
  float error;         /* of a bound, per unit of the two sizes (screened.c) */
  float gap;           /* and of a distance in floats */
  double need;         /* of a least correlation, such sums need this much: less than 1 */
  int crowd;           /* candidates of a query that are too many */
  const int *query_of; /* of each lane of asking; -1: none */
  const int *block;    /* of asking, those that have queries */
  unsigned char *answered;
} ct_screen;

/* A query of a block. */
typedef struct {
  int q; /* -1: none */
  ct_asker asker;
  ct_shortlist list;
  int offers; /* candidates that it got */
} ct_screen_ask;

/* What one thread works with; arrays of lanes of the block that asks. */
typedef struct {
  ct_scorer scorer;
  ct_screen_ask ask[CT_SCREEN];
  int block;        /* of the queries */
  int limit;        /* the largest */
  float least_need; /* the smallest */
  int stale;        /* whether needs are to be found anew */
  double products, nodes;
  float *need;             /* INFINITY where nobody asks */
  float *top;              /* the block's largest norms, by group */
  float *low, *high;       /* its box */
  float *bound, *distance; /* of each block of points, and */
  int *order;              /* these by distance */
  int *bucket;             /* CT_BUCKETS */
  float *sum;              /* CT_SCREEN queries by CT_SCREEN lanes, and CT_SPARE queries more */
  float *square, *near, *reach, *rest, *tail, *other_tail, *blur; /* of lanes */
  double *exact, *work; /* squares and covariances in doubles */
  float *other_top;     /* of the block of points */
  float *weight;        /* of groups */
  int *left, *chosen;
} ct_screener;

/* All that a block of queries does. */
void ct_screen_block(void *search, int item, int thread);

/* Meets a block of points. */
void ct_screen_visit(const ct_screen *search, ct_screener *s, int block);

/* A correlation of the lanes in square, bounded from above: distances are lessened by their error.
 * share: of the lanes, times other. */
void ct_screen_near(const ct_screen *search, ct_screener *s, const float *share, float other,
                    float *near);

typedef struct {
  ct_screen search;
  ct_screener *screener; /* one a thread */
} ct_screen_run;

#endif
