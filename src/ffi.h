#ifndef COVERTREE_FFI_H
#define COVERTREE_FFI_H

#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>

#include "core/ct.h"

/* The border: a ffi_ function views R memory, allocates results, calls the core once and raises.
 * Rows are counted from 1 in R and from 0 in the core; ffi_search.c and ffi_tree.c do the step. */

/* ---- .Call entries ---- */

SEXP ffi_check_points(SEXP x, SEXP metric);
SEXP ffi_tree_build(SEXP x, SEXP metric, SEXP siblings, SEXP run);
SEXP ffi_tree_check(SEXP x, SEXP metric, SEXP tree, SEXP annotated, SEXP run);
SEXP ffi_tree_distance(SEXP x, SEXP metric, SEXP row, SEXP rows, SEXP run);
SEXP ffi_block_order(SEXP x, SEXP metric, SEXP run);
SEXP ffi_find_knn(SEXP index, SEXP queries, SEXP k, SEXP engine, SEXP run);
SEXP ffi_find_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP run);
SEXP ffi_threads(SEXP requested);
SEXP ffi_processors(void);
SEXP ffi_simd(void);

/* ---- shared by the glue ---- */

/* How a call runs. run: list(threads, progress, simd) of R. Scratch comes from R_alloc, so that an
 * interrupt or an error may leave at any poll and R reclaims everything. */
typedef struct {
  ct_run run;
  SEXP bar;
  double total;
} ffi_run;

/* Fills in what the core needs; the bar is protected by the caller's PROTECT count: one protection. */
void ffi_run_start(ffi_run *state, SEXP run);
void ffi_run_finish(ffi_run *state);

/* Raises the classed condition of a status other than CT_OK. */
void ffi_raise(ct_status status);

/* list(queries, evaluations, products, nodes, seconds, threads) */
SEXP ffi_stats(const ct_stats *stats, const ct_run *run);

SEXP ffi_list_get(SEXP list, const char *name);

ct_points ffi_points(SEXP x);
ct_metric ffi_metric(SEXP metric);

/* Distances for the tree: of coordinates in the core, or of an R closure on the calling thread.
 * queries may be NULL. */
void ffi_distances(SEXP metric, const ct_points *points, const ct_points *queries,
                   ct_distances *distances, const ct_run *run);

/* A tree of R vectors as the core sees it: point is copied to rows counted from 0. */
ct_tree ffi_tree(SEXP tree, const ct_run *run);

/* NULL, or a copy of rows counted from 1 as rows counted from 0. */
int *ffi_rows(SEXP rows, const ct_run *run);

void ffi_threads_init(void);

#endif
