#include "metric/canonical.h"

#include "metric/residual.h"

#include <float.h>
#include <math.h>

#include "metric/canonical_kernels.h"

#define UNIT (DBL_EPSILON / 2)

/* Candidates whose squared distances, covariances and products stand on the stack at once. */
#define CHUNK 64

/* Rows a multiple of 512 bytes apart would share few sets of the first level cache, and push each
 * other out when several are read at once (m = 512: 1.5 times slower): those get a line more. */
int ct_residual_stride(int rank) {
  int stride = (rank + CT_V_LANES - 1) / CT_V_LANES * CT_V_LANES;
  return stride > 0 && stride % 64 == 0 ? stride + CT_V_LANES : stride;
}

int ct_residual_scale(const ct_covariance *covariance, const double *p, int n, double *scale) {
  int explained = 0;
  for (int i = 0; i < n; i++) {
    int is_explained = !(p[i] > CT_EXPLAINED * covariance->variance);
    scale[i] = is_explained ? 0 : 1 / sqrt(p[i]);
    explained += is_explained;
  }
  return explained;
}

/* ---- rounding ---- */

/* The sum of squares in plain order is off by less than stride u relative, the root by u. */
double ct_residual_norm(const ct_residual *points, int i) {
  if (points->rank == 0) return 0;
  const double *v = points->V + (size_t)i * (size_t)points->stride;
  double sum = 0;
  for (int t = 0; t < points->rank; t++) sum += v[t] * v[t];
  return sqrt(sum) * (1 + (points->rank + 2) * UNIT);
}

/* variance (e + u) + N (m + 1) u, the last with the small print of m u / (1 - m u). */
static double any_product_error(const ct_residual *points, double norms) {
  double of_k = ct_covariance_error(points->covariance, points->dim) + UNIT;
  return points->covariance->variance * of_k + norms * (points->rank + 2) * UNIT;
}

double ct_residual_product_error(const ct_residual *points, double norms) {
  double of_zero = points->covariance->variance + norms * (points->rank / 8 + 6);
  return any_product_error(points, norms) + of_zero * UNIT;
}

double ct_residual_error(const ct_residual *points, double norms, double scales) {
  return ct_residual_product_error(points, norms) * scales + 16 * UNIT;
}

/* ---- canonical scores ---- */

static double square_distance(const double *a, const double *b, int dim) {
  double sum = 0;
  for (int c = 0; c < dim; c++) {
    double step = a[c] - b[c];
    sum += step * step;
  }
  return sum;
}

/* t of two points of equal coordinates, whose product V_i . V_j is about |V_i| |V_j|. */
static double of_duplicates(const ct_residual *points, double t, double product, double scales) {
  double rounding = any_product_error(points, fabs(product)) * scales + 16 * UNIT;
  return scales > 0 && t <= rounding ? 0 : t;
}

static void score_chunk(const ct_residual *A, int a, const ct_residual *B, const int *b, int count,
                        double *out, double *work, ct_simd simd) {
  double sq[CHUNK] = {0}, k[CHUNK], product[CHUNK] = {0};
  const double *row[CHUNK], *x = A->x + (size_t)a * (size_t)A->dim;
  for (int j = 0; j < count; j++)
    sq[j] = square_distance(x, B->x + (size_t)b[j] * (size_t)B->dim, B->dim);
  ct_covariance_many(B->covariance, sq, count, k, work, simd);
  if (B->rank > 0) {
    const double *v = A->V + (size_t)a * (size_t)A->stride;
    for (int j = 0; j < count; j++) row[j] = B->V + (size_t)b[j] * (size_t)B->stride;
    ct_canonical_kernels_of(simd)->dots(v, row, count, B->stride, product);
  }
  for (int j = 0; j < count; j++) {
    double scales = A->scale[a] * B->scale[b[j]], rho = fabs((k[j] - product[j]) * scales);
    out[j] = 1 - (rho < 1 ? rho : 1);
    if (sq[j] == 0) out[j] = of_duplicates(B, out[j], product[j], scales);
  }
  if (A == B)
    for (int j = 0; j < count; j++) out[j] = b[j] == a ? 0 : out[j];
}

void ct_residual_t(const ct_residual *A, int a, const ct_residual *B, const int *b, int count,
                   double *out, double *work, ct_simd simd) {
  for (int from = 0; from < count; from += CHUNK) {
    int some = count - from < CHUNK ? count - from : CHUNK;
    score_chunk(A, a, B, b + from, some, out + from, work, simd);
  }
}
