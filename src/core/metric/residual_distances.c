#include "metric/canonical.h"

#include <float.h>
#include <math.h>

#include "metric/residual.h"
#include "run/parallel.h"

/* Distances sqrt(t) for the cover tree.
 *
 * Their slack. t is within e = ct_residual_error() of what V and p say exactly. That in turn is the
 * t of a true metric, of the residual process normalised to variance max(p_i, c_ii), but for points
 * whose p is too small: with p_i >= c_ii / (1 + d) their rho is at most 1 + d times too large, d
 * being the rounding of p or whatever else was wrong with it. So t is within e + d of a metric's,
 * and its root within sqrt(e + d), most of all near 0. By Cauchy-Schwarz the largest e of a point
 * with itself bounds that of all pairs. */

typedef struct {
  const ct_residual *index, *queries;
  ct_simd simd;
  double *work; /* of each thread */
} field;

/* Rows whose positions stand on the stack at once. */
#define CHUNK 256

static void distances_from(const field *f, const ct_residual *of, int a, const int *rows, int count,
                           double *out) {
  int position[CHUNK];
  double *work = f->work + ct_thread_number() * f->index->covariance->work_size;
  for (int from = 0; from < count; from += CHUNK) {
    int some = count - from < CHUNK ? count - from : CHUNK;
    for (int j = 0; j < some; j++) position[j] = f->index->position[rows[from + j]];
    ct_residual_t(of, a, f->index, position, some, out + from, work, f->simd);
  }
  for (int j = 0; j < count; j++) out[j] = sqrt(out[j]);
}

static ct_status between(const void *self, int a, const int *rows, int count, double *out) {
  const field *f = self;
  distances_from(f, f->index, f->index->position[a], rows, count, out);
  return CT_OK;
}

static ct_status to(const void *self, int q, const int *rows, int count, double *out) {
  const field *f = self;
  distances_from(f, f->queries, q, rows, count, out);
  return CT_OK;
}

/* The largest e + d. */
static double error_of_t(const ct_residual *points) {
  double worst = 0, variance = points->covariance->variance;
  for (int i = 0; i < points->n; i++) {
    double norm = ct_residual_norm(points, i), scales = points->scale[i] * points->scale[i];
    double missing = variance - norm * norm - points->p[i];
    double error = ct_residual_error(points, norm * norm, scales);
    /* c_ii itself is known within the error of a product */
    double lacks = (missing > 0 ? missing * scales : 0) + error;
    worst = fmax(worst, error + lacks);
  }
  return worst;
}

ct_status ct_distances_of_residual(const ct_residual *index, const ct_residual *queries,
                                   ct_distances *distances, const ct_run *run) {
  if (index->n < 1) return CT_ERR_DOMAIN;
  field *f;
  CT_NEW(f, &run->arena, 1);
  *f = (field){index, queries, run->simd, NULL};
  CT_NEW(f->work, &run->arena, (size_t)run->threads * (size_t)index->covariance->work_size + 1);
  double error = fmax(error_of_t(index), queries ? error_of_t(queries) : 0);
  *distances = (ct_distances){.between = between,
                              .to = to,
                              .self = f,
                              .parallel = 1,
                              .bounded = 1,
                              .slack = 2 * DBL_EPSILON,
                              .absolute_slack = fmin(sqrt(error), 1)};
  return CT_OK;
}
