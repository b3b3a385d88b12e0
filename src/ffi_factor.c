/* The low-rank factor: of inducing points, of points, and what it explains. */

#include "ffi.h"

/* The factor of inducing points: list(L, jitter, pair). L is NULL when there is none, and pair then
 * holds the two closest points, counted from 1. u: embedded, a row per point. */
SEXP ffi_factor(SEXP cov, SEXP u, SEXP jitter, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Factoring");
  ct_covariance core = ffi_covariance_view(cov);
  ct_points points = ffi_points(u);
  double *packed = ffi_row_major(&points, NULL, &state.run);
  const char *names[] = {"L", "jitter", "pair", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, points.n, points.n));
  SET_VECTOR_ELT(answer, 2, Rf_allocVector(INTSXP, 2));
  double used = 0;
  int *pair = INTEGER(VECTOR_ELT(answer, 2));
  ct_stats stats = {0};
  ct_status status =
      ct_factor_cholesky(&core, packed, points.n, points.dim, Rf_asReal(jitter),
                         REAL(VECTOR_ELT(answer, 0)), &used, pair, &stats, &state.run);
  if (status == CT_ERR_FACTOR) {
    SET_VECTOR_ELT(answer, 0, R_NilValue);
    pair[0]++, pair[1]++;
  } else {
    ffi_raise(status);
  }
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 1, Rf_ScalarReal(used));
  UNPROTECT(2);
  return answer;
}

/* list(V, p, stats) of points at positions: column pos of V, entry pos of p belong to row
 * order[pos]. x, u: embedded; order: rows counted from 1, or NULL for the rows as they come. */
SEXP ffi_factor_apply(SEXP cov, SEXP L, SEXP u, SEXP x, SEXP order, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Factoring");
  ct_covariance core = ffi_covariance_view(cov);
  ct_points points = ffi_points(x), inducing = ffi_points(u);
  double *packed = ffi_row_major(&points, ffi_rows(order, &state.run), &state.run);
  double *packed_u = ffi_row_major(&inducing, NULL, &state.run);
  const char *names[] = {"V", "p", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, ct_residual_stride(inducing.n), points.n));
  SET_VECTOR_ELT(answer, 1, Rf_allocVector(REALSXP, points.n));
  ffi_expect_use(REAL(VECTOR_ELT(answer, 0)),
                 (size_t)Rf_xlength(VECTOR_ELT(answer, 0)) * sizeof(double));
  ct_stats stats = {0};
  ffi_raise(ct_factor_apply(&core, REAL(L), packed_u, inducing.n, packed, points.n, points.dim,
                            REAL(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)), &stats,
                            &state.run));
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 2, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}

/* The user's own V, a row per point, as the core wants it: padded columns in the order of
 * positions. */
SEXP ffi_factor_pack(SEXP V, SEXP order) {
  int n = Rf_nrows(V), rank = Rf_ncols(V), stride = ct_residual_stride(rank);
  SEXP packed = PROTECT(Rf_allocMatrix(REALSXP, stride, n));
  for (int pos = 0; pos < n; pos++) {
    int row = order == R_NilValue ? pos : INTEGER(order)[pos] - 1;
    double *out = REAL(packed) + (size_t)pos * (size_t)stride;
    for (int c = 0; c < rank; c++) out[c] = REAL(V)[(size_t)row + (size_t)c * (size_t)n];
    for (int c = rank; c < stride; c++) out[c] = 0;
  }
  UNPROTECT(1);
  return packed;
}

/* The number of points that the inducing points explain. */
SEXP ffi_explained(SEXP cov, SEXP p) {
  ct_covariance core = ffi_covariance_view(cov);
  int n = (int)Rf_xlength(p);
  double *scale = (double *)R_alloc((size_t)n, sizeof *scale);
  return Rf_ScalarInteger(ct_residual_scale(&core, REAL(p), n, scale));
}
