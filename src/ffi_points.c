/* Points and rows of R as the core takes them: a matrix, and rows counted from 0. */

#include "ffi.h"

ct_points ffi_points(SEXP x) {
  return (ct_points){.x = REAL(x), .n = Rf_nrows(x), .dim = Rf_ncols(x)};
}

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

void ffi_count_from_one(int *rows, int n) {
  for (int i = 0; i < n; i++) rows[i]++;
}

double *ffi_row_major(const ct_points *points, const int *order, const ct_run *run) {
  size_t dim = (size_t)points->dim;
  double *packed = ct_arena_get(&run->arena, (size_t)points->n * dim, sizeof *packed);
  for (int pos = 0; pos < points->n; pos++) {
    int row = order ? order[pos] : pos;
    for (size_t c = 0; c < dim; c++)
      packed[(size_t)pos * dim + c] = ct_points_at(points, row, (int)c);
  }
  return packed;
}
