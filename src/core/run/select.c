#include "run/rounding.h"

#include "run/select.h"

#include <float.h>
#include <math.h>

static int item_before(const ct_measured *a, const ct_measured *b) {
  return a->distance < b->distance || (a->distance == b->distance && a->row < b->row);
}

ct_measured ct_select_measured(ct_measured *item, int count, int nth) {
  int from = 0, to = count - 1;
  while (from < to) {
    ct_measured pivot = item[from + (to - from) / 2];
    int i = from, j = to;
    while (i <= j) {
      while (item_before(&item[i], &pivot)) i++;
      while (item_before(&pivot, &item[j])) j--;
      if (i > j) break;
      ct_measured t = item[i];
      item[i++] = item[j];
      item[j--] = t;
    }
    if (nth <= j) to = j;
    else if (nth >= i) from = i;
    else break;
  }
  return item[nth];
}

/* ---- a sort in place ---- */

typedef struct {
  double *distance;
  int *row;
} pairs;

static inline int before(double distance, int row, double other, int other_row) {
  return distance < other || (distance == other && row < other_row);
}

static inline void swap(pairs p, size_t i, size_t j) {
  double distance = p.distance[i];
  int row = p.row[i];
  p.distance[i] = p.distance[j], p.row[i] = p.row[j];
  p.distance[j] = distance, p.row[j] = row;
}

static inline int pair_before(pairs p, size_t i, size_t j) {
  return before(p.distance[i], p.row[i], p.distance[j], p.row[j]);
}

static void insertion_sort(pairs p, size_t from, size_t to) {
  for (size_t i = from + 1; i < to; i++) {
    double distance = p.distance[i];
    int row = p.row[i];
    size_t j = i;
    for (; j > from && before(distance, row, p.distance[j - 1], p.row[j - 1]); j--) {
      p.distance[j] = p.distance[j - 1];
      p.row[j] = p.row[j - 1];
    }
    p.distance[j] = distance;
    p.row[j] = row;
  }
}

/* Lets entry i of the heap from..to sink to where its children are smaller. */
static void sink(pairs p, size_t from, size_t to, size_t i) {
  for (;;) {
    size_t child = from + 2 * (i - from) + 1;
    if (child >= to) return;
    if (child + 1 < to && pair_before(p, child, child + 1)) child++;
    if (!pair_before(p, i, child)) return;
    swap(p, i, child);
    i = child;
  }
}

static void heap_sort(pairs p, size_t from, size_t to) {
  for (size_t i = from + (to - from) / 2; i-- > from;) sink(p, from, to, i);
  for (size_t end = to; end-- > from + 1;) {
    swap(p, from, end);
    sink(p, from, end, from);
  }
}

static size_t median(pairs p, size_t a, size_t b, size_t c) {
  int up = pair_before(p, a, b);
  if (up == pair_before(p, b, c)) return b;
  return up == pair_before(p, a, c) ? c : a;
}

/* Parts from..to around a pivot; *left: the end of the smaller ones, *right: where the larger
 * begin. */
static void part(pairs p, size_t from, size_t to, size_t *left, size_t *right) {
  size_t eighth = (to - from) / 8, middle = from + (to - from) / 2;
  size_t pivot = median(p, median(p, from, from + eighth, from + 2 * eighth),
                        median(p, middle - eighth, middle, middle + eighth),
                        median(p, to - 1 - 2 * eighth, to - 1 - eighth, to - 1));
  double distance = p.distance[pivot];
  int row = p.row[pivot];
  size_t i = from, j = to;
  /* j stands one behind the entry it looks at, so that it never leaves the range */
  while (i < j) {
    while (before(p.distance[i], p.row[i], distance, row)) i++;
    while (before(distance, row, p.distance[j - 1], p.row[j - 1])) j--;
    if (i >= j) break;
    swap(p, i++, --j);
  }
  *left = j;
  *right = i;
}

/* Below this an insertion sort is faster than another partition. */
#define FEW 24

void ct_sort_neighbors(double *distance, int *row, size_t count) {
  pairs p = {distance, row};
  /* the larger part waits, so at most one a halving: 32 bits of entries */
  struct {
    size_t from, to;
    int depth;
  } waiting[64];
  int n = 0, depth = 0;
  for (size_t m = count; m > 1; m /= 2) depth += 2;
  size_t from = 0, to = count;
  for (;;) {
    while (to - from > FEW && depth > 0) {
      size_t left, right;
      part(p, from, to, &left, &right);
      depth--;
      if (left - from > to - right) {
        waiting[n].from = from, waiting[n].to = left, waiting[n++].depth = depth;
        from = right;
      } else {
        waiting[n].from = right, waiting[n].to = to, waiting[n++].depth = depth;
        to = left;
      }
    }
    /* pivots were so bad that the parts did not shrink */
    if (to - from > FEW) heap_sort(p, from, to);
    else insertion_sort(p, from, to);
    if (n == 0) return;
    n--;
    from = waiting[n].from, to = waiting[n].to, depth = waiting[n].depth;
  }
}

/* ---- ranks ---- */

void ct_rank_neighbors(const ct_selection_kernels *kernels, const double *distance, const int *row,
                       int count, double *sorted_distance, int *sorted_row) {
  int place[CT_RANKED], disorder = 0;
  kernels->rank(distance, count, place);
  for (int i = 0; i < count; i++) {
    sorted_distance[place[i]] = distance[i];
    sorted_row[place[i]] = row[i];
  }
  /* what the ranks do not tell apart is in disorder, near its place */
  for (int i = 1; i < count; i++) disorder |= sorted_distance[i - 1] >= sorted_distance[i];
  if (disorder) insertion_sort((pairs){sorted_distance, sorted_row}, 0, (size_t)count);
}

/* ---- the wanted-th ---- */

/* Where the wanted-th key is between two that are guessed, until so few are between them that these
 * can be sorted. Counting is a tenth of the cost of moving entries around a pivot, and a guess by
 * interpolation mostly halves more than once. */
#define NARROWINGS 52
#define INTERPOLATED 4

typedef struct {
  double low, high; /* keys: below are <= low, fewer than wanted; within are <= high, enough */
  int below, within;
} bracket;

/* There is room to fill the keys up to a multiple of 8. */
static bracket bracket_key(const ct_selection_kernels *kernels, double *key, int count, int wanted,
                           int few) {
  bracket b = {0, 0, 0, count};
  kernels->range(key, count, &b.low, &b.high);
  b.low -= fabs(b.low) * DBL_EPSILON + DBL_MIN;
  for (int i = count; i % CT_SELECT_STEP; i++) key[i] = INFINITY;
  for (int i = 0; i < NARROWINGS && b.within - b.below > few; i++) {
    double share = i < INTERPOLATED ? (wanted - b.below + 0.5) / (b.within - b.below + 1) : 0.5;
    double middle = b.low + share * (b.high - b.low);
    int found = kernels->count_keys(key, count, middle);
    if (found >= wanted) b.high = middle, b.within = found;
    else b.low = middle, b.below = found;
  }
  return b;
}

/* Keys in a bracket that are sorted by insertion, with nothing to carry along. */
#define SORTED 10

static double largest_up_to(const double *key, int count, double high) {
  double largest = -INFINITY;
  for (int i = 0; i < count; i++)
    if (key[i] <= high && key[i] > largest) largest = key[i];
  return largest;
}

double ct_wanted_key(const ct_selection_kernels *kernels, double *key, int count, int wanted) {
  bracket b = bracket_key(kernels, key, count, wanted, SORTED);
  double sorted[SORTED + 1];
  if (b.within - b.below > SORTED) return largest_up_to(key, count, b.high);
  for (int i = 0, n = 0; i < count; i++) {
    sorted[n] = key[i];
    n += (key[i] > b.low) & (key[i] <= b.high);
  }
  for (int i = 1; i < b.within - b.below; i++) {
    double moved = sorted[i];
    int j = i;
    for (; j > 0 && sorted[j - 1] > moved; j--) sorted[j] = sorted[j - 1];
    sorted[j] = moved;
  }
  return sorted[wanted - b.below - 1];
}

/* ---- the nearest, unsorted ---- */

/* Neighbours in a bracket of which the farthest are dropped. */
#define RESIDUE 24

/* Removes the surplus farthest of count neighbours, which are among the few beyond low. */
static void drop_farthest(pairs p, int count, int surplus, double low) {
  int at[RESIDUE], few = 0;
  for (int i = 0; i < count; i++)
    if (p.distance[i] > low) {
      int j = few++;
      for (; j > 0 && pair_before(p, (size_t)at[j - 1], (size_t)i); j--) at[j] = at[j - 1];
      at[j] = i;
    }
  /* the places of the farthest, now first, from the last to the first: holes are filled from the
   * end */
  for (int i = 1; i < surplus; i++) {
    int place = at[i], j = i;
    for (; j > 0 && at[j - 1] < place; j--) at[j] = at[j - 1];
    at[j] = place;
  }
  for (int i = 0; i < surplus; i++) swap(p, (size_t)at[i], (size_t)(--count));
}

double ct_keep_nearest(const ct_selection_kernels *kernels, double *distance, int *row, int count,
                       int wanted) {
  bracket b = bracket_key(kernels, distance, count, wanted, RESIDUE);
  int within = kernels->keep_keys(distance, row, count, b.high);
  if (within - b.below > RESIDUE) {
    /* masses of equal distances */
    ct_sort_neighbors(distance, row, (size_t)within);
    return distance[wanted - 1];
  }
  drop_farthest((pairs){distance, row}, within, within - wanted, b.low);
  return b.high;
}
