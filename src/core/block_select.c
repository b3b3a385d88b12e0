#include "canonical.h"

#include "block_select.h"

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

/* Parts from..to around a pivot; *left: the end of the smaller ones, *right: where the larger begin. */
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

void ct_rank_neighbors(const ct_kernels *kernels, const double *distance, const int *row, int count,
                       double *sorted_distance, int *sorted_row) {
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
