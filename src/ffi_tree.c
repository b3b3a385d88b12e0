#include "ffi.h"

#include <string.h>

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
static ct_points layout_points(const ffi_index *index) {
  SEXP residual = index->part.residual;
  return residual == R_NilValue ? index->points : ffi_points(ffi_list_get(residual, "embedded"));
}

/* Metrics without coordinates of their own are laid out by the Euclidean one. */
static ct_metric layout_metric(const ffi_index *index) {
  if (index->part.residual != R_NilValue) return (ct_metric){.kind = CT_EUCLIDEAN};
  return ffi_metric(index->part.metric);
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
SEXP ffi_tree_build(SEXP list, SEXP siblings, SEXP euclidean, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ffi_index *index = ffi_index_open(list, &state.run);
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
  ffi_count_from_one(tree.point, tree.n);
  const char *names[] = {"tree", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, vectors);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}

/* list(tree, stats): the index's topology with radii and parent distances of its metric. */
SEXP ffi_tree_annotate(SEXP list, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ffi_index *index = ffi_index_open(list, &state.run);
  SEXP vectors = PROTECT(Rf_duplicate(index->part.tree));
  ct_tree tree = *ffi_index_tree(index, &state.run);
  tree.radius = REAL(ffi_list_get(vectors, "radius"));
  tree.parent_distance = REAL(ffi_list_get(vectors, "parent_distance"));
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

/* NULL, or list(broken, position): the first invariant that does not hold. */
SEXP ffi_tree_check(SEXP list, SEXP annotated, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Checking");
  ffi_index *index = ffi_index_open(list, &state.run);
  ct_tree core = ffi_tree(index->part.tree, &state.run);
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
