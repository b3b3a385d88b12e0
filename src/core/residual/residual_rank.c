/* Local search: candidates are given, the canonical routine scores them, the k best stay.
 *
 * A row of V is as long as a page of memory, and fetching it costs more than the product with it.
 * So queries are taken in groups of neighbouring positions, whose candidates overlap much, and each
 * candidate of a group meets all queries that want it at once: t is symmetric, so the candidate may
 * stand first. An array with an entry for each position tells the candidates of a group apart.
 *
 * The given candidates are a matrix by columns, so those of one query lie on as many lines, and
 * pages, as there are: those of the next group are copied while a group is scored, a few at a time,
 * so that the processor has other things to do meanwhile. */

#include "metric/canonical.h"

#include <math.h>
#include <string.h>

#include "run/select.h"
#include "run/inline.h"
#include "residual/residual_rank.h"
#include "run/parallel.h"

/* Queries of a group: with 400 candidates each out of 1,000 in all, a row of V serves six of them,
 * and their own rows, 64 kB for m = 512, stay in the nearest caches. */
#define GROUP 16

/* Groups that one thread does in a row. */
#define GROUPS_IN_A_ROW 8

/* A pair is one query of a group and one of its candidates. */
typedef struct {
  int *candidate; /* row of each pair */
  int *coming;    /* the same of the group that comes next */
  int *number;    /* of each position: 1 + a member's number, or 0 */
  int *member;    /* position of each different candidate */
  int *start;     /* where a member's pairs begin in order[] */
  int *order;     /* pairs by member */
  int *of;        /* member of each pair, -1 for none; pair = query of the group * width + column */
  double *t;      /* of each pair */
  double *dist;   /* of one query's candidates, and their rows, */
  int *row;
  double *sorted_dist; /* the best of them, sorted: CT_RANKED */
  int *sorted_row;
  double *work;
  double evaluations;
} group;

typedef struct {
  const ct_rank_job *job;
  int size; /* queries of a group */
  ct_simd simd;
  group *group; /* one a thread */
  const ct_selection_kernels *select;
} ranking;

/* The candidates of pairs from .. to - 1 of the group to come, which starts at query[first]. */
static void copy_candidates(const ct_rank_job *job, group *g, int first, int from, int to) {
  int i = first + from / job->width, j = from % job->width;
  for (; from < to; from++) {
    size_t row = (size_t)(job->in_order ? i : job->query[i]);
    g->coming[from] = job->candidate[row * job->step + (size_t)j * job->next];
    if (++j == job->width) j = 0, i++;
  }
}

/* Numbers the different candidates in the order in which they come; returns how many there are. */
static int number_members(const ranking *r, group *g, int pairs) {
  const int *position = r->job->index->position;
  int members = 0;
  for (int pair = 0; pair < pairs; pair++) {
    int row = g->candidate[pair];
    g->of[pair] = -1;
    if (row < 0) continue;
    int *number = g->number + position[row];
    if (*number == 0) {
      g->member[members] = position[row];
      g->start[++members] = 0;
      *number = members;
    }
    g->of[pair] = *number - 1;
    g->start[*number]++;
  }
  for (int u = 0; u < members; u++) g->number[g->member[u]] = 0;
  return members;
}

/* Fills of[], member[], start[] and order[] from candidate[]; returns the number of members. */
static int sort_pairs(const ranking *r, group *g, int pairs) {
  int members = number_members(r, g, pairs);
  g->start[0] = 0;
  for (int u = 0; u < members; u++) g->start[u + 1] += g->start[u];
  for (int pair = 0; pair < pairs; pair++)
    if (g->of[pair] >= 0) g->order[g->start[g->of[pair]]++] = pair;
  /* every start now stands where the next begins */
  for (int u = members; u > 0; u--) g->start[u] = g->start[u - 1];
  g->start[0] = 0;
  return members;
}

/* One line in eight wakes the hardware's own prefetcher. */
CT_INLINE void prefetch_row(const ct_residual *index, int position) {
  const double *row = index->V + (size_t)position * (size_t)index->stride;
  for (int t = 0; t < index->stride; t += 64) __builtin_prefetch(row + t, 0, 2);
}

/* next: where the group starts whose candidates, next_pairs, are copied meanwhile. */
static void score_pairs(const ranking *r, group *g, const int *place, int members, int next,
                        int next_pairs) {
  const ct_rank_job *job = r->job;
  const ct_residual *asks = job->queries->points ? job->queries->points : job->index;
  int share = members ? next_pairs / members + 1 : 0, copied = 0;
  for (int u = 0; u < members; u++) {
    int at[GROUP], count = g->start[u + 1] - g->start[u];
    const int *pair = g->order + g->start[u];
    double t[GROUP];
    if (u + 1 < members) prefetch_row(job->index, g->member[u + 1]);
    int to = next_pairs - copied < share ? next_pairs : copied + share;
    copy_candidates(job, g, next, copied, to);
    copied = to;
    for (int i = 0; i < count; i++) at[i] = place[pair[i] / job->width];
    ct_residual_t(job->index, g->member[u], asks, at, count, t, g->work, r->simd);
    for (int i = 0; i < count; i++) g->t[pair[i]] = t[i];
    g->evaluations += count;
  }
  copy_candidates(job, g, next, copied, next_pairs);
}

/* The distances of the pairs from first on, and their rows, of which the k nearest are kept,
 * unordered. Returns how many there are. */
static int keep_best(const ranking *r, group *g, int first) {
  const ct_rank_job *job = r->job;
  int found = 0, end = first + job->width;
  for (int pair = first; pair < end; pair++) {
    if (g->of[pair] < 0) continue;
    g->dist[found] = g->t[pair];
    g->row[found++] = g->candidate[pair];
  }
  for (int i = found; i % CT_SELECT_STEP; i++) g->dist[i] = 0;
  r->select->roots(g->dist, found);
  if (found <= job->k) return found;
  ct_keep_nearest(r->select, g->dist, g->row, found, job->k);
  return job->k;
}

/* Writes the best of query q, whose pairs start at first. */
static void write_best(const ranking *r, group *g, int first, int q) {
  const ct_rank_job *job = r->job;
  int kept = keep_best(r, g, first), *row = g->row;
  double *dist = g->dist;
  if (kept <= CT_RANKED) {
    ct_rank_neighbors(r->select, dist, row, kept, g->sorted_dist, g->sorted_row);
    dist = g->sorted_dist, row = g->sorted_row;
  } else {
    ct_sort_neighbors(dist, row, (size_t)kept);
  }
  for (int i = 0; i < job->k; i++) {
    size_t at = (size_t)q + (size_t)i * (size_t)job->queries->count;
    job->id[at] = i < kept ? row[i] : -1;
    job->dist[at] = i < kept ? dist[i] : NAN;
  }
}

static int group_size(const ranking *r, int first, int end) {
  return end - first < r->size ? end - first : r->size;
}

/* The group that starts at first, in a row of them that ends before end. */
static void rank_group(const ranking *r, group *g, int first, int end) {
  const ct_rank_job *job = r->job;
  int place[GROUP], count = group_size(r, first, end), next = first + count;
  int *candidate = g->candidate;
  g->candidate = g->coming;
  g->coming = candidate;
  for (int i = 0; i < count; i++)
    place[i] = ct_query_position(job->index, job->queries, job->query[first + i]);
  int members = sort_pairs(r, g, count * job->width);
  score_pairs(r, g, place, members, next, group_size(r, next, end) * job->width);
  for (int i = 0; i < count; i++) write_best(r, g, i * job->width, job->query[first + i]);
}

static void rank_groups(void *task, int item, int thread) {
  const ranking *r = task;
  group *g = r->group + thread;
  int row = r->size * GROUPS_IN_A_ROW, first = item * row;
  int end = r->job->count - first < row ? r->job->count : first + row;
  copy_candidates(r->job, g, first, 0, group_size(r, first, end) * r->job->width);
  for (; first < end; first += r->size) rank_group(r, g, first, end);
}

static ct_status new_group(group *g, const ranking *r, const ct_run *run) {
  size_t width = (size_t)r->job->width, pairs = (size_t)r->size * width;
  CT_NEW(g->candidate, &run->arena, pairs);
  CT_NEW(g->coming, &run->arena, pairs);
  CT_NEW(g->number, &run->arena, r->job->index->n);
  memset(g->number, 0, (size_t)r->job->index->n * sizeof *g->number);
  CT_NEW(g->member, &run->arena, pairs);
  CT_NEW(g->start, &run->arena, pairs + 1);
  CT_NEW(g->order, &run->arena, pairs);
  CT_NEW(g->of, &run->arena, pairs);
  CT_NEW(g->t, &run->arena, pairs);
  CT_NEW(g->dist, &run->arena, width + CT_SELECT_STEP);
  CT_NEW(g->row, &run->arena, width + CT_SELECT_STEP);
  CT_NEW(g->sorted_dist, &run->arena, CT_RANKED);
  CT_NEW(g->sorted_row, &run->arena, CT_RANKED);
  CT_NEW(g->work, &run->arena, r->job->index->covariance->work_size + 1);
  g->evaluations = 0;
  return CT_OK;
}

ct_status ct_rank_queries(const ct_rank_job *job, double done, double share, ct_stats *stats,
                          const ct_run *run) {
  ranking r = {.job = job, .simd = run->simd};
  r.select = ct_selection_kernels_of(run->simd);
  /* very long lists overlap in themselves, and a pair is an int */
  r.size = job->width > (1 << 20) ? 1 : GROUP;
  CT_NEW(r.group, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(new_group(r.group + i, &r, run));
  int row = r.size * GROUPS_IN_A_ROW, items = job->count / row + (job->count % row > 0);
  CT_TRY(ct_rounds_run(rank_groups, &r, items, 1, done, share, run));
  for (int i = 0; i < run->threads; i++) stats->evaluations += r.group[i].evaluations;
  return CT_OK;
}

ct_status ct_residual_rank(const ct_residual *index, const ct_residual_queries *queries,
                           const int *candidate, int width, int k, int *id, double *dist,
                           ct_stats *stats, const ct_run *run) {
  if (k < 1 || width < 1) return CT_ERR_DOMAIN;
  double start = run->now();
  ct_rank_job job = {.index = index,
                     .queries = queries,
                     .count = queries->count,
                     .candidate = candidate,
                     .width = width,
                     .step = 1,
                     .next = (size_t)queries->count,
                     .k = k,
                     .id = id,
                     .dist = dist};
  CT_TRY(ct_sort_queries(index, queries, &job.query, run));
  CT_TRY(ct_rank_queries(&job, 0, 1, stats, run));
  stats->queries += queries->count;
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}
