#include "metric/canonical.h"

#include "ct.h"
#include "run/parallel.h"
#include "tree/tree_support.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Places of points along a Hilbert curve, after J. Skilling, Programming the Hilbert curve (2004):
 * the coordinates of a grid cell are turned, in place and bit plane by bit plane, into the curve's
 * index in "transposed" form, whose bits are then interleaved. Keys are sorted by radix; cells of
 * several points keep them by row.
 *
 * The grid has cubic cells over the bounding box of the embedded points. Its fineness adapts: 16
 * bits more than log2(n) and two more a column, so that a cell holds several points only where they
 * crowd 10^5 times denser than on average; a key has at most 63 bits. Beyond MOST columns that
 * would leave fewer than four bits a column, so only the widest take part. */

enum { MOST = 16, KEY_BITS = 63, COLUMN_BITS = 31, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
enum { CHUNK = 1024 }; /* points whose keys are computed in one go */

typedef struct {
  int column[MOST]; /* ascending */
  double low[MOST]; /* halves, so that no difference overflows */
  double extent;    /* half the widest side */
  int columns;
  int bits;
} grid;

static ct_status find_extents(const ct_points *points, const ct_metric *metric, int dim,
                              double *low, double *high, double *embedded, const ct_run *run) {
  ct_pace pace = ct_pace_start(run);
  for (int i = 0; i < points->n; i++) {
    ct_metric_embed(metric, points, i, embedded);
    for (int c = 0; c < dim; c++) {
      double half = 0.5 * embedded[c];
      if (i == 0 || half < low[c]) low[c] = half;
      if (i == 0 || half > high[c]) high[c] = half;
    }
    if (i % CHUNK == 0) CT_TRY(ct_pace_poll(&pace, 0.3 * i / points->n));
  }
  return CT_OK;
}

/* Whether column c is among the widest: fewer than MOST columns are wider, or as wide and
 * earlier. */
static int takes_part(const double *low, const double *high, int dim, int c) {
  int before = 0;
  double width = high[c] - low[c];
  for (int other = 0; other < dim; other++) {
    double its = high[other] - low[other];
    before += its > width || (its == width && other < c);
  }
  return width > 0 && before < MOST;
}

static int smallest(int a, int b) {
  return a < b ? a : b;
}

static void lay_grid(grid *g, const double *low, const double *high, int dim, int n) {
  int need = 16;
  g->columns = 0;
  g->extent = 0;
  for (int c = 0; c < dim; c++) {
    if (!takes_part(low, high, dim, c)) continue;
    g->column[g->columns] = c;
    g->low[g->columns++] = low[c];
    if (high[c] - low[c] > g->extent) g->extent = high[c] - low[c];
  }
  for (int m = n; m > 1; m /= 2) need++;
  if (g->columns == 0) return;
  g->bits = smallest(need / g->columns + 2, smallest(KEY_BITS / g->columns, COLUMN_BITS));
}

static uint32_t cell_of(double t, int bits) {
  double cells = ldexp(1.0, bits), at = t * cells;
  if (!(at >= 1)) return 0;
  return at >= cells ? (uint32_t)(cells - 1) : (uint32_t)at;
}

/* Skilling's transformation: x[0 .. n-1] of so many bits each, from axes to the transposed index.
 * His branch, invert the low bits of x[0] or exchange them with x[c]'s, is a coin toss and
 * therefore done by masks. */
static void axes_to_transpose(uint32_t *x, int n, int bits) {
  uint32_t flip = 0;
  for (int b = bits - 1; b > 0; b--) {
    uint32_t below = ((uint32_t)1 << b) - 1;
    for (int c = 0; c < n; c++) {
      uint32_t set = 0 - (x[c] >> b & 1);
      uint32_t differ = (x[0] ^ x[c]) & below & ~set;
      x[0] ^= differ | (below & set);
      x[c] ^= differ;
    }
  }
  for (int c = 1; c < n; c++) x[c] ^= x[c - 1]; /* Gray code */
  for (int b = bits - 1; b > 0; b--)
    if (x[n - 1] >> b & 1) flip ^= ((uint32_t)1 << b) - 1;
  for (int c = 0; c < n; c++) x[c] ^= flip;
}

static uint64_t key_of(const grid *g, const double *embedded) {
  uint32_t x[MOST];
  uint64_t key = 0;
  for (int c = 0; c < g->columns; c++)
    x[c] = cell_of((0.5 * embedded[g->column[c]] - g->low[c]) / g->extent, g->bits);
  if (g->columns == 0) return 0;
  axes_to_transpose(x, g->columns, g->bits);
  for (int b = g->bits - 1; b >= 0; b--)
    for (int c = 0; c < g->columns; c++) key = key << 1 | (x[c] >> b & 1);
  return key;
}

/* Keys and the rows they belong to. */
typedef struct {
  uint64_t *key;
  int *row;
} keys;

typedef struct {
  const ct_points *points;
  const ct_metric *metric;
  grid grid;
  int dim;
  double *embedded; /* dim for each thread */
  keys keys;
} task;

static void fill_chunk(void *task_, int chunk, int thread) {
  task *t = task_;
  double *embedded = t->embedded + (size_t)thread * (size_t)t->dim;
  int from = chunk * CHUNK, left = t->points->n - from;
  for (int i = from; i < from + smallest(left, CHUNK); i++) {
    ct_metric_embed(t->metric, t->points, i, embedded);
    t->keys.key[i] = key_of(&t->grid, embedded);
    t->keys.row[i] = i;
  }
}

static ct_status fill_keys(task *t, const ct_run *run) {
  double *low, *high;
  int n = t->points->n;
  CT_NEW(low, &run->arena, t->dim);
  CT_NEW(high, &run->arena, t->dim);
  CT_NEW(t->embedded, &run->arena, (size_t)t->dim * (size_t)run->threads);
  CT_NEW(t->keys.key, &run->arena, n);
  CT_NEW(t->keys.row, &run->arena, n);
  CT_TRY(find_extents(t->points, t->metric, t->dim, low, high, t->embedded, run));
  lay_grid(&t->grid, low, high, t->dim, n);
  return ct_rounds_run(fill_chunk, t, (n - 1) / CHUNK + 1, 1, 0.3, 0.4, run);
}

/* One stable pass of the radix sort. */
static void sort_digit(keys from, keys to, int n, int shift, int *start) {
  int sum = 0;
  memset(start, 0, DIGITS * sizeof *start);
  for (int i = 0; i < n; i++) start[from.key[i] >> shift & (DIGITS - 1)]++;
  for (int digit = 0; digit < DIGITS; digit++) {
    int count = start[digit];
    start[digit] = sum;
    sum += count;
  }
  for (int i = 0; i < n; i++) {
    int at = start[from.key[i] >> shift & (DIGITS - 1)]++;
    to.key[at] = from.key[i];
    to.row[at] = from.row[i];
  }
}

/* Sorts by key, then row; the sorted rows are in *sorted. */
static ct_status sort_keys(keys a, int n, int bits, int **sorted, const ct_run *run) {
  ct_pace pace = ct_pace_start(run);
  keys b;
  int *start;
  CT_NEW(start, &run->arena, DIGITS);
  CT_NEW(b.key, &run->arena, n);
  CT_NEW(b.row, &run->arena, n);
  for (int shift = 0; shift < bits; shift += DIGIT_BITS) {
    sort_digit(a, b, n, shift, start);
    keys t = a;
    a = b, b = t;
    CT_TRY(ct_pace_poll(&pace, 0.7 + 0.3 * shift / bits));
  }
  *sorted = a.row;
  return CT_OK;
}

ct_status ct_hilbert_rank(const ct_points *points, const ct_metric *metric, int *rank,
                          const ct_run *run) {
  task t = {.points = points, .metric = metric, .dim = ct_metric_dim(metric, points->dim)};
  int *sorted;
  if (points->n < 1) return CT_ERR_DOMAIN;
  CT_TRY(fill_keys(&t, run));
  CT_TRY(sort_keys(t.keys, points->n, t.grid.bits * t.grid.columns, &sorted, run));
  for (int i = 0; i < points->n; i++) rank[sorted[i]] = i;
  return CT_OK;
}
