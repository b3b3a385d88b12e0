#include "pairs/pair.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What the vector exponential adds: its polynomial is off by 6.3e-15, its roundings by less. */
#define CT_FAST_COVARIANCE_ERROR 1.2e-14

/* Relative to sqrt(variance k). Every family is a product of positive factors of which the
 * exponential loses most: an argument up to 700, itself off by a few eps, gives 700 * 8 eps < 2e-12
 * where k is smallest, and less than 1e-14 sqrt(variance / k) everywhere. Wendland's (1 - h)^q
 * loses q eps (1 - h)^(q-1), q >= 2, which the root of k covers too. */
#define CT_COVARIANCE_SQRT_ERROR 2e-13

static const ct_pair_kernels *kernels_of(ct_simd simd) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_pair_avx512;
  if (simd == CT_SIMD_AVX2) return &ct_pair_avx2;
#endif
  (void)simd;
  return &ct_pair_base;
}

void ct_pairs_init(ct_pairs *pairs, const ct_residual *index, ct_simd simd) {
  pairs->kernels = kernels_of(simd);
  pairs->simd = simd;
  pairs->index = index;
  pairs->covariance = index->covariance;
  pairs->rank = index->rank;
  pairs->dim = index->dim;
}

static int has_vector_form(ct_covariance_kind kind) {
  return kind != CT_COV_MATERN && kind != CT_COV_POWERED && kind != CT_COV_WENDLAND;
}

size_t ct_pairs_work(const ct_pairs *pairs, int count) {
  size_t pairs_at_once = count > CT_TILE ? (size_t)count : CT_TILE;
  size_t doubles = pairs_at_once + (size_t)pairs->covariance->work_size;
  return (doubles + 7) / 8 * 8; /* so that threads' shares of one array are aligned as it is */
}

ct_status ct_panel_new(ct_panel *panel, int rank, int dim, const ct_arena *arena) {
  CT_NEW(panel->V, arena, (size_t)(rank > 0 ? rank : 1) * CT_PANEL);
  CT_NEW(panel->x, arena, (size_t)(dim > 0 ? dim : 1) * CT_PANEL);
  return CT_OK;
}

void ct_panel_pack(ct_panel *panel, const ct_residual *points, const int *position, int count) {
  size_t rank = (size_t)points->rank, dim = (size_t)points->dim;
  if (count < CT_PANEL) {
    memset(panel->V, 0, rank * CT_PANEL * sizeof *panel->V);
    memset(panel->x, 0, dim * CT_PANEL * sizeof *panel->x);
  }
  for (int l = 0; l < count; l++) {
    const double *v = points->V + (size_t)position[l] * (size_t)points->stride;
    const double *x = points->x + (size_t)position[l] * dim;
    for (size_t t = 0; t < rank; t++) panel->V[t * CT_PANEL + (size_t)l] = v[t];
    for (size_t d = 0; d < dim; d++) panel->x[d * CT_PANEL + (size_t)l] = x[d];
  }
}

void ct_pair_rows_at(ct_pair_rows *rows, const ct_residual *points, const int *position) {
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    rows->V[i] = points->V + (size_t)position[i] * (size_t)points->stride;
    rows->x[i] = points->x + (size_t)position[i] * (size_t)points->dim;
  }
}

/* c holds products, work squared distances: c = k - product. */
static void subtract_from_covariance(const ct_pairs *pairs, int count, double *c, double *work) {
  ct_covariance_many(pairs->covariance, work, count, work, work + count, pairs->simd);
  for (int i = 0; i < count; i++) c[i] = work[i] - c[i];
}

void ct_pairs_tile_head(const ct_pairs *pairs, const ct_panel *panel, const ct_pair_rows *rows,
                        int columns, double *c, double *work) {
  ct_covariance_kind kind = pairs->covariance->kind;
  pairs->kernels->tile(rows, panel, columns, pairs->dim, kind, pairs->covariance->variance, c,
                       work);
  if (!has_vector_form(kind)) subtract_from_covariance(pairs, CT_TILE, c, work);
}

void ct_pairs_tile(const ct_pairs *pairs, const ct_panel *panel, const ct_pair_rows *rows,
                   double *c, double *work) {
  ct_pairs_tile_head(pairs, panel, rows, pairs->rank, c, work);
}

void ct_pairs_list(const ct_pairs *pairs, const ct_residual *A, int a, const ct_residual *B,
                   const int *b, int count, double *c, double *work) {
  ct_covariance_kind kind = pairs->covariance->kind;
  pairs->kernels->list(A->V + (size_t)a * (size_t)A->stride, A->x + (size_t)a * (size_t)A->dim, B,
                       b, count, kind, pairs->covariance->variance, c, work);
  if (!has_vector_form(kind)) subtract_from_covariance(pairs, count, c, work);
}

double ct_pair_error_bound(const ct_pairs *pairs, double norms) {
  double own = CT_FAST_COVARIANCE_ERROR * pairs->covariance->variance;
  return (2 * ct_residual_product_error(pairs->index, norms) + own) * (1 + 1e-9);
}

double ct_pair_error(const ct_pairs *pairs, double c, double norms) {
  double coarse = ct_pair_error_bound(pairs, norms);
  double k = fabs(c) + norms; /* at least the covariance */
  double fine = 2 * (pairs->rank + 8) * DBL_EPSILON * norms +
                CT_COVARIANCE_SQRT_ERROR * sqrt(pairs->covariance->variance * k);
  return coarse < fine ? coarse : fine;
}
