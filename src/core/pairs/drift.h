#ifndef CT_DRIFT_H
#define CT_DRIFT_H

#include "pairs/pair.h"

/* How far measured correlations may be from those of a process: there are vectors u_i such that any
 * correlation from the pair engine or ct_residual_t() is off from <u_i, u_j> by at most drift_i
 * drift_j (drift.c has the proof). Made once for an index, and then the same for new points. */

/* How the size of a point's kriging weights is known. */
typedef enum {
  CT_WEIGHTS_UNSEEN,   /* V is the user's own, or there is none */
  CT_WEIGHTS_VARIANCE, /* by its residual variance */
  CT_WEIGHTS_EIGEN,    /* by the smallest eigenvalue of L L' */
  CT_WEIGHTS_SOLVED    /* point by point */
} ct_weights;

typedef struct {
  ct_weights weights;
  double unit;  /* drift of an indexed point is scale times unit (spread + |a|_1), */
  double shift; /* and the root of shift times |a|_2, both squared, added */
  double spread;
  double least; /* a lower bound of the smallest eigenvalue of L L' */
  double norm;  /* a bound on |V| of all points it holds for */
} ct_drift;

/* Drift of every position of the index. pairs: of the index; norm: |V| of the positions; largest:
 * at least those, and the |V| of the new points that will ask. An infinite drift says that nothing
 * can be proved. */
ct_status ct_drift_of_index(ct_drift *drift, const ct_pairs *pairs, const double *norm,
                            double largest, double *out, const ct_run *run);

/* Drift of new points, whose |V| are at most drift->norm. */
ct_status ct_drift_of_new(const ct_drift *drift, const ct_residual *points, double *out,
                          const ct_run *run);

#endif
