/* A scan in floats.
 *
 * In ten dimensions the search for 30 neighbours of one among 20,000 points reads half of all
 * leaves, and so do the other queries of the block: the same ones. Then it pays to do a leaf for
 * all of them, and to find by a cheaper test which few points need their key. The test is the
 * product of queries and points: with a = q - c and b = x - c for a center c, |q - x|^2 <= B just
 * when
 *
 *     |b|^2 / 2 - a.b  <=  (B - |a|^2) / 2,                                              (1)
 *
 * one multiplication and addition for each pair and side, in single precision. What passes is
 * computed canonically. The center is the middle of the block of queries and not of the data: so
 * |a| is small, the products are not much larger than their differences, and no outlier spoils
 * anything. Leaves are converted anew for each block, which costs a sixth of the product for 32
 * queries and no memory.
 *
 * The margin. Let u = 2^-24, the rounding unit of floats, d the dimension, A and X the floats
 * nearest to a and b. (That a and b themselves are rounded differences of doubles changes them by
 * 2^-53 of their size, and that the key is a rounded sum changes it by (d + 2) 2^-53: both vanish
 * in what is added below.)
 *
 *   - |X|^2 / 2 is a sum of d rounded squares: its error is at most g(d) |X|^2 / 2, where
 *     g(n) = n u / (1 - n u) (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
 *   - Subtracting the d products from it, with or without fusing, makes at most
 *     g(d + 1) (|X|^2 / 2 + |A||X|), for the sum of |A_i X_i| is at most |A||X|.
 *   - |A_i - a_i| <= u |a_i| and |X_i - b_i| <= u |b_i| change the exact left side of (1) by at
 *     most (2 u + u^2) (|b|^2 / 2 + |a||b|).
 *
 * Together at most (d + 3) u (1 + 2 d u) (|b|^2 + |a||b|), and (d + 3) (1 + 2 d u) < d + 4 for d <=
 * 1024, up to which the scan is used. So when B is replaced by
 *
 *     threshold = (B - |a|^2) / 2 + (d + 4) u (|b|^2 + |a||b|)
 *
 * with the largest |b| of the leaf, nothing within B exceeds it. The largest |b|^2 is taken from
 * the computed halves, whose error of (d + 3) u the last unit of d + 4 pays for as long as it is
 * multiplied by 1.01.
 *
 * Range. Everything is scaled by a power of two such that the block's farthest listed points are at
 * a distance of about 1. Products below the smallest normal float then lose at most 2^-149 each,
 * for which 1e-38 is added. A point so far away that its square overflows gives an infinite left
 * side, and is rightly left out unless the threshold is infinite too, or NAN, and is kept: the test
 * asks what is greater. Squares of doubles may vanish, too, and a key lack up to d 2^-1074: DBL_MIN
 * is added to B. */

#include "metric/canonical.h"

#include "blocks/block_float_scan.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "run/inline.h"

#define FIRST_DIM 6
#define LAST_DIM 1024

#define FLOAT_UNIT 0x1p-24

/* A leaf wanted by fewer queries is not worth its conversion. */
#define FEW_QUERIES 8

int ct_float_scan_pays(const ct_blocks *blocks) {
  return blocks->key == CT_KEY_SQUARES && blocks->dim >= FIRST_DIM && blocks->dim <= LAST_DIM;
}

ct_status ct_float_scan_make(ct_float_scan *scan, const ct_blocks *blocks, const ct_run *run) {
  size_t dim = (size_t)blocks->dim;
  CT_NEW(scan->center, &run->arena, dim);
  CT_NEW(scan->query, &run->arena, dim * CT_LEAF);
  CT_NEW(scan->x, &run->arena, dim * CT_LEAF);
  return CT_OK;
}

/* ---- the block ---- */

/* A distance from the center within which all is that matters: how far the largest bound reaches
 * from the block, but not farther than the index does. */
static double extent(const ct_float_scan *scan, const ct_blocks *blocks,
                     const ct_query_block *block, double bound) {
  const double *top = ct_box_group_at(blocks, blocks->levels - 1, 0);
  double radius = 0, farthest = 0;
  for (int c = 0; c < blocks->dim; c++) {
    double half = block->high[c] - scan->center[c], most = 0;
    for (int j = 0; j < blocks->level[blocks->levels - 1].count; j++) {
      double below = scan->center[c] - top[c * CT_FAN + j];
      double above = top[(blocks->dim + c) * CT_FAN + j] - scan->center[c];
      most = fmax(most, fmax(below, above));
    }
    radius += half * half;
    farthest += most * most;
  }
  return fmin(sqrt(bound) + sqrt(radius), sqrt(farthest) + sqrt(radius));
}

static double power_of_two_below(double x) {
  int exponent;
  frexp(x, &exponent);
  return ldexp(1, exponent - 1);
}

static void start(ct_float_scan *scan, const ct_blocks *blocks, const ct_query_block *block,
                  double bound) {
  int dim = blocks->dim;
  for (int c = 0; c < dim; c++) scan->center[c] = 0.5 * block->low[c] + 0.5 * block->high[c];
  double size = extent(scan, blocks, block, bound);
  scan->scale = size > DBL_MIN ? 1 / power_of_two_below(size) : 1;
  for (int i = 0; i < block->count; i++) {
    double sum = 0;
    for (int c = 0; c < dim; c++) {
      double a = (block->point[i * dim + c] - scan->center[c]) * scan->scale;
      scan->query[i * dim + c] = (float)a;
      sum += a * a;
    }
    scan->square[i] = sum;
    scan->norm[i] = sqrt(sum);
  }
}

/* What the scan looks at for every leaf, kept beside each other instead of in the candidates. */
static void renew(ct_float_scan *scan, const ct_candidates *candidates, int q) {
  const ct_candidates *c = &candidates[q];
  double scaled = (c->bound + DBL_MIN) * scan->scale * scan->scale * (1 + 1e-12);
  scan->bound[q] = c->bound;
  scan->base[q] = 0.5 * (scaled - scan->square[q] * (1 - 1e-12));
}

/* Takes what a scan has found for query q. */
static void take(ct_float_scan *scan, const ct_blocks *blocks, ct_candidates *candidates, int q) {
  ct_candidates *c = &candidates[q];
  if (c->count <= c->full) return;
  c->relieve(c, blocks);
  renew(scan, candidates, q);
}

/* ---- a leaf ---- */

static void scan_for_each(ct_float_scan *scan, const ct_blocks *blocks, int leaf, int count,
                          ct_candidates *candidates) {
  for (int i = 0; i < count; i++) {
    ct_candidates *c = &candidates[scan->active[i]];
    blocks->kernels.scan_leaf(blocks, leaf, c->point, c);
    take(scan, blocks, candidates, scan->active[i]);
  }
}

static double largest_square(const ct_float_scan *scan, int held) {
  float largest = 0;
  for (int j = 0; j < held; j++) largest = scan->half[j] > largest ? scan->half[j] : largest;
  return 2.0 * (double)largest;
}

static float rounded_up(double x) {
  return (float)(x + fabs(x) * 0x1p-23 + 1e-38);
}

/* The queries first .. of the active ones, and their thresholds for points up to a distance of
 * farthest from the center; repeated to CT_FLOAT_QUERIES. */
static void load_queries(const ct_float_scan *scan, int dim, int first, int count, double farthest,
                         const float **query, float *threshold) {
  double margin = 1.01 * (dim + 4) * FLOAT_UNIT * farthest;
  for (int i = 0; i < CT_FLOAT_QUERIES; i++) {
    int q = scan->active[first + i < count ? first + i : first];
    query[i] = scan->query + (size_t)q * (size_t)dim;
    threshold[i] = rounded_up(scan->base[q] + margin * (farthest + scan->norm[q]));
  }
}

static void scan_for_all(ct_float_scan *scan, const ct_blocks *blocks, int leaf, int count,
                         ct_candidates *candidates) {
  const float *query[CT_FLOAT_QUERIES];
  float threshold[CT_FLOAT_QUERIES];
  unsigned kept[CT_FLOAT_QUERIES];
  int held = blocks->held[leaf], dim = blocks->dim;
  unsigned present = held < 32 ? (1u << held) - 1 : ~0u;
  blocks->kernels.convert_leaf(ct_leaf_at(blocks, leaf), scan->center, scan->scale, dim, scan->x,
                               scan->half);
  double farthest = sqrt(largest_square(scan, held));
  for (int first = 0; first < count; first += CT_FLOAT_QUERIES) {
    load_queries(scan, dim, first, count, farthest, query, threshold);
    blocks->kernels.float_scan(scan->x, scan->half, dim, query, threshold, kept);
    for (int i = 0; i < CT_FLOAT_QUERIES && first + i < count; i++) {
      int q = scan->active[first + i];
      candidates[q].points += held;
      if (!(kept[i] & present)) continue;
      blocks->kernels.scan_some(blocks, leaf, kept[i] & present, candidates[q].point,
                                &candidates[q]);
      take(scan, blocks, candidates, q);
    }
  }
}

/* ---- the list ---- */

static int only_ties(const ct_candidates *c, double key, int row) {
  return key >= c->tie_key && row > c->tie_row;
}

/* Which queries every leaf of a group is near to. */
static void test_group(ct_float_scan *scan, const ct_blocks *blocks, const ct_leaf_list *list,
                       int g, int queries, ct_candidates *candidates) {
  const double *group = ct_listed_boxes(list, blocks, g, blocks->dim);
  for (int j = 0; j < CT_FAN; j++) scan->near[j] = 0;
  for (int q = 0; q < queries; q++) {
    ct_candidates *c = &candidates[q];
    if (list->rest_key[g] > scan->bound[q]) continue;
    if (only_ties(c, list->rest_key[g], list->rest_row[g])) continue;
    unsigned near =
        blocks->kernels.near_boxes(blocks, group, c->point, c->point, scan->bound[q], scan->key[q]);
    for (int j = 0; j < CT_FAN; j++) scan->near[j] |= (near >> j & 1) << q;
    c->boxes += CT_FAN;
  }
}

/* Collects the queries that need leaf j of the group tested; bounds may have shrunk since. */
static int collect_active(ct_float_scan *scan, int j, int row, const ct_candidates *candidates) {
  int count = 0;
  for (unsigned near = scan->near[j]; near; near &= near - 1) {
    int q = ct_lowest_bit(near);
    scan->active[count] = q;
    count += scan->key[q][j] <= scan->bound[q] && !only_ties(&candidates[q], scan->key[q][j], row);
  }
  return count;
}

void ct_float_scan_list(ct_float_scan *scan, const ct_blocks *blocks, const ct_query_block *block,
                        const ct_leaf_list *list, ct_candidates *candidates) {
  int queries = block->count;
  double bound = 0;
  for (int q = 0; q < queries; q++) bound = fmax(bound, candidates[q].bound);
  start(scan, blocks, block, bound);
  for (int q = 0; q < queries; q++) renew(scan, candidates, q);
  for (int g = 0; g < list->groups; g++) {
    test_group(scan, blocks, list, g, queries, candidates);
    for (int j = 0; j < CT_FAN; j++) {
      if (!scan->near[j]) continue;
      int leaf = ct_listed_leaf(list, g, j), row = blocks->level[0].first_row[leaf];
      int count = collect_active(scan, j, row, candidates);
      if (count < FEW_QUERIES) scan_for_each(scan, blocks, leaf, count, candidates);
      else scan_for_all(scan, blocks, leaf, count, candidates);
    }
  }
}
