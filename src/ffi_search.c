#include "ffi.h"

#include <string.h>

/* The structures that can answer, and what R calls them. */
typedef enum {
  BY_BLOCKS,
  BY_TREE,
  BY_SCAN,
  BY_FRAMES,
  BY_CORRELATION,
  BY_SCALED,
  BY_SCREENED
} engine;

/* Who asks whom. queries = list(points, rows, limit, self, radius, residual) of R. Only what the
 * engine needs is filled in. */
typedef struct {
  engine by;
  ffi_index *index;
  ct_points query_points;
  ct_queries queries;
  const ct_block_index *space;
  const ct_tree *tree;
  ct_distances distances;
  const ct_residual *residual;
  ct_residual_queries residual_queries;
} search;

static engine engine_of(SEXP name) {
  static const char *const names[] = {"blocks",      "tree",   "scan",    "frames",
                                      "correlation", "scaled", "screened"};
  for (int i = 0; i < 7; i++)
    if (strcmp(CHAR(STRING_ELT(name, 0)), names[i]) == 0) return (engine)i;
  Rf_error("unknown engine '%s'", CHAR(STRING_ELT(name, 0)));
}

static void view_queries(search *s, SEXP queries, const ct_run *run) {
  SEXP points = ffi_list_get(queries, "points");
  SEXP rows = ffi_list_get(queries, "rows");
  SEXP limit = ffi_list_get(queries, "limit");
  SEXP radius = ffi_list_get(queries, "radius");
  int count = s->index->points.n;
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
                            .self = Rf_asLogical(ffi_list_get(queries, "self")) == TRUE,
                            .radius = radius == R_NilValue ? NULL : REAL(radius)};
}

/* The residual process of index and queries. */
static void view_residual(search *s, SEXP queries, const ct_run *run) {
  s->residual = ffi_index_residual(s->index, run);
  s->residual_queries = (ct_residual_queries){.points = ffi_asked_residual(s->index, queries, run),
                                              .rows = s->queries.rows,
                                              .count = s->queries.count,
                                              .limit = s->queries.limit,
                                              .self = s->queries.self,
                                              .radius = s->queries.radius};
}

/* Index and queries in the space where blocks are: that of the embedded points for correlations. */
static void view_space(search *s, SEXP queries, ct_stats *stats, const ct_run *run) {
  s->space = ffi_index_space(s->index, stats, run);
  if (s->queries.points && s->index->part.residual != R_NilValue)
    s->query_points = ffi_points(ffi_list_get(ffi_list_get(queries, "residual"), "embedded"));
}

static void view(search *s, SEXP index, SEXP queries, engine by, ct_stats *stats,
                 const ct_run *run) {
  *s = (search){.by = by, .index = ffi_index_open(index, run)};
  view_queries(s, queries, run);
  if (by == BY_TREE) {
    s->tree = ffi_index_tree(s->index, run);
    s->distances = ffi_distances(s->index, queries, run);
    return;
  }
  if (by != BY_BLOCKS) view_residual(s, queries, run);
  if (by == BY_BLOCKS || by == BY_SCALED) view_space(s, queries, stats, run);
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

static ct_correlation correlation_of(const search *s) {
  return (ct_correlation){
      .index = s->residual, .space = s->space, .near = &s->queries, .asking = &s->residual_queries};
}

static ct_method method_of(engine by) {
  switch (by) {
    case BY_SCAN: return CT_METHOD_SCAN;
    case BY_FRAMES: return CT_METHOD_FRAMES;
    case BY_SCREENED: return CT_METHOD_SCREENED;
    default: return CT_METHOD_CHOSEN;
  }
}

static ct_status knn(const search *s, int k, int *id, double *dist, ct_stats *stats,
                     const ct_run *run) {
  if (s->by == BY_BLOCKS) return ct_block_knn(s->space, &s->queries, k, id, dist, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_knn(s->tree, &s->distances, &s->queries, k, id, dist, stats, run);
  if (s->by == BY_SCALED) {
    ct_correlation plain = correlation_of(s);
    return ct_correlation_knn(&plain, k, id, dist, stats, run);
  }
  ct_residual_plan plan;
  int used = 0;
  ct_residual_plan_default(&plan);
  plan.method = method_of(s->by);
  if (s->by == BY_CORRELATION) plan.kept = ffi_index_net(s->index, run);
  return ct_residual_knn(s->residual, &s->residual_queries, k, &plan, &used, id, dist, stats, run);
}

SEXP ffi_find_knn(SEXP index, SEXP queries, SEXP k_, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Searching");
  search s;
  ct_stats stats = {0};
  view(&s, index, queries, engine_of(engine), &stats, &state.run);
  int k = Rf_asInteger(k_);
  SEXP answer = PROTECT(new_matrices(s.queries.count, k, &state.run));
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
  ct_stats stats = {0};
  view(&s, index, queries, BY_CORRELATION, &stats, &state.run);
  view_space(&s, queries, &stats, &state.run);
  int k = Rf_asInteger(k_), width = Rf_asInteger(width_);
  SEXP answer = PROTECT(new_matrices(s.queries.count, k, &state.run));
  ffi_raise(ct_residual_local(s.residual, &s.residual_queries, s.space, &s.queries, width, k, 0,
                              INTEGER(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)), &stats,
                              &state.run));
  ffi_run_finish(&state);
  finish_matrices(answer, &stats, &state.run);
  UNPROTECT(2);
  return answer;
}

static ct_status count_within(const search *s, double radius, int *count, ct_stats *stats,
                              const ct_run *run) {
  if (s->by == BY_BLOCKS)
    return ct_block_within_count(s->space, &s->queries, radius, count, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_within_count(s->tree, &s->distances, &s->queries, radius, count, stats, run);
  if (s->by == BY_SCALED) {
    ct_correlation plain = correlation_of(s);
    return ct_correlation_within_count(&plain, radius, count, stats, run);
  }
  return ct_residual_within_count(s->residual, &s->residual_queries, radius, count, stats, run);
}

/* count: where fewer than counted are within, how many are. */
static ct_status fill_within(const search *s, double radius, const size_t *offset, int *count,
                             int *id, double *dist, ct_stats *stats, const ct_run *run) {
  if (s->by == BY_SCALED) {
    ct_correlation plain = correlation_of(s);
    return ct_correlation_within(&plain, radius, offset, count, id, dist, stats, run);
  }
  if (s->by == BY_BLOCKS)
    return ct_block_within(s->space, &s->queries, radius, offset, id, dist, stats, run);
  if (s->by == BY_TREE)
    return ct_tree_within(s->tree, &s->distances, &s->queries, radius, offset, id, dist, stats,
                          run);
  return ct_residual_within(s->residual, &s->residual_queries, radius, offset, id, dist, stats,
                            run);
}

/* All answers after each other: query q's count[q] begin at offset[q]. */
typedef struct {
  int queries;
  int *count;
  size_t *offset;
  SEXP index, distance;
} ragged;

/* Calls stop_pairs() of this package, which signals a classed condition. */
static void refuse_pairs(double pairs, double most) {
  SEXP name = PROTECT(Rf_mkString("covertree"));
  SEXP space = PROTECT(R_FindNamespace(name));
  SEXP count = PROTECT(Rf_ScalarReal(pairs)), limit = PROTECT(Rf_ScalarReal(most));
  Rf_eval(PROTECT(Rf_lang3(Rf_install("stop_pairs"), count, limit)), space);
  UNPROTECT(5);
}

/* Counts, before memory is asked for, and finds. Leaves two protections. */
static void find_ragged(const search *s, double radius, double most, ragged *found, ct_stats *stats,
                        const ct_run *run) {
  int n = s->queries.count;
  ct_stats counting = {0};
  found->queries = n;
  found->count = ct_arena_get(&run->arena, (size_t)n, sizeof *found->count);
  found->offset = ct_arena_get(&run->arena, (size_t)n + 1, sizeof *found->offset);
  ffi_raise(count_within(s, radius, found->count, &counting, run));
  found->offset[0] = 0;
  for (int q = 0; q < n; q++) found->offset[q + 1] = found->offset[q] + (size_t)found->count[q];
  R_xlen_t pairs = (R_xlen_t)found->offset[n];
  if ((double)pairs > most) refuse_pairs((double)pairs, most);
  found->index = PROTECT(expected(Rf_allocVector(INTSXP, pairs), run));
  found->distance = PROTECT(expected(Rf_allocVector(REALSXP, pairs), run));
  int *id = INTEGER(found->index);
  double *dist = REAL(found->distance);
  ffi_raise(fill_within(s, radius, found->offset, found->count, id, dist, stats, run));
  answers_for_r(id, dist, pairs, run);
}

/* A list of a vector per query. The calling thread looks for interrupts once it has copied so
 * much. */
#define COPIED_BYTES ((size_t)1 << 22)

static SEXP one_by_one(const ragged *found, SEXP flat, size_t entry) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, found->queries));
  const char *from = TYPEOF(flat) == REALSXP ? (char *)REAL(flat) : (char *)INTEGER(flat);
  size_t copied = 0;
  for (int q = 0; q < found->queries; q++) {
    size_t bytes = (size_t)found->count[q] * entry;
    SEXP part = Rf_allocVector(TYPEOF(flat), found->count[q]);
    SET_VECTOR_ELT(list, q, part);
    char *to = TYPEOF(flat) == REALSXP ? (char *)REAL(part) : (char *)INTEGER(part);
    if (bytes) memcpy(to, from + found->offset[q] * entry, bytes);
    copied += bytes + 64;
    if (copied > COPIED_BYTES) R_CheckUserInterrupt(), copied = 0;
  }
  UNPROTECT(1);
  return list;
}

/* Closes the gaps where fewer are within than were counted. */
static void close_gaps(ragged *found, int *id, double *dist) {
  size_t to = 0;
  for (int q = 0; q < found->queries; q++) {
    size_t from = found->offset[q], count = (size_t)found->count[q];
    if (to < from && count) {
      memmove(id + to, id + from, count * sizeof *id);
      memmove(dist + to, dist + from, count * sizeof *dist);
    }
    found->offset[q] = to;
    to += count;
  }
  found->offset[found->queries] = to;
}

static void set_flat(SEXP answer, ragged *found) {
  R_xlen_t counted = (R_xlen_t)found->offset[found->queries];
  close_gaps(found, INTEGER(found->index), REAL(found->distance));
  R_xlen_t pairs = (R_xlen_t)found->offset[found->queries];
  int whole = pairs == counted;
  SET_VECTOR_ELT(answer, 0, whole ? found->index : Rf_xlengthgets(found->index, pairs));
  SET_VECTOR_ELT(answer, 1, whole ? found->distance : Rf_xlengthgets(found->distance, pairs));
  SEXP offset = Rf_allocVector(REALSXP, (R_xlen_t)found->queries + 1);
  SET_VECTOR_ELT(answer, 2, offset);
  for (int q = 0; q <= found->queries; q++) REAL(offset)[q] = (double)found->offset[q];
}

/* list(index, distance, offset, stats): lists with a vector per query, offset NULL; or flat, and
 * query q owns entries offset[q] + 1 .. offset[q + 1]. most: pairs beyond which nothing is found
 * but an error. */
SEXP ffi_find_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP most, SEXP flat,
                     SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Searching");
  search s;
  ct_stats stats = {0};
  view(&s, index, queries, engine_of(engine), &stats, &state.run);
  ragged found;
  find_ragged(&s, Rf_asReal(radius), Rf_asReal(most), &found, &stats, &state.run);
  ffi_run_finish(&state);
  const char *names[] = {"index", "distance", "offset", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  if (Rf_asLogical(flat) == TRUE) {
    set_flat(answer, &found);
  } else {
    SET_VECTOR_ELT(answer, 0, one_by_one(&found, found.index, sizeof(int)));
    SET_VECTOR_ELT(answer, 1, one_by_one(&found, found.distance, sizeof(double)));
  }
  SET_VECTOR_ELT(answer, 3, ffi_stats(&stats, &state.run));
  UNPROTECT(4);
  return answer;
}

/* list(count, stats): how many are within the radius of each query. */
SEXP ffi_count_within(SEXP index, SEXP queries, SEXP radius, SEXP engine, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Counting");
  search s;
  ct_stats stats = {0};
  view(&s, index, queries, engine_of(engine), &stats, &state.run);
  const char *names[] = {"count", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocVector(INTSXP, s.queries.count));
  int *count = INTEGER(VECTOR_ELT(answer, 0));
  ffi_raise(count_within(&s, Rf_asReal(radius), count, &stats, &state.run));
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}
