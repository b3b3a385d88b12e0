#include "canonical.h"

#include "shortlist.h"

#include <math.h>
#include <string.h>

ct_asker ct_asker_of(const ct_residual *index, const ct_residual_queries *queries, int q) {
  ct_asker asker;
  asker.limit = queries->limit ? queries->limit[q] : index->n;
  if (queries->points) {
    asker.of = queries->points;
    asker.position = q;
    asker.row = -1;
  } else {
    asker.of = index;
    asker.row = queries->rows ? queries->rows[q] : q;
    asker.position = index->position[asker.row];
  }
  return asker;
}

ct_status ct_scorer_new(ct_scorer *scorer, const ct_residual *index, int k, int capacity,
                        const ct_run *run) {
  memset(scorer, 0, sizeof *scorer);
  scorer->index = index;
  scorer->simd = run->simd;
  scorer->k = k;
  scorer->capacity = capacity;
  CT_NEW(scorer->position, &run->arena, capacity);
  CT_NEW(scorer->t, &run->arena, capacity);
  CT_NEW(scorer->value, &run->arena, capacity);
  CT_NEW(scorer->spare, &run->arena, capacity);
  CT_NEW(scorer->work, &run->arena, index->covariance->work_size + 1);
  CT_NEW(scorer->mark, &run->arena, index->n);
  memset(scorer->mark, 0, (size_t)index->n * sizeof *scorer->mark);
  return CT_OK;
}

void ct_shortlist_start(ct_shortlist *list) {
  list->count = 0;
  list->least = CT_RHO_NULL;
}

/* Hoare's selection: after a pass, value[..j] >= pivot >= value[i..]. */
double ct_kth_largest(double *value, int count, int k) {
  int low = 0, high = count - 1, nth = k - 1;
  while (low < high) {
    double pivot = value[low + (high - low) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (value[i] > pivot) i++;
      while (value[j] < pivot) j--;
      if (i > j) break;
      double swap = value[i];
      value[i++] = value[j];
      value[j--] = swap;
    }
    if (nth <= j)
      high = j;
    else if (nth >= i)
      low = i;
    else
      break;
  }
  return value[nth];
}

void ct_shortlist_reduce(ct_shortlist *list, ct_scorer *scorer) {
  if (list->count < scorer->k) return;
  for (int i = 0; i < list->count; i++) scorer->value[i] = list->entry[i].low;
  double least = ct_kth_largest(scorer->value, list->count, scorer->k);
  if (least > list->least) list->least = least;
  int kept = 0;
  for (int i = 0; i < list->count; i++)
    if (list->entry[i].high >= list->least) list->entry[kept++] = list->entry[i];
  list->count = kept;
}

/* Whether two points have the same distance from everybody else: the same coordinates, factor and
 * residual variance. Masses of duplicates stand side by side, and would all have to be scored where
 * they tie for the last place. */
static int same_point(const ct_residual *index, int a, int b) {
  size_t dim = (size_t)index->dim, stride = (size_t)index->stride;
  return memcmp(index->x + (size_t)a * dim, index->x + (size_t)b * dim,
                dim * sizeof *index->x) == 0 &&
         index->scale[a] == index->scale[b] &&
         (index->rank == 0 || memcmp(index->V + (size_t)a * stride, index->V + (size_t)b * stride,
                                     (size_t)index->rank * sizeof *index->V) == 0);
}

/* Whether entry i gets the distance of the entry before it, which is known or about to be. An
 * indexed query is at distance 0 from itself, but not always from its duplicates. */
static int is_twin(const ct_shortlist *list, int i, double below, const ct_asker *asker,
                   const ct_residual *index) {
  if (i == 0) return 0;
  const ct_candidate *before = list->entry + i - 1;
  if (before->dist < 0 && before->low >= below) return 0;
  if (asker->of == index && before->position == asker->position) return 0;
  return same_point(index, list->entry[i].position, before->position);
}

/* Those whose low is below. */
static void score_where(ct_shortlist *list, double below, const ct_asker *asker,
                        ct_scorer *scorer) {
  int unknown = 0;
  for (int i = 0; i < list->count; i++) {
    ct_candidate *entry = list->entry + i;
    if (entry->dist >= 0 || entry->low >= below) continue;
    entry->twin = is_twin(list, i, below, asker, scorer->index);
    if (!entry->twin) scorer->position[unknown++] = entry->position;
  }
  ct_residual_t(asker->of, asker->position, scorer->index, scorer->position, unknown, scorer->t,
                scorer->work, scorer->simd);
  scorer->evaluations += unknown;
  for (int i = 0, u = 0; i < list->count; i++) {
    ct_candidate *entry = list->entry + i;
    if (entry->dist >= 0 || entry->low >= below) continue;
    if (entry->twin) {
      entry->dist = entry[-1].dist;
      entry->high = entry[-1].high;
      entry->low = entry[-1].low;
      continue;
    }
    double t = scorer->t[u++];
    entry->dist = sqrt(t);
    entry->high = 1 - t + CT_T_ROUNDING;
    entry->low = 1 - t - CT_T_ROUNDING;
  }
}

void ct_shortlist_score(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer) {
  score_where(list, 2, asker, scorer);
}

void ct_shortlist_score_unbounded(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer) {
  score_where(list, 0, asker, scorer);
}

static int before(const ct_candidate *a, const ct_candidate *b, const int *row) {
  return a->dist < b->dist || (a->dist == b->dist && row[a->position] < row[b->position]);
}

/* Runs of so many are sorted by insertion. */
#define RUN 8

static void insert_run(ct_candidate *entry, int count, const int *row) {
  for (int i = 1; i < count; i++) {
    ct_candidate moved = entry[i];
    int j = i;
    for (; j > 0 && before(&moved, entry + j - 1, row); j--) entry[j] = entry[j - 1];
    entry[j] = moved;
  }
}

static void merge(const ct_candidate *a, int a_count, const ct_candidate *b, int b_count,
                  ct_candidate *out, const int *row) {
  while (a_count > 0 && b_count > 0) {
    if (before(b, a, row))
      *out++ = *b++, b_count--;
    else
      *out++ = *a++, a_count--;
  }
  memcpy(out, a, (size_t)a_count * sizeof *out);
  memcpy(out + a_count, b, (size_t)b_count * sizeof *out);
}

/* Merge sort, bottom up. */
static void sort_by_distance(ct_candidate *entry, int count, ct_candidate *spare, const int *row) {
  ct_candidate *from = entry, *to = spare;
  for (int first = 0; first < count; first += RUN)
    insert_run(entry + first, count - first < RUN ? count - first : RUN, row);
  for (int run = RUN; run < count; run *= 2) {
    for (int first = 0; first < count; first += 2 * run) {
      int left = count - first < run ? count - first : run;
      int right = count - first - left < run ? count - first - left : run;
      merge(from + first, left, from + first + left, right, to + first, row);
    }
    ct_candidate *swap = from;
    from = to;
    to = swap;
  }
  if (from != entry) memcpy(entry, from, (size_t)count * sizeof *entry);
}

/* The list stays full when more candidates than fit cannot be told apart by bounds, such as masses
 * of duplicates: then distances decide, and the k best of those seen remain. */
static void make_room(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer) {
  ct_shortlist_reduce(list, scorer);
  if (list->count <= list->capacity - list->capacity / 4) return;
  ct_shortlist_score(list, asker, scorer);
  ct_shortlist_reduce(list, scorer);
  if (list->count <= scorer->k) return;
  sort_by_distance(list->entry, list->count, scorer->spare, scorer->index->row);
  list->count = scorer->k;
}

void ct_shortlist_add(ct_shortlist *list, const ct_candidate *candidate, const ct_asker *asker,
                      ct_scorer *scorer) {
  list->entry[list->count++] = *candidate;
  if (list->count == list->capacity) make_room(list, asker, scorer);
}

void ct_shortlist_add_self(ct_shortlist *list, const ct_residual_queries *queries,
                           const ct_asker *asker, ct_scorer *scorer) {
  if (!queries->self || asker->row < 0 || asker->row >= asker->limit) return;
  ct_candidate own = {1, 2, 0, asker->position, 0};
  ct_shortlist_add(list, &own, asker, scorer);
}

static int nearer_than_one(const ct_shortlist *list, int k) {
  int count = 0;
  while (count < list->count && count < k && list->entry[count].dist < 1) count++;
  return count;
}

void ct_shortlist_write(ct_shortlist *list, const ct_asker *asker, int self, ct_scorer *scorer,
                        int *id, double *dist, size_t step) {
  const int *row = scorer->index->row;
  int k = scorer->k;
  ct_shortlist_reduce(list, scorer);
  ct_shortlist_score(list, asker, scorer);
  sort_by_distance(list->entry, list->count, scorer->spare, row);
  int found = nearer_than_one(list, k);
  int mark = ++scorer->marks;
  for (int i = 0; i < found; i++) {
    int r = row[list->entry[i].position];
    id[(size_t)i * step] = r;
    dist[(size_t)i * step] = list->entry[i].dist;
    scorer->mark[r] = mark;
  }
  for (int r = 0; found < k && r < asker->limit; r++) {
    if (scorer->mark[r] == mark || (r == asker->row && !self)) continue;
    id[(size_t)found * step] = r;
    dist[(size_t)found++ * step] = 1;
  }
  for (; found < k; found++) {
    id[(size_t)found * step] = -1;
    dist[(size_t)found * step] = NAN;
  }
}
