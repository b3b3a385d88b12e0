/* Residual processes as the core sees them: of an index, and of new points. */

#include "ffi.h"

static int *inverse(const int *order, int n, const ct_run *run) {
  int *position = ct_arena_get(&run->arena, (size_t)n, sizeof *position);
  for (int pos = 0; pos < n; pos++) position[order[pos]] = pos;
  return position;
}

static int *identity(int n, const ct_run *run) {
  int *order = ct_arena_get(&run->arena, (size_t)n, sizeof *order);
  for (int i = 0; i < n; i++) order[i] = i;
  return order;
}

/* NULL where V is the user's own. */
static const ct_factor *factor_of(SEXP metric, const ct_run *run) {
  SEXP L = ffi_list_get(metric, "L");
  if (L == R_NilValue) return NULL;
  ct_factor *factor = ct_arena_get(&run->arena, 1, sizeof *factor);
  ct_points inducing = ffi_points(ffi_list_get(metric, "u"));
  *factor = (ct_factor){.L = REAL(L),
                        .jitter = Rf_asReal(ffi_list_get(metric, "jitter_used")),
                        .u = ffi_row_major(&inducing, NULL, run)};
  return factor;
}

ct_residual ffi_residual_view(SEXP part, SEXP metric, const ct_covariance *covariance,
                              const int *order, const ct_run *run) {
  ct_points points = ffi_points(ffi_list_get(part, "embedded"));
  SEXP V = ffi_list_get(part, "V");
  const int *row = order ? order : identity(points.n, run);
  double *scale = ct_arena_get(&run->arena, (size_t)points.n, sizeof *scale);
  double *p = REAL(ffi_list_get(part, "p"));
  ct_residual_scale(covariance, p, points.n, scale);
  return (ct_residual){.covariance = covariance,
                       .factor = factor_of(metric, run),
                       .n = points.n,
                       .dim = points.dim,
                       .rank = Rf_asInteger(ffi_list_get(part, "rank")),
                       .stride = V == R_NilValue ? 0 : Rf_nrows(V),
                       .x = ffi_row_major(&points, row, run),
                       .V = V == R_NilValue ? NULL : REAL(V),
                       .p = p,
                       .scale = scale,
                       .row = row,
                       .position = inverse(row, points.n, run)};
}

const ct_residual *ffi_asked_residual(const ffi_index *index, SEXP queries, const ct_run *run) {
  if (ffi_list_get(queries, "points") == R_NilValue) return NULL;
  ct_residual *asked = ct_arena_get(&run->arena, 1, sizeof *asked);
  *asked = ffi_residual_view(ffi_list_get(queries, "residual"), index->part.metric,
                             &index->covariance, NULL, run);
  return asked;
}
