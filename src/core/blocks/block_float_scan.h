#ifndef CT_BLOCK_FLOAT_SCAN_H
#define CT_BLOCK_FLOAT_SCAN_H

#include "blocks/block_candidates.h"
#include "blocks/block_list.h"
#include "blocks/block_queries.h"
#include "blocks/blocks.h"

/* Scanning a list for all queries of a block at once, in high dimensions: a leaf is turned into
 * floats about the middle of the block, and a matrix product tells for which of its points and
 * which queries the key must be computed. block_float_scan.c proves that none is missed. */

typedef struct {
  double *center;
  double scale;           /* a power of two: units in which the block's surroundings are about 1 */
  double square[CT_LEAF]; /* of each query's way from the center, scaled; and its root */
  double norm[CT_LEAF];
  float *query;        /* [query][dim], about the center, scaled */
  float *x;            /* [dim][CT_LEAF]: a leaf, alike */
  float half[CT_LEAF]; /* half the squares of its points */
  /* per query: its bound, and the middle part of its threshold */
  double bound[CT_LEAF], base[CT_LEAF];
  double key[CT_LEAF][CT_FAN]; /* of the boxes of the group at work, */
  unsigned near[CT_FAN];       /* and per box a bit for each query it is near to */
  int active[CT_LEAF];         /* the queries that need the leaf at work */
} ct_float_scan;

/* Whether the metric and the dimension are such that this pays. */
int ct_float_scan_pays(const ct_blocks *blocks);

ct_status ct_float_scan_make(ct_float_scan *scan, const ct_blocks *blocks, const ct_run *run);

/* Does for every query of the block what the kernel scan_list does for one. candidates: one entry a
 * query, started. */
void ct_float_scan_list(ct_float_scan *scan, const ct_blocks *blocks, const ct_query_block *block,
                        const ct_leaf_list *list, ct_candidates *candidates);

#endif
