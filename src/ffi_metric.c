#include "ffi.h"

#include <math.h>
#include <string.h>

ct_points ffi_points(SEXP x) {
  return (ct_points){.x = REAL(x), .n = Rf_nrows(x), .dim = Rf_ncols(x)};
}

static ct_metric_kind kind_of(const char *name) {
  static const char *const names[] = {"euclidean",   "manhattan",   "maximum",
                                      "minkowski",   "angular",     "great_circle",
                                      "mahalanobis", "sphere_time", "function"};
  for (int i = 0; i < 9; i++)
    if (strcmp(name, names[i]) == 0) return (ct_metric_kind)i;
  Rf_error("unknown metric '%s'", name);
}

ct_metric ffi_metric(SEXP metric) {
  SEXP scale = ffi_list_get(metric, "scale");
  SEXP map = ffi_list_get(metric, "map");
  SEXP power = ffi_list_get(metric, "power");
  SEXP radius = ffi_list_get(metric, "radius");
  return (ct_metric){.kind = kind_of(CHAR(STRING_ELT(ffi_list_get(metric, "kind"), 0))),
                     .scale = scale == R_NilValue ? NULL : REAL(scale),
                     .map = map == R_NilValue ? NULL : REAL(map),
                     .power = power == R_NilValue ? 2 : Rf_asReal(power),
                     .radius = radius == R_NilValue ? 1 : Rf_asReal(radius)};
}

/* c(0, 0), or the row and column, counted from 1, of the first value that the metric cannot take;
 * column 0 stands for the whole row. */
SEXP ffi_check_points(SEXP x, SEXP metric) {
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  int row = -1, column = -1;
  ct_status status = ct_metric_check(&core, &points, &row, &column);
  SEXP place = PROTECT(Rf_allocVector(INTSXP, 2));
  INTEGER(place)[0] = status == CT_OK ? 0 : row + 1;
  INTEGER(place)[1] = status == CT_OK ? 0 : column + 1;
  UNPROTECT(1);
  return place;
}

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

static const ct_points *keep_points(SEXP x, const ct_run *run) {
  if (x == R_NilValue) return NULL;
  ct_points points = ffi_points(x);
  return keep(&points, sizeof points, run);
}

/* A matrix of the list by name; for closures that take more than coordinates, what they take. */
static const ct_points *points_of(SEXP list, const char *name, const ct_run *run) {
  SEXP lifted = list == R_NilValue ? R_NilValue : ffi_list_get(list, "lifted");
  if (lifted != R_NilValue) return keep_points(lifted, run);
  return keep_points(list == R_NilValue ? R_NilValue : ffi_list_get(list, name), run);
}

static ct_distances distances_of_coordinates(SEXP index, SEXP queries, const ct_run *run) {
  ct_distances distances;
  SEXP metric = ffi_list_get(index, "metric");
  const ct_points *points = points_of(index, "x", run);
  const ct_points *to = points_of(queries, "points", run);
  ct_metric core = ffi_metric(metric);
  if (core.kind != CT_FUNCTION) {
    const ct_metric *kept = keep(&core, sizeof core, run);
    ffi_raise(ct_distances_of_points(points, to, kept, &distances, run));
    return distances;
  }
  closure self = {ffi_list_get(metric, "f"), points, to};
  return (ct_distances){.between = closure_between,
                        .to = closure_to,
                        .self = keep(&self, sizeof self, run),
                        .parallel = 0,
                        .slack = CLOSURE_SLACK,
                        .absolute_slack = CLOSURE_ABSOLUTE_SLACK};
}

static ct_distances distances_of_residual(SEXP index, SEXP queries, int asked, const ct_run *run) {
  ct_distances distances;
  SEXP metric = ffi_list_get(index, "metric");
  ct_covariance cov = ffi_covariance_view(ffi_list_get(metric, "cov"));
  const ct_covariance *kept = keep(&cov, sizeof cov, run);
  const int *order = ffi_block_rows(index, run);
  ct_residual own = ffi_residual_view(ffi_list_get(index, "residual"), metric, kept, order, run),
              to;
  if (asked) to = ffi_residual_view(ffi_list_get(queries, "residual"), metric, kept, NULL, run);
  ffi_raise(ct_distances_of_residual(keep(&own, sizeof own, run),
                                     asked ? keep(&to, sizeof to, run) : NULL, &distances, run));
  return distances;
}

ct_distances ffi_distances(SEXP index, SEXP queries, const ct_run *run) {
  SEXP query = queries == R_NilValue ? R_NilValue : ffi_list_get(queries, "points");
  if (ffi_list_get(index, "residual") != R_NilValue)
    return distances_of_residual(index, queries, query != R_NilValue, run);
  return distances_of_coordinates(index, queries, run);
}
