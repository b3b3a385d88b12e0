#include "ffi.h"

#include <string.h>

/* What R hands over: index = list(x, metric, order, tree), queries = list(points, rows, limit, self). */
typedef struct {
  ct_points points, query_points;
  ct_metric metric;
  ct_queries queries;
  int *order;
  ct_tree tree;
  ct_distances distances;
  int by_tree;
} search;

static ct_queries view_queries(SEXP queries, search *s, const ct_run *run) {
  SEXP points = ffi_list_get(queries, "points");
  SEXP rows = ffi_list_get(queries, "rows");
  SEXP limit = ffi_list_get(queries, "limit");
  int count = s->points.n;
  if (points != R_NilValue) {
    s->query_points = ffi_points(points);
    count = s->query_points.n;
  } else if (rows != R_NilValue) {
    count = (int)Rf_xlength(rows);
  }
  return (ct_queries){.points = points == R_NilValue ? NULL : &s->query_points,
                      .rows = ffi_rows(rows, run),
                      .count = count,
                      .limit = limit == R_NilValue ? NULL : INTEGER(limit),
                      .self = Rf_asLogical(ffi_list_get(queries, "self")) == TRUE};
}

/* An index may come from anywhere: nothing is dereferenced before it is known to be in range. */
static void check_permutation(const int *order, int n, const ct_run *run) {
  char *seen = ct_arena_get(&run->arena, (size_t)n, 1);
  memset(seen, 0, (size_t)n);
  for (int i = 0; i < n; i++) {
    if (order[i] < 0 || order[i] >= n || seen[order[i]]) ffi_raise(CT_ERR_INDEX);
    seen[order[i]] = 1;
  }
}

static void check_shape(const ct_tree *tree, const ct_run *run) {
  ct_tree_fault fault = {NULL, -1};
  ffi_raise(ct_tree_check(tree, NULL, 0, &fault, run));
  if (fault.broken) ffi_raise(CT_ERR_INDEX);
}

/* Engines: "blocks", "tree". */
static void view(search *s, SEXP index, SEXP queries, SEXP engine, const ct_run *run) {
  SEXP metric = ffi_list_get(index, "metric");
  s->points = ffi_points(ffi_list_get(index, "x"));
  s->metric = ffi_metric(metric);
  s->queries = view_queries(queries, s, run);
  s->by_tree = strcmp(CHAR(STRING_ELT(engine, 0)), "tree") == 0;
  if (s->by_tree) {
    s->tree = ffi_tree(ffi_list_get(index, "tree"), run);
    check_shape(&s->tree, run);
    ffi_distances(metric, &s->points, s->queries.points, &s->distances, run);
  } else {
    s->order = ffi_rows(ffi_list_get(index, "blocks"), run);
    check_permutation(s->order, s->points.n, run);
  }
}

/* Rows from 0 with -1 for none become rows from 1 with NA. */
static void rows_for_r(int *id, size_t count) {
  for (size_t i = 0; i < count; i++) id[i] = id[i] < 0 ? NA_INTEGER : id[i] + 1;
}

/* Missing distances are NA_real_, which is one particular NaN. */
static void distances_for_r(const int *id, double *dist, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (id[i] == NA_INTEGER) dist[i] = NA_REAL;
}

/* list(index, distance, stats): matrices with a row per query. */
SEXP ffi_find_knn(SEXP index, SEXP queries, SEXP k_, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run);
  search s;
  view(&s, index, queries, engine, &state.run);
  int k = Rf_asInteger(k_);
  const char *names[] = {"index", "distance", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(INTSXP, s.queries.count, k));
  SET_VECTOR_ELT(answer, 1, Rf_allocMatrix(REALSXP, s.queries.count, k));
  int *id = INTEGER(VECTOR_ELT(answer, 0));
  double *dist = REAL(VECTOR_ELT(answer, 1));
  ct_stats stats = {0};
  ffi_raise(s.by_tree ? ct_tree_knn(&s.tree, &s.distances, &s.queries, k, id, dist, &stats, &state.run)
                      : ct_block_knn(&s.points, &s.metric, s.order, &s.queries, k, id, dist, &stats,
                                     &state.run));
  ffi_run_finish(&state);
  size_t entries = (size_t)s.queries.count * (size_t)k;
  rows_for_r(id, entries);
  distances_for_r(id, dist, entries);
  SET_VECTOR_ELT(answer, 2, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}

static void count_within(const search *s, double radius, int *count, ct_stats *stats,
                         const ct_run *run) {
  ffi_raise(s->by_tree ? ct_tree_within_count(&s->tree, &s->distances, &s->queries, radius, count,
                                              stats, run)
                       : ct_block_within_count(&s->points, &s->metric, s->order, &s->queries, radius,
                                               count, stats, run));
}

static void fill_within(const search *s, double radius, const size_t *offset, int *id, double *dist,
                        ct_stats *stats, const ct_run *run) {
  ffi_raise(s->by_tree ? ct_tree_within(&s->tree, &s->distances, &s->queries, radius, offset, id,
                                        dist, stats, run)
                       : ct_block_within(&s->points, &s->metric, s->order, &s->queries, radius,
                                         offset, id, dist, stats, run));
}

/* list(offset, index, distance, stats): query q owns entries offset[q] + 1 .. offset[q + 1]. */
SEXP ffi_find_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run);
  search s;
  view(&s, index, queries, engine, &state.run);
  ct_stats stats = {0}, unused = {0};
  int n = s.queries.count;
  int *count = ct_arena_get(&state.run.arena, (size_t)n, sizeof *count);
  size_t *offset = ct_arena_get(&state.run.arena, (size_t)n + 1, sizeof *offset);
  count_within(&s, Rf_asReal(radius), count, &unused, &state.run);
  offset[0] = 0;
  for (int q = 0; q < n; q++) offset[q + 1] = offset[q] + (size_t)count[q];
  const char *names[] = {"offset", "index", "distance", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocVector(REALSXP, (R_xlen_t)n + 1));
  SET_VECTOR_ELT(answer, 1, Rf_allocVector(INTSXP, (R_xlen_t)offset[n]));
  SET_VECTOR_ELT(answer, 2, Rf_allocVector(REALSXP, (R_xlen_t)offset[n]));
  for (int q = 0; q <= n; q++) REAL(VECTOR_ELT(answer, 0))[q] = (double)offset[q];
  int *id = INTEGER(VECTOR_ELT(answer, 1));
  fill_within(&s, Rf_asReal(radius), offset, id, REAL(VECTOR_ELT(answer, 2)), &stats, &state.run);
  ffi_run_finish(&state);
  rows_for_r(id, offset[n]);
  SET_VECTOR_ELT(answer, 3, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}
