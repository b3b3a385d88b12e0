/* The k-d order.
 *
 * A range of points is cut on the widest side of its bounding box, and both parts again, until
 * parts have at most 32 points, the leaves. A cut stands at a multiple of 32, and the left part
 * gets the largest power of two of leaves that leaves something to the right: so all leaves but the
 * last are full, and eight consecutive leaves from a multiple of eight on are a cell too, as the
 * groups of boxes above them want it.
 *
 * Points are compared by (coordinate, row): all are different, so the two sides of a cut are
 * well-defined sets, whichever way they are found and by however many threads; rows ascend within a
 * leaf. So the order is a function of the points alone, equal points stand in row order, and no
 * number of equal points makes a cut degenerate.
 *
 * A cut is a selection after Floyd and Rivest (Algorithm 489, CACM 18, 1975): the wanted element is
 * first selected in a sample around its expected place, and is then so good a pivot that one pass
 * shrinks the range to a few per cent. What moves are records of the coordinates and the row, so
 * that every pass reads memory in order. On which side of the pivot a record belongs is a coin
 * toss, so a pass over short records does without a branch: that takes a third off the whole in two
 * dimensions.
 *
 * Large ranges are cut level by level, the ranges of a level in parallel. Small ones, which fit a
 * core's second cache and are several to a thread, are then finished by one thread each. */

#include "metric/canonical.h"

#include "blocks/kd_order.h"

#include <math.h>

#include "ct.h"
#include "run/inline.h"
#include "run/parallel.h"

/* What a small range may hold, powers of two: so many that it fits a cache, so few that every
 * thread gets RANGES_A_THREAD of them, but enough to be worth handing out. */
#define LARGEST_SMALL_RANGE 32768
#define SMALLEST_SMALL_RANGE 1024
#define RANGES_A_THREAD 8

/* Below this size a sample does not pay and the pivot is a median of three: Floyd and Rivest's
 * 600. */
#define SAMPLED_RANGE 600

/* Cuts of a small range that wait for their turn: one a level, 2^15 / 32 leaves. */
#define WAITING_RANGES 16

typedef struct {
  ptrdiff_t from, to;
} range;

/* Records of dim coordinates and the entry's number, as a double: that holds every int. */
typedef struct {
  double *at;
  int dim;
} records;

CT_INLINE int comes_before(const double *a, double value, double entry, int c, int dim) {
  return (a[c] < value) | ((a[c] == value) & (a[dim] < entry));
}

static ptrdiff_t median_of_three(const records *all, range r, int c) {
  int dim = all->dim;
  ptrdiff_t stride = dim + 1, middle = r.from + (r.to - r.from) / 2;
  const double *a = all->at + r.from * stride;
  const double *b = all->at + middle * stride;
  const double *d = all->at + (r.to - 1) * stride;
  int up = comes_before(a, b[c], b[dim], c, dim);
  if (up == comes_before(b, d[c], d[dim], c, dim)) return middle;
  return up == comes_before(a, d[c], d[dim], c, dim) ? r.to - 1 : r.from;
}

CT_INLINE void swap_records(double *a, double *b, int dim) {
  for (int s = 0; s <= dim; s++) {
    double t = a[s];
    a[s] = b[s];
    b[s] = t;
  }
}

/* The part of range r that holds place nth when its pivot has come to stand at place. */
static range part_around(range r, ptrdiff_t place, ptrdiff_t nth) {
  if (nth < place) return (range){r.from, place};
  return nth > place ? (range){place + 1, r.to} : (range){nth, nth};
}

/* Partitions range r by the record at place pivot, after Lomuto: every record changes places with
 * the first of the larger ones, and only how far these have moved depends on its side. Returns the
 * part that holds place nth, an empty one when the pivot stands there. dim is a constant wherever
 * this is inlined. */
CT_INLINE range partition_short(double *at, range r, ptrdiff_t pivot, ptrdiff_t nth, int c,
                                int dim) {
  ptrdiff_t stride = dim + 1;
  double *first = at + r.from * stride, *larger = first + stride, *end = at + r.to * stride;
  swap_records(first, at + pivot * stride, dim);
  double value = first[c], entry = first[dim];
  for (double *a = larger; a < end; a += stride) {
    ptrdiff_t smaller = comes_before(a, value, entry, c, dim);
    swap_records(a, larger, dim);
    larger += -smaller & stride;
  }
  swap_records(first, larger - stride, dim);
  return part_around(r, (larger - at) / stride - 1, nth);
}

/* The same for long records, after Hoare: only every fourth pair changes places. */
static range partition_long(double *at, range r, ptrdiff_t pivot, ptrdiff_t nth, int c, int dim) {
  ptrdiff_t stride = dim + 1;
  double *first = at + r.from * stride, *a = first + stride, *b = at + (r.to - 1) * stride;
  swap_records(first, at + pivot * stride, dim);
  double value = first[c], entry = first[dim];
  for (;; a += stride, b -= stride) {
    while (a <= b && (a[c] < value || (a[c] == value && a[dim] < entry))) a += stride;
    while (a <= b && (b[c] > value || (b[c] == value && b[dim] > entry))) b -= stride;
    if (a > b) break;
    swap_records(a, b, dim);
  }
  swap_records(first, b, dim);
  return part_around(r, (b - at) / stride, nth);
}

static range partition(const records *all, range r, ptrdiff_t pivot, ptrdiff_t nth, int c) {
  switch (all->dim) {
    case 1: return partition_short(all->at, r, pivot, nth, c, 1);
    case 2: return partition_short(all->at, r, pivot, nth, c, 2);
    case 3: return partition_short(all->at, r, pivot, nth, c, 3);
    case 4: return partition_short(all->at, r, pivot, nth, c, 4);
    case 5: return partition_short(all->at, r, pivot, nth, c, 5);
    default: return partition_long(all->at, r, pivot, nth, c, all->dim);
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
    ptrdiff_t pivot = nth;
    if (r.to - r.from > SAMPLED_RANGE) select_record(all, sample_around(r, nth), nth, c);
    else pivot = median_of_three(all, r, c);
    r = partition(all, r, pivot, nth, c);
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

typedef struct {
  records all;
  range *ranges, *parts;
  ptrdiff_t small; /* larger ranges are cut by all threads */
  int *order;
} task;

/* Cuts a small range down to leaves. The left part goes first: its leaves are a power of two, so
 * the right parts that wait get smaller by half each. */
static void finish_range(void *self, int item, int thread) {
  const task *t = self;
  range waiting[WAITING_RANGES];
  int count = 0;
  (void)thread;
  waiting[count++] = t->ranges[item];
  while (count) {
    range r = waiting[--count];
    while (r.to - r.from > CT_LEAF) {
      ptrdiff_t cut = cut_range(&t->all, r);
      waiting[count++] = (range){cut, r.to};
      r.to = cut;
    }
    write_leaf(&t->all, r, t->order);
  }
}

/* Cuts every range of one level that is not small yet; parts[2 i] and parts[2 i + 1] are those of
 * range i, the second one empty when it stays whole. */
static void cut_level(const task *t, int count, const ct_run *run) {
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(dynamic, 1) if (count > 1)
  for (int i = 0; i < count; i++) {
    range r = t->ranges[i];
    ptrdiff_t cut = r.to - r.from > t->small ? cut_range(&t->all, r) : r.to;
    t->parts[2 * i] = (range){r.from, cut};
    t->parts[2 * i + 1] = (range){cut, r.to};
  }
}

/* Cuts level by level until all ranges are small; returns their number, or -1 when stopped. share:
 * of the work that a level is. */
static int cut_large_ranges(const task *t, ptrdiff_t n, double share, const ct_run *run) {
  int count = 1, largest = n > t->small;
  t->ranges[0] = (range){0, n};
  for (int level = 0; largest; level++) {
    cut_level(t, count, run);
    int parts = 2 * count;
    count = largest = 0;
    for (int i = 0; i < parts; i++) {
      ptrdiff_t size = t->parts[i].to - t->parts[i].from;
      if (size > 0) t->ranges[count++] = t->parts[i];
      largest |= size > t->small;
    }
    if (run->poll(run->owner, fmin(1, share * (level + 1)))) return -1;
  }
  return count;
}

static ptrdiff_t small_range(int n, const ct_run *run) {
  ptrdiff_t size = LARGEST_SMALL_RANGE;
  while (size > SMALLEST_SMALL_RANGE && size * RANGES_A_THREAD * run->threads > n) size /= 2;
  return size;
}

static void fill_records(const task *t, const ct_points *points, const ct_metric *metric,
                         const int *rows, int count, const ct_run *run) {
  int dim = t->all.dim;
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > t->small)
  for (int i = 0; i < count; i++) {
    double *record = t->all.at + (size_t)i * (size_t)(dim + 1);
    ct_metric_embed(metric, points, rows ? rows[i] : i, record);
    record[dim] = i;
  }
}

ct_status ct_kd_order_rows(const ct_points *points, const ct_metric *metric, const int *rows,
                           int count, int *order, const ct_run *run) {
  task t = {.all = {NULL, ct_metric_dim(metric, points->dim)}, .order = order};
  if (metric->kind == CT_FUNCTION) return CT_ERR_DOMAIN;
  if (count == 0) return CT_OK;
  t.small = small_range(count, run);
  /* cuts stand at multiples of t.small until ranges are small: all but the last are of that size */
  size_t most = (size_t)(count / t.small) + 1;
  CT_NEW(t.all.at, &run->arena, (size_t)count * (size_t)(t.all.dim + 1));
  CT_NEW(t.ranges, &run->arena, most);
  CT_NEW(t.parts, &run->arena, 2 * most);
  fill_records(&t, points, metric, rows, count, run);

  double levels = log2((double)count / CT_LEAF + 2);
  double large_levels = fmax(0, log2((double)count / (double)t.small));
  int small = cut_large_ranges(&t, count, 1 / levels, run);
  if (small < 0) return CT_ERR_INTERRUPTED;
  double done = fmin(1, large_levels / levels);
  return ct_rounds_run(finish_range, &t, small, 1, done, 1 - done, run);
}

ct_status ct_kd_order(const ct_points *points, const ct_metric *metric, int *order, ct_stats *stats,
                      const ct_run *run) {
  double start = run->now();
  ct_status status = ct_kd_order_rows(points, metric, NULL, points->n, order, run);
  stats->seconds[CT_PHASE_ORDER] += run->now() - start;
  return status;
}
