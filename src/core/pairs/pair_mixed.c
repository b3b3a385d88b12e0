/* Products in two precisions.
 *
 * Column h of V is what inducing point h adds to those before it. So the squares of a point's
 * columns from h on sum to p_h - p, p_h its residual variance by the first h inducing points alone,
 * and fall quickly: of 512 points of a smooth process in three dimensions a quarter leave a few
 * thousandths of the variance. Products of such tails are small, hence so are their roundings to
 * single precision, even beside a p of 1e-6 that no single precision sum of all columns would
 * resolve; and twice as many floats as doubles fit a vector.
 *
 * How far off is such a sum? It has T terms, added up in runs of CT_RUN, the runs' sums added up in
 * turn. On the way from the two rows of V to the result a term is rounded to single precision
 *
 *     2 + CT_RUN + T / CT_RUN (rounded up)
 *
 * times at most, fused or not: two factors, one product, CT_RUN - 1 sums in its run, one a run.
 * Each rounding changes it by 2^-24 at most, so the sum is off by that many units of 6e-8 times the
 * sum of |v_x v_y| (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1),
 * which by Cauchy is at most |tail of x| |tail of y|. One unit more pays for products of such
 * errors, for the roundings of doubles, and for what is too small for a float.
 *
 * The head is a product of doubles like any other, and shorter: its error is among those that
 * ct_pair_error_bound() bounds for all columns. Floats hold V in units of the standard deviation,
 * and no point of a sound net (two_frame.c) has more than 1 of it in all, so none overflows. */

#include "pairs/pair_mixed.h"

#include <math.h>
#include <string.h>

/* With fewer columns there is nothing to gain. */
#define FEWEST_COLUMNS (2 * CT_HEAD_STEP)

/* Roundings of the sums of squares themselves, with plenty to spare. */
#define SQUARE_SLACK (1 + 1e-9)

static int heads_of(int rank) {
  return rank / CT_HEAD_STEP + 1;
}

static int mixes(const ct_pairs *pairs) {
  return pairs->rank >= FEWEST_COLUMNS;
}

/* What turns V into floats. */
static double factor_of(const ct_pairs *pairs) {
  return 1 / sqrt(pairs->covariance->variance);
}

/* What turns sums of squares of such floats into units of p. */
static double weight_of(const ct_pairs *pairs, double scale) {
  return pairs->covariance->variance * scale * scale * SQUARE_SLACK;
}

/* Whether tails from head h on may be floats; their squares in units of p. */
static int keeps(int rank, int h, double one, double other) {
  int runs = (rank - h * CT_HEAD_STEP + CT_RUN - 1) / CT_RUN;
  double unit = (CT_RUN + runs + 3) * 6e-8;
  return unit * unit * one * other <= CT_MIXED_ERROR * CT_MIXED_ERROR;
}

/* ---- rows ---- */

ct_status ct_narrow_new(ct_narrow *narrow, int rank, int count, const ct_arena *arena) {
  /* rows a multiple of 512 bytes apart would push each other out of the first level cache */
  narrow->step = (size_t)(rank + 15) / 16 * 16 + 16;
  narrow->heads = heads_of(rank);
  CT_NEW(narrow->V, arena, (size_t)count * narrow->step);
  CT_NEW(narrow->tail, arena, (size_t)count * (size_t)narrow->heads);
  return CT_OK;
}

void ct_narrow_set(ct_narrow *narrow, int i, const ct_pairs *pairs, const ct_residual *points,
                   int position) {
  const double *v = points->V + (size_t)position * (size_t)points->stride;
  float *out = narrow->V + (size_t)i * narrow->step;
  double *tail = narrow->tail + (size_t)i * (size_t)narrow->heads;
  double factor = factor_of(pairs), weight = weight_of(pairs, points->scale[position]), square = 0;
  if (!mixes(pairs)) return;
  for (int h = narrow->heads - 1; h >= 0; h--) {
    int first = h * CT_HEAD_STEP, left = pairs->rank - first;
    int count = left < CT_HEAD_STEP ? left : CT_HEAD_STEP;
    square += pairs->kernels->narrow(v + first, factor, count, out + first);
    tail[h] = square * weight;
  }
}

static int head_needed(const ct_narrow *narrow, int rank, int i) {
  const double *tail = narrow->tail + (size_t)i * (size_t)narrow->heads;
  int h = 0;
  while (h < narrow->heads - 1 && !keeps(rank, h, tail[h], tail[h])) h++;
  return h;
}

void ct_narrow_sort(const ct_narrow *narrow, const ct_pairs *pairs, int *order, int count,
                    int *spare) {
  int place = 0;
  if (!mixes(pairs)) return;
  memcpy(spare, order, (size_t)count * sizeof *spare);
  for (int h = 0; h < narrow->heads; h++)
    for (int i = 0; i < count; i++)
      if (head_needed(narrow, pairs->rank, spare[i]) == h) order[place++] = spare[i];
}

void ct_mixed_row_at(ct_mixed_rows *rows, int row, const ct_residual *points, int position,
                     const ct_narrow *narrow, int i) {
  rows->exact.V[row] = points->V + (size_t)position * (size_t)points->stride;
  rows->exact.x[row] = points->x + (size_t)position * (size_t)points->dim;
  rows->V[row] = narrow->V + (size_t)i * narrow->step;
  rows->tail[row] = narrow->tail + (size_t)i * (size_t)narrow->heads;
}

/* ---- panels ---- */

size_t ct_wide_panel_bytes(int rank) {
  return (size_t)rank * CT_WIDE * (sizeof(double) + sizeof(float));
}

ct_status ct_wide_panel_new(ct_wide_panel *panel, int rank, int dim, const ct_arena *arena) {
  CT_TRY(ct_panel_new(panel->half, rank, dim, arena));
  CT_TRY(ct_panel_new(panel->half + 1, rank, dim, arena));
  CT_NEW(panel->V, arena, (size_t)(rank > 0 ? rank : 1) * CT_WIDE);
  CT_NEW(panel->tail, arena, heads_of(rank));
  return CT_OK;
}

static double largest_of(const double *square, const double *weight) {
  double most = 0;
  for (int l = 0; l < CT_PANEL; l++)
    if (square[l] * weight[l] > most) most = square[l] * weight[l];
  return most;
}

/* Floats and tails of a half from its doubles, the last columns first. */
static void narrow_half(ct_wide_panel *panel, int half, int rank, double factor,
                        const double *weight) {
  double square[CT_PANEL] = {0};
  for (int t = rank - 1; t >= 0; t--) {
    const double *v = panel->half[half].V + (size_t)t * CT_PANEL;
    float *out = panel->V + (size_t)t * CT_WIDE + half * CT_PANEL;
    for (int l = 0; l < CT_PANEL; l++) {
      double value = v[l] * factor;
      out[l] = (float)value;
      square[l] += value * value;
    }
    if (t % CT_HEAD_STEP) continue;
    double most = largest_of(square, weight), *tail = panel->tail + t / CT_HEAD_STEP;
    if (most > *tail) *tail = most;
  }
}

void ct_wide_panel_pack(ct_wide_panel *panel, const ct_pairs *pairs, const ct_residual *points,
                        const int *position, int count) {
  panel->lanes = count;
  memset(panel->tail, 0, (size_t)heads_of(pairs->rank) * sizeof *panel->tail);
  for (int h = 0; h < 2; h++) {
    int left = count - h * CT_PANEL, lanes = left < CT_PANEL ? (left > 0 ? left : 0) : CT_PANEL;
    double weight[CT_PANEL] = {0};
    for (int l = 0; l < lanes; l++)
      weight[l] = weight_of(pairs, points->scale[position[h * CT_PANEL + l]]);
    ct_panel_pack(panel->half + h, points, position + h * CT_PANEL, lanes);
    if (mixes(pairs)) narrow_half(panel, h, pairs->rank, factor_of(pairs), weight);
  }
}

/* ---- tiles ---- */

/* The fewest columns of doubles that keep the error. */
static int head_of(const ct_pairs *pairs, const ct_wide_panel *panel, const ct_mixed_rows *rows) {
  if (!mixes(pairs)) return pairs->rank;
  for (int h = 0; h * CT_HEAD_STEP < pairs->rank; h++) {
    double most = rows->tail[0][h];
    for (int i = 1; i < CT_TILE_ROWS; i++)
      if (rows->tail[i][h] > most) most = rows->tail[i][h];
    if (keeps(pairs->rank, h, most, panel->tail[h])) return h * CT_HEAD_STEP;
  }
  return pairs->rank;
}

int ct_mixed_tile(const ct_pairs *pairs, const ct_wide_panel *panel, const ct_mixed_rows *rows,
                  double *c, float *sum, double *work) {
  int head = head_of(pairs, panel, rows), exact = head == pairs->rank;
  if (!exact) pairs->kernels->tail(rows->V, panel->V, head, pairs->rank, sum);
  for (int h = 0; h * CT_PANEL < panel->lanes; h++) {
    double *of_half = c + h * CT_TILE;
    ct_pairs_tile_head(pairs, panel->half + h, &rows->exact, head, of_half, work);
    if (!exact) pairs->kernels->subtract(of_half, sum + h * CT_PANEL, pairs->covariance->variance);
  }
  return exact;
}
