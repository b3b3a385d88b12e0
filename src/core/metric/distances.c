#include "metric/canonical.h"

#include "ct.h"
#include "run/inline.h"
#include "run/parallel.h"

#include <float.h>
#include <math.h>

/* Distances of coordinate metrics for the cover tree. Points are embedded once and kept a row after
 * the other, so that a distance reads one or two cache lines. Every number is bit for bit what
 * ct_metric_distance() returns: the loops below add in its order, only without a test of the
 * metric's kind per coordinate, and for up to eight coordinates without a loop. */

typedef struct {
  const ct_metric *metric;
  int dim;
  const double *x;  /* indexed points, n * dim */
  const double *to; /* query points */
} field;

CT_INLINE double fold(ct_key key, double sum, double t) {
  if (key == CT_KEY_SQUARES) return sum + t * t;
  if (key == CT_KEY_SUM) return sum + t;
  return t > sum ? t : sum;
}

CT_INLINE void keys_of(ct_key key, int dim, const double *x, const double *a, const int *rows,
                       int count, double *out) {
  for (int j = 0; j < count; j++) {
    const double *b = x + (size_t)rows[j] * (size_t)dim;
    double sum = 0;
    for (int c = 0; c < dim; c++) sum = fold(key, sum, fabs(a[c] - b[c]));
    out[j] = sum;
  }
}

/* A copy of the loop for each small dimension. */
CT_INLINE void keys_by_dim(ct_key key, int dim, const double *x, const double *a, const int *rows,
                           int count, double *out) {
  switch (dim) {
    case 1: keys_of(key, 1, x, a, rows, count, out); break;
    case 2: keys_of(key, 2, x, a, rows, count, out); break;
    case 3: keys_of(key, 3, x, a, rows, count, out); break;
    case 4: keys_of(key, 4, x, a, rows, count, out); break;
    case 5: keys_of(key, 5, x, a, rows, count, out); break;
    case 6: keys_of(key, 6, x, a, rows, count, out); break;
    case 7: keys_of(key, 7, x, a, rows, count, out); break;
    case 8: keys_of(key, 8, x, a, rows, count, out); break;
    default: keys_of(key, dim, x, a, rows, count, out);
  }
}

/* Powers and angles cost far more than the call. */
static void distances_one_by_one(const field *f, const double *a, const int *rows, int count,
                                 double *out) {
  for (int j = 0; j < count; j++)
    out[j] = ct_metric_distance(f->metric, a, f->x + (size_t)rows[j] * (size_t)f->dim, f->dim);
}

static void distances_from(const field *f, const double *a, const int *rows, int count,
                           double *out) {
  ct_key key = ct_metric_key(f->metric);
  if (!ct_metric_key_suffices(f->metric) || key == CT_KEY_POWERS) {
    distances_one_by_one(f, a, rows, count, out);
  } else if (key == CT_KEY_SQUARES) {
    keys_by_dim(CT_KEY_SQUARES, f->dim, f->x, a, rows, count, out);
    for (int j = 0; j < count; j++) out[j] = sqrt(out[j]);
  } else if (key == CT_KEY_SUM) {
    keys_by_dim(CT_KEY_SUM, f->dim, f->x, a, rows, count, out);
  } else {
    keys_by_dim(CT_KEY_MAX, f->dim, f->x, a, rows, count, out);
  }
}

static ct_status between(const void *self, int a, const int *rows, int count, double *out) {
  const field *f = self;
  distances_from(f, f->x + (size_t)a * (size_t)f->dim, rows, count, out);
  return CT_OK;
}

static ct_status to(const void *self, int q, const int *rows, int count, double *out) {
  const field *f = self;
  distances_from(f, f->to + (size_t)q * (size_t)f->dim, rows, count, out);
  return CT_OK;
}

typedef struct {
  const ct_metric *metric;
  const ct_points *points;
  int dim;
  double *x;
} embedding;

enum { CHUNK = 1024 };

static void embed_chunk(void *embedding_, int chunk, int thread) {
  const embedding *e = embedding_;
  int from = chunk * CHUNK, left = e->points->n - from;
  (void)thread;
  for (int i = from; i < from + (left < CHUNK ? left : CHUNK); i++)
    ct_metric_embed(e->metric, e->points, i, e->x + (size_t)i * (size_t)e->dim);
}

static ct_status embed_all(const ct_metric *metric, const ct_points *points, int dim, double **x,
                           const ct_run *run) {
  embedding e = {metric, points, dim, NULL};
  CT_NEW(e.x, &run->arena, (size_t)points->n * (size_t)dim);
  *x = e.x;
  return ct_rounds_run(embed_chunk, &e, points->n / CHUNK + (points->n % CHUNK > 0), 1, 0, 0, run);
}

/* The relative error of one distance, with u = DBL_EPSILON / 2 the unit roundoff:
 *   squares   (1+u)^3 in a term, dim - 1 additions, halved by the root, which rounds: (dim + 4)/2 u
 *   sums      dim u
 *   powers    a relative error of u in a coordinate stays one; pow() is granted 4 ulp; the power of
 *             the sum, 1/p, is itself rounded, which at a sum of exp(+-745) makes 745/p u
 *   angles    2 atan(|a-b| / |a+b|) of vectors of length 1 + O((dim + 5)/2 u) follows
 *             sqrt(angle^2 + (|a| - |b|)^2), a metric, to the error of those lengths; then sums of
 *             squares, roots and the arc tangent, granted 4 ulp
 * and generously rounded up. */
static double relative_error(const ct_metric *metric, double dim) {
  if (!ct_metric_key_suffices(metric)) return (dim + 12) * DBL_EPSILON;
  if (ct_metric_key(metric) != CT_KEY_POWERS) return 0.5 * (dim + 4) * DBL_EPSILON;
  return (5 + (0.5 * dim + 400) / metric->power) * DBL_EPSILON;
}

/* Squares and powers vanish below 2^-1074, each by at most that much; a root of an error e is at
 * most the root of the error, and an angle at most twice that. */
static double absolute_error(const ct_metric *metric, double dim) {
  double vanished = 4 * dim * (DBL_MIN * DBL_EPSILON);
  switch (metric->kind) {
    case CT_MANHATTAN:
    case CT_MAXIMUM: return 0;
    case CT_MINKOWSKI: return pow(vanished, 1 / metric->power);
    case CT_GREAT_CIRCLE: return 2 * metric->radius * sqrt(vanished);
    default: return 2 * sqrt(vanished);
  }
}

ct_status ct_distances_of_points(const ct_points *points, const ct_points *to_points,
                                 const ct_metric *metric, ct_distances *distances,
                                 const ct_run *run) {
  if (metric->kind == CT_FUNCTION || points->n < 1) return CT_ERR_DOMAIN;
  field *f;
  double *x = NULL, *queries = NULL;
  int dim = ct_metric_dim(metric, points->dim);
  CT_NEW(f, &run->arena, 1);
  CT_TRY(embed_all(metric, points, dim, &x, run));
  if (to_points) CT_TRY(embed_all(metric, to_points, dim, &queries, run));
  *f = (field){metric, dim, x, queries};
  *distances = (ct_distances){.between = between,
                              .to = to,
                              .self = f,
                              .parallel = 1,
                              .slack = relative_error(metric, dim),
                              .absolute_slack = absolute_error(metric, dim)};
  return CT_OK;
}
