#ifndef CT_PAIR_SCAN_H
#define CT_PAIR_SCAN_H

#include "pairs/pair.h"

/* What scans for the k nearest (residual_scan.c) and within a radius (residual_within.c) share: a
 * block of queries, packed into panels that stay in the second level cache, meets rows of an index,
 * CT_TILE_ROWS at a time; pairs whose |rho| may reach what their query asks for are handed on. */

#define CT_SCAN_PANELS 7
#define CT_SCAN_LANES (CT_SCAN_PANELS * CT_PANEL)

typedef struct {
  ct_pairs pairs;
  int lanes;           /* of a block */
  double *norm;        /* |V| of each position of the index */
  double *root;        /* sqrt(p) of each, infinite where it is explained */
  double largest_norm; /* of those that are not */
} ct_pair_scan;

/* A thread's queries, one a lane. */
typedef struct {
  const ct_residual *of;
  int count;
  int position[CT_SCAN_LANES]; /* in of */
  double norm[CT_SCAN_LANES];  /* |V| */
  double threshold[CT_SCAN_LANES] __attribute__((aligned(64)));
  double error[CT_SCAN_LANES] __attribute__((aligned(64)));
  ct_panel panel[CT_SCAN_PANELS];
  double *V; /* CT_TILE_ROWS rows, apart by other than a power of two */
  double *c;
  double *work;
  double products;
} ct_scan_block;

/* A pair that may reach what lane's query asks for: x is a position of the index. */
typedef void ct_scan_take(void *owner, int lane, int x, double c);

/* Blocks get as many lanes as the cache holds, or as keep all threads busy with so many queries. */
ct_status ct_pair_scan_start(ct_pair_scan *scan, const ct_residual *index, int queries,
                             const ct_run *run);

ct_status ct_scan_block_new(ct_scan_block *block, const ct_pair_scan *scan, const ct_run *run);

/* Packs count <= scan->lanes queries, at positions of points. Until ct_scan_block_ask() they want
 * nothing. */
void ct_scan_block_start(ct_scan_block *block, const ct_pair_scan *scan, const ct_residual *of,
                         const int *position, int count);

/* From now on a query wants pairs with |rho| >= least. */
void ct_scan_block_ask(ct_scan_block *block, int lane, double least);

/* All queries meet the rows at CT_TILE_ROWS positions of the index, of which the first count
 * count. next: those to come, or any. */
void ct_scan_block_meet(ct_scan_block *block, const ct_pair_scan *scan, const int *position,
                        int count, const int *next, ct_scan_take *take, void *owner);

#endif
