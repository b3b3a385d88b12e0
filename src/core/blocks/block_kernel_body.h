/* The kernels of the block search, written once: included by one file per instruction set, which
 * defines CT_VEC and CT_KERNELS. Key and dimension are arguments that every function at the end
 * passes as constants; everything is inlined into those, so that loops over sides are unrolled and
 * the query's coordinates stay in registers. dim 0 stands for any dimension. */

#include "blocks/block_candidates.h"
#include "blocks/block_kernels.h"
#include "blocks/block_list.h"
#include "blocks/blocks.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "run/vec.h"

/* ---- keys ---- */

CT_INLINE vec key_term(vec difference, ct_key key) {
  return key == CT_KEY_SQUARES ? vec_mul(difference, difference) : vec_abs(difference);
}

/* NAN terms win, in sums by arithmetic and in maxima by standing second. */
CT_INLINE vec key_sum(vec sum, vec term, ct_key key) {
  return key == CT_KEY_MAX ? vec_max(sum, term) : vec_add(sum, term);
}

CT_INLINE vec key_norm(vec sum, ct_key key) {
  return key == CT_KEY_SQUARES ? vec_sqrt(sum) : sum;
}

/* Keys of VEC_DOUBLES points of a leaf. */
CT_INLINE vec point_keys(const double *x, const double *point, ct_key key, int dim) {
  vec sum = key_term(vec_sub(vec_load(x), vec_all(point[0])), key);
  for (int c = 1; c < dim; c++) {
    vec difference = vec_sub(vec_load(x + c * CT_LEAF), vec_all(point[c]));
    sum = key_sum(sum, key_term(difference, key), key);
  }
  return sum;
}

/* Keys of the gaps between the box low..high and VEC_DOUBLES boxes of a group. */
CT_INLINE vec box_keys(const double *group, const double *low, const double *high, ct_key key,
                       int dim) {
  vec sum = vec_all(0);
  for (int c = 0; c < dim; c++) {
    vec above = vec_sub(vec_load(group + c * CT_FAN), vec_all(high[c]));
    vec below = vec_sub(vec_all(low[c]), vec_load(group + (dim + c) * CT_FAN));
    vec gap = vec_max(vec_max(above, below), vec_all(0));
    sum = key_sum(sum, key == CT_KEY_SQUARES ? vec_mul(gap, gap) : gap, key);
  }
  return sum;
}

CT_INLINE unsigned near_boxes(const double *group, const double *low, const double *high,
                              double bound, double *keys, ct_key key, int dim) {
  unsigned near = 0;
  for (int j = 0; j < CT_FAN; j += VEC_DOUBLES) {
    vec gap = box_keys(group + j, low, high, key, dim);
    vec_store(keys + j, gap);
    near |= vec_at_most(gap, bound) << j;
  }
  return near;
}

/* ---- scans ---- */

/* From this dimension on most vectors hold no survivor, and a branch past them pays. */
#define HIGH_DIM 6

/* Vectors of points whose keys are summed side by side: in high dimensions as many as registers
 * hold. In low ones sums are short and several strips are in flight at once anyway; then a long
 * strip would only hold up the appending. */
#define HIGH_STRIP (CT_VEC == 512 ? 4 : 8)
#define LOW_STRIP (CT_FAN / VEC_DOUBLES)

CT_INLINE void strip_keys(const double *x, const double *point, vec *sum, int vecs, ct_key key,
                          int dim) {
  for (int v = 0; v < vecs; v++)
    sum[v] = key_term(vec_sub(vec_load(x + v * VEC_DOUBLES), vec_all(point[0])), key);
  for (int c = 1; c < dim; c++) {
    vec side = vec_all(point[c]);
    for (int v = 0; v < vecs; v++) {
      vec difference = vec_sub(vec_load(x + c * CT_LEAF + v * VEC_DOUBLES), side);
      sum[v] = key_sum(sum[v], key_term(difference, key), key);
    }
  }
}

CT_INLINE int scan_leaf(const ct_blocks *blocks, int leaf, const double *point, double bound,
                        int limit, double *keys, int *slots, ct_key key, int dim, int high) {
  const int vecs = high ? HIGH_STRIP : LOW_STRIP, strip = vecs * VEC_DOUBLES;
  const double *x = ct_leaf_at(blocks, leaf);
  int count = 0, first = leaf * CT_LEAF;
  for (int j = 0; j < CT_LEAF; j += strip) {
    vec found[HIGH_STRIP];
    unsigned bits = 0;
    strip_keys(x + j, point, found, vecs, key, dim);
    for (int v = 0; v < vecs; v++) bits |= vec_at_most(found[v], bound) << (v * VEC_DOUBLES);
    if (high && !bits) continue;
    if (limit != INT_MAX)
      for (int h = 0; h < strip; h += CT_FAN)
        bits &= rows_below(blocks->row + first + j + h, limit) << h | ~(0xFFu << h);
    for (int v = 0; v < vecs; v++) {
      unsigned part = bits >> (v * VEC_DOUBLES) & ((1u << VEC_DOUBLES) - 1);
      slotvec slot = slots_from(first + j + v * VEC_DOUBLES);
      count += append(found[v], slot, part, keys + count, slots + count);
    }
  }
  return count;
}

CT_INLINE void scan_one(const ct_blocks *blocks, int leaf, const double *point, ct_candidates *c,
                        ct_key key, int dim, int high) {
  c->count += scan_leaf(blocks, leaf, point, c->bound, c->limit, c->key + c->count,
                        c->slot + c->count, key, dim, high);
  c->points += blocks->held[leaf];
}

/* Whether a box with this key and smallest row can only lose ties. */
CT_INLINE int only_ties(const ct_candidates *c, double key, int row) {
  return key >= c->tie_key && row > c->tie_row;
}

CT_INLINE void scan_list(const ct_blocks *blocks, const ct_leaf_list *list, const double *point,
                         ct_candidates *c, ct_key key, int dim, int high) {
  const int *first_row = blocks->level[0].first_row;
  double box_key[CT_FAN];
  for (int g = 0; g < list->groups; g++) {
    /* all that follows is farther from every query of the block */
    if (list->rest_key[g] > c->bound || only_ties(c, list->rest_key[g], list->rest_row[g])) break;
    const double *group = ct_listed_boxes(list, blocks, g, dim);
    unsigned near = near_boxes(group, point, point, c->bound, box_key, key, dim);
    c->boxes += CT_FAN;
    for (; near; near &= near - 1) {
      int j = __builtin_ctz(near), leaf = ct_listed_leaf(list, g, j);
      /* the bound may have shrunk since the group was tested */
      if (box_key[j] > c->bound || only_ties(c, box_key[j], first_row[leaf])) continue;
      scan_one(blocks, leaf, point, c, key, dim, high);
      if (c->count > c->full) c->relieve(c, blocks);
    }
  }
}

CT_INLINE void scan_some(const ct_blocks *blocks, int leaf, unsigned bits, const double *point,
                         ct_candidates *c, ct_key key, int dim) {
  const double *x = ct_leaf_at(blocks, leaf);
  for (int j = 0; j < CT_LEAF; j += VEC_DOUBLES) {
    unsigned part = bits >> j & ((1u << VEC_DOUBLES) - 1);
    if (!part) continue;
    vec found = point_keys(x + j, point, key, dim);
    part &= vec_at_most(found, c->bound);
    for (int i = 0; i < VEC_DOUBLES && c->limit != INT_MAX; i++)
      if (blocks->row[leaf * CT_LEAF + j + i] >= c->limit) part &= ~(1u << i);
    c->count +=
        append(found, slots_from(leaf * CT_LEAF + j), part, c->key + c->count, c->slot + c->count);
  }
}

CT_INLINE double nearest_reach(const double *leaf, const double *reach, const double *point,
                               ct_key key, int dim) {
  vec least = vec_all(INFINITY);
  for (int j = 0; j < CT_LEAF; j += VEC_DOUBLES) {
    vec norm = key_norm(point_keys(leaf + j, point, key, dim), key);
    /* NAN, an absent point, stands first and loses */
    least = vec_min(vec_add(vec_load(reach + j), norm), least);
  }
  return vec_least(least);
}

/* ---- the scan in floats ---- */

static void convert_leaf(const double *leaf, const double *center, double scale, int dim, float *x,
                         float *half) {
  fvec sum[CT_LEAF / VEC_FLOATS];
  for (int v = 0; v < CT_LEAF / VEC_FLOATS; v++) sum[v] = fvec_all(0);
  for (int c = 0; c < dim; c++) {
    float *side = x + c * CT_LEAF;
    for (int j = 0; j < CT_LEAF; j += VEC_DOUBLES) {
      vec difference = vec_sub(vec_load(leaf + c * CT_LEAF + j), vec_all(center[c]));
      vec_store_floats(side + j, vec_mul(difference, vec_all(scale)));
    }
    for (int v = 0; v < CT_LEAF / VEC_FLOATS; v++) {
      fvec value = fvec_load(side + v * VEC_FLOATS);
      sum[v] = fvec_plus_square(sum[v], value);
    }
  }
  for (int v = 0; v < CT_LEAF / VEC_FLOATS; v++)
    fvec_store(half + v * VEC_FLOATS, fvec_half(sum[v]));
}

/* Queries and vectors of points whose products are summed side by side, as registers allow. */
#define TILE_QUERIES (CT_VEC == 512 ? 8 : CT_VEC == 256 ? 4 : 2)
#define TILE_VECS (CT_VEC == 128 ? 4 : 2)

static void float_scan(const float *x, const float *half, int dim, const float *const *query,
                       const float *limit, unsigned *kept) {
  fvec sum[TILE_QUERIES][TILE_VECS];
  for (int i = 0; i < CT_FLOAT_QUERIES; i++) kept[i] = 0;
  for (int first = 0; first < CT_FLOAT_QUERIES; first += TILE_QUERIES)
    for (int j = 0; j < CT_LEAF; j += TILE_VECS * VEC_FLOATS) {
      for (int i = 0; i < TILE_QUERIES; i++)
        for (int v = 0; v < TILE_VECS; v++) sum[i][v] = fvec_load(half + j + v * VEC_FLOATS);
      for (int c = 0; c < dim; c++) {
        fvec point[TILE_VECS];
        for (int v = 0; v < TILE_VECS; v++)
          point[v] = fvec_load(x + c * CT_LEAF + j + v * VEC_FLOATS);
        for (int i = 0; i < TILE_QUERIES; i++) {
          fvec side = fvec_all(query[first + i][c]);
          for (int v = 0; v < TILE_VECS; v++)
            sum[i][v] = fvec_minus_product(sum[i][v], side, point[v]);
        }
      }
      for (int i = 0; i < TILE_QUERIES; i++)
        for (int v = 0; v < TILE_VECS; v++)
          kept[first + i] |= fvec_not_greater(sum[i][v], limit[first + i]) << (j + v * VEC_FLOATS);
    }
}

/* ---- the variants ---- */

/* Any dimension means one above those that have kernels of their own. */
#define DIM(n) (n ? n : blocks->dim)
#define HIGH(n) (n == 0 || n >= HIGH_DIM)

#define VARIANT(name, kind, n)                                                              \
  static unsigned near_boxes_##name##n(const ct_blocks *blocks, const double *group,        \
                                       const double *low, const double *high, double bound, \
                                       double *keys) {                                      \
    (void)blocks;                                                                           \
    return near_boxes(group, low, high, bound, keys, kind, DIM(n));                         \
  }                                                                                         \
  static void scan_leaf_##name##n(const ct_blocks *blocks, int leaf, const double *point,   \
                                  ct_candidates *candidates) {                              \
    scan_one(blocks, leaf, point, candidates, kind, DIM(n), HIGH(n));                       \
  }                                                                                         \
  static void scan_list_##name##n(const ct_blocks *blocks, const ct_leaf_list *list,        \
                                  const double *point, ct_candidates *candidates) {         \
    scan_list(blocks, list, point, candidates, kind, DIM(n), HIGH(n));                      \
  }                                                                                         \
  static void scan_some_##name##n(const ct_blocks *blocks, int leaf, unsigned bits,         \
                                  const double *point, ct_candidates *candidates) {         \
    scan_some(blocks, leaf, bits, point, candidates, kind, DIM(n));                         \
  }                                                                                         \
  static double nearest_reach_##name##n(const ct_blocks *blocks, const double *leaf,        \
                                        const double *reach, const double *point) {         \
    (void)blocks;                                                                           \
    return nearest_reach(leaf, reach, point, kind, DIM(n));                                 \
  }

#define ROW(name, n)                                                                     \
  {                                                                                      \
    near_boxes_##name##n, scan_leaf_##name##n, scan_list_##name##n, scan_some_##name##n, \
        nearest_reach_##name##n, convert_leaf, float_scan                                \
  }

#define EACH_DIM(action, name, kind)                                                          \
  action(name, kind, 0) action(name, kind, 1) action(name, kind, 2) action(name, kind, 3)     \
      action(name, kind, 4) action(name, kind, 5) action(name, kind, 6) action(name, kind, 7) \
          action(name, kind, 8)

EACH_DIM(VARIANT, squares, CT_KEY_SQUARES)
EACH_DIM(VARIANT, sum, CT_KEY_SUM)
EACH_DIM(VARIANT, max, CT_KEY_MAX)

#define ROWS(name)                                                                      \
  {                                                                                     \
    ROW(name, 0), ROW(name, 1), ROW(name, 2), ROW(name, 3), ROW(name, 4), ROW(name, 5), \
        ROW(name, 6), ROW(name, 7), ROW(name, 8)                                        \
  }

const ct_kernels CT_KERNELS[3][CT_KERNEL_DIMS + 1] = {ROWS(squares), ROWS(sum), ROWS(max)};
