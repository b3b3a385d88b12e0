#include "ffi.h"

#include "process/low_rank.h"
#include "process/process.h"
#include "process/weights.h"

#include <string.h>

/* A matrix of row numbers counted from 1, whose first row belongs to place `first`, counted from 1.
 */
static ct_sets sets_view(SEXP index, SEXP first) {
  return (ct_sets){.row = INTEGER(index),
                   .count = Rf_nrows(index),
                   .size = Rf_ncols(index),
                   .first = Rf_asInteger(first) - 1,
                   .origin = 1};
}

/* c(0, 0), or the row and column, counted from 1, of the first neighbour that does not come before
 * its row. */
SEXP ffi_sets_check(SEXP index, SEXP first, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_sets sets = sets_view(index, first);
  int set = -1, column = -1;
  ct_status status = ct_sets_check(&sets, &set, &column, &state.run);
  if (status != CT_ERR_DOMAIN) ffi_raise(status);
  ffi_run_finish(&state);
  SEXP place = PROTECT(Rf_allocVector(INTSXP, 2));
  INTEGER(place)[0] = status == CT_OK ? 0 : set + 1;
  INTEGER(place)[1] = status == CT_OK ? 0 : column + 1;
  UNPROTECT(2);
  return place;
}

/* The places one after the other: embedded coordinates, then values. */
static double *pack_places(const ct_points *points, const ct_covariance *covariance, SEXP values,
                           const ct_run *run) {
  size_t dim = (size_t)ct_covariance_dim(covariance, points->dim), n = (size_t)points->n;
  size_t columns = (size_t)Rf_ncols(values), stride = dim + columns;
  double *place = ct_arena_get(&run->arena, n * stride, sizeof *place);
  const double *value = REAL(values);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (n > FFI_PARALLEL)
  for (int i = 0; i < points->n; i++) {
    double *at = place + (size_t)i * stride;
    ct_covariance_embed(covariance, points, i, at);
    for (size_t c = 0; c < columns; c++) at[dim + c] = value[(size_t)i + c * n];
  }
  return place;
}

/* process: list(cov, locs, values, index, first, noise, group, settled), and with inducing
 * points V (padded, a column for each place) and rank; checked by R. */
static ct_process process_view(SEXP process, ct_covariance *covariance, const ct_run *run) {
  ct_points points = ffi_points(ffi_list_get(process, "locs"));
  SEXP values = ffi_list_get(process, "values"), noise = ffi_list_get(process, "noise");
  SEXP group = ffi_list_get(process, "group"), V = ffi_list_get(process, "V");
  *covariance = ffi_covariance_view(ffi_list_get(process, "cov"));
  return (ct_process){
      .covariance = covariance,
      .sets = sets_view(ffi_list_get(process, "index"), ffi_list_get(process, "first")),
      .n = points.n,
      .dim = ct_covariance_dim(covariance, points.dim),
      .values = Rf_ncols(values),
      .place = pack_places(&points, covariance, values, run),
      .noise = noise == R_NilValue ? NULL : REAL(noise),
      .group = INTEGER(group),
      .groups = (int)Rf_xlength(group) - 1,
      .V = V == R_NilValue ? NULL : REAL(V),
      .rank = V == R_NilValue ? 0 : Rf_asInteger(ffi_list_get(process, "rank")),
      .stride = V == R_NilValue ? 0 : Rf_nrows(V),
      .settled = Rf_asLogical(ffi_list_get(process, "settled")) == TRUE};
}

/* Unpacks a lower triangle of n rows into a symmetric matrix; returns what follows it. */
static const double *unpack(const double *packed, int n, double *matrix) {
  for (int a = 0; a < n; a++)
    for (int b = 0; b <= a; b++, packed++) matrix[a + b * n] = matrix[b + a * n] = *packed;
  return packed;
}

/* list(log_d, dropped, products, d_log_d, d_products, information), see process.h; an array of
 * products and a row and column of the information for each direction, NULL without gradient. */
SEXP ffi_process_sums(SEXP process, SEXP gradient, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_covariance covariance;
  ct_process core = process_view(process, &covariance, &state.run);
  int with_gradient = Rf_asLogical(gradient) == TRUE, values = core.values;
  int directions = ct_process_directions(&core);
  double *sums =
      (double *)R_alloc((size_t)ct_process_sum_count(&core, with_gradient), sizeof *sums);
  ffi_raise(ct_process_sums(&core, with_gradient, sums, &state.run));
  ffi_run_finish(&state);
  const char *names[] = {"log_d",      "dropped",     "products", "d_log_d",
                         "d_products", "information", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_ScalarReal(sums[CT_SUM_LOG_D]));
  SET_VECTOR_ELT(answer, 1, Rf_ScalarReal(sums[CT_SUM_DROPPED]));
  SET_VECTOR_ELT(answer, 2, Rf_allocMatrix(REALSXP, values, values));
  const double *next = unpack(sums + CT_SUMS_ALONE, values, REAL(VECTOR_ELT(answer, 2)));
  if (with_gradient) {
    SET_VECTOR_ELT(answer, 3, Rf_allocVector(REALSXP, directions));
    SET_VECTOR_ELT(answer, 4, Rf_alloc3DArray(REALSXP, values, values, directions));
    SET_VECTOR_ELT(answer, 5, Rf_allocMatrix(REALSXP, directions, directions));
    for (int d = 0; d < directions; d++) {
      REAL(VECTOR_ELT(answer, 3))[d] = *next;
      next = unpack(next + 1, values, REAL(VECTOR_ELT(answer, 4)) + (size_t)d * values * values);
    }
    unpack(next, directions, REAL(VECTOR_ELT(answer, 5)));
  }
  UNPROTECT(2);
  return answer;
}

/* list(weights, variance, dropped): weights lie as the index does. */
SEXP ffi_process_factor(SEXP process, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_covariance covariance;
  ct_process core = process_view(process, &covariance, &state.run);
  const char *names[] = {"weights", "variance", "dropped", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, core.sets.count, core.sets.size));
  SET_VECTOR_ELT(answer, 1, Rf_allocVector(REALSXP, core.sets.count));
  double dropped = 0;
  ffi_raise(ct_process_factor(&core, REAL(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)),
                              &dropped, &state.run));
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 2, Rf_ScalarReal(dropped));
  UNPROTECT(2);
  return answer;
}

static ct_weights_product product_of(const char *name) {
  /* in the order of ct_weights_product */
  static const char *const names[] = {"B", "B^-1", "B'", "B'^-1", "I+A'"};
  for (int i = 0; i < 5; i++)
    if (strcmp(name, names[i]) == 0) return (ct_weights_product)i;
  Rf_error("unknown product '%s'", name);
}

/* A product of x, a matrix with a row for each place, see weights.h. */
SEXP ffi_weights(SEXP index, SEXP first, SEXP weights, SEXP product, SEXP x, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Applying weights");
  ct_sets sets = sets_view(index, first);
  SEXP answer = PROTECT(Rf_duplicate(x));
  ffi_raise(ct_weights_apply(&sets, REAL(weights), product_of(CHAR(STRING_ELT(product, 0))),
                             REAL(answer), Rf_nrows(x), Rf_ncols(x), &state.run));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return answer;
}

/* ---- with inducing points ---- */

/* The index of places in another order, see ct_sets_renumber(). */
SEXP ffi_sets_renumber(SEXP index, SEXP order, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  SEXP answer = PROTECT(Rf_allocMatrix(INTSXP, Rf_nrows(index), Rf_ncols(index)));
  SEXP first = PROTECT(Rf_ScalarInteger(1));
  ct_sets sets = sets_view(index, first);
  int *from = ffi_rows(order, &state.run);
  int *rank = ct_arena_get(&state.run.arena, (size_t)sets.count, sizeof *rank);
  for (int i = 0; i < sets.count; i++) rank[from[i]] = i;
  ct_sets_renumber(&sets, from, rank, INTEGER(answer), &state.run);
  ffi_run_finish(&state);
  UNPROTECT(3);
  return answer;
}

/* list(Z, E, variance, ZZ, log_d, dropped), see low_rank.h: a column of Z and E for each place;
 * ZZ's upper triangle, as R sees it. */
SEXP ffi_low_rank_forward(SEXP process, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_covariance covariance;
  ct_process core = process_view(process, &covariance, &state.run);
  const char *names[] = {"Z", "E", "variance", "ZZ", "log_d", "dropped", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, core.stride, core.n));
  SET_VECTOR_ELT(answer, 1, Rf_allocMatrix(REALSXP, core.values, core.n));
  SET_VECTOR_ELT(answer, 2, Rf_allocVector(REALSXP, core.n));
  SET_VECTOR_ELT(answer, 3, Rf_allocMatrix(REALSXP, core.stride, core.stride));
  double log_d = 0, dropped = 0, *Z = REAL(VECTOR_ELT(answer, 0));
  ffi_expect_use(Z, (size_t)core.stride * (size_t)core.n * sizeof *Z);
  ffi_raise(ct_low_rank_forward(&core, Z, REAL(VECTOR_ELT(answer, 1)), REAL(VECTOR_ELT(answer, 2)),
                                REAL(VECTOR_ELT(answer, 3)), &log_d, &dropped, &state.run));
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 4, Rf_ScalarReal(log_d));
  SET_VECTOR_ELT(answer, 5, Rf_ScalarReal(dropped));
  UNPROTECT(2);
  return answer;
}

/* inducing: list(u, inverse): embedded points, a row each, and L^-1. */
static ct_inducing inducing_view(SEXP inducing, const ct_run *run) {
  ct_points u = ffi_points(ffi_list_get(inducing, "u"));
  return (ct_inducing){.u = ffi_row_major(&u, NULL, run),
                       .inverse = REAL(ffi_list_get(inducing, "inverse"))};
}

/* list(sums, M), see low_rank.h. adjoint: list(Z, R, P, T, S, responses, variance). */
SEXP ffi_low_rank_gradient(SEXP process, SEXP inducing, SEXP adjoint, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_covariance covariance;
  ct_process core = process_view(process, &covariance, &state.run);
  ct_inducing points = inducing_view(inducing, &state.run);
  ct_low_rank_adjoint given = {.Z = REAL(ffi_list_get(adjoint, "Z")),
                               .R = REAL(ffi_list_get(adjoint, "R")),
                               .P = REAL(ffi_list_get(adjoint, "P")),
                               .T = REAL(ffi_list_get(adjoint, "T")),
                               .S = REAL(ffi_list_get(adjoint, "S")),
                               .responses = Rf_asReal(ffi_list_get(adjoint, "responses"))};
  const char *names[] = {"sums", "M", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocVector(REALSXP, ct_process_directions(&core)));
  SET_VECTOR_ELT(answer, 1, Rf_allocMatrix(REALSXP, core.stride, core.stride));
  ffi_raise(ct_low_rank_gradient(&core, &points, &given, REAL(ffi_list_get(adjoint, "variance")),
                                 REAL(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)),
                                 &state.run));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return answer;
}

/* What the adjoint of K_uu says of each lengthscale. */
SEXP ffi_low_rank_own(SEXP process, SEXP inducing, SEXP adjoint, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Evaluating");
  ct_covariance covariance;
  ct_process core = process_view(process, &covariance, &state.run);
  ct_inducing points = inducing_view(inducing, &state.run);
  SEXP sums = PROTECT(Rf_allocVector(REALSXP, core.groups));
  memset(REAL(sums), 0, (size_t)core.groups * sizeof(double));
  ffi_raise(ct_low_rank_own(&core, &points, REAL(adjoint), REAL(sums), &state.run));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return sums;
}
