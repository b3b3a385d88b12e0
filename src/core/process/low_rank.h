#ifndef CT_LOW_RANK_H
#define CT_LOW_RANK_H

#include "process/process.h"

/* Vecchia's approximation of what inducing points leave (Vecchia-inducing-points full-scale
 * approximation, VIF): the covariance of all places is V V' + B^-1 D B^-T. With
 *
 *   Z = D^-1/2 B V,   E = D^-1/2 B (the values),   P = (I + Z'Z)^-1,   C = P Z'E,   R = E - Z C,
 *
 * its log-determinant is sum log D + log det(I + Z'Z), and y' S^-1 y the entry of R'R + C'C, sums
 * of squares without cancellation.
 *
 * Neighbours need not come before their place here: a caller may number places so that neighbours
 * of consecutive ones stand together, which is what the speed of all this rests on. */

/* Z: n rows of process->stride; E: n rows of values; variance: n; ZZ = Z'Z, stride * stride, its
 * blocks above the diagonal undefined; log_d: sum of log D. sets.first is 0. */
ct_status ct_low_rank_forward(const ct_process *process, double *Z, double *E, double *variance,
                              double *ZZ, double *log_d, double *dropped, const ct_run *run);

/* The negative log-likelihood is a function of D (which counts `responses` times log D / 2), of Z
 * and of E, whose adjoints are Z P - R T and R S: rows of places. */
typedef struct ct_low_rank_adjoint {
  const double *Z, *R; /* as Z and E lie */
  const double *P;     /* stride * stride, symmetric: (I + Z'Z)^-1 times responses */
  const double *T;     /* values rows of stride */
  const double *S;     /* values * values, symmetric */
  double responses;
  double *pull;   /* n rows of stride: see low_rank.c */
  double *weight; /* as the sets lie: A */
  double *solved; /* as the sets lie: w */
} ct_low_rank_adjoint;

/* Inducing points and the inverse of their factor. */
typedef struct {
  const double *u;       /* rank * dim embedded coordinates, a point after the other */
  const double *inverse; /* L^-1, rank * rank, column-major */
} ct_inducing;

/* Derivatives of the negative log-likelihood: sums of the directions (process.h), of which those of
 * the lengthscales lack what the inducing points' own covariance says, and M, stride * stride,
 * whose lower triangle is minus the adjoint of L. variance: D. */
ct_status ct_low_rank_gradient(const ct_process *process, const ct_inducing *inducing,
                               ct_low_rank_adjoint *adjoint, const double *variance, double *sums,
                               double *M, const ct_run *run);

/* Adds to sums what the adjoint of K_uu (rank * rank, row by row) says of the lengthscales. */
ct_status ct_low_rank_own(const ct_process *process, const ct_inducing *inducing,
                          const double *adjoint, double *sums, const ct_run *run);

/* What a kernel gathers from, place by place. */
typedef struct ct_low_rank_gather {
  const ct_process *process;
  const ct_low_rank_adjoint *adjoint;
  const double *root;       /* sqrt(D) */
  const int *start, *child; /* entries of sets that hold place j: child[start[j]] .. */
  const double *u;          /* dim rows of stride: coordinates of the inducing points */
  const double *inverse;    /* L^-1, rows of stride */
} ct_low_rank_gather;

#endif
