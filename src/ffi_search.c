#include "ffi.h"

#include <string.h>

/* The structures that can answer, and what R calls them. */
typedef enum { BY_BLOCKS, BY_TREE, BY_SCAN, BY_FRAMES, BY_CORRELATION } engine;

/* What R hands over: index = list(x, metric, blocks, tree, residual), queries = list(points, rows,
 * limit, self, residual), as the core sees it. Only what the engine needs is filled in. */
typedef struct {
  engine by;
  ct_points points, query_points;
  ct_metric metric;
  ct_queries queries;
  int *order;
  ct_tree tree;
  ct_distances distances;
  ct_covariance covariance;
  ct_residual residual, query_residual;
  const ct_net *net;
  ct_residual_queries residual_queries;
} search;

static engine engine_of(SEXP name) {
  static const char *const names[] = {"blocks", "tree", "scan", "frames", "correlation"};
  for (int i = 0; i < 5; i++)
    if (strcmp(CHAR(STRING_ELT(name, 0)), names[i]) == 0) return (engine)i;
  Rf_error("unknown engine '%s'", CHAR(STRING_ELT(name, 0)));
}

static void view_queries(search *s, SEXP queries, const ct_run *run) {
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
  s->queries = (ct_queries){.points = points == R_NilValue ? NULL : &s->query_points,
                            .rows = ffi_rows(rows, run),
                            .count = count,
                            .limit = limit == R_NilValue ? NULL : INTEGER(limit),
                            .self = Rf_asLogical(ffi_list_get(queries, "self")) == TRUE};
}

/* The residual process of index and queries, and both embedded for searches by coordinates. */
static void view_residual(search *s, SEXP index, SEXP queries, const ct_run *run) {
  SEXP own = ffi_list_get(index, "residual"), asked = ffi_list_get(queries, "residual");
  SEXP metric = ffi_list_get(index, "metric");
  s->covariance = ffi_covariance_view(ffi_list_get(metric, "cov"));
  s->residual = ffi_residual_view(own, metric, &s->covariance, s->order, run);
  s->net =
      s->by == BY_CORRELATION ? ffi_net_view(ffi_list_get(index, "net"), &s->residual, run) : NULL;
  s->metric = (ct_metric){.kind = CT_EUCLIDEAN};
  s->points = ffi_points(ffi_list_get(own, "embedded"));
  if (s->queries.points) {
    s->query_residual = ffi_residual_view(asked, metric, &s->covariance, NULL, run);
    s->query_points = ffi_points(ffi_list_get(asked, "embedded"));
  }
  s->residual_queries =
      (ct_residual_queries){.points = s->queries.points ? &s->query_residual : NULL,
                            .rows = s->queries.rows,
                            .count = s->queries.count,
                            .limit = s->queries.limit,
                            .self = s->queries.self};
}

static void view(search *s, SEXP index, SEXP queries, engine by, const ct_run *run) {
  s->by = by;
  s->points = ffi_points(ffi_list_get(index, "x"));
  view_queries(s, queries, run);
  if (by == BY_TREE) {
    s->tree = ffi_sound_tree(ffi_list_get(index, "tree"), run);
    s->distances = ffi_distances(index, queries, run);
    return;
  }
  s->order = ffi_block_rows(index, run);
  if (by == BY_BLOCKS) s->metric = ffi_metric(ffi_list_get(index, "metric"));
  else view_residual(s, index, queries, run);
}

/* Rows from 0 with -1 for none become rows from 1 with NA. Missing distances are NA_real_, which is
 * one particular NaN. */
static void answers_for_r(int *id, double *dist, R_xlen_t count, const ct_run *run) {
  double missing = NA_REAL;
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > FFI_PARALLEL)
  for (R_xlen_t i = 0; i < count; i++) {
    if (id[i] >= 0) id[i]++;
    else id[i] = NA_INTEGER, dist[i] = missing;
  }
}

/* Vectors that the core is going to fill. */
static SEXP expected(SEXP vector, const ct_run *run) {
  size_t count = (size_t)Rf_xlength(vector);
  if (TYPEOF(vector) == REALSXP) ffi_expect_answers(REAL(vector), count * sizeof(double), run);
  else ffi_expect_answers(INTEGER(vector), count * sizeof(int), run);
  return vector;
}

/* list(index, distance, stats) with matrices of a row per query, for the core to fill. */
static SEXP new_matrices(int queries, int k, const ct_run *run) {
  const char *names[] = {"index", "distance", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, expected(Rf_allocMatrix(INTSXP, queries, k), run));
  SET_VECTOR_ELT(answer, 1, expected(Rf_allocMatrix(REALSXP, queries, k), run));
  UNPROTECT(1);
  return answer;
}

static void finish_matrices(SEXP answer, const ct_stats *stats, const ct_run *run) {
  SEXP id = VECTOR_ELT(answer, 0), dist = VECTOR_ELT(answer, 1);
  answers_for_r(INTEGER(id), REAL(dist), Rf_xlength(id), run);
  SET_VECTOR_ELT(answer, 2, ffi_stats(stats, run));
}

static ct_status knn(const search *s, int k, int *id, double *dist, ct_stats *stats,
                     const ct_run *run) {
  if (s->by == BY_BLOCKS)
    return ct_block_knn(&(ct_block_index){&s->points, &s->metric, s->order, NULL}, &s->queries, k,
                        id, dist, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_knn(&s->tree, &s->distances, &s->queries, k, id, dist, stats, run);
  ct_residual_plan plan;
  int used = 0;
  ct_residual_plan_default(&plan);
  plan.method = s->by == BY_SCAN ? 1 : s->by == BY_FRAMES ? 2 : 0;
  plan.kept = s->net;
  return ct_residual_knn(&s->residual, &s->residual_queries, k, &plan, &used, id, dist, stats, run);
}

SEXP ffi_find_knn(SEXP index, SEXP queries, SEXP k_, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Searching");
  search s;
  view(&s, index, queries, engine_of(engine), &state.run);
  int k = Rf_asInteger(k_);
  SEXP answer = PROTECT(new_matrices(s.queries.count, k, &state.run));
  ct_stats stats = {0};
  ffi_raise(
      knn(&s, k, INTEGER(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)), &stats, &state.run));
  ffi_run_finish(&state);
  finish_matrices(answer, &stats, &state.run);
  UNPROTECT(2);
  return answer;
}

/* The k best, by the index's correlation, of the width nearest candidates in input space. */
SEXP ffi_find_local(SEXP index, SEXP queries, SEXP k_, SEXP width_, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Searching");
  search s;
  view(&s, index, queries, BY_CORRELATION, &state.run);
  int k = Rf_asInteger(k_), width = Rf_asInteger(width_);
  ct_stats stats = {0};
  SEXP answer = PROTECT(new_matrices(s.queries.count, k, &state.run));
  ffi_raise(ct_residual_local(&s.residual, &s.residual_queries,
                              &(ct_block_index){&s.points, &s.metric, s.order, NULL}, &s.queries,
                              width, k, 0, INTEGER(VECTOR_ELT(answer, 0)),
                              REAL(VECTOR_ELT(answer, 1)), &stats, &state.run));
  ffi_run_finish(&state);
  finish_matrices(answer, &stats, &state.run);
  UNPROTECT(2);
  return answer;
}

static ct_status count_within(const search *s, double radius, int *count, ct_stats *stats,
                              const ct_run *run) {
  if (s->by == BY_BLOCKS)
    return ct_block_within_count(&(ct_block_index){&s->points, &s->metric, s->order, NULL},
                                 &s->queries, radius, count, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_within_count(&s->tree, &s->distances, &s->queries, radius, count, stats, run);
  return ct_residual_within_count(&s->residual, &s->residual_queries, radius, count, stats, run);
}

static ct_status fill_within(const search *s, double radius, const size_t *offset, int *id,
                             double *dist, ct_stats *stats, const ct_run *run) {
  if (s->by == BY_BLOCKS)
    return ct_block_within(&(ct_block_index){&s->points, &s->metric, s->order, NULL}, &s->queries,
                           radius, offset, id, dist, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_within(&s->tree, &s->distances, &s->queries, radius, offset, id, dist, stats,
                          run);
  return ct_residual_within(&s->residual, &s->residual_queries, radius, offset, id, dist, stats,
                            run);
}

/* list(offset, index, distance, stats): query q owns entries offset[q] + 1 .. offset[q + 1]. */
SEXP ffi_find_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Searching");
  search s;
  view(&s, index, queries, engine_of(engine), &state.run);
  ct_stats stats = {0}, counting = {0};
  int n = s.queries.count;
  int *count = ct_arena_get(&state.run.arena, (size_t)n, sizeof *count);
  size_t *offset = ct_arena_get(&state.run.arena, (size_t)n + 1, sizeof *offset);
  ffi_raise(count_within(&s, Rf_asReal(radius), count, &counting, &state.run));
  offset[0] = 0;
  for (int q = 0; q < n; q++) offset[q + 1] = offset[q] + (size_t)count[q];
  const char *names[] = {"offset", "index", "distance", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocVector(REALSXP, (R_xlen_t)n + 1));
  SET_VECTOR_ELT(answer, 1, expected(Rf_allocVector(INTSXP, (R_xlen_t)offset[n]), &state.run));
  SET_VECTOR_ELT(answer, 2, expected(Rf_allocVector(REALSXP, (R_xlen_t)offset[n]), &state.run));
  for (int q = 0; q <= n; q++) REAL(VECTOR_ELT(answer, 0))[q] = (double)offset[q];
  int *id = INTEGER(VECTOR_ELT(answer, 1));
  double *dist = REAL(VECTOR_ELT(answer, 2));
  ffi_raise(fill_within(&s, Rf_asReal(radius), offset, id, dist, &stats, &state.run));
  ffi_run_finish(&state);
  answers_for_r(id, dist, (R_xlen_t)offset[n], &state.run);
  SET_VECTOR_ELT(answer, 3, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}
