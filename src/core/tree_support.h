#ifndef CT_TREE_SUPPORT_H
#define CT_TREE_SUPPORT_H

/* What building, checking and searching the cover tree share. */

#include <float.h>
#include <math.h>

#include "tree.h"

/* The level l of a distance d > 0: 2^l < d <= 2^(l+1). Exact, also for subnormal numbers. */
static inline int ct_level_of(double d) {
  int exponent;
  double mantissa = frexp(d, &exponent); /* d = mantissa 2^exponent, 0.5 <= mantissa < 1 */
  return mantissa == 0.5 ? exponent - 2 : exponent - 1;
}

/* 2^level; 0 for levels below all distances, INFINITY for those above. */
static inline double ct_level_reach(int level) {
  return ldexp(1.0, level);
}

static inline int ct_all_distances(const double *d, int count) {
  int wrong = 0;
  for (int j = 0; j < count; j++) wrong += !(d[j] >= 0 && d[j] <= DBL_MAX);
  return wrong == 0;
}

/* Distances of row a to rows, once they are seen to be distances. */
static inline ct_status ct_distances_between(const ct_distances *distances, int a, const int *rows,
                                             int count, double *out) {
  if (count == 0) return CT_OK;
  CT_TRY(distances->between(distances->self, a, rows, count, out));
  return ct_all_distances(out, count) ? CT_OK : CT_ERR_DISTANCE;
}

/* Polls a few times a second, from the calling thread only. */
typedef struct {
  const ct_run *run;
  double last;
} ct_pace;

static inline ct_pace ct_pace_start(const ct_run *run) {
  return (ct_pace){run, run->now()};
}

static inline ct_status ct_pace_poll(ct_pace *pace, double done) {
  double now = pace->run->now();
  if (now - pace->last < 0.08) return CT_OK;
  pace->last = now;
  return pace->run->poll(pace->run->owner, done) ? CT_ERR_INTERRUPTED : CT_OK;
}

#endif
