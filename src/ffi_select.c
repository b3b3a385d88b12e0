#include "ffi.h"

#include "core/metric/set_distances.h"
#include "core/process/select_sets.h"

/* ---- sets of R: rows from 1, NA at the end of a row where there is none ---- */

static int *rows_from_zero(SEXP matrix, const ct_run *run) {
  R_xlen_t count = Rf_xlength(matrix);
  const int *given = INTEGER(matrix);
  int *rows = ct_arena_get(&run->arena, (size_t)count, sizeof *rows);
  for (R_xlen_t i = 0; i < count; i++) rows[i] = given[i] == NA_INTEGER ? -1 : given[i] - 1;
  return rows;
}

static void rows_from_one(int *rows, R_xlen_t count) {
  for (R_xlen_t i = 0; i < count; i++) rows[i] = rows[i] < 0 ? NA_INTEGER : rows[i] + 1;
}

/* ---- who asks ---- */

static ct_residual_queries asking(ffi_index *index, SEXP queries, const ct_run *run) {
  SEXP rows = ffi_list_get(queries, "rows"), limit = ffi_list_get(queries, "limit");
  const ct_residual *own = ffi_index_residual(index, run);
  const ct_residual *points = ffi_asked_residual(index, queries, run);
  int all = rows == R_NilValue ? own->n : (int)Rf_xlength(rows);
  return (ct_residual_queries){.points = points,
                               .rows = ffi_rows(rows, run),
                               .count = points ? points->n : all,
                               .limit = limit == R_NilValue ? NULL : INTEGER(limit)};
}

/* list(index, short, filled, stats): sets of m of the candidates, in the order of selection. */
SEXP ffi_select_sets(SEXP index, SEXP queries, SEXP candidates, SEXP m_, SEXP nugget, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Choosing");
  ffi_index *opened = ffi_index_open(index, &state.run);
  ct_residual_queries asked = asking(opened, queries, &state.run);
  int m = Rf_asInteger(m_);
  ct_selection selection = {.candidate = rows_from_zero(candidates, &state.run),
                            .width = Rf_ncols(candidates),
                            .m = m,
                            .nugget = Rf_asReal(nugget)};
  const char *names[] = {"index", "short", "filled", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP set = Rf_allocMatrix(INTSXP, asked.count, m);
  SET_VECTOR_ELT(answer, 0, set);
  ct_selection_counts counts = {0};
  ct_stats stats = {0};
  ffi_raise(ct_select_sets(ffi_index_residual(opened, &state.run), &asked, &selection, INTEGER(set),
                           &counts, &stats, &state.run));
  ffi_run_finish(&state);
  rows_from_one(INTEGER(set), Rf_xlength(set));
  SET_VECTOR_ELT(answer, 1, Rf_ScalarReal(counts.short_sets));
  SET_VECTOR_ELT(answer, 2, Rf_ScalarReal(counts.filled));
  SET_VECTOR_ELT(answer, 3, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}

/* The same for one place, from a covariance matrix whose first row and column are its own: numbers
 * of the rows chosen, the last of which may be without a score. list(chosen, scored). */
SEXP ffi_select_dense(SEXP covariance, SEXP m_, SEXP scale, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Choosing");
  int count = Rf_nrows(covariance) - 1, m = Rf_asInteger(m_), scored = 0;
  const char *names[] = {"chosen", "scored", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP chosen = Rf_allocVector(INTSXP, m < count ? m : count);
  SET_VECTOR_ELT(answer, 0, chosen);
  ffi_raise(ct_select_dense(REAL(covariance), count, m, Rf_asReal(scale), INTEGER(chosen), &scored,
                            &state.run));
  ffi_run_finish(&state);
  rows_from_one(INTEGER(chosen), Rf_xlength(chosen));
  SET_VECTOR_ELT(answer, 1, Rf_ScalarInteger(scored));
  UNPROTECT(2);
  return answer;
}

/* Distances of sets by the index's metric. */
SEXP ffi_set_distances(SEXP index, SEXP queries, SEXP sets, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Measuring");
  ct_distances distances = ffi_distances(ffi_index_open(index, &state.run), queries, &state.run);
  ct_row_sets rows = {.id = rows_from_zero(sets, &state.run),
                      .count = Rf_nrows(sets),
                      .k = Rf_ncols(sets),
                      .row = ffi_rows(ffi_list_get(queries, "rows"), &state.run),
                      .new_points = ffi_list_get(queries, "points") != R_NilValue};
  SEXP dist = PROTECT(Rf_allocMatrix(REALSXP, rows.count, rows.k));
  ffi_raise(ct_set_distances(&distances, &rows, REAL(dist), &state.run));
  ffi_run_finish(&state);
  for (R_xlen_t i = 0; i < Rf_xlength(dist); i++)
    if (ISNAN(REAL(dist)[i])) REAL(dist)[i] = NA_REAL;
  UNPROTECT(2);
  return dist;
}
