#ifndef CT_PROCESS_KERNELS_H
#define CT_PROCESS_KERNELS_H

#include "process/process.h"
#include "run/simd.h"

struct ct_low_rank_adjoint;
struct ct_low_rank_gather;

/* What a pass over the sets is to do. */
typedef struct {
  const ct_process *process;
  int gradient;
  double *weight, *variance; /* of the factor; NULL: not wanted */
  double *Z, *E;             /* of low_rank.h; NULL: not wanted */
  const struct ct_low_rank_adjoint *adjoint;
} ct_process_pass;

/* What a thread works in: vectors, a lane a place. The places of a lane are the neighbours 0 ..
 * size - 1 and then the one conditioned, the last. Triangles are packed row by row. */
typedef struct {
  double *x;        /* dim arrays of size + 1 coordinates */
  double *noise;    /* size + 1 */
  double *least;    /* size + 1: what rounding leaves of variances */
  double *value;    /* values of each place */
  double *k;        /* triangle: covariances, then their Cholesky factor */
  double *slope;    /* triangle: what lengthscales change in them, see lanes_covariance.h */
  double *shape;    /* triangle: what nu changes in them */
  double *weight;   /* size + 1: -A, 1 */
  double *pull;     /* size + 1 for each direction */
  double *changed;  /* dD / D, for each direction */
  double *spare;    /* size + 1 */
  double *solution; /* size + 1 */
  double *residual; /* e, for each value */
  double *change;   /* what a direction changes in it */
  double *sums;
  double *low_rank;   /* a row of V for each lane */
  const double **row; /* size + CT_GRAM_ROWS rows of V */
  int *near;          /* place a of lane l at [a * lanes + l], negative: none */
} ct_lane_work;

/* Vectors of a triangle of size + 1 rows. */
static inline size_t ct_triangle(int size) {
  return ((size_t)size + 1) * ((size_t)size + 2) / 2;
}

/* Divides memory, or, with NULL, only counts: returns how many doubles it takes. */
size_t ct_lane_work_at(const ct_process_pass *pass, int lanes, double *memory, ct_lane_work *work);

/* Whether nu is one of the directions. */
int ct_process_has_shape(const ct_process *process);

/* process, and the tables that a pass needs of its covariance. */
ct_status ct_process_prepare(ct_process *prepared, const ct_process *process, int gradient,
                             const ct_run *run);

/* All tasks of a pass; sums: ct_process_sum_count() of them. */
ct_status ct_process_run(const ct_process_pass *pass, double *sums, const ct_run *run);

/* Rows of V whose products are found at once. */
#define CT_GRAM_ROWS 4

typedef struct {
  int lanes;
  /* Sets from .. to - 1: fills their part of the factor, and adds to sums. */
  void (*rows)(const ct_process_pass *pass, int from, int to, double *memory, double *sums);
  /* The same for the adjoint of low_rank.h: sums are its directions'. */
  void (*adjoint)(const ct_process_pass *pass, int from, int to, double *memory, double *sums);
  /* C += the lower blocks of X'Y, for rows of stride numbers, C stride * stride. */
  void (*cross)(const double *X, const double *Y, int rows, int stride, double *C);
  /* kbar of places from .. to - 1, the sums M of kbar' v, and of the lengthscales' pulls. */
  void (*inducing)(const struct ct_low_rank_gather *gather, int from, int to, double *memory,
                   double *M, double *pulls);
  /* Adds to pulls what rows of adjoints of k(x, u) say of the lengthscales. */
  void (*pull)(const struct ct_low_rank_gather *gather, const double *x, const double *kbar,
               double *memory, double *pulls);
} ct_process_kernels;

extern const ct_process_kernels ct_process_base, ct_process_avx2, ct_process_avx512;

const ct_process_kernels *ct_process_kernels_of(ct_simd simd);

#endif
