#include "ffi.h"

#include <Rmath.h>
#include <math.h>
#include <string.h>

/* exp(s) K_nu(s) with the caller's work array: bessel_k() allocates its own and may not run in
 * threads. */
static double bessel_k_scaled(double s, double nu, double *work) {
  return bessel_k_ex(s, nu, 2, work);
}

/* In the order of ct_covariance_kind. */
static const char *const kind_names[] = {"exponential", "gaussian", "matern32", "matern52",
                                         "matern72",    "matern",   "powered",  "wendland"};
#define KINDS ((int)(sizeof kind_names / sizeof *kind_names))

static ct_covariance_kind kind_of(const char *name) {
  for (int i = 0; i < KINDS; i++)
    if (strcmp(name, kind_names[i]) == 0) return (ct_covariance_kind)i;
  Rf_error("unknown covariance '%s'", name);
}

SEXP ffi_covariance_kinds(void) {
  SEXP kinds = PROTECT(Rf_allocVector(STRSXP, KINDS));
  for (int i = 0; i < KINDS; i++) SET_STRING_ELT(kinds, i, Rf_mkChar(kind_names[i]));
  UNPROTECT(1);
  return kinds;
}

ct_covariance ffi_covariance_view(SEXP cov) {
  ct_covariance_kind kind = kind_of(CHAR(STRING_ELT(ffi_list_get(cov, "kind"), 0)));
  SEXP shape = ffi_list_get(cov, "shape");
  double nu = shape == R_NilValue ? 0 : Rf_asReal(shape);
  int general = kind == CT_COV_MATERN;
  return (ct_covariance){.kind = kind,
                         .variance = Rf_asReal(ffi_list_get(cov, "variance")),
                         .nugget = Rf_asReal(ffi_list_get(cov, "nugget")),
                         .shape = nu,
                         .lengthscale = REAL(ffi_list_get(cov, "lengthscale")),
                         .lonlat = Rf_asLogical(ffi_list_get(cov, "lonlat")) == TRUE,
                         .bessel_k_scaled = general ? bessel_k_scaled : NULL,
                         .work_size = general ? (int)floor(nu) + 1 : 0};
}

/* c(0, 0), or the row and column, counted from 1, of the first value that cannot be embedded. */
SEXP ffi_covariance_check(SEXP x, SEXP cov) {
  ct_points points = ffi_points(x);
  ct_covariance core = ffi_covariance_view(cov);
  int row = -1, column = -1;
  ct_status status = ct_covariance_check(&core, &points, &row, &column);
  SEXP place = PROTECT(Rf_allocVector(INTSXP, 2));
  INTEGER(place)[0] = status == CT_OK ? 0 : row + 1;
  INTEGER(place)[1] = status == CT_OK ? 0 : column + 1;
  UNPROTECT(1);
  return place;
}

/* The embedded coordinates, a row per point. */
SEXP ffi_embed(SEXP x, SEXP cov) {
  ct_points points = ffi_points(x);
  ct_covariance core = ffi_covariance_view(cov);
  int dim = ct_covariance_dim(&core, points.dim);
  SEXP embedded = PROTECT(Rf_allocMatrix(REALSXP, points.n, dim));
  double *one = (double *)R_alloc((size_t)dim, sizeof *one);
  for (int i = 0; i < points.n; i++) {
    ct_covariance_embed(&core, &points, i, one);
    for (int c = 0; c < dim; c++) REAL(embedded)[(size_t)i + (size_t)c * (size_t)points.n] = one[c];
  }
  UNPROTECT(1);
  return embedded;
}

/* Covariances of the rows of a and of b, without nugget: a row for each row of a. For tests. */
SEXP ffi_covariance(SEXP cov, SEXP a, SEXP b) {
  ct_points from = ffi_points(a), to = ffi_points(b);
  ct_covariance core = ffi_covariance_view(cov);
  size_t dim = (size_t)ct_covariance_dim(&core, from.dim), rows = (size_t)from.n;
  SEXP answer = PROTECT(Rf_allocMatrix(REALSXP, from.n, to.n));
  double *left = (double *)R_alloc(rows * dim, sizeof *left),
         *right = (double *)R_alloc(dim, sizeof *right);
  double *work = (double *)R_alloc((size_t)core.work_size + 1, sizeof *work);
  for (int i = 0; i < from.n; i++) ct_covariance_embed(&core, &from, i, left + (size_t)i * dim);
  for (int j = 0; j < to.n; j++) {
    double *out = REAL(answer) + rows * (size_t)j;
    ct_covariance_embed(&core, &to, j, right);
    for (size_t i = 0; i < rows; i++) {
      out[i] = 0;
      for (size_t c = 0; c < dim; c++) {
        double step = left[i * dim + c] - right[c];
        out[i] += step * step;
      }
    }
    ct_covariance_many(&core, out, from.n, out, work, ct_simd_best());
  }
  UNPROTECT(1);
  return answer;
}
