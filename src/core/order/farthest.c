#include "metric/canonical.h"

#include "order/farthest.h"

#include <float.h>
#include <math.h>

#include "blocks/blocks.h"
#include "run/inline.h"

/* Which point is farthest from the chosen ones?
 *
 * Every unchosen point keeps its canonical distance to the chosen ones. Choosing a point can only
 * lower distances, and when the chosen one was the farthest, at distance r, only points within r
 * of it can change. The balls of radius r/2 around the chosen are disjoint, so with i chosen
 * points r shrinks like i^(-1/d), and the ball of radius r holds in the order of n / i points.
 * Summed over i that is n log n in any fixed dimension (Schaefer, Katzfuss and Owhadi 2021,
 * "Sparse Cholesky factorization by Kullback-Leibler minimization", come near it with lists of
 * children and a heap).
 *
 * Here the points stand in blocks: leaves of a k-d order, under levels of boxes in groups of
 * CT_FAN. Every box knows its farthest point: the largest distance inside, ties to the smaller
 * row. One walk from the top does all of a step: it descends only into boxes that hold a point to
 * which the new one may be nearer, and renews the farthest points on its way back, so that the
 * next choice is read off the top group. Uniform points in the square, n = 1e5: two leaves and
 * four or five groups a step.
 *
 * The walk compares *filter keys*, cheap increasing functions of a norm, with bounds that no
 * nearer point exceeds; whoever passes gets its canonical distance, and that alone decides. The
 * filter is the metric's own key, with the margin of ct_metric_key_bound(); but see
 * filter_minkowski(). */

/* The points of a leaf. */
typedef struct {
  double distance[CT_LEAF]; /* canonical, to the chosen points; -1: chosen, or no point */
  double bound[CT_LEAF];    /* the filter key that a nearer point cannot exceed */
} leaf_state;

/* The boxes of a group. A box's farthest point is the one of the largest distance, of several the
 * one with the smallest row. */
typedef struct {
  double far[CT_FAN];   /* its distance; -1: all are chosen, or there are none */
  double reach[CT_FAN]; /* the filter key that a point nearer to a new one cannot exceed */
  int slot[CT_FAN];     /* its slot; any when there is none */
} group_state;

struct ct_farthest {
  ct_blocks blocks;
  ct_metric filter;     /* whose keys are compared */
  ct_key key;           /* of the filter */
  int key_suffices;     /* whether the filter's key gives the canonical distance */
  double stretch, lift; /* filter distance <= stretch * (canonical distance + lift) */
  leaf_state *leaf;
  group_state *group[CT_BOX_LEVELS]; /* per level */
  double *newest, *other;            /* two points */
  double evaluations, nodes;
};

/* ---- the filter ---- */

/* Minkowski distances are bounded from below by norms without powers: with s = 1/p,
 *   |t|_1 <= d^(1-s) |t|_p,  |t|_2 <= |t|_p (p <= 2) or d^(1/2-s) |t|_p (p > 2),  |t|_max <= |t|_p.
 * In 2 to 10 dimensions the ball of the norm chosen has at most ten times the volume of the true
 * one. A canonical distance may have lost d powers to underflow, in all no more than lift. */
static void filter_minkowski(ct_farthest *f) {
  double p = f->blocks.metric->power, d = f->blocks.dim;
  f->filter.kind = p < 1.6 ? CT_MANHATTAN : p < 4.5 ? CT_EUCLIDEAN : CT_MAXIMUM;
  f->filter.scale = NULL;
  if (p < 1.6) f->stretch = pow(d, 1 - 1 / p);
  else if (p > 2 && p < 4.5) f->stretch = pow(d, 0.5 - 1 / p);
  f->lift = pow(2 * d * DBL_MIN * DBL_EPSILON, 1 / p);
}

static void set_filter(ct_farthest *f) {
  const ct_metric *metric = f->blocks.metric;
  f->filter = *metric;
  f->stretch = 1;
  f->lift = 0;
  f->key_suffices = ct_metric_key_suffices(metric) && metric->kind != CT_MINKOWSKI;
  if (metric->kind == CT_MINKOWSKI) filter_minkowski(f);
  f->key = ct_metric_key(&f->filter);
}

/* A filter key that no point at a smaller canonical distance exceeds; -1 if there is none. */
static double bound_of(const ct_farthest *f, double distance) {
  if (distance <= 0) return -1;
  return ct_metric_key_bound(&f->filter, f->stretch * (distance + f->lift));
}

CT_INLINE double fold(ct_key key, double sum, double t) {
  if (key == CT_KEY_SQUARES) return sum + t * t;
  if (key == CT_KEY_SUM) return sum + t;
  return t > sum ? t : sum;
}

/* Keys of the newest point q and a leaf's points, by the operations of the canonical key. */
CT_INLINE void leaf_keys_by(ct_key kind, int dim, const double *restrict x,
                            const double *restrict q, double *restrict key) {
  for (int j = 0; j < CT_LEAF; j++) key[j] = fold(kind, 0, fabs(x[j] - q[0]));
  for (int c = 1; c < dim; c++)
    for (int j = 0; j < CT_LEAF; j++) key[j] = fold(kind, key[j], fabs(x[c * CT_LEAF + j] - q[c]));
}

/* Keys of q and a group's boxes. Rounding is monotone: none exceeds the key of a point inside. */
CT_INLINE void box_keys_by(ct_key kind, int dim, const double *restrict box,
                           const double *restrict q, double *restrict key) {
  for (int j = 0; j < CT_FAN; j++) key[j] = 0;
  for (int c = 0; c < dim; c++) {
    const double *low = box + c * CT_FAN, *high = box + (dim + c) * CT_FAN;
    for (int j = 0; j < CT_FAN; j++) {
      double nearest = q[c] > low[j] ? q[c] : low[j];
      nearest = nearest < high[j] ? nearest : high[j];
      key[j] = fold(kind, key[j], fabs(nearest - q[c]));
    }
  }
}

static void leaf_keys(const ct_farthest *f, const double *x, double *key) {
  switch (f->key) {
    case CT_KEY_SQUARES: leaf_keys_by(CT_KEY_SQUARES, f->blocks.dim, x, f->newest, key); break;
    case CT_KEY_SUM: leaf_keys_by(CT_KEY_SUM, f->blocks.dim, x, f->newest, key); break;
    default: leaf_keys_by(CT_KEY_MAX, f->blocks.dim, x, f->newest, key);
  }
}

static void box_keys(const ct_farthest *f, const double *box, double *key) {
  switch (f->key) {
    case CT_KEY_SQUARES: box_keys_by(CT_KEY_SQUARES, f->blocks.dim, box, f->newest, key); break;
    case CT_KEY_SUM: box_keys_by(CT_KEY_SUM, f->blocks.dim, box, f->newest, key); break;
    default: box_keys_by(CT_KEY_MAX, f->blocks.dim, box, f->newest, key);
  }
}

/* ---- one step ---- */

/* The canonical distance of the newest point and the one at x, whose filter key is given. */
static double distance_to(const ct_farthest *f, const double *x, double key) {
  const ct_blocks *blocks = &f->blocks;
  if (f->key_suffices) return ct_metric_from_key(blocks->metric, key);
  for (int c = 0; c < blocks->dim; c++) f->other[c] = x[c * CT_LEAF];
  return ct_metric_distance(blocks->metric, f->newest, f->other, blocks->dim);
}

static double larger(double a, double b) {
  return a > b ? a : b;
}

/* Four running maxima: one alone would wait for itself 32 times. */
static double largest_of_leaf(const double *distance) {
  double far[4];
  for (int j = 0; j < 4; j++) far[j] = distance[j];
  for (int i = 4; i < CT_LEAF; i += 4)
    for (int j = 0; j < 4; j++) far[j] = larger(far[j], distance[i + j]);
  return larger(larger(far[0], far[1]), larger(far[2], far[3]));
}

/* Rows ascend within a leaf, so the first of the largest has the smallest row. */
static void renew_leaf(ct_farthest *f, int leaf) {
  group_state *group = &f->group[0][leaf / CT_FAN];
  const double *distance = f->leaf[leaf].distance;
  double far = largest_of_leaf(distance);
  int i = leaf % CT_FAN, j = 0;
  while (distance[j] != far) j++;
  group->far[i] = far;
  group->reach[i] = bound_of(f, far);
  group->slot[i] = leaf * CT_LEAF + j;
}

/* The points of a leaf to which the newest may be nearer than all chosen before. */
static int find_hits(const ct_farthest *f, int leaf, int *hit, double *key) {
  const double *bound = f->leaf[leaf].bound;
  int hits = 0;
  leaf_keys(f, ct_leaf_at(&f->blocks, leaf), key);
  for (int j = 0; j < CT_LEAF; j++) {
    hit[hits] = j;
    hits += key[j] <= bound[j];
  }
  return hits;
}

/* Lowers the distances of a leaf's points. Returns whether its farthest point changed. */
static int visit_leaf(ct_farthest *f, int leaf) {
  const double *x = ct_leaf_at(&f->blocks, leaf);
  leaf_state *state = &f->leaf[leaf];
  const group_state *group = &f->group[0][leaf / CT_FAN];
  int hit[CT_LEAF], i = leaf % CT_FAN;
  double key[CT_LEAF];
  int hits = find_hits(f, leaf, hit, key);
  for (int h = 0; h < hits; h++) {
    int j = hit[h];
    double distance = distance_to(f, x + j, key[j]);
    if (!(distance < state->distance[j])) continue;
    state->distance[j] = distance;
    state->bound[j] = bound_of(f, distance);
  }
  f->evaluations += CT_LEAF;
  if (state->distance[group->slot[i] % CT_LEAF] == group->far[i]) return 0;
  renew_leaf(f, leaf);
  return 1;
}

/* The place in a group of the box with the farthest point. */
static int farthest_box(const ct_farthest *f, const group_state *group) {
  const double *far = group->far;
  const int *slot = group->slot, *row = f->blocks.row;
  int best = 0;
  for (int i = 1; i < CT_FAN; i++)
    if (far[i] > far[best] || (far[i] == far[best] && row[slot[i]] < row[slot[best]])) best = i;
  return best;
}

/* Renews a box from the group below it. Returns whether its farthest point changed. */
static int renew_box(ct_farthest *f, int level, int box) {
  const group_state *below = &f->group[level - 1][box];
  group_state *group = &f->group[level][box / CT_FAN];
  int best = farthest_box(f, below), i = box % CT_FAN;
  if (below->far[best] == group->far[i] && below->slot[best] == group->slot[i]) return 0;
  group->far[i] = below->far[best];
  group->reach[i] = below->reach[best];
  group->slot[i] = below->slot[best];
  return 1;
}

/* Goes as deep as there are levels. Returns whether the farthest point of any box changed. */
static int visit_group(ct_farthest *f, int level, int g) {
  const group_state *group = &f->group[level][g];
  double key[CT_FAN];
  int changed = 0;
  box_keys(f, ct_box_group_at(&f->blocks, level, g), key);
  f->nodes += CT_FAN;
  for (int i = 0; i < CT_FAN; i++) {
    int box = g * CT_FAN + i;
    if (!(key[i] <= group->reach[i])) continue;
    if (level == 0) changed |= visit_leaf(f, box);
    else if (visit_group(f, level - 1, box)) changed |= renew_box(f, level, box);
  }
  return changed;
}

void ct_farthest_choose(ct_farthest *f, int slot) {
  const double *x = ct_leaf_at(&f->blocks, slot / CT_LEAF) + slot % CT_LEAF;
  for (int c = 0; c < f->blocks.dim; c++) f->newest[c] = x[c * CT_LEAF];
  leaf_state *leaf = &f->leaf[slot / CT_LEAF];
  leaf->distance[slot % CT_LEAF] = leaf->bound[slot % CT_LEAF] = -1;
  visit_group(f, f->blocks.levels - 1, 0);
}

int ct_farthest_next(const ct_farthest *f) {
  const group_state *top = f->group[f->blocks.levels - 1];
  return top->slot[farthest_box(f, top)];
}

double ct_farthest_distance(const ct_farthest *f, int slot) {
  return f->leaf[slot / CT_LEAF].distance[slot % CT_LEAF];
}

int ct_farthest_row(const ct_farthest *f, int slot) {
  return f->blocks.row[slot];
}

double ct_farthest_evaluations(const ct_farthest *f) {
  return f->evaluations;
}

double ct_farthest_nodes(const ct_farthest *f) {
  return f->nodes;
}

/* ---- building ---- */

static int group_count(const ct_blocks *blocks, int level) {
  return (blocks->level[level].count + CT_FAN - 1) / CT_FAN;
}

static ct_status take_memory(ct_farthest *f, const ct_run *run) {
  const ct_blocks *blocks = &f->blocks;
  CT_NEW(f->leaf, &run->arena, blocks->leaves);
  CT_NEW(f->newest, &run->arena, blocks->dim);
  CT_NEW(f->other, &run->arena, blocks->dim);
  for (int level = 0; level < blocks->levels; level++)
    CT_NEW(f->group[level], &run->arena, group_count(blocks, level));
  return CT_OK;
}

static void start_leaf(ct_farthest *f, int leaf) {
  for (int j = 0; j < CT_LEAF; j++) {
    int present = j < f->blocks.held[leaf];
    f->leaf[leaf].distance[j] = present ? INFINITY : -1;
    f->leaf[leaf].bound[j] = present ? DBL_MAX : -1;
  }
  renew_leaf(f, leaf);
}

/* Boxes that only fill a group have nothing in reach, and are never farthest. */
static void start_group(ct_farthest *f, int level, int g) {
  int last = f->blocks.level[level].count;
  for (int box = g * CT_FAN; box < (g + 1) * CT_FAN; box++) {
    group_state *group = &f->group[level][g];
    group->far[box % CT_FAN] = group->reach[box % CT_FAN] = -1;
    group->slot[box % CT_FAN] = 0;
    if (box >= last) continue;
    if (level == 0) start_leaf(f, box);
    else renew_box(f, level, box);
  }
}

static void start(ct_farthest *f) {
  for (int level = 0; level < f->blocks.levels; level++)
    for (int g = 0; g < group_count(&f->blocks, level); g++) start_group(f, level, g);
}

ct_status ct_farthest_new(const ct_points *points, const ct_metric *metric, ct_farthest **farthest,
                          ct_stats *stats, const ct_run *run) {
  ct_farthest *f;
  int *order;
  CT_NEW(f, &run->arena, 1);
  CT_NEW(order, &run->arena, points->n);
  *f = (ct_farthest){0};
  CT_TRY(ct_kd_order(points, metric, order, stats, run));
  double begin = run->now();
  CT_TRY(ct_blocks_make(points, metric, order, &f->blocks, run));
  set_filter(f);
  CT_TRY(take_memory(f, run));
  start(f);
  stats->seconds[CT_PHASE_BLOCKS] += run->now() - begin;
  *farthest = f;
  return CT_OK;
}
