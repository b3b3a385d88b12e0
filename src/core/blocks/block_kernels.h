#ifndef CT_BLOCK_KERNELS_H
#define CT_BLOCK_KERNELS_H

#include "metric/metric.h"
#include "run/simd.h"

/* The inner loops of the block search, one set for every instruction set, key and dimension. All
 * sets give the same bits: a key is the plain sum over the sides from the first to the last, and
 * the key of a box is summed alike, so that by monotone rounding it exceeds the key of no point
 * inside (powers aside, where bounds give way by more than pow() errs). */

struct ct_blocks;
struct ct_candidates;
struct ct_leaf_list;

typedef struct {
  /* The boxes of a group whose key from the box low..high is at most bound: a bit each. Writes the
   * eight keys; those above bound may be less than the whole sum. */
  unsigned (*near_boxes)(const struct ct_blocks *blocks, const double *group, const double *low,
                         const double *high, double bound, double *key);

  /* Appends the points of a leaf within the candidates' bound and limit. */
  void (*scan_leaf)(const struct ct_blocks *blocks, int leaf, const double *point,
                    struct ct_candidates *candidates);

  /* The same for all leaves of a list that can hold a wanted one; relieves a full buffer. */
  void (*scan_list)(const struct ct_blocks *blocks, const struct ct_leaf_list *list,
                    const double *point, struct ct_candidates *candidates);

  /* The same for the points of a leaf whose bits are set. Any key but powers. */
  void (*scan_some)(const struct ct_blocks *blocks, int leaf, unsigned bits, const double *point,
                    struct ct_candidates *candidates);

  /* The smallest reach[i] + norm of the difference between point i of a leaf and point. */
  double (*nearest_reach)(const struct ct_blocks *blocks, const double *leaf, const double *reach,
                          const double *point);

  /* x[c * CT_LEAF + j] = (leaf's coordinate c of point j - center[c]) * scale, as a float; half[j]:
   * half the square of that vector, summed in floats. */
  void (*convert_leaf)(const double *leaf, const double *center, double scale, int dim, float *x,
                       float *half);

  /* For CT_FLOAT_QUERIES queries of dim floats each: bit j of kept[i] is 0 where half[j] - query[i]
   * . x[j] is greater than limit[i]. Fused or not, from the first side to the last. */
  void (*float_scan)(const float *x, const float *half, int dim, const float *const *query,
                     const float *limit, unsigned *kept);
} ct_kernels;

/* Queries of one call of float_scan. */
#define CT_FLOAT_QUERIES 8

ct_kernels ct_kernels_for(ct_simd simd, ct_key key, int dim);

/* ---- for block_kernels.c ---- */

/* Dimensions up to this have kernels of their own; entry 0 of a row is for all others. */
#define CT_KERNEL_DIMS 8

/* By CT_KEY_SQUARES, CT_KEY_SUM, CT_KEY_MAX and dimension. */
extern const ct_kernels ct_kernels_base[3][CT_KERNEL_DIMS + 1];
extern const ct_kernels ct_kernels_avx2[3][CT_KERNEL_DIMS + 1];
extern const ct_kernels ct_kernels_avx512[3][CT_KERNEL_DIMS + 1];

#endif
