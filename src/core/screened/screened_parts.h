#ifndef CT_SCREENED_PARTS_H
#define CT_SCREENED_PARTS_H

#include "metric/residual.h"
#include "screened/screened_kernels.h"

/* The rotation Q of V into local columns, W = Q V: the orthogonal factor of the polar decomposition
 * of L, so that W = (L L')^-1/2 k(u, x). */
typedef struct {
  double *row; /* columns * rank: row c makes column c of W; rows beyond rank are 0 */
  int rank;
  int columns;    /* rank, rounded up to whole groups */
  double stretch; /* at least |Q'Q - I| */
} ct_screened_root;

/* *found: 0 when the iteration does not converge, or there is nothing to rotate. Columns stand in
 * groups of inducing points that are near each other. */
ct_status ct_screened_root_of(ct_screened_root *root, const ct_residual *index, int *found,
                              const ct_run *run);

/* Points in blocks of CT_SCREEN lanes, as the search reads them. Everything of a point is divided
 * by the root of its residual variance; explained points, and lanes without a point, are all 0 but
 * for their coordinates. */
typedef struct {
  const ct_residual *points;
  int count;
  int blocks;
  int columns;
  int groups;
  const int *position; /* of each lane, block by block; -1: none */
  float *W;            /* of a block, column by column */
  float *norm;         /* at least the norms of W in each group, group by group */
  double *x;           /* embedded coordinates, column by column */
  float *near;         /* the same from the middle of the index, */
  float *share;        /* sqrt(variance / p) */
  float *size;         /* at least the larger of share and |W| */
  unsigned *present;   /* a block's lanes that have a point */
  int *row;            /* of each lane; INT_MAX: none */
  int *first_row;      /* smallest of a block, and */
  int *last_row;       /* largest */
  /* Blocks as lanes, CT_SCREEN of them in a chunk: the largest norms, shares and sizes, and boxes
   * of near. Lanes without a block are 0. */
  int chunks;
  float *top; /* of a chunk, group by group */
  float *top_share, *top_size;
  float *low, *high; /* of a chunk, column by column */
} ct_screened_side;

/* Lays out the points at count positions, of which -1 is none, and every block has one. middle: dim
 * coordinates. */
ct_status ct_screened_side_new(ct_screened_side *side, const ct_screened_root *root,
                               const ct_residual *points, const int *position, int count,
                               const double *middle, double done, double share, const ct_run *run);

#endif
