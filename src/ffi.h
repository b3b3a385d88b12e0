#ifndef COVERTREE_FFI_H
#define COVERTREE_FFI_H

#define R_NO_REMAP
#include <R.h>
#include <R_ext/Rdynload.h>
#include <Rinternals.h>

#include "ct.h"
#include "metric/residual.h"
#include "residual/residual_correlation.h"
#include "residual/residual_search.h"

/* The border: a ffi_ function views R memory, allocates results, calls the core once and raises.
 * Rows are counted from 1 in R and from 0 in the core; ffi_search.c and ffi_tree.c do the step. */

/* ---- .Call entries ---- */

SEXP ffi_check_points(SEXP x, SEXP metric);
SEXP ffi_checksum(SEXP index, SEXP threads);
SEXP ffi_seal(SEXP index, SEXP threads);
SEXP ffi_seal_holds(SEXP index);
SEXP ffi_tree_build(SEXP index, SEXP siblings, SEXP euclidean, SEXP run);
SEXP ffi_tree_annotate(SEXP index, SEXP run);
SEXP ffi_tree_check(SEXP index, SEXP annotated, SEXP run);
SEXP ffi_distance(SEXP index, SEXP row, SEXP rows, SEXP run);
SEXP ffi_block_order(SEXP x, SEXP metric, SEXP run);
SEXP ffi_covariance(SEXP cov, SEXP a, SEXP b);
SEXP ffi_covariance_check(SEXP x, SEXP cov);
SEXP ffi_covariance_kinds(void);
SEXP ffi_embed(SEXP x, SEXP cov);
SEXP ffi_factor(SEXP cov, SEXP u, SEXP jitter, SEXP run);
SEXP ffi_factor_apply(SEXP cov, SEXP L, SEXP u, SEXP x, SEXP order, SEXP run);
SEXP ffi_factor_pack(SEXP V, SEXP order);
SEXP ffi_explained(SEXP cov, SEXP p);
SEXP ffi_net(SEXP index, SEXP bytes, SEXP forced, SEXP run);
SEXP ffi_kmeans(SEXP x, SEXP uniform, SEXP steps, SEXP run);
SEXP ffi_order_maxmin(SEXP x, SEXP metric, SEXP first, SEXP count, SEXP run);
SEXP ffi_order_hilbert(SEXP x, SEXP metric, SEXP run);
SEXP ffi_centre_distance(SEXP x, SEXP metric, SEXP run);
SEXP ffi_find_knn(SEXP index, SEXP queries, SEXP k, SEXP engine, SEXP run);
SEXP ffi_find_local(SEXP index, SEXP queries, SEXP k, SEXP width, SEXP run);
SEXP ffi_count_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP run);
SEXP ffi_find_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP most, SEXP flat,
                     SEXP run);
SEXP ffi_select_sets(SEXP index, SEXP queries, SEXP candidates, SEXP m, SEXP nugget, SEXP run);
SEXP ffi_select_dense(SEXP covariance, SEXP m, SEXP scale, SEXP run);
SEXP ffi_set_distances(SEXP index, SEXP queries, SEXP sets, SEXP run);
SEXP ffi_sets_check(SEXP index, SEXP first, SEXP run);
SEXP ffi_process_sums(SEXP process, SEXP gradient, SEXP run);
SEXP ffi_process_factor(SEXP process, SEXP run);
SEXP ffi_sets_renumber(SEXP index, SEXP order, SEXP run);
SEXP ffi_low_rank_forward(SEXP process, SEXP run);
SEXP ffi_low_rank_gradient(SEXP process, SEXP inducing, SEXP adjoint, SEXP run);
SEXP ffi_low_rank_own(SEXP process, SEXP inducing, SEXP adjoint, SEXP run);
SEXP ffi_note_fork(void);
SEXP ffi_weights(SEXP index, SEXP first, SEXP weights, SEXP product, SEXP x, SEXP run);
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

/* Fills in what the core needs; the bar is protected by the caller's PROTECT count: one
 * protection. doing: what the bar says, such as "Searching". */
void ffi_run_start(ffi_run *state, SEXP run, const char *doing);
void ffi_run_finish(ffi_run *state);

/* Says that memory is going to be written, all of it. Pages of 4 KB that are touched for the first
 * time are a sixth to a quarter of a search with large answers, and threads queue for them; so
 * Linux is asked for huge ones. A hint only: what the memory holds, and who frees it, stays as it
 * is. */
void ffi_expect_use(void *memory, size_t bytes);

/* The same for what a search fills, and a first touch of every page by all threads. Answers to the
 * first queries lie everywhere: they would touch every page, one after the other, while threads
 * that meet in one wait, or empty it twice. */
void ffi_expect_answers(void *memory, size_t bytes, const ct_run *run);

/* Raises the classed condition of a status other than CT_OK. */
void ffi_raise(ct_status status);

/* list(queries, evaluations, products, nodes, seconds, threads) */
SEXP ffi_stats(const ct_stats *stats, const ct_run *run);

/* Loops over fewer numbers are left to the calling thread. */
#define FFI_PARALLEL 65536

SEXP ffi_list_get(SEXP list, const char *name);

ct_points ffi_points(SEXP x);
ct_metric ffi_metric(SEXP metric);

ct_covariance ffi_covariance_view(SEXP cov);

/* Points, rows in the given order or as they come, a point after the other, in the arena. */
double *ffi_row_major(const ct_points *points, const int *order, const ct_run *run);

/* part: list(embedded, V, p, rank); V and p by position, order[pos] = row (NULL: rows as they
 * come). */
ct_residual ffi_residual_view(SEXP part, SEXP metric, const ct_covariance *covariance,
                              const int *order, const ct_run *run);

/* An index as R hands it over: list(x, metric, lifted, tree, blocks, residual, net, ...), some of
 * them NULL. Opened once a call; what stands below part is made by the functions that follow, when
 * it is asked for, and is that of an earlier call where the index is sealed. */
typedef struct {
  struct {
    SEXP x, metric, lifted, tree, blocks, residual, net;
  } part;
  ct_points points;
  ct_points coordinates; /* what blocks are made of: the points, or embedded ones */
  ct_metric metric;      /* of coordinates */
  ct_block_index space;
  ct_covariance covariance;
  ct_residual residual;
  const ct_net *net;
  ct_tree tree;
  SEXP room;  /* R_NilValue: all goes with the call */
  SEXP whole; /* the room's memory in use */
} ffi_index;

ffi_index *ffi_index_open(SEXP index, const ct_run *run);

/* Raise CT_ERR_INDEX where the index does not hold what a search may follow. */
const ct_block_index *ffi_index_space(ffi_index *index, ct_stats *stats, const ct_run *run);
const ct_residual *ffi_index_residual(ffi_index *index, const ct_run *run);
const ct_net *ffi_index_net(ffi_index *index, const ct_run *run); /* NULL: it keeps none */
const ct_tree *ffi_index_tree(ffi_index *index, const ct_run *run);

/* The residual process of new points that ask an index, whose own is known; NULL: there are none.
 * queries: as ffi_find_knn() takes them. */
const ct_residual *ffi_asked_residual(const ffi_index *index, SEXP queries, const ct_run *run);

/* The net in an index's list, verified. */
const ct_net *ffi_net_view(SEXP list, const ct_residual *index, const ct_run *run);

/* Distances for the tree, of whatever metric the index has: coordinates, a correlation, or an R
 * closure on the calling thread. queries: NULL, or as ffi_find_knn() takes them. */
ct_distances ffi_distances(ffi_index *index, SEXP queries, const ct_run *run);

/* A tree of R vectors as the core sees it: point is copied to rows counted from 0. */
ct_tree ffi_tree(SEXP tree, const ct_run *run);

/* NULL, or a copy of rows counted from 1 as rows counted from 0; and back, in place. */
int *ffi_rows(SEXP rows, const ct_run *run);
void ffi_count_from_one(int *rows, int n);

/* The name of the index's element that holds its checksum, which is of all other elements. */
#define FFI_CHECKSUM "checksum"

/* Where things can be kept for an index as long as its seal lives: list(raw, pairlist of raw), NULL
 * at first. R_NilValue: the index has no seal, or is not what was sealed. */
enum { FFI_ROOM_VIEW, FFI_ROOM_BLOCKS, FFI_ROOM_PARTS };
SEXP ffi_seal_room(SEXP index);

void ffi_threads_init(void);
void ffi_seal_init(DllInfo *dll);

#endif
