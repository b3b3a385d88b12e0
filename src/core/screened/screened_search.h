#ifndef CT_SCREENED_SEARCH_H
#define CT_SCREENED_SEARCH_H

#include "pairs/shortlist.h"
#include "screened/screened.h"
#include "screened/screened_parts.h"

/* Of distances, when blocks are ordered. */
#define CT_BUCKETS 4096

struct ct_screened {
  ct_screened_task task;
  ct_screened_root root;
  double *middle; /* of the index's coordinates */
  double reach;   /* the largest distance of a coordinate from it */
  int *place;     /* positions of the index, block by block; -1: an empty lane */
  int places;
  int *order; /* the same of new points */
  int orders;
};

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
  int block, lane; /* where its own row stands among the points; -1: nowhere */
  int offers;      /* candidates that it got */
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

typedef struct {
  ct_screen search;
  ct_screener *screener; /* one a thread */
} ct_screen_run;

void ct_screen_start(ct_screen *search, const ct_screened *screened, const ct_screened_side *points,
                     const ct_screened_side *asking, const ct_run *run);

/* The lanes that ask, and their blocks. */
ct_status ct_screen_find_asking(ct_screen *search, unsigned char *answered, int *blocks,
                                const ct_run *run);

ct_status ct_screener_new(const ct_screen *search, ct_screener *s, const ct_run *run);

/* All that a block of queries does: a run, the number of the block among those that ask. */
void ct_screen_block(void *run, int item, int thread);

/* The same in steps: bounds of all blocks of points, and visits of blocks first .. last - 1. */
void ct_screen_open(const ct_screen *search, ct_screener *s, int block);
void ct_screen_meet(const ct_screen *search, ct_screener *s, int first, int last);

/* Meets a block of points. */
void ct_screen_visit(const ct_screen *search, ct_screener *s, int block);

/* A correlation of the lanes in square, bounded from above: distances are lessened by their error.
 * share: of the lanes, times other. */
void ct_screen_near(const ct_screen *search, ct_screener *s, const float *share, float other,
                    float *near);

#endif
