#include "metric/canonical.h"

#include "metric/metric.h"

#include <float.h>
#include <math.h>

#include "metric/sphere.h"

static const double ct_pi = 3.14159265358979323846;

ct_key ct_metric_key(const ct_metric *metric) {
  switch (metric->kind) {
    case CT_MANHATTAN: return CT_KEY_SUM;
    case CT_MAXIMUM: return CT_KEY_MAX;
    case CT_MINKOWSKI: return CT_KEY_POWERS;
    default: return CT_KEY_SQUARES;
  }
}

int ct_metric_dim(const ct_metric *metric, int dim) {
  if (metric->kind == CT_SPHERE_TIME) return dim + 1;
  return metric->kind == CT_GREAT_CIRCLE ? 3 : dim;
}

/* Divides by the largest entry first, so that no square overflows or vanishes. */
static void embed_direction(const ct_points *points, int i, double *embedded) {
  double largest = 0, sum = 0;
  for (int c = 0; c < points->dim; c++) {
    double size = fabs(ct_points_at(points, i, c));
    largest = size > largest ? size : largest;
  }
  for (int c = 0; c < points->dim; c++) {
    embedded[c] = ct_points_at(points, i, c) / largest;
    sum += embedded[c] * embedded[c];
  }
  double norm = sqrt(sum);
  for (int c = 0; c < points->dim; c++) embedded[c] /= norm;
}

static void embed_linearly(const double *map, const ct_points *points, int i, double *embedded) {
  for (int j = 0; j < points->dim; j++) {
    const double *column = map + (size_t)j * (size_t)points->dim;
    double sum = 0;
    for (int c = 0; c <= j; c++) sum += ct_points_at(points, i, c) * column[c];
    embedded[j] = sum;
  }
}

static void embed_sphere_time(const ct_metric *metric, const ct_points *points, int i,
                              double *embedded) {
  ct_sphere_embed(ct_points_at(points, i, 0), ct_points_at(points, i, 1), embedded);
  for (int s = 0; s < 3; s++) embedded[s] = metric->radius * embedded[s] / metric->scale[0];
  for (int c = 2; c < points->dim; c++)
    embedded[c + 1] = ct_points_at(points, i, c) / metric->scale[c - 1];
}

void ct_metric_embed(const ct_metric *metric, const ct_points *points, int i, double *embedded) {
  if (metric->kind == CT_GREAT_CIRCLE) {
    ct_sphere_embed(ct_points_at(points, i, 0), ct_points_at(points, i, 1), embedded);
  } else if (metric->kind == CT_ANGULAR) {
    embed_direction(points, i, embedded);
  } else if (metric->kind == CT_MAHALANOBIS) {
    embed_linearly(metric->map, points, i, embedded);
  } else if (metric->kind == CT_SPHERE_TIME) {
    embed_sphere_time(metric, points, i, embedded);
  } else {
    for (int c = 0; c < points->dim; c++) {
      double value = ct_points_at(points, i, c);
      embedded[c] = metric->scale ? value / metric->scale[c] : value;
    }
  }
}

/* Kahan's angle between two unit vectors: accurate from coincident to antipodal, where the arc sine
 * of half the chord loses half the digits. */
static double angle(const double *a, const double *b, int dim) {
  double minus = 0, plus = 0;
  for (int c = 0; c < dim; c++) {
    double difference = a[c] - b[c], total = a[c] + b[c];
    minus += difference * difference;
    plus += total * total;
  }
  return 2 * atan2(sqrt(minus), sqrt(plus));
}

static double key_of(const ct_metric *metric, const double *a, const double *b, int dim) {
  ct_key key = ct_metric_key(metric);
  double sum = 0;
  for (int c = 0; c < dim; c++) {
    double t = fabs(a[c] - b[c]);
    if (key == CT_KEY_SQUARES) sum += t * t;
    else if (key == CT_KEY_SUM) sum += t;
    else if (key == CT_KEY_MAX) sum = t > sum ? t : sum;
    else sum += pow(t, metric->power);
  }
  return sum;
}

int ct_metric_key_suffices(const ct_metric *metric) {
  return metric->kind != CT_ANGULAR && metric->kind != CT_GREAT_CIRCLE;
}

double ct_metric_from_key(const ct_metric *metric, double key) {
  switch (ct_metric_key(metric)) {
    case CT_KEY_SQUARES: return sqrt(key);
    case CT_KEY_POWERS: return pow(key, 1 / metric->power);
    default: return key;
  }
}

double ct_metric_distance(const ct_metric *metric, const double *a, const double *b, int dim) {
  if (metric->kind == CT_ANGULAR) return angle(a, b, dim);
  if (metric->kind == CT_GREAT_CIRCLE) return metric->radius * angle(a, b, dim);
  return ct_metric_from_key(metric, key_of(metric, a, b, dim));
}

double ct_metric_key_bound(const ct_metric *metric, double distance) {
  double key = distance;
  if (!ct_metric_key_suffices(metric)) {
    double arc = metric->kind == CT_GREAT_CIRCLE ? distance / metric->radius : distance;
    double chord = arc < ct_pi ? 2 * sin(0.5 * arc) : 2;
    key = chord * chord;
  } else if (ct_metric_key(metric) == CT_KEY_SQUARES) {
    key = distance * distance;
  } else if (ct_metric_key(metric) == CT_KEY_POWERS) {
    key = pow(distance, metric->power) * (1 + 4 * metric->power * DBL_EPSILON);
  }
  key *= 1 + CT_KEY_MARGIN;
  /* a square that vanishes must not shut out distances that do not; an infinite bound stays finite,
   * so that absent boxes, infinitely far away, never pass */
  key = key > 0 || distance <= 0 ? key : DBL_MIN;
  return key < DBL_MAX ? key : DBL_MAX;
}

/* Largest coordinate for which every key stays finite. */
static double largest_coordinate(const ct_metric *metric, int dim) {
  switch (ct_metric_key(metric)) {
    case CT_KEY_SQUARES: return 0.25 * sqrt(DBL_MAX / dim);
    case CT_KEY_POWERS: return 0.25 * pow(DBL_MAX / dim, 1 / metric->power);
    default: return 0.25 * DBL_MAX / dim;
  }
}

/* The same before a linear map, whose every sum must stay below it. */
static double largest_mapped(const ct_metric *metric, int dim) {
  double most = 1;
  for (int i = 0; i < dim * dim; i++) most = fmax(most, fabs(metric->map[i]));
  return largest_coordinate(metric, dim) / dim / most;
}

static double divisor_of_column(const ct_metric *metric, int c) {
  if (!metric->scale) return 1;
  if (metric->kind == CT_SPHERE_TIME) return c < 2 ? 1 : metric->scale[c - 1];
  return metric->scale[c];
}

static double limit_of_column(const ct_metric *metric, int c, int dim) {
  switch (metric->kind) {
    case CT_GREAT_CIRCLE: return c == 0 ? 720.0 : 90.0;
    case CT_SPHERE_TIME: return c == 0 ? 720.0 : c == 1 ? 90.0 : largest_coordinate(metric, dim);
    case CT_MAHALANOBIS: return largest_mapped(metric, dim);
    case CT_ANGULAR:
    case CT_FUNCTION: return DBL_MAX;
    default: return largest_coordinate(metric, dim);
  }
}

/* The first of n values, divided, beyond the limit; n where there is none. NAN is within no
 * limit. */
static int first_beyond(const double *value, int n, double divisor, double limit) {
  int beyond = 0, i = 0;
  if (divisor == 1)
    for (int j = 0; j < n; j++) beyond |= !(fabs(value[j]) <= limit);
  else
    for (int j = 0; j < n; j++) beyond |= !(fabs(value[j] / divisor) <= limit);
  if (!beyond) return n;
  while (fabs(value[i] / divisor) <= limit) i++;
  return i;
}

ct_status ct_metric_check(const ct_metric *metric, const ct_points *points, int *row, int *column) {
  for (int c = 0; c < points->dim; c++) {
    const double *value = points->x + (size_t)c * (size_t)points->n;
    double limit = limit_of_column(metric, c, points->dim);
    int i = first_beyond(value, points->n, divisor_of_column(metric, c), limit);
    if (i < points->n) {
      *row = i, *column = c;
      return CT_ERR_DOMAIN;
    }
  }
  if (metric->kind != CT_ANGULAR) return CT_OK;
  for (int i = 0; i < points->n; i++) {
    int c = 0;
    while (c < points->dim && ct_points_at(points, i, c) == 0) c++;
    if (c == points->dim) {
      *row = i, *column = -1;
      return CT_ERR_DOMAIN;
    }
  }
  return CT_OK;
}
