#ifndef CT_DISTANCES_H
#define CT_DISTANCES_H

#include "run/status.h"

/* Where the cover tree gets its distances from. The tree knows rows, not coordinates, so any metric
 * can stand behind this: coordinates, a residual correlation, a closure of R.
 *
 * between: out[j] = distance of indexed row a and indexed row rows[j], j < count.
 * to:      out[j] = distance of query point q and indexed row rows[j].
 * Both return CT_OK or a status that ends the call. parallel says whether they may run on any
 * thread; otherwise the tree stays on the calling thread, and they may never return. */
typedef struct {
  ct_status (*between)(const void *self, int a, const int *rows, int count, double *out);
  ct_status (*to)(const void *self, int q, const int *rows, int count, double *out);
  const void *self;
  int parallel;
  /* A distance d may be wrong by slack * d + absolute_slack: bounds give way by that for every
   * distance in them. The absolute part is for roots of differences, as sqrt(1 - |rho|). */
  double slack;
  double absolute_slack;
  int bounded; /* no distance exceeds 1, most may be near it: levels are finer there (tree.h) */
} ct_distances;

#endif
