#include "ffi.h"

#include <math.h>
#include <string.h>

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
