#include "ffi.h"

#include "order/kmeans.h"

/* k-means++ centres of points: a matrix with a row per centre; the random numbers are R's. */
SEXP ffi_kmeans(SEXP x, SEXP uniform, SEXP steps, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Clustering");
  ct_points points = ffi_points(x);
  int m = (int)Rf_xlength(uniform), dim = points.dim, count = 0;
  double *packed = ffi_row_major(&points, NULL, &state.run);
  double *centre = ct_arena_get(&state.run.arena, (size_t)m * (size_t)dim, sizeof *centre);
  ct_stats stats = {0};
  ffi_raise(ct_kmeans(packed, points.n, dim, m, Rf_asInteger(steps), REAL(uniform), centre, &count,
                      &stats, &state.run));
  ffi_run_finish(&state);
  SEXP centres = PROTECT(Rf_allocMatrix(REALSXP, count, dim));
  for (int j = 0; j < count; j++)
    for (int c = 0; c < dim; c++)
      REAL(centres)[j + (size_t)c * (size_t)count] = centre[(size_t)j * (size_t)dim + (size_t)c];
  UNPROTECT(2);
  return centres;
}
