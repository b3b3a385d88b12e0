#ifndef CT_SELECT_GREEDY_H
#define CT_SELECT_GREEDY_H

#include "process/select_kernels.h"
#include "run/run.h"
#include "run/status.h"

/* Conditional selection for one target: scratch for candidates, nearest first, side by side. The
 * caller fills covariance (with the target) and variance of all `room`: beyond count they are 0. */
typedef struct {
  const ct_select_kernels *kernels;
  int count, room, most; /* candidates; the same in whole vectors; steps that have room */
  double *covariance, *variance;
  double *score, *column, *known, *factor;
  char *taken;
} ct_greedy;

/* Covariances between candidates, as a selection asks for them. */
typedef struct {
  /* out[l] = covariance of candidates j and l, l < room. What stands at l = j is not used. */
  void (*column)(const void *self, int j, double *out);
  const void *self;
} ct_greedy_source;

/* Scratch for up to width candidates of which up to m are chosen. */
ct_status ct_greedy_new(ct_greedy *greedy, int width, int m, const ct_run *run);

/* For so many candidates: sets count and room. */
void ct_greedy_begin(ct_greedy *greedy, int count);

/* Chooses min(m, count) candidates, by number, in the order of selection; returns how many of them
 * had a score: the rest are the nearest that remain. target: the target's variance. scale: the
 * variance of the process, beside which rounding is judged. */
int ct_greedy_choose(ct_greedy *greedy, const ct_greedy_source *source, double target, double scale,
                     int m, int *chosen);

#endif
