#include "metric/canonical.h"

#include "ct.h"

#include <math.h>

/* Coordinates are summed at 2^-31 of their size: no sum of n of them overflows, and whole numbers
 * are summed exactly, so that the centre of a grid is as near to one side as to the other. */
#define SHRINK 4.656612873077393e-10

/* A mean of unit vectors shorter than this is what rounding left of points on all sides. */
#define NO_DIRECTION 1e-9

/* A poll every so many points: 80 ms on the sphere. */
#define ROUND_POINTS (1 << 20)

static ct_status poll_rounds(int i, double done, const ct_run *run) {
  if (i % ROUND_POINTS != ROUND_POINTS - 1) return CT_OK;
  return run->poll(run->owner, done) ? CT_ERR_INTERRUPTED : CT_OK;
}

static ct_status find_mean(const ct_points *points, const ct_metric *metric, int dim,
                           double *centre, double *embedded, const ct_run *run) {
  for (int c = 0; c < dim; c++) centre[c] = 0;
  for (int i = 0; i < points->n; i++) {
    ct_metric_embed(metric, points, i, embedded);
    for (int c = 0; c < dim; c++) centre[c] += SHRINK * embedded[c];
    CT_TRY(poll_rounds(i, 0.5 * i / points->n, run));
  }
  for (int c = 0; c < dim; c++) centre[c] = centre[c] / points->n / SHRINK;
  return CT_OK;
}

static void bring_to_sphere(const ct_points *points, const ct_metric *metric, int dim,
                            double *centre) {
  double sum = 0;
  for (int c = 0; c < dim; c++) sum += centre[c] * centre[c];
  double norm = sqrt(sum);
  if (norm < NO_DIRECTION) {
    ct_metric_embed(metric, points, 0, centre);
  } else {
    for (int c = 0; c < dim; c++) centre[c] /= norm;
  }
}

ct_status ct_centre_distance(const ct_points *points, const ct_metric *metric, double *distance,
                             const ct_run *run) {
  double *centre, *embedded;
  int dim = ct_metric_dim(metric, points->dim);
  if (metric->kind == CT_FUNCTION || points->n < 1) return CT_ERR_DOMAIN;
  CT_NEW(centre, &run->arena, dim);
  CT_NEW(embedded, &run->arena, dim);
  CT_TRY(find_mean(points, metric, dim, centre, embedded, run));
  if (metric->kind == CT_ANGULAR || metric->kind == CT_GREAT_CIRCLE)
    bring_to_sphere(points, metric, dim, centre);
  for (int i = 0; i < points->n; i++) {
    ct_metric_embed(metric, points, i, embedded);
    distance[i] = ct_metric_distance(metric, centre, embedded, dim);
    CT_TRY(poll_rounds(i, 0.5 + 0.5 * i / points->n, run));
  }
  return CT_OK;
}
