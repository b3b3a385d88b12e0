#ifndef CT_METRIC_H
#define CT_METRIC_H

#include "metric/points.h"
#include "run/status.h"

/* Metrics on coordinates, and how they are searched.
 *
 * A metric is data. Points are first *embedded*: divided by their scale, or turned into unit
 * vectors, or mapped linearly. On embedded points a search compares *keys*, cheap increasing
 * functions of the distance (a sum of squares, of absolute values, of powers, or a maximum), and
 * only survivors get their *distance*, by the one canonical routine of this file. Keys may reject
 * only by CT_KEY_MARGIN: a point whose key exceeds (1 + CT_KEY_MARGIN) times another's is strictly
 * farther, whatever was rounded. */

typedef enum {
  CT_EUCLIDEAN,
  CT_MANHATTAN,
  CT_MAXIMUM,
  CT_MINKOWSKI,
  CT_ANGULAR,      /* angle between vectors, radians */
  CT_GREAT_CIRCLE, /* longitude, latitude in degrees; arc length in units of radius */
  CT_MAHALANOBIS,  /* Euclidean after a linear map */
  CT_SPHERE_TIME,  /* longitude, latitude, others: chords in units of radius, each part scaled */
  CT_FUNCTION      /* distances come from the caller */
} ct_metric_kind;

/* How a key is summed over embedded coordinates. */
typedef enum { CT_KEY_SQUARES, CT_KEY_SUM, CT_KEY_MAX, CT_KEY_POWERS } ct_key;

typedef struct {
  ct_metric_kind kind;
  const double *scale; /* Euclidean: a positive divisor per column, or NULL for 1; sphere and time:
                          one for chords, then one for each further column */
  double power;        /* Minkowski: p >= 1 */
  double radius;       /* great circle, sphere and time: > 0 */
  const double *map;   /* Mahalanobis: upper triangle of a dim x dim matrix W, column-major;
                          coordinate j of an embedded point is sum_c x_c W[c, j] */
} ct_metric;

#define CT_KEY_MARGIN 1e-11

ct_key ct_metric_key(const ct_metric *metric);

/* Columns of the embedded points: dim, or 3 for the great circle, one more with time. */
int ct_metric_dim(const ct_metric *metric, int dim);

/* Writes ct_metric_dim() coordinates of point i. */
void ct_metric_embed(const ct_metric *metric, const ct_points *points, int i, double *embedded);

/* The canonical distance of two embedded points of dim coordinates: the number that is reported and
 * compared. Symmetric bit for bit; no fused arithmetic. */
double ct_metric_distance(const ct_metric *metric, const double *a, const double *b, int dim);

/* The canonical distance of two points whose key is given; Euclidean, Manhattan, maximum and
 * Minkowski only: the value ct_metric_distance() returns. */
double ct_metric_from_key(const ct_metric *metric, double key);

/* Whether ct_metric_from_key() is defined for the metric. */
int ct_metric_key_suffices(const ct_metric *metric);

/* A key that no point at canonical distance <= distance exceeds. */
double ct_metric_key_bound(const ct_metric *metric, double distance);

/* Finds the first value that the metric cannot take: not finite, so large that a key overflows, a
 * longitude or latitude out of range (row, column set), or a zero vector for the angle (column -1).
 * CT_ERR_DOMAIN and the place, or CT_OK. */
ct_status ct_metric_check(const ct_metric *metric, const ct_points *points, int *row, int *column);

#endif
