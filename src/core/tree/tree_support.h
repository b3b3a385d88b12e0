#ifndef CT_TREE_SUPPORT_H
#define CT_TREE_SUPPORT_H

/* What building, checking and searching the cover tree share. */

#include <float.h>
#include <math.h>

#include "tree/tree.h"

/* Where distances are bounded by 1, levels from here on reach all of them. */
#define CT_LEVEL_WHOLE 8

/* How far a level reaches (tree.h): 2^level, 0 for levels below all distances, INFINITY for those
 * above; or, bounded, 2^level / (1 + 2^level). Grows with the level. */
static inline double ct_level_reach(int level, int bounded) {
  double power = ldexp(1.0, level);
  if (!bounded) return power;
  return level < CT_LEVEL_WHOLE ? power / (1 + power) : 1;
}

/* The level l of a distance d > 0: reach(l) < d <= reach(l + 1). Exact, also for subnormal
 * numbers. */
static inline int ct_level_of(double d, int bounded) {
  int exponent, level;
  if (bounded && d > ct_level_reach(CT_LEVEL_WHOLE - 1, 1)) return CT_LEVEL_WHOLE - 1;
  double mantissa =
      frexp(bounded ? d / (1 - d) : d, &exponent); /* times 2^exponent, 0.5 <= mantissa < 1 */
  level = mantissa == 0.5 ? exponent - 2 : exponent - 1;
  while (bounded && ct_level_reach(level, 1) >= d) level--; /* a step at most, for rounding */
  while (bounded && ct_level_reach(level + 1, 1) < d) level++;
  return level;
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
