/* Where the cover tree gets its distances from, whatever the metric is. */

#include "ffi.h"

#include <math.h>
#include <string.h>

/* ---- a metric that is an R closure f(a, B): a point and the rows of a matrix ---- */

typedef struct {
  SEXP f;
  const ct_points *points, *queries;
} closure;

static SEXP row_of(const ct_points *points, int i) {
  SEXP row = Rf_allocVector(REALSXP, points->dim);
  for (int c = 0; c < points->dim; c++) REAL(row)[c] = ct_points_at(points, i, c);
  return row;
}

static SEXP rows_of(const ct_points *points, const int *rows, int count) {
  SEXP matrix = Rf_allocMatrix(REALSXP, count, points->dim);
  for (int c = 0; c < points->dim; c++)
    for (int j = 0; j < count; j++)
      REAL(matrix)[j + (size_t)c * (size_t)count] = ct_points_at(points, rows[j], c);
  return matrix;
}

static ct_status call_closure(const closure *self, const ct_points *from, int a, const int *rows,
                              int count, double *out) {
  SEXP point = PROTECT(row_of(from, a));
  SEXP others = PROTECT(rows_of(self->points, rows, count));
  SEXP call = PROTECT(Rf_lang3(self->f, point, others));
  SEXP answer = PROTECT(Rf_coerceVector(Rf_eval(call, R_GlobalEnv), REALSXP));
  int valid = Rf_xlength(answer) == count;
  for (int j = 0; valid && j < count; j++) {
    out[j] = REAL(answer)[j];
    valid = isfinite(out[j]) && out[j] >= 0;
  }
  UNPROTECT(4);
  return valid ? CT_OK : CT_ERR_DISTANCE;
}

static ct_status closure_between(const void *self, int a, const int *rows, int count, double *out) {
  const closure *f = self;
  return call_closure(f, f->points, a, rows, count, out);
}

static ct_status closure_to(const void *self, int q, const int *rows, int count, double *out) {
  const closure *f = self;
  return call_closure(f, f->queries, q, rows, count, out);
}

/* A user's function promises no rounding error; this much is granted to it: a relative part, and an
 * absolute one because squares of differences below 1e-162 vanish. */
#define CLOSURE_SLACK 1e-10
#define CLOSURE_ABSOLUTE_SLACK 1e-150

/* A copy that lives as long as the call. */
static void *keep(const void *item, size_t size, const ct_run *run) {
  return memcpy(ct_arena_get(&run->arena, 1, size), item, size);
}

/* For closures that take more than coordinates, what they take. */
static const ct_points *points_of(SEXP points, SEXP lifted, const ct_run *run) {
  if (lifted != R_NilValue) points = lifted;
  if (points == R_NilValue) return NULL;
  ct_points view = ffi_points(points);
  return keep(&view, sizeof view, run);
}

static ct_distances distances_of_coordinates(const ffi_index *index, SEXP queries,
                                             const ct_run *run) {
  ct_distances distances;
  const ct_points *points = points_of(index->part.x, index->part.lifted, run);
  const ct_points *to =
      points_of(ffi_list_get(queries, "points"), ffi_list_get(queries, "lifted"), run);
  ct_metric core = ffi_metric(index->part.metric);
  if (core.kind != CT_FUNCTION) {
    const ct_metric *kept = keep(&core, sizeof core, run);
    ffi_raise(ct_distances_of_points(points, to, kept, &distances, run));
    return distances;
  }
  closure self = {ffi_list_get(index->part.metric, "f"), points, to};
  return (ct_distances){.between = closure_between,
                        .to = closure_to,
                        .self = keep(&self, sizeof self, run),
                        .parallel = 0,
                        .slack = CLOSURE_SLACK,
                        .absolute_slack = CLOSURE_ABSOLUTE_SLACK};
}

static ct_distances distances_of_residual(ffi_index *index, SEXP queries, const ct_run *run) {
  ct_distances distances;
  const ct_residual *own = ffi_index_residual(index, run);
  const ct_residual *to = ffi_asked_residual(index, queries, run);
  ffi_raise(ct_distances_of_residual(own, to, &distances, run));
  return distances;
}

ct_distances ffi_distances(ffi_index *index, SEXP queries, const ct_run *run) {
  if (index->part.residual != R_NilValue) return distances_of_residual(index, queries, run);
  return distances_of_coordinates(index, queries, run);
}

/* Canonical distances of one row to others, for tests. */
SEXP ffi_distance(SEXP index, SEXP row, SEXP rows, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Measuring");
  ct_distances distances = ffi_distances(ffi_index_open(index, &state.run), R_NilValue, &state.run);
  int count = (int)Rf_xlength(rows);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, count));
  ffi_raise(distances.between(distances.self, Rf_asInteger(row) - 1, ffi_rows(rows, &state.run),
                              count, REAL(out)));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return out;
}
