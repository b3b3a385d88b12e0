#include "canonical.h"

#include "ct.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Places of points along a Hilbert curve, after J. Skilling, Programming the Hilbert curve (2004): the
 * coordinates of a grid cell are turned, in place and bit plane by bit plane, into the curve's index in
 * "transposed" form, whose bits are then interleaved. Keys are sorted by radix; cells of several points
 * keep them by row.
 *
 * The grid has cubic cells over the bounding box of the embedded points. Its fineness adapts: 16 bits more
 * than log2(n) and two more a column, so that a cell holds several points only where they crowd 10^5
 * times denser than on average; a key has at most 63 bits. Beyond MOST columns that would leave fewer than
 * four bits a column, so only the widest take part. */

enum { MOST = 16, KEY_BITS = 63, COLUMN_BITS = 31, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

typedef struct {
  int column[MOST]; /* ascending */
  double low[MOST]; /* halves, so that no difference overflows */
  double extent;    /* half the widest side */
  int columns;
  int bits;
} grid;

static void find_extents(const ct_points *points, const ct_metric *metric, int dim, double *low,
                         double *high, double *embedded) {
  for (int i = 0; i < points->n; i++) {
    ct_metric_embed(metric, points, i, embedded);
    for (int c = 0; c < dim; c++) {
      double half = 0.5 * embedded[c];
      if (i == 0 || half < low[c]) low[c] = half;
      if (i == 0 || half > high[c]) high[c] = half;
    }
  }
}

/* Whether column c is among the widest: fewer than MOST columns are wider, or as wide and earlier. */
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

/* Skilling's transformation: x[0 .. n-1] of so many bits each, from axes to the transposed index. */
static void axes_to_transpose(uint32_t *x, int n, int bits) {
  uint32_t top = (uint32_t)1 << (bits - 1), flip = 0;
  for (uint32_t q = top; q > 1; q >>= 1) {
    uint32_t below = q - 1;
    for (int c = 0; c < n; c++) {
      if (x[c] & q) {
        x[0] ^= below; /* invert */
      } else {
        uint32_t t = (x[0] ^ x[c]) & below; /* exchange */
        x[0] ^= t;
        x[c] ^= t;
      }
    }
  }
  for (int c = 1; c < n; c++) x[c] ^= x[c - 1]; /* Gray code */
  for (uint32_t q = top; q > 1; q >>= 1)
    if (x[n - 1] & q) flip ^= q - 1;
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

typedef struct {
  uint64_t *key;
  int *row;
} column_of_keys;

/* One stable pass of the radix sort. */
static void sort_digit(column_of_keys from, column_of_keys to, int n, int shift, int *start) {
  memset(start, 0, DIGITS * sizeof *start);
  for (int i = 0; i < n; i++) start[from.key[i] >> shift & (DIGITS - 1)]++;
  for (int digit = 0, sum = 0; digit < DIGITS; digit++) {
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

static ct_status make_grid(grid *g, const ct_points *points, const ct_metric *metric,
                           double *embedded, const ct_run *run) {
  int dim = ct_metric_dim(metric, points->dim);
  double *low, *high;
  CT_NEW(low, &run->arena, dim);
  CT_NEW(high, &run->arena, dim);
  find_extents(points, metric, dim, low, high, embedded);
  lay_grid(g, low, high, dim, points->n);
  return CT_OK;
}

ct_status ct_hilbert_rank(const ct_points *points, const ct_metric *metric, int *rank,
                          const ct_run *run) {
  int n = points->n, dim = ct_metric_dim(metric, points->dim);
  grid g = {.bits = 0};
  double *embedded;
  int *start;
  column_of_keys a, b;
  if (n < 1) return CT_ERR_DOMAIN;
  CT_NEW(embedded, &run->arena, dim);
  CT_NEW(start, &run->arena, DIGITS);
  CT_NEW(a.key, &run->arena, n);
  CT_NEW(a.row, &run->arena, n);
  CT_NEW(b.key, &run->arena, n);
  CT_NEW(b.row, &run->arena, n);
  CT_TRY(make_grid(&g, points, metric, embedded, run));
  for (int i = 0; i < n; i++) {
    ct_metric_embed(metric, points, i, embedded);
    a.key[i] = key_of(&g, embedded);
    a.row[i] = i;
  }
  for (int shift = 0; shift < g.bits * g.columns; shift += DIGIT_BITS) {
    sort_digit(a, b, n, shift, start);
    column_of_keys t = a;
    a = b, b = t;
  }
  for (int i = 0; i < n; i++) rank[a.row[i]] = i;
  return CT_OK;
}
