#ifndef CT_SELECT_KERNELS_H
#define CT_SELECT_KERNELS_H

#include "run/simd.h"

/* The arithmetic of conditional selection over the candidates of one row, which lie side by side in
 * lanes, compiled for each instruction set (select_base.c, select_avx2.c, select_avx512.c). Every
 * number is made by the same operations in the same order in each of them, without FMA, and a
 * maximum does not depend on the order either: all agree bit for bit.
 * Arrays hold `room` candidates, a multiple of CT_SELECT_LANES. */

#define CT_SELECT_LANES 8

/* One step of the partial Cholesky factorisation (select_greedy.c). */
typedef struct {
  int room, steps;      /* steps: columns known before this one */
  const double *factor; /* steps: what the chosen candidate has in them */
  double *known;        /* the columns, room each; this one is written behind them */
  const double *column; /* covariances of the candidates with the chosen one */
  double root;          /* 1 / its standard deviation, given those before it */
  double weight;        /* its covariance with the target, times root */
  double *covariance;   /* of the candidates with the target, renewed */
  double *variance;     /* of the candidates, renewed */
} ct_select_step;

/* What scores are made of, and what rounding leaves nothing of. */
typedef struct {
  int room;
  const double *covariance, *variance;
  double least_variance, least_square; /* of the covariance */
} ct_select_scoring;

typedef struct {
  /* sq[l] = the squared distance of candidate l, coordinate c of which is x[c * room + l], and the
   * point `of`, summed in the order of the coordinates. */
  void (*squares)(const double *x, int room, int dim, const double *of, double *sq);

  void (*advance)(const ct_select_step *step);

  /* score[l] = covariance^2 / variance where both are above their least, else 0; returns the
   * largest. */
  double (*scores)(const ct_select_scoring *scoring, double *score);
} ct_select_kernels;

const ct_select_kernels *ct_select_kernels_of(ct_simd simd);

#endif
