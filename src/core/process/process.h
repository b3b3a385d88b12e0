#ifndef CT_PROCESS_H
#define CT_PROCESS_H

#include "metric/covariance.h"
#include "process/matern.h"
#include "process/sets.h"
#include "run/run.h"
#include "run/status.h"

/* Vecchia's approximation of a Gaussian process: every place i is conditioned on its set N(i) of
 * earlier places alone. With K the process covariance, noise on its diagonal,
 *
 *   weights A_i = K_iN K_NN^-1,   conditional variance D_i = K_ii - A_i K_Ni,
 *
 * and B = I - A, unit lower triangular, the covariance of all places is B^-1 D B^-T.
 *
 * A neighbour that the others of its set determine up to rounding (a duplicate without noise) gets
 * the weight 0, as if it were missing; a place that its neighbours determine loses the nearest of
 * them until they do not, or, where `settled`, has the conditional variance 0. Both are counted as
 * dropped. */
typedef struct {
  const ct_covariance *covariance;
  const ct_matern *matern; /* of the general Matern; NULL: made where a pass needs it */
  ct_sets sets;
  int n;               /* places */
  int dim;             /* embedded coordinates */
  int values;          /* numbers that belong to a place: observations, covariates */
  const double *place; /* n * (dim + values): the coordinates of a place, then its values */
  const double *noise; /* n variances of the places' own noise, beside the nugget; NULL: none */
  const int *group;    /* groups + 1 numbers from 0 to dim: lengthscale g divides the embedded
                        coordinates group[g] .. group[g + 1] - 1 */
  int groups;
  int settled;
  /* With inducing points: the low-rank factor V, n rows of `rank` numbers, stride apart, padded
   * with zeros (metric/residual.h). What is conditioned is then what it leaves, K - V V'. NULL:
   * none. */
  const double *V;
  int rank, stride;
} ct_process;

/* ---- directions, in which a covariance is differentiated ----
 *
 * One for each lengthscale (d / d log), one for the nugget (d / d nugget: the unit matrix), and
 * where there is noise one for it (the diagonal matrix of the noise), and for the general Matern
 * one for nu, but not with inducing points. The variance needs none: K d/dK is known. */

int ct_process_directions(const ct_process *process);

/* ---- sums over sets ----
 *
 * With e = D^-1/2 B (the values), a matrix with a column for each:
 *
 *   sums[CT_SUM_LOG_D], sums[CT_SUM_DROPPED], then the lower triangle of e'e, row by row; with
 *   gradient for each direction the derivatives of the first and of the triangle, and then the
 *   lower triangle of the expected (Fisher) information of the directions. */
enum { CT_SUM_LOG_D, CT_SUM_DROPPED, CT_SUMS_ALONE };

int ct_process_sum_count(const ct_process *process, int gradient);

/* The same bits for any number of threads. */
ct_status ct_process_sums(const ct_process *process, int gradient, double *sums, const ct_run *run);

/* ---- factor ---- */

/* weight: as the sets lie, sets.count * sets.size, 0 where there is no neighbour; variance:
 * sets.count conditional variances. */
ct_status ct_process_factor(const ct_process *process, double *weight, double *variance,
                            double *dropped, const ct_run *run);

#endif
