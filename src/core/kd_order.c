/* The k-d order.
 *
 * A range of points is cut on the widest side of its bounding box, and both parts again, until parts
 * have at most 32 points, the leaves. A cut stands at a multiple of 32, and the left part gets the
 * largest power of two of leaves that leaves something to the right: so all leaves but the last are
 * full, and eight consecutive leaves from a multiple of eight on are a cell too, as the groups of
 * boxes above them want it.
 *
 * Points are compared by (coordinate, row): all are different, so the two sides of a cut are
 * well-defined sets, whichever way they are found and by however many threads; rows ascend within a
 * leaf. So the order is a function of the points alone, equal points stand in row order, and no number
 * of equal points makes a cut degenerate.
 *
 * A cut is a selection after Floyd and Rivest (Algorithm 489, CACM 18, 1975): the wanted element is
 * first selected in a sample around its expected place, and is then so good a pivot that one pass
 * shrinks the range to a few per cent. What moves are records of the coordinates and the row, so that
 * every pass reads memory in order.
 *
 * Large ranges are cut level by level, the ranges of a level in parallel. Ranges of at most 2^15
 * points, which fit a core's second cache, are then finished by one thread each. */

#include "canonical.h"

#include "kd_order.h"

#include <math.h>

#include "ct.h"
#include "inline.h"

#define SMALL_RANGE 32768

/* Below this size a sample does not pay and the pivot is a median of three: Floyd and Rivest's 600. */
#define SAMPLED_RANGE 600

/* Cuts of a small range that wait for their turn: one a level, 2^15 / 32 leaves. */
#define WAITING_RANGES 16

/* Seconds between polls. */
#define ROUND_SECONDS 0.06

typedef struct {
  ptrdiff_t from, to;
} range;

/* Records of dim coordinates and the entry's number, as a double: that holds every int. */
typedef struct {
  double *at;
  int dim;
} records;

CT_INLINE int comes_before(const double *a, const double *pivot, int c, int dim) {
  return a[c] < pivot[c] || (a[c] == pivot[c] && a[dim] < pivot[dim]);
}

static const double *median_of_three(const records *all, range r, int c) {
  size_t stride = (size_t)all->dim + 1;
  const double *first = all->at + (size_t)r.from * stride;
  const double *middle = all->at + (size_t)(r.from + (r.to - r.from) / 2) * stride;
  const double *last = all->at + (size_t)(r.to - 1) * stride;
  int up = comes_before(first, middle, c, all->dim);
  if (up == comes_before(middle, last, c, all->dim)) return middle;
  return up == comes_before(first, last, c, all->dim) ? last : first;
}

/* Hoare's partition of range r by a pivot of its own. The part that holds place nth is returned; an
 * empty one when the pivot has come to stand there. dim is a constant wherever this is inlined. */
CT_INLINE range partition(double *at, range r, const double *pivot, ptrdiff_t nth, int c, int dim) {
  ptrdiff_t stride = dim + 1, i = r.from, j = r.to - 1;
  /* the scans compare by these two only, and the pivot's record moves */
  double value = pivot[c], entry = pivot[dim];
  while (i <= j) {
    double *a = at + i * stride, *b = at + j * stride;
    while (a[c] < value || (a[c] == value && a[dim] < entry)) a += stride, i++;
    while (b[c] > value || (b[c] == value && b[dim] > entry)) b -= stride, j--;
    if (i > j) break;
    for (int s = 0; s <= dim; s++) {
      double t = a[s];
      a[s] = b[s];
      b[s] = t;
    }
    i++, j--;
  }
  if (nth <= j) return (range){r.from, j + 1};
  return nth >= i ? (range){i, r.to} : (range){nth, nth};
}

static range partition_records(const records *all, range r, const double *pivot, ptrdiff_t nth, int c) {
  switch (all->dim) {
    case 1: return partition(all->at, r, pivot, nth, c, 1);
    case 2: return partition(all->at, r, pivot, nth, c, 2);
    case 3: return partition(all->at, r, pivot, nth, c, 3);
    case 4: return partition(all->at, r, pivot, nth, c, 4);
    case 5: return partition(all->at, r, pivot, nth, c, 5);
    default: return partition(all->at, r, pivot, nth, c, all->dim);
  }
}

/* The part of range r in which Floyd and Rivest's sample around place nth stands. */
static range sample_around(range r, ptrdiff_t nth) {
  double n = (double)(r.to - r.from), i = (double)(nth - r.from), log_n = log(n);
  double size = 0.5 * exp(2 * log_n / 3);
  double spread = 0.5 * sqrt(log_n * size * (n - size) / n) * (i < n / 2 ? -1 : 1);
  ptrdiff_t from = nth - (ptrdiff_t)(i * size / n - spread);
  ptrdiff_t to = nth + (ptrdiff_t)((n - i) * size / n + spread) + 1;
  if (from > nth) from = nth;
  if (to <= nth) to = nth + 1;
  return (range){from < r.from ? r.from : from, to > r.to ? r.to : to};
}

/* Puts the record that belongs at place nth along coordinate c there, smaller ones before it. Calls
 * itself for samples only, of n^(2/3) / 2 records each: four deep at most. */
static void select_record(const records *all, range r, ptrdiff_t nth, int c) {
  while (r.to - r.from > 1) {
    const double *pivot;
    if (r.to - r.from > SAMPLED_RANGE) {
      select_record(all, sample_around(r, nth), nth, c);
      pivot = all->at + (size_t)nth * (size_t)(all->dim + 1);
    } else {
      pivot = median_of_three(all, r, c);
    }
    r = partition_records(all, r, pivot, nth, c);
  }
}

CT_INLINE double side(const double *at, range r, int c, int dim) {
  ptrdiff_t stride = dim + 1;
  double low = INFINITY, high = -INFINITY;
  for (ptrdiff_t i = r.from; i < r.to; i++) {
    double value = at[i * stride + c];
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  return high - low;
}

static int widest_side(const records *all, range r) {
  int widest = 0;
  double most = -1;
  for (int c = 0; c < all->dim; c++) {
    double width = side(all->at, r, c, all->dim);
    if (width > most) most = width, widest = c;
  }
  return widest;
}

/* Cuts a range of more than one leaf; returns the place of the cut. */
static ptrdiff_t cut_range(const records *all, range r) {
  ptrdiff_t leaves = (r.to - r.from + CT_LEAF - 1) / CT_LEAF, half = 1;
  while (2 * half < leaves) half *= 2;
  ptrdiff_t cut = r.from + half * CT_LEAF;
  select_record(all, r, cut, widest_side(all, r));
  return cut;
}

/* The entries of a leaf, ascending. */
static void write_leaf(const records *all, range r, int *order) {
  for (ptrdiff_t i = r.from; i < r.to; i++) {
    int entry = (int)all->at[i * (all->dim + 1) + all->dim];
    ptrdiff_t j = i;
    for (; j > r.from && order[j - 1] > entry; j--) order[j] = order[j - 1];
    order[j] = entry;
  }
}

/* Cuts a small range down to leaves. The left part goes first: its leaves are a power of two, so the
 * right parts that wait get smaller by half each. */
static void finish_range(const records *all, range r, int *order) {
  range waiting[WAITING_RANGES];
  int count = 0;
  waiting[count++] = r;
  while (count) {
    r = waiting[--count];
    while (r.to - r.from > CT_LEAF) {
      ptrdiff_t cut = cut_range(all, r);
      waiting[count++] = (range){cut, r.to};
      r.to = cut;
    }
    write_leaf(all, r, order);
  }
}

/* Cuts every range of one level that is not small yet; parts[2 i] and parts[2 i + 1] are those of
 * range i, the second one empty when it stays whole. */
static void cut_level(const records *all, const range *ranges, int count, range *parts,
                      const ct_run *run) {
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(dynamic, 1) if (count > 1)
  for (int i = 0; i < count; i++) {
    range r = ranges[i];
    ptrdiff_t cut = r.to - r.from > SMALL_RANGE ? cut_range(all, r) : r.to;
    parts[2 * i] = (range){r.from, cut};
    parts[2 * i + 1] = (range){cut, r.to};
  }
}

/* Cuts level by level until all ranges are small; returns their number, or -1 when stopped. share: of
 * the work that a level is. */
static int cut_large_ranges(const records *all, range *ranges, int count, range *parts, double share,
                            const ct_run *run) {
  for (int level = 0;; level++) {
    int largest = 0;
    cut_level(all, ranges, count, parts, run);
    int kept = 0;
    for (int i = 0; i < 2 * count; i++) {
      ptrdiff_t size = parts[i].to - parts[i].from;
      if (size > 0) ranges[kept++] = parts[i];
      largest |= size > SMALL_RANGE;
    }
    count = kept;
    if (run->poll(run->owner, fmin(1, share * (level + 1)))) return -1;
    if (!largest) return count;
  }
}

static ct_status finish_ranges(const records *all, const range *ranges, int count, int *order,
                               double done, const ct_run *run) {
  int step = run->threads;
  for (int first = 0; first < count;) {
    double start = run->now();
    int last = count - first < step ? count : first + step;
#pragma omp parallel for num_threads(run->threads) schedule(dynamic, 1)
    for (int i = first; i < last; i++) finish_range(all, ranges[i], order);
    first = last;
    if (run->poll(run->owner, done + (1 - done) * first / count)) return CT_ERR_INTERRUPTED;
    if (run->now() - start < ROUND_SECONDS / 2 && step < count) step *= 2;
  }
  return CT_OK;
}

static void fill_records(const records *all, const ct_points *points, const ct_metric *metric,
                         const int *rows, int count, const ct_run *run) {
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > SMALL_RANGE)
  for (int i = 0; i < count; i++) {
    double *record = all->at + (size_t)i * (size_t)(all->dim + 1);
    ct_metric_embed(metric, points, rows ? rows[i] : i, record);
    record[all->dim] = i;
  }
}

ct_status ct_kd_order_rows(const ct_points *points, const ct_metric *metric, const int *rows, int count,
                           int *order, const ct_run *run) {
  records all = {NULL, ct_metric_dim(metric, points->dim)};
  range *ranges, *parts;
  if (metric->kind == CT_FUNCTION) return CT_ERR_DOMAIN;
  if (count == 0) return CT_OK;
  /* cuts stand at multiples of SMALL_RANGE until ranges are small: all but the last are of that size */
  size_t most = (size_t)count / SMALL_RANGE + 1;
  CT_NEW(all.at, &run->arena, (size_t)count * (size_t)(all.dim + 1));
  CT_NEW(ranges, &run->arena, most);
  CT_NEW(parts, &run->arena, 2 * most);
  fill_records(&all, points, metric, rows, count, run);

  double levels = log2((double)count / CT_LEAF + 2);
  double large_levels = fmax(0, log2((double)count / SMALL_RANGE));
  ranges[0] = (range){0, count};
  int small = cut_large_ranges(&all, ranges, 1, parts, 1 / levels, run);
  if (small < 0) return CT_ERR_INTERRUPTED;
  return finish_ranges(&all, ranges, small, order, fmin(1, (large_levels + 1) / levels), run);
}

ct_status ct_kd_order(const ct_points *points, const ct_metric *metric, int *order, ct_stats *stats,
                      const ct_run *run) {
  double start = run->now();
  ct_status status = ct_kd_order_rows(points, metric, NULL, points->n, order, run);
  stats->seconds[CT_PHASE_ORDER] += run->now() - start;
  return status;
}
