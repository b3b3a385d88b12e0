#ifndef CT_PAIR_H
#define CT_PAIR_H

#include "metric/residual.h"

/* The pair engine: covariances c = k(x, y) - V_x . V_y of many pairs at once, at the speed of a
 * matrix product. Its arithmetic is fast, not canonical: it may only reject. How far it can be from
 * the canonical routine is known, pair by pair (ct_pair_error).
 *
 * Points on one side are packed into *panels*, CT_PANEL of them in vector lanes; on the other side
 * come CT_TILE_ROWS rows of V as they lie in memory. A *tile* is all their pairs: c[r * CT_PANEL +
 * lane]. */

#define CT_PANEL 24
#define CT_TILE_ROWS 8
#define CT_TILE (CT_PANEL * CT_TILE_ROWS)

/* Floats, twice as many to a vector, stand in panels twice as wide; sums of CT_RUN products are
 * added up apart (pair_mixed.h). */
#define CT_WIDE (2 * CT_PANEL)
#define CT_RUN 32

typedef struct {
  double *V; /* rank * CT_PANEL: column t of lane l at t * CT_PANEL + l */
  double *x; /* dim * CT_PANEL */
} ct_panel;

/* CT_TILE_ROWS points as the kernels read them. */
typedef struct {
  const double *V[CT_TILE_ROWS];
  const double *x[CT_TILE_ROWS];
} ct_pair_rows;

/* The kernels of one instruction set. kind: a covariance with a vector form; any other makes tile
 * and list write bare products V_x . V_y to c and squared distances to sq (which may be NULL
 * otherwise). */
typedef struct {
  void (*tile)(const ct_pair_rows *rows, const ct_panel *panel, int rank, int dim,
               ct_covariance_kind kind, double variance, double *c, double *sq);
  /* sum[r * CT_WIDE + lane]: of columns first .. rank - 1 of rows and a wide panel of floats. */
  void (*tail)(const float *const *row, const float *panel, int first, int rank, float *sum);
  /* c[r * CT_PANEL + lane] less variance sum[r * CT_WIDE + lane]. */
  void (*subtract)(double *c, const float *sum, double variance);
  /* Columns of a row of V, padded with zeros, times factor as floats; returns the sum of their
   * squares. */
  double (*narrow)(const double *v, double factor, int count, float *out);
  /* One point against count rows. */
  void (*list)(const double *V, const double *x, const ct_residual *B, const int *b, int count,
               ct_covariance_kind kind, double variance, double *c, double *sq);
  /* Bit l of pass[r]: |c[r][l]| >= threshold[l] * root[r] - error[l]. */
  void (*compare)(const double *c, const double *threshold, const double *error, const double *root,
                  unsigned *pass);
} ct_pair_kernels;

extern const ct_pair_kernels ct_pair_base, ct_pair_avx2, ct_pair_avx512;

typedef struct {
  const ct_pair_kernels *kernels;
  const ct_residual *index;
  const ct_covariance *covariance;
  int rank;
  int dim;
  ct_simd simd;
} ct_pairs;

void ct_pairs_init(ct_pairs *pairs, const ct_residual *index, ct_simd simd);

/* Doubles of scratch that one thread hands to tile and list for up to count pairs at once. */
size_t ct_pairs_work(const ct_pairs *pairs, int count);

ct_status ct_panel_new(ct_panel *panel, int rank, int dim, const ct_arena *arena);

/* Packs count <= CT_PANEL positions; the other lanes become 0. */
void ct_panel_pack(ct_panel *panel, const ct_residual *points, const int *position, int count);

/* c of a panel and CT_TILE_ROWS rows. */
void ct_pairs_tile(const ct_pairs *pairs, const ct_panel *panel, const ct_pair_rows *rows,
                   double *c, double *work);

/* The same from the first columns of V alone. */
void ct_pairs_tile_head(const ct_pairs *pairs, const ct_panel *panel, const ct_pair_rows *rows,
                        int columns, double *c, double *work);

/* c of point a of A and points b[j] of B. */
void ct_pairs_list(const ct_pairs *pairs, const ct_residual *A, int a, const ct_residual *B,
                   const int *b, int count, double *c, double *work);

/* A bound on |c - canonical c|, and on |c - exact c|. norms: at least |V_x| |V_y|. The second form
 * also uses c itself: it is smaller for pairs so far apart that c almost vanishes. */
double ct_pair_error_bound(const ct_pairs *pairs, double norms);
double ct_pair_error(const ct_pairs *pairs, double c, double norms);

/* The rows at CT_TILE_ROWS positions; positions may repeat. */
void ct_pair_rows_at(ct_pair_rows *rows, const ct_residual *points, const int *position);

#endif
