/* The choice of kernels, and those of Minkowski distances: pow() has no vector form that gives the
 * library's bits, so their keys are computed one by one. */

#include "metric/canonical.h"

#include "blocks/block_kernels.h"

#include "blocks/block_candidates.h"
#include "blocks/block_list.h"
#include "blocks/blocks.h"

#include <limits.h>
#include <math.h>

static double power_key(const ct_blocks *blocks, const double *x, const double *point) {
  double sum = 0;
  for (int c = 0; c < blocks->dim; c++)
    sum += pow(fabs(x[c * CT_LEAF] - point[c]), blocks->metric->power);
  return sum;
}

static unsigned near_boxes(const ct_blocks *blocks, const double *group, const double *low,
                           const double *high, double bound, double *key) {
  unsigned near = 0;
  for (int j = 0; j < CT_FAN; j++) {
    const double *box_low = group + j, *box_high = group + (size_t)blocks->dim * CT_FAN + j;
    key[j] = 0;
    for (int c = 0; c < blocks->dim && key[j] <= bound; c++) {
      double gap = fmax(box_low[c * CT_FAN] - high[c], low[c] - box_high[c * CT_FAN]);
      if (gap > 0) key[j] += pow(gap, blocks->metric->power);
    }
    near |= (unsigned)(key[j] <= bound) << j;
  }
  return near;
}

static void scan_leaf(const ct_blocks *blocks, int leaf, const double *point, ct_candidates *c) {
  const double *x = ct_leaf_at(blocks, leaf);
  int first = leaf * CT_LEAF;
  for (int slot = first; slot < first + blocks->held[leaf]; slot++) {
    double key = power_key(blocks, x + slot - first, point);
    c->points++;
    if (key <= c->bound && blocks->row[slot] < c->limit) {
      c->key[c->count] = key;
      c->slot[c->count++] = slot;
    }
  }
}

static int only_ties(const ct_candidates *c, double key, int row) {
  return key >= c->tie_key && row > c->tie_row;
}

static void scan_list(const ct_blocks *blocks, const ct_leaf_list *list, const double *point,
                      ct_candidates *c) {
  double key[CT_FAN];
  for (int g = 0; g < list->groups; g++) {
    if (list->rest_key[g] > c->bound || only_ties(c, list->rest_key[g], list->rest_row[g])) break;
    const double *group = ct_listed_boxes(list, blocks, g, blocks->dim);
    unsigned near = near_boxes(blocks, group, point, point, c->bound, key);
    c->boxes += CT_FAN;
    for (int j = 0; near >> j; j++) {
      if (!(near >> j & 1) || !(key[j] <= c->bound)) continue;
      int leaf = ct_listed_leaf(list, g, j);
      if (only_ties(c, key[j], blocks->level[0].first_row[leaf])) continue;
      scan_leaf(blocks, leaf, point, c);
      if (c->count > c->full) c->relieve(c, blocks);
    }
  }
}

static double nearest_reach(const ct_blocks *blocks, const double *leaf, const double *reach,
                            const double *point) {
  double least = INFINITY;
  for (int j = 0; j < CT_LEAF; j++) {
    if (!(reach[j] < least)) continue;
    double norm = ct_metric_from_key(blocks->metric, power_key(blocks, leaf + j, point));
    least = fmin(least, reach[j] + norm);
  }
  return least;
}

static const ct_kernels *kernels_for_set(ct_simd simd, int row, int dim) {
#if CT_SIMD_X86
  if (simd == CT_SIMD_AVX512) return &ct_kernels_avx512[row][dim];
  if (simd == CT_SIMD_AVX2) return &ct_kernels_avx2[row][dim];
#endif
  (void)simd;
  return &ct_kernels_base[row][dim];
}

ct_kernels ct_kernels_for(ct_simd simd, ct_key key, int dim) {
  int set = dim <= CT_KERNEL_DIMS ? dim : 0;
  if (key != CT_KEY_POWERS) return *kernels_for_set(simd, (int)key, set);
  ct_kernels kernels = *kernels_for_set(simd, 0, 0);
  kernels.near_boxes = near_boxes;
  kernels.scan_leaf = scan_leaf;
  kernels.scan_list = scan_list;
  kernels.nearest_reach = nearest_reach;
  return kernels;
}
