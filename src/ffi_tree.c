#include "ffi.h"

#include <string.h>

int *ffi_rows(SEXP rows, const ct_run *run) {
  if (rows == R_NilValue) return NULL;
  R_xlen_t n = Rf_xlength(rows);
  int *copy = ct_arena_get(&run->arena, (size_t)n, sizeof *copy);
  const int *from = INTEGER(rows);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (n > FFI_PARALLEL)
  for (R_xlen_t i = 0; i < n; i++) {
    int row = from[i];
    copy[i] = row == NA_INTEGER ? -1 : row - 1;
  }
  return copy;
}

/* An index may come from anywhere: nothing is dereferenced before it is known to be in range. */

int *ffi_block_rows(SEXP index, const ct_run *run) {
  SEXP blocks = ffi_list_get(index, "blocks");
  int n = (int)Rf_xlength(blocks);
  int *order = ffi_rows(blocks, run);
  char *seen = ct_arena_get(&run->arena, (size_t)n, 1);
  memset(seen, 0, (size_t)n);
  for (int i = 0; i < n; i++) {
    if (order[i] < 0 || order[i] >= n || seen[order[i]]) ffi_raise(CT_ERR_INDEX);
    seen[order[i]] = 1;
  }
  return order;
}

ct_tree ffi_sound_tree(SEXP tree, const ct_run *run) {
  ct_tree view = ffi_tree(tree, run);
  ct_tree_fault fault = {NULL, -1};
  ffi_raise(ct_tree_check(&view, NULL, 0, &fault, run));
  if (fault.broken) ffi_raise(CT_ERR_INDEX);
  return view;
}

static void count_from_one(int *rows, int n) {
  for (int i = 0; i < n; i++) rows[i]++;
}

ct_tree ffi_tree(SEXP tree, const ct_run *run) {
  return (ct_tree){.n = (int)Rf_xlength(ffi_list_get(tree, "point")),
                   .point = ffi_rows(ffi_list_get(tree, "point"), run),
                   .size = INTEGER(ffi_list_get(tree, "size")),
                   .level = INTEGER(ffi_list_get(tree, "level")),
                   .radius = REAL(ffi_list_get(tree, "radius")),
                   .parent_distance = REAL(ffi_list_get(tree, "parent_distance"))};
}

/* The list of a tree's vectors, for the core to fill. */
static SEXP tree_vectors(int n) {
  const char *names[] = {"point", "size", "level", "radius", "parent_distance", ""};
  SEXP tree = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int i = 0; i < 3; i++) SET_VECTOR_ELT(tree, i, Rf_allocVector(INTSXP, n));
  for (int i = 3; i < 5; i++) SET_VECTOR_ELT(tree, i, Rf_allocVector(REALSXP, n));
  UNPROTECT(1);
  return tree;
}

static ct_tree tree_of_vectors(SEXP tree, int n) {
  return (ct_tree){.n = n,
                   .point = INTEGER(VECTOR_ELT(tree, 0)),
                   .size = INTEGER(VECTOR_ELT(tree, 1)),
                   .level = INTEGER(VECTOR_ELT(tree, 2)),
                   .radius = REAL(VECTOR_ELT(tree, 3)),
                   .parent_distance = REAL(VECTOR_ELT(tree, 4))};
}

/* The points in which a tree is laid out: embedded ones where there is a covariance. */
static ct_points layout_points(SEXP index) {
  SEXP residual = ffi_list_get(index, "residual");
  return ffi_points(residual == R_NilValue ? ffi_list_get(index, "x")
                                           : ffi_list_get(residual, "embedded"));
}

/* Metrics without coordinates of their own are laid out by the Euclidean one. */
static ct_metric layout_metric(SEXP index) {
  if (ffi_list_get(index, "residual") != R_NilValue) return (ct_metric){.kind = CT_EUCLIDEAN};
  return ffi_metric(ffi_list_get(index, "metric"));
}

/* Siblings of one scale stand along a Hilbert curve, or by row. */
static const int *sibling_rank(SEXP siblings, const ct_points *points, const ct_metric *metric,
                               const ct_run *run) {
  if (Rf_asLogical(siblings) != TRUE) return NULL;
  int *rank = ct_arena_get(&run->arena, (size_t)points->n, sizeof *rank);
  ffi_raise(ct_hilbert_rank(points, metric, rank, run));
  return rank;
}

/* list(tree, stats). euclidean: the topology is built on the layout's coordinates, and radii and
 * parent distances are then those of the metric. */
SEXP ffi_tree_build(SEXP index, SEXP siblings, SEXP euclidean, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ct_points points = layout_points(index);
  ct_metric metric = layout_metric(index);
  int annotate = Rf_asLogical(euclidean) == TRUE;
  ct_distances own = ffi_distances(index, R_NilValue, &state.run), plain = own;
  ct_stats stats = {0};
  if (annotate) {
    metric = (ct_metric){.kind = CT_EUCLIDEAN};
    ffi_raise(ct_distances_of_points(&points, NULL, &metric, &plain, &state.run));
  }
  const int *rank = sibling_rank(siblings, &points, &metric, &state.run);
  SEXP vectors = PROTECT(tree_vectors(points.n));
  ct_tree tree = tree_of_vectors(vectors, points.n);
  ffi_raise(ct_tree_build(&plain, rank, &tree, &stats, &state.run));
  if (annotate) ffi_raise(ct_tree_annotate(&own, &tree, &stats, &state.run));
  ffi_run_finish(&state);
  count_from_one(tree.point, tree.n);
  const char *names[] = {"tree", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, vectors);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}

/* list(tree, stats): the index's topology with radii and parent distances of its metric. */
SEXP ffi_tree_annotate(SEXP index, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  SEXP vectors = PROTECT(Rf_duplicate(ffi_list_get(index, "tree")));
  ct_tree tree = ffi_sound_tree(vectors, &state.run);
  ct_distances distances = ffi_distances(index, R_NilValue, &state.run);
  ct_stats stats = {0};
  ffi_raise(ct_tree_annotate(&distances, &tree, &stats, &state.run));
  ffi_run_finish(&state);
  const char *names[] = {"tree", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, vectors);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}

/* list(order, stats): the k-d order, rows counted from 1. */
SEXP ffi_block_order(SEXP x, SEXP metric, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  ct_stats stats = {0};
  SEXP order = PROTECT(Rf_allocVector(INTSXP, points.n));
  ffi_raise(ct_kd_order(&points, &core, INTEGER(order), &stats, &state.run));
  ffi_run_finish(&state);
  count_from_one(INTEGER(order), points.n);
  const char *names[] = {"order", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, order);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}

/* NULL, or list(broken, position): the first invariant that does not hold. */
SEXP ffi_tree_check(SEXP index, SEXP annotated, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Checking");
  ct_tree core = ffi_tree(ffi_list_get(index, "tree"), &state.run);
  ct_tree_fault fault = {NULL, -1};
  ct_distances distances = ffi_distances(index, R_NilValue, &state.run);
  ffi_raise(ct_tree_check(&core, &distances, Rf_asLogical(annotated) == TRUE, &fault, &state.run));
  ffi_run_finish(&state);
  SEXP answer = R_NilValue;
  if (fault.broken) {
    const char *names[] = {"broken", "position", ""};
    answer = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(answer, 0, Rf_mkString(fault.broken));
    SET_VECTOR_ELT(answer, 1, Rf_ScalarInteger(fault.position + 1));
    UNPROTECT(1);
  }
  UNPROTECT(1);
  return answer;
}

/* Canonical distances of one row to others, for tests. */
SEXP ffi_distance(SEXP index, SEXP row, SEXP rows, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Measuring");
  ct_distances distances = ffi_distances(index, R_NilValue, &state.run);
  int count = (int)Rf_xlength(rows);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, count));
  ffi_raise(distances.between(distances.self, Rf_asInteger(row) - 1, ffi_rows(rows, &state.run),
                              count, REAL(out)));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return out;
}
