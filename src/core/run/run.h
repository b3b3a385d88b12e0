#ifndef CT_RUN_H
#define CT_RUN_H

#include "run/arena.h"
#include "run/simd.h"

/* How a call runs: everything ambient, handed in. */
typedef struct {
  ct_arena arena;
  int threads;         /* >= 1; the num_threads of every parallel region */
  ct_simd simd;        /* instruction set of the kernels; changes speed, never a result */
  double (*now)(void); /* seconds of a monotonic clock */
  /* Called on the calling thread, outside parallel regions, a few times a second, with the share of
   * the work that is done. Nonzero stops the call with CT_ERR_INTERRUPTED. May also never
   * return. */
  int (*poll)(void *owner, double done);
  void *owner;
} ct_run;

/* The phases whose seconds are counted apart. */
typedef enum {
  CT_PHASE_ORDER,  /* k-d order of the points */
  CT_PHASE_TREE,   /* cover tree */
  CT_PHASE_FACTOR, /* covariance of the inducing points, V and p */
  CT_PHASE_NET,    /* centres and balls of the residual search */
  CT_PHASE_TABLE,  /* correlations of centres and points */
  CT_PHASE_BLOCKS, /* padded coordinates and boxes */
  CT_PHASE_SEED,   /* first bounds of the residual search */
  CT_PHASE_SEARCH,
  CT_PHASE_SELECT, /* conditional selection */
  CT_PHASES
} ct_phase;

const char *ct_phase_name(ct_phase phase);

/* Counts, so that pruning can be tested without a clock. Callers zero it; calls add to it. */
typedef struct {
  double queries;
  double evaluations; /* full distances */
  double products;    /* correlations with centres or pivots */
  double nodes;       /* tree nodes or boxes looked at */
  double seconds[CT_PHASES];
} ct_stats;

void ct_stats_add(ct_stats *into, const ct_stats *from);

#endif
