#include "metric/canonical.h"

#include "pairs/shortlist.h"

#include <math.h>
#include <string.h>

#include "run/select.h"

ct_status ct_scorer_new(ct_scorer *scorer, const ct_residual *index, int k, int capacity,
                        const ct_run *run) {
  memset(scorer, 0, sizeof *scorer);
  scorer->index = index;
  scorer->simd = run->simd;
  scorer->select = ct_selection_kernels_of(run->simd);
  scorer->k = k;
  scorer->capacity = capacity;
  CT_NEW(scorer->position, &run->arena, capacity);
  CT_NEW(scorer->t, &run->arena, capacity);
  CT_NEW(scorer->value, &run->arena, (size_t)capacity + CT_SELECT_STEP);
  CT_NEW(scorer->dist, &run->arena, (size_t)capacity + CT_SELECT_STEP);
  CT_NEW(scorer->row, &run->arena, capacity);
  CT_NEW(scorer->sorted_dist, &run->arena, CT_RANKED);
  CT_NEW(scorer->sorted_row, &run->arena, CT_RANKED);
  CT_NEW(scorer->work, &run->arena, index->covariance->work_size + 1);
  CT_NEW(scorer->mark, &run->arena, index->n);
  memset(scorer->mark, 0, (size_t)index->n * sizeof *scorer->mark);
  return CT_OK;
}

void ct_shortlist_start(ct_shortlist *list) {
  list->count = 0;
  list->least = CT_RHO_NULL;
}

double ct_kth_largest(const ct_selection_kernels *kernels, double *value, int count, int k) {
  for (int i = 0; i < count; i++) value[i] = -value[i];
  return -ct_wanted_key(kernels, value, count, k);
}

void ct_shortlist_reduce(ct_shortlist *list, ct_scorer *scorer) {
  if (list->count < scorer->k) return;
  for (int i = 0; i < list->count; i++) scorer->value[i] = list->entry[i].low;
  double least = ct_kth_largest(scorer->select, scorer->value, list->count, scorer->k);
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
  return index->scale[a] == index->scale[b] &&
         memcmp(index->x + (size_t)a * dim, index->x + (size_t)b * dim, dim * sizeof *index->x) ==
             0 &&
         (index->rank == 0 || memcmp(index->V + (size_t)a * stride, index->V + (size_t)b * stride,
                                     (size_t)index->rank * sizeof *index->V) == 0);
}

/* Whether entry i gets the distance of the entry before it, which is known or about to be. An
 * indexed query is at distance 0 from itself, but not always from its duplicates. */
static int is_twin(const ct_shortlist *list, int i, double below, const ct_asker *asker,
                   const ct_residual *index) {
  if (i == 0) return 0;
  const ct_shortlist_entry *before = list->entry + i - 1;
  if (before->dist < 0 && before->low >= below) return 0;
  if (asker->of == index && before->position == asker->position) return 0;
  return same_point(index, list->entry[i].position, before->position);
}

/* Those whose low is below. */
static void score_where(ct_shortlist *list, double below, const ct_asker *asker,
                        ct_scorer *scorer) {
  int unknown = 0;
  for (int i = 0; i < list->count; i++) {
    ct_shortlist_entry *entry = list->entry + i;
    if (entry->dist >= 0 || entry->low >= below) continue;
    entry->twin = is_twin(list, i, below, asker, scorer->index);
    if (!entry->twin) scorer->position[unknown++] = entry->position;
  }
  ct_residual_t(asker->of, asker->position, scorer->index, scorer->position, unknown, scorer->t,
                scorer->work, scorer->simd);
  scorer->evaluations += unknown;
  for (int i = 0, u = 0; i < list->count; i++) {
    ct_shortlist_entry *entry = list->entry + i;
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

typedef struct {
  const double *dist;
  const int *row;
} ranked;

/* The distances and rows of a scored list, by distance and row. */
static ranked sort_list(const ct_shortlist *list, ct_scorer *scorer) {
  for (int i = 0; i < list->count; i++) {
    scorer->dist[i] = list->entry[i].dist;
    scorer->row[i] = scorer->index->row[list->entry[i].position];
  }
  if (list->count > CT_RANKED) {
    ct_sort_neighbors(scorer->dist, scorer->row, (size_t)list->count);
    return (ranked){scorer->dist, scorer->row};
  }
  ct_rank_neighbors(scorer->select, scorer->dist, scorer->row, list->count, scorer->sorted_dist,
                    scorer->sorted_row);
  return (ranked){scorer->sorted_dist, scorer->sorted_row};
}

/* Leaves the k nearest of a scored list of more. */
static void keep_nearest(ct_shortlist *list, ct_scorer *scorer) {
  ranked sorted = sort_list(list, scorer);
  double last_dist = sorted.dist[scorer->k - 1];
  int last_row = sorted.row[scorer->k - 1], kept = 0;
  for (int i = 0; i < list->count; i++) {
    const ct_shortlist_entry *entry = list->entry + i;
    int row = scorer->index->row[entry->position];
    if (entry->dist < last_dist || (entry->dist == last_dist && row <= last_row))
      list->entry[kept++] = *entry;
  }
  list->count = kept;
}

/* The list stays full when more candidates than fit cannot be told apart by bounds, such as masses
 * of duplicates: then distances decide, and the k best of those seen remain. */
static void make_room(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer) {
  ct_shortlist_reduce(list, scorer);
  if (list->count <= list->capacity - list->capacity / 4) return;
  ct_shortlist_score(list, asker, scorer);
  ct_shortlist_reduce(list, scorer);
  if (list->count > scorer->k) keep_nearest(list, scorer);
}

void ct_shortlist_add(ct_shortlist *list, const ct_shortlist_entry *candidate,
                      const ct_asker *asker, ct_scorer *scorer) {
  list->entry[list->count++] = *candidate;
  if (list->count == list->capacity) make_room(list, asker, scorer);
}

void ct_shortlist_add_self(ct_shortlist *list, const ct_residual_queries *queries,
                           const ct_asker *asker, ct_scorer *scorer) {
  if (!queries->self || asker->row < 0 || asker->row >= asker->limit) return;
  ct_shortlist_entry own = {1, 2, 0, asker->position, 0};
  ct_shortlist_add(list, &own, asker, scorer);
}

static int nearer_than_one(const double *dist, int count) {
  int i = 0;
  while (i < count && dist[i] < 1) i++;
  return i;
}

void ct_shortlist_write(ct_shortlist *list, const ct_asker *asker, int self, ct_scorer *scorer,
                        int *id, double *dist, size_t step) {
  int k = scorer->k;
  ct_shortlist_reduce(list, scorer);
  ct_shortlist_score(list, asker, scorer);
  ranked sorted = sort_list(list, scorer);
  int found = nearer_than_one(sorted.dist, list->count < k ? list->count : k);
  int mark = ++scorer->marks;
  for (int i = 0; i < found; i++) {
    id[(size_t)i * step] = sorted.row[i];
    dist[(size_t)i * step] = sorted.dist[i];
    scorer->mark[sorted.row[i]] = mark;
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
