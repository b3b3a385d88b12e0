#ifndef BLOCK_ORACLE_H
#define BLOCK_ORACLE_H

/* Brute force for the block search: all distances by ct_metric_distance(), sorted by (distance,
 * row); and the data and metrics that tests run over. */

#include <math.h>
#include <stdlib.h>

#include "ct.h"
#include "run_support.h"

typedef struct {
  double distance;
  int row;
} neighbor;

static inline int by_distance_and_row(const void *a, const void *b) {
  const neighbor *x = a, *y = b;
  if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Embedded coordinates of all points, one after the other; the caller frees them. */
static inline double *embed_all(const ct_points *points, const ct_metric *metric) {
  int dim = ct_metric_dim(metric, points->dim);
  double *x = malloc((size_t)points->n * (size_t)dim * sizeof *x);
  for (int i = 0; i < points->n; i++)
    ct_metric_embed(metric, points, i, x + (size_t)i * (size_t)dim);
  return x;
}

/* All candidates of query q, sorted; returns their number. indexed and asked are the embedded
 * points and query points; found has room for points->n. */
static inline int all_neighbors(const ct_points *points, const ct_metric *metric,
                                const ct_queries *queries, int q, const double *indexed,
                                const double *asked, neighbor *found) {
  int dim = ct_metric_dim(metric, points->dim), count = 0;
  int row = queries->points ? -1 : queries->rows ? queries->rows[q] : q;
  int end = queries->limit && queries->limit[q] < points->n ? queries->limit[q] : points->n;
  size_t stride = (size_t)dim;
  const double *a = queries->points ? asked + (size_t)q * stride : indexed + (size_t)row * stride;
  for (int i = 0; i < end; i++) {
    if (i == row && !queries->self) continue;
    found[count].distance = ct_metric_distance(metric, a, indexed + (size_t)i * stride, dim);
    found[count++].row = i;
  }
  qsort(found, (size_t)count, sizeof *found, by_distance_and_row);
  return count;
}

/* ---- metrics ---- */

enum { TEST_METRICS = 9 };

static const double test_scale[33] = {1, 0.3, 2, 7, 1, 0.5, 3, 1.7, 0.9, 1, 1, 2, 1, 1,   3, 1, 1,
                                      1, 0.7, 1, 1, 1, 1,   1, 1,   4,   1, 1, 1, 1, 0.4, 1, 1};

static inline ct_metric test_metric(int which) {
  ct_metric metric = {CT_EUCLIDEAN, NULL, 0, 0, NULL};
  switch (which) {
    case 1: metric.scale = test_scale; break;
    case 2: metric.kind = CT_MANHATTAN; break;
    case 3: metric.kind = CT_MAXIMUM; break;
    case 4: metric.kind = CT_MINKOWSKI, metric.power = 1.5; break;
    case 5: metric.kind = CT_MINKOWSKI, metric.power = 3; break;
    case 6: metric.kind = CT_MINKOWSKI, metric.power = 60; break;
    case 7: metric.kind = CT_ANGULAR; break;
    case 8: metric.kind = CT_GREAT_CIRCLE, metric.radius = 6371.0088; break;
    default: break;
  }
  return metric;
}

/* ---- data ---- */

enum {
  UNIFORM,
  INTEGERS,
  TENTHS,
  DUPLICATES,
  CONSTANT_COLUMN,
  ONE_PLACE,
  CAUCHY,
  OUTLIER,
  LINE,
  TINY,
  VAST,
  TEST_KINDS
};

/* Whether the keys of a metric stay finite on such data. */
static inline int test_fits(int which, int kind) {
  return !(which == 6 && kind == OUTLIER) && !(which >= 4 && which <= 6 && kind == VAST);
}

static inline double test_value(int kind, int i, int c, test_random *random) {
  double u = test_uniform(random);
  switch (kind) {
    case INTEGERS: return floor(5 * u);
    case TENTHS: return 0.1 * floor(12 * u);
    case CONSTANT_COLUMN: return c == 0 ? 3 : u;
    case ONE_PLACE: return 0.25 + c;
    case CAUCHY: return tan(3.14159 * (u - 0.5));
    case OUTLIER: return i == 7 ? 1e9 : u;
    case LINE: return i;
    case TINY: return u * 1e-162;
    case VAST: return u * 1e150;
    default: return u;
  }
}

static inline ct_points test_points(int n, int dim, int kind, test_random *random) {
  double *x = malloc((size_t)n * (size_t)dim * sizeof *x + 1);
  for (int c = 0; c < dim; c++)
    for (int i = 0; i < n; i++)
      x[(size_t)i + (size_t)c * (size_t)n] = test_value(kind, i, c, random);
  if (kind == DUPLICATES)
    for (int i = 0; i < n; i++)
      if (test_uniform(random) < 0.3) {
        int other = test_below(random, n);
        for (int c = 0; c < dim; c++)
          x[(size_t)i + (size_t)c * (size_t)n] = x[(size_t)other + (size_t)c * (size_t)n];
      }
  ct_points points = {x, n, dim};
  return points;
}

/* Values the metric takes: degrees for the great circle, no zero vector for the angle. */
static inline void fit_to_metric(const ct_metric *metric, ct_points *points, int kind) {
  double *x = (double *)points->x;
  size_t n = (size_t)points->n;
  for (size_t i = 0; i < n; i++) {
    if (metric->kind == CT_ANGULAR) {
      int zero = 1;
      for (int c = 0; c < points->dim; c++) zero &= x[i + (size_t)c * n] == 0;
      if (zero) x[i] = 1;
    }
    if (metric->kind == CT_GREAT_CIRCLE) {
      double step = kind == INTEGERS ? 45 : 360;
      x[i] = fmod(fabs(x[i]) * step, 360) - 180;
      x[i + n] = fmod(fabs(x[i + n]) * step, 180) - 90;
    }
  }
}

#endif
