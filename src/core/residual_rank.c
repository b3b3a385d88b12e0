/* Local search: candidates are given, the canonical routine scores them, the k best stay.
 *
 * A row of V is as long as a page of memory, and fetching it costs more than the product with it. So
 * queries are taken in groups of neighbouring positions, whose candidates overlap much, and each
 * candidate of a group meets all queries that want it at once: t is symmetric, so the candidate may
 * stand first. The candidates of a group are told apart by a hash table of their positions. */

#include "canonical.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "block_select.h"
#include "residual_search.h"
#include "rounds.h"

/* Queries of a group: with 400 candidates each out of 1,000 in all, a row of V serves six of them,
 * and their own rows, 64 kB for m = 512, stay in the nearest caches. */
#define GROUP 16

/* A pair is one query of a group and one of its candidates. */
typedef struct {
  int *table;     /* slots of the hash table: 1 + a member's number, or 0 */
  int *member;    /* position of each different candidate */
  int *start;     /* where a member's pairs begin in order[] */
  int *order;     /* pairs by member */
  int *of;        /* member of each pair, -1 for none; pair = query of the group * width + column */
  double *t;      /* of each pair */
  double *dist;   /* of one query's survivors, and their rows */
  int *row;
  double *work;
  double evaluations;
} group;

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  const int *candidate;
  int width, k, size; /* size: queries of a group */
  int *id;
  double *dist;
  ct_simd simd;
  const int *order;   /* of the queries */
  group *group;       /* one a thread */
  unsigned slots;     /* of a table, a power of two */
} ranking;

/* Queries by position, so that neighbours follow each other; new points as they come. */
static ct_status sort_queries(ranking *r, const ct_run *run) {
  int count = r->queries->count, n = r->index->n, *order;
  CT_NEW(order, &run->arena, count);
  for (int q = 0; q < count; q++) order[q] = q;
  r->order = order;
  if (r->queries->points) return CT_OK;
  int *start;
  CT_NEW(start, &run->arena, (size_t)n + 1);
  memset(start, 0, ((size_t)n + 1) * sizeof *start);
  const int *rows = r->queries->rows, *position = r->index->position;
  for (int q = 0; q < count; q++) start[position[rows ? rows[q] : q] + 1]++;
  for (int i = 0; i < n; i++) start[i + 1] += start[i];
  for (int q = 0; q < count; q++) order[start[position[rows ? rows[q] : q]]++] = q;
  return CT_OK;
}

/* The number of a candidate's position among the group's, a new one if need be. */
static int member_of(group *g, unsigned slots, int position, int *members) {
  unsigned slot = (unsigned)position * 2654435769u; /* Knuth's multiplicative hashing */
  for (slot ^= slot >> 15;; slot++) {
    int *entry = g->table + (slot & (slots - 1));
    if (*entry == 0) {
      g->member[*members] = position;
      *entry = ++*members;
    }
    if (g->member[*entry - 1] == position) return *entry - 1;
  }
}

/* Fills of[], member[], start[] and order[]; returns the number of members. */
static int sort_pairs(const ranking *r, group *g, const int *query, int count) {
  int members = 0, pairs = count * r->width;
  memset(g->table, 0, r->slots * sizeof *g->table);
  memset(g->start, 0, ((size_t)pairs + 1) * sizeof *g->start);
  for (int i = 0, pair = 0; i < count; i++)
    for (int j = 0; j < r->width; j++, pair++) {
      int row = r->candidate[(size_t)query[i] + (size_t)j * (size_t)r->queries->count];
      g->of[pair] = row < 0 ? -1 : member_of(g, r->slots, r->index->position[row], &members);
      if (row >= 0) g->start[g->of[pair] + 1]++;
    }
  for (int u = 0; u < members; u++) g->start[u + 1] += g->start[u];
  for (int pair = 0; pair < pairs; pair++)
    if (g->of[pair] >= 0) g->order[g->start[g->of[pair]]++] = pair;
  /* every start now stands where the next begins */
  for (int u = members; u > 0; u--) g->start[u] = g->start[u - 1];
  g->start[0] = 0;
  return members;
}

/* One line in eight wakes the hardware's own prefetcher. */
static void prefetch_row(const ct_residual *index, int position) {
#if defined(__GNUC__) || defined(__clang__)
  const double *row = index->V + (size_t)position * (size_t)index->stride;
  for (int t = 0; t < index->stride; t += 64) __builtin_prefetch(row + t, 0, 2);
#else
  (void)index, (void)position;
#endif
}

static void score_pairs(const ranking *r, group *g, const int *place, int members) {
  const ct_residual *asks = r->queries->points ? r->queries->points : r->index;
  for (int u = 0; u < members; u++) {
    int at[GROUP], count = g->start[u + 1] - g->start[u];
    const int *pair = g->order + g->start[u];
    double t[GROUP];
    if (u + 1 < members) prefetch_row(r->index, g->member[u + 1]);
    for (int i = 0; i < count; i++) at[i] = place[pair[i] / r->width];
    ct_residual_t(r->index, g->member[u], asks, at, count, t, g->work, r->simd);
    for (int i = 0; i < count; i++) g->t[pair[i]] = t[i];
    g->evaluations += count;
  }
}

/* The k-th smallest of count values, which are permuted (Hoare). */
static double kth_smallest(double *value, int count, int k) {
  int low = 0, high = count - 1, nth = k - 1;
  while (low < high) {
    double pivot = value[low + (high - low) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (value[i] < pivot) i++;
      while (pivot < value[j]) j--;
      if (i > j) break;
      double swap = value[i];
      value[i++] = value[j];
      value[j--] = swap;
    }
    if (nth <= j) high = j;
    else if (nth >= i) low = i;
    else break;
  }
  return value[nth];
}

/* A t not above this may have the root of t = kth, or a smaller one: roots are rounded by half an eps. */
static double with_equal_root(double kth) { return kth * (1 + 4 * DBL_EPSILON); }

/* Writes query q's best, whose pairs start at first. */
static void write_best(const ranking *r, group *g, int first, int q) {
  int found = 0, kept = 0;
  for (int pair = first; pair < first + r->width; pair++)
    if (g->of[pair] >= 0) g->dist[found++] = g->t[pair];
  double last = found > r->k ? with_equal_root(kth_smallest(g->dist, found, r->k)) : 1;
  for (int pair = first; pair < first + r->width; pair++)
    if (g->of[pair] >= 0 && g->t[pair] <= last) {
      g->dist[kept] = sqrt(g->t[pair]);
      g->row[kept++] = r->index->row[g->member[g->of[pair]]];
    }
  ct_sort_neighbors(g->dist, g->row, (size_t)kept);
  for (int i = 0; i < r->k; i++) {
    size_t at = (size_t)q + (size_t)i * (size_t)r->queries->count;
    r->id[at] = i < kept ? g->row[i] : -1;
    r->dist[at] = i < kept ? g->dist[i] : NAN;
  }
}

static void rank_group(void *task, int item, int thread) {
  const ranking *r = task;
  group *g = r->group + thread;
  const int *query = r->order + (size_t)item * (size_t)r->size;
  int place[GROUP], count = r->queries->count - item * r->size;
  if (count > r->size) count = r->size;
  for (int i = 0; i < count; i++) {
    int q = query[i];
    const int *rows = r->queries->rows;
    place[i] = r->queries->points ? q : r->index->position[rows ? rows[q] : q];
  }
  score_pairs(r, g, place, sort_pairs(r, g, query, count));
  for (int i = 0; i < count; i++) write_best(r, g, i * r->width, query[i]);
}

static ct_status new_group(group *g, const ranking *r, const ct_run *run) {
  size_t pairs = (size_t)r->size * (size_t)r->width;
  CT_NEW(g->table, &run->arena, r->slots);
  CT_NEW(g->member, &run->arena, pairs);
  CT_NEW(g->start, &run->arena, pairs + 1);
  CT_NEW(g->order, &run->arena, pairs);
  CT_NEW(g->of, &run->arena, pairs);
  CT_NEW(g->t, &run->arena, pairs);
  CT_NEW(g->dist, &run->arena, r->width);
  CT_NEW(g->row, &run->arena, r->width);
  CT_NEW(g->work, &run->arena, r->index->covariance->work_size + 1);
  g->evaluations = 0;
  return CT_OK;
}

ct_status ct_residual_rank(const ct_residual *index, const ct_residual_queries *queries,
                           const int *candidate, int width, int k, int *id, double *dist,
                           ct_stats *stats, const ct_run *run) {
  if (k < 1 || width < 1) return CT_ERR_DOMAIN;
  double start = run->now();
  ranking r = {.index = index, .queries = queries, .candidate = candidate, .width = width, .k = k,
               .id = id, .dist = dist, .simd = run->simd};
  /* very long lists overlap in themselves, and a pair is an int */
  r.size = width > (1 << 20) ? 1 : GROUP;
  for (r.slots = 64; r.slots < 2 * (unsigned)r.size * (unsigned)width;) r.slots *= 2;
  CT_TRY(sort_queries(&r, run));
  CT_NEW(r.group, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(new_group(r.group + i, &r, run));
  int groups = queries->count / r.size + (queries->count % r.size > 0);
  CT_TRY(ct_rounds_run(rank_group, &r, groups, 1, 0, 1, run));
  for (int i = 0; i < run->threads; i++) stats->evaluations += r.group[i].evaluations;
  stats->queries += queries->count;
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}
