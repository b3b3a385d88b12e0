/* The rotation into local columns.
 *
 * L = H Q with H symmetric and positive definite, Q orthogonal (the polar decomposition), so H =
 * (L L')^1/2 and Q = H^-1 L: Q V is what the symmetric root makes of k(u, x). Newton and Schulz's
 * iteration X <- X (3 I - X'X) / 2 takes every singular value in (0, 1] to 1, with products alone
 * (N. J. Higham, Functions of Matrices, section 8.3): small ones grow by half in each step, and
 * near 1 errors are squared. Rough covariances, for which local columns are made, have factors
 * whose condition is small; where it is not, nets are the better way, and the iteration gives up.
 *
 * How far Q is from orthogonal is measured, and the bounds of the search allow for it: how it was
 * found does not matter. */

#include "screened/screened_parts.h"

#include "run/parallel.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define MOST_STEPS 40

/* |X'X - I| that is good enough: floats are off by more. */
#define ORTHOGONAL 1e-7

typedef struct {
  const ct_screened_kernels *kernels;
  int size;             /* rows and columns: whole panels */
  const double *A, *B;  /* row-major; rows and columns beyond rank are 0 */
  double *out;          /* A B */
  double *panel, *tile; /* one of each a thread */
} product;

static void multiply_panel(void *task, int item, int thread) {
  const product *p = task;
  size_t size = (size_t)p->size, first = (size_t)item * CT_SCREEN;
  double *panel = p->panel + (size_t)thread * size * CT_SCREEN;
  double *tile = p->tile + (size_t)thread * CT_COLUMNS * CT_SCREEN;
  for (size_t t = 0; t < size; t++)
    memcpy(panel + t * CT_SCREEN, p->B + t * size + first, CT_SCREEN * sizeof *panel);
  for (size_t r = 0; r < size; r += CT_COLUMNS) {
    p->kernels->rotate(p->A + r * size, panel, p->size, tile);
    for (size_t i = 0; i < CT_COLUMNS; i++)
      memcpy(p->out + (r + i) * size + first, tile + i * CT_SCREEN, CT_SCREEN * sizeof *tile);
  }
}

static ct_status multiply(product *p, const double *A, const double *B, double *out,
                          const ct_run *run) {
  p->A = A, p->B = B, p->out = out;
  return ct_rounds_run(multiply_panel, p, p->size / CT_SCREEN, 1, 0, 0, run);
}

static void transpose(const double *X, int size, double *out) {
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++)
      out[(size_t)j * (size_t)size + (size_t)i] = X[(size_t)i * (size_t)size + (size_t)j];
}

/* L over a bound of its largest singular value: the root of its largest row sum times its largest
 * column sum. */
static void start_at_factor(const double *L, int rank, int size, double *column, double *X) {
  double rows = 0, columns = 0;
  memset(X, 0, (size_t)size * (size_t)size * sizeof *X);
  memset(column, 0, (size_t)size * sizeof *column);
  for (int i = 0; i < rank; i++) {
    double row = 0;
    for (int j = 0; j <= i; j++) {
      double entry = fabs(L[(size_t)i * (size_t)rank + (size_t)j]);
      row += entry;
      column[j] += entry;
    }
    rows = row > rows ? row : rows;
  }
  for (int j = 0; j < rank; j++) columns = column[j] > columns ? column[j] : columns;
  double factor = 1 / sqrt(rows * columns);
  for (int i = 0; i < rank; i++)
    for (int j = 0; j <= i; j++)
      X[(size_t)i * (size_t)size + (size_t)j] = L[(size_t)i * (size_t)rank + (size_t)j] * factor;
}

/* |Z - I| at most, Z = X'X computed, in the Frobenius norm; Z becomes (3 I - Z) / 2. */
static double correction(double *Z, int rank, int size) {
  double sum = 0, trace = 0;
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      double *z = Z + (size_t)i * (size_t)size + (size_t)j, off = *z - (i == j && i < rank);
      sum += off * off;
      if (i == j) trace += *z;
      *z = (i == j) - (*z - (i == j)) / 2;
    }
  return sqrt(sum) * (1 + 1e-9) + (rank + 4) * DBL_EPSILON * trace;
}

/* Q in X. stretch: above ORTHOGONAL where it did not converge. */
static ct_status polar(const ct_residual *index, int size, double *X, double *stretch,
                       const ct_run *run) {
  size_t square = (size_t)size * (size_t)size, threads = (size_t)run->threads;
  product p = {.kernels = ct_screened_kernels_of(run->simd), .size = size};
  double *other, *Z, *next;
  CT_NEW(other, &run->arena, square);
  CT_NEW(Z, &run->arena, square);
  CT_NEW(next, &run->arena, square);
  CT_NEW(p.panel, &run->arena, threads * (size_t)size * CT_SCREEN);
  CT_NEW(p.tile, &run->arena, threads * CT_COLUMNS * CT_SCREEN);
  start_at_factor(index->factor->L, index->rank, size, other, X);
  *stretch = INFINITY;
  for (int step = 0; step < MOST_STEPS; step++) {
    transpose(X, size, other);
    CT_TRY(multiply(&p, other, X, Z, run));
    *stretch = correction(Z, index->rank, size);
    if (*stretch <= ORTHOGONAL) return CT_OK;
    CT_TRY(multiply(&p, X, Z, next, run));
    memcpy(X, next, square * sizeof *X);
  }
  return CT_OK;
}

/* ---- groups of columns ---- */

static int widest_side(const double *u, int dim, const int *column, int count) {
  int widest = 0;
  double most = -1;
  for (int c = 0; c < dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; i++) {
      double at = u[(size_t)column[i] * (size_t)dim + (size_t)c];
      low = at < low ? at : low;
      high = at > high ? at : high;
    }
    if (high - low > most) most = high - low, widest = c;
  }
  return widest;
}

static void sort_by(const double *u, int dim, int side, int *column, int count) {
  for (int i = 1; i < count; i++) {
    int moved = column[i], j = i;
    double at = u[(size_t)moved * (size_t)dim + (size_t)side];
    for (; j > 0 && u[(size_t)column[j - 1] * (size_t)dim + (size_t)side] > at; j--)
      column[j] = column[j - 1];
    column[j] = moved;
  }
}

/* Halves runs of whole groups at their widest side, from all columns down to single groups. */
static void order_columns(const double *u, int dim, int rank, int *column) {
  int start = 1;
  for (int i = 0; i < rank; i++) column[i] = i;
  if (!u) return;
  while (start * CT_COLUMNS < rank) start *= 2;
  for (int groups = start; groups > 1; groups /= 2)
    for (int from = 0; from < rank; from += groups * CT_COLUMNS) {
      int count = rank - from < groups * CT_COLUMNS ? rank - from : groups * CT_COLUMNS;
      if (count <= groups / 2 * CT_COLUMNS) continue;
      sort_by(u, dim, widest_side(u, dim, column + from, count), column + from, count);
    }
}

ct_status ct_screened_root_of(ct_screened_root *root, const ct_residual *index, int *found,
                              const ct_run *run) {
  int rank = index->rank, size = (rank + CT_SCREEN - 1) / CT_SCREEN * CT_SCREEN, *column;
  double *X;
  *found = 0;
  if (rank == 0 || !index->factor) return CT_OK;
  root->rank = rank;
  root->columns = (rank + CT_COLUMNS - 1) / CT_COLUMNS * CT_COLUMNS;
  CT_NEW(X, &run->arena, (size_t)size * (size_t)size);
  CT_NEW(column, &run->arena, rank);
  CT_NEW(root->row, &run->arena, (size_t)root->columns * (size_t)rank);
  CT_TRY(polar(index, size, X, &root->stretch, run));
  if (!(root->stretch <= ORTHOGONAL)) return CT_OK;
  order_columns(index->factor->u, index->dim, rank, column);
  memset(root->row, 0, (size_t)root->columns * (size_t)rank * sizeof *root->row);
  for (int c = 0; c < rank; c++)
    memcpy(root->row + (size_t)c * (size_t)rank, X + (size_t)column[c] * (size_t)size,
           (size_t)rank * sizeof *X);
  *found = 1;
  return CT_OK;
}
