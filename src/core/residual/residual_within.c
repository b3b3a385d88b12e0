/* All candidates within a radius.
 *
 * From radius 1 on that is every candidate, and only distances are left to compute. Below, the pair
 * engine compares |c| of all pairs with what the radius asks for, as the scan for the k nearest
 * does (pair_scan.c), and gives way by its error. While answers are counted, a pair that passes by
 * more than the error is counted as it is; all other pairs that pass, and all when answers are
 * written, are scored by the canonical routine. So a pass costs a blocked product of queries and
 * candidates, and a canonical score for each answer. */

#include "metric/canonical.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "run/select.h"
#include "pairs/pair_scan.h"
#include "residual/residual_rank.h"
#include "run/parallel.h"

/* Pairs of one query that wait to be scored together. */
#define WAITING 64

/* Seconds between polls. */
#define ROUND_SECONDS 0.06

/* Roundings of t, of its root and of the scales move 1 - radius^2 by less. */
#define MARGIN 1e-14

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  double radius; /* of queries without one of their own */
  ct_pair_scan scan;
  const int *order; /* of the queries: by limit, or by position */
  int *count;       /* answers of each query, or NULL: then they are written */
  const size_t *offset;
  int *id;
  double *dist;
} within;

/* Who asks. */
typedef struct {
  const ct_residual *of;
  int query;
  int position; /* in of */
  int row;      /* of an indexed query, -1 for a new point */
  int limit;
  double radius;
  int found;
  int waiting;
  int at[WAITING]; /* positions */
} asker;

/* A thread's queries, and what they meet with. */
typedef struct {
  const within *of;
  int length; /* candidates that at least one of them may find */
  ct_scan_block pairs;
  asker *asker;
  double *work;
  double evaluations;
} block;

static int limit_of(const within *w, int q) {
  const int *limit = w->queries->limit;
  return limit && limit[q] < w->index->n ? limit[q] : w->index->n;
}

static double radius_of(const within *w, int q) {
  return w->queries->radius ? w->queries->radius[q] : w->radius;
}

/* Least |rho| of an answer, less MARGIN. */
static double least_of(double radius) {
  return 1 - radius * radius - MARGIN;
}

static asker asker_of(const within *w, int q) {
  const ct_residual_queries *queries = w->queries;
  asker a = {.of = queries->points ? queries->points : w->index, .query = q, .row = -1};
  a.position = ct_query_position(w->index, queries, q);
  if (!queries->points) a.row = w->index->row[a.position];
  a.limit = limit_of(w, q);
  a.radius = radius_of(w, q);
  return a;
}

static void add_answer(const within *w, asker *a, int position, double distance) {
  if (!w->count) {
    size_t place = w->offset[a->query] + (size_t)a->found;
    w->id[place] = w->index->row[position];
    w->dist[place] = distance;
  }
  a->found++;
}

/* Scores the pairs that wait. */
static void score_waiting(const within *w, block *b, asker *a) {
  double t[WAITING];
  ct_residual_t(a->of, a->position, w->index, a->at, a->waiting, t, b->work, w->scan.pairs.simd);
  for (int j = 0; j < a->waiting; j++) {
    double distance = sqrt(t[j]);
    if (distance <= a->radius) add_answer(w, a, a->at[j], distance);
  }
  b->evaluations += a->waiting;
  a->waiting = 0;
}

static void wait_for_score(const within *w, block *b, asker *a, int position) {
  a->at[a->waiting++] = position;
  if (a->waiting == WAITING) score_waiting(w, b, a);
}

/* ---- a block of queries ---- */

static void start_block(const within *w, block *b, int first) {
  int position[CT_SCAN_LANES] = {0}, left = w->queries->count - first;
  int count = left < w->scan.lanes ? left : w->scan.lanes;
  b->of = w;
  b->length = 0;
  for (int lane = 0; lane < count; lane++) {
    asker *a = b->asker + lane;
    *a = asker_of(w, w->order[first + lane]);
    position[lane] = a->position;
    if (a->limit > b->length) b->length = a->limit;
    /* a point is at distance 0 of itself, also when it is explained */
    if (w->queries->self && a->row >= 0 && a->row < a->limit) add_answer(w, a, a->position, 0);
  }
  ct_scan_block_start(&b->pairs, &w->scan, b->asker->of, position, count);
  for (int lane = 0; lane < count; lane++)
    ct_scan_block_ask(&b->pairs, lane, least_of(b->asker[lane].radius));
}

/* A pair that passed the comparison of vectors. */
static void take_pair(void *owner, int lane, int x, double c) {
  block *b = owner;
  const within *w = b->of;
  asker *a = b->asker + lane;
  int row = w->index->row[x];
  if (row == a->row || row >= a->limit) return;
  if (w->count) {
    double norms = b->pairs.norm[lane] * w->scan.norm[x];
    double sure = fabs(c) - ct_pair_error(&w->scan.pairs, c, norms);
    if (sure * a->of->scale[a->position] * w->index->scale[x] > least_of(a->radius) + 4 * MARGIN) {
      a->found++;
      return;
    }
  }
  wait_for_score(w, b, a, x);
}

/* Positions of candidates from first on, by row when there are limits, the first again behind the
 * end. */
static int candidates_at(const within *w, int first, int to, int *position) {
  int count = to - first < CT_TILE_ROWS ? to - first : CT_TILE_ROWS;
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    int place = first + (i < count ? i : 0);
    position[i] = w->queries->limit ? w->index->position[place] : place;
  }
  return count;
}

/* Candidates from .. to - 1. */
static void meet_candidates(const within *w, block *b, int from, int to) {
  int position[CT_TILE_ROWS], next[CT_TILE_ROWS];
  if (to > b->length) to = b->length;
  for (int first = from; first < to; first += CT_TILE_ROWS) {
    int coming = first + CT_TILE_ROWS < to ? first + CT_TILE_ROWS : first;
    int count = candidates_at(w, first, to, position);
    candidates_at(w, coming, to, next);
    ct_scan_block_meet(&b->pairs, &w->scan, position, count, next, take_pair, b);
  }
}

static void finish_query(const within *w, const asker *a) {
  if (w->count) {
    w->count[a->query] = a->found;
  } else {
    size_t place = w->offset[a->query];
    ct_sort_neighbors(w->dist + place, w->id + place, (size_t)a->found);
  }
}

static void finish_block(const within *w, block *b) {
  for (int lane = 0; lane < b->pairs.count; lane++) {
    score_waiting(w, b, b->asker + lane);
    finish_query(w, b->asker + lane);
  }
}

static ct_status new_block(const within *w, block *b, const ct_run *run) {
  *b = (block){0};
  CT_TRY(ct_scan_block_new(&b->pairs, &w->scan, run));
  CT_NEW(b->asker, &run->arena, w->scan.lanes);
  CT_NEW(b->work, &run->arena, w->index->covariance->work_size + 1);
  return CT_OK;
}

/* ---- all blocks ---- */

/* A block for each thread, from query first on, meets all its candidates, in rounds. */
static ct_status search_blocks(const within *w, block *b, int first, int count, const ct_run *run) {
  int width = w->scan.lanes, length = 0, step = 32 * CT_TILE_ROWS;
  for (int i = 0; i < count; i++) {
    start_block(w, b + i, first + i * width);
    if (b[i].length > length) length = b[i].length;
  }
  for (int from = 0; from < length;) {
    double start = run->now();
    int to = length - from > step ? from + step : length;
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
    for (int i = 0; i < count; i++) meet_candidates(w, b + i, from, to);
    double seconds = run->now() - start;
    double growth = seconds > ROUND_SECONDS / 4 ? ROUND_SECONDS / seconds : 4;
    double next = fmin(step * growth, 1 << 28);
    step = next > CT_TILE_ROWS ? (int)next / CT_TILE_ROWS * CT_TILE_ROWS : CT_TILE_ROWS;
    from = to;
    double queries = (double)count * width * from / length;
    if (run->poll(run->owner, fmin(1, (first + queries) / w->queries->count)))
      return CT_ERR_INTERRUPTED;
  }
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
  for (int i = 0; i < count; i++) finish_block(w, b + i);
  return CT_OK;
}

/* Queries by limit, so that a block may stop early, else by position. */
static ct_status sort_queries(within *w, const ct_run *run) {
  int count = w->queries->count, *order, *limit;
  if (!w->queries->limit) return ct_sort_queries(w->index, w->queries, &w->order, run);
  CT_NEW(order, &run->arena, count);
  CT_NEW(limit, &run->arena, count);
  for (int q = 0; q < count; q++) limit[q] = limit_of(w, q);
  w->order = order;
  return ct_order_by_key(limit, count, w->index->n + 1, order, run);
}

static ct_status search_pairs(within *w, ct_stats *stats, const ct_run *run) {
  block *b;
  CT_TRY(ct_pair_scan_start(&w->scan, w->index, w->queries->count, run));
  CT_TRY(sort_queries(w, run));
  CT_NEW(b, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(new_block(w, b + i, run));
  int width = w->scan.lanes, step = width * run->threads;
  for (int first = 0; first < w->queries->count; first += step) {
    int left = (w->queries->count - first + width - 1) / width;
    CT_TRY(search_blocks(w, b, first, left < run->threads ? left : run->threads, run));
  }
  for (int i = 0; i < run->threads; i++) {
    stats->products += b[i].pairs.products;
    stats->evaluations += b[i].evaluations;
  }
  return CT_OK;
}

/* ---- radius 1 and more ---- */

typedef struct {
  const within *w;
  block *b; /* one a thread, of which only what scoring needs */
} everything;

static void take_all(void *task, int q, int thread) {
  const everything *all = task;
  const within *w = all->w;
  asker a = asker_of(w, q);
  for (int row = 0; row < a.limit; row++) {
    if (row == a.row && !w->queries->self) continue;
    if (w->count && least_of(a.radius) <= 0) a.found++;
    else wait_for_score(w, all->b + thread, &a, w->index->position[row]);
  }
  score_waiting(w, all->b + thread, &a);
  finish_query(w, &a);
}

static ct_status search_everything(within *w, ct_stats *stats, const ct_run *run) {
  everything all = {w, NULL};
  ct_pairs_init(&w->scan.pairs, w->index, run->simd);
  CT_NEW(all.b, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    all.b[i] = (block){0};
    CT_NEW(all.b[i].work, &run->arena, w->index->covariance->work_size + 1);
  }
  CT_TRY(ct_rounds_run(take_all, &all, w->queries->count, 1, 0, 1, run));
  for (int i = 0; i < run->threads; i++) stats->evaluations += all.b[i].evaluations;
  return CT_OK;
}

/* ---- entry ---- */

static double largest_radius(const within *w) {
  double largest = w->queries->radius ? 0 : w->radius;
  for (int q = 0; w->queries->radius && q < w->queries->count; q++)
    largest = fmax(largest, w->queries->radius[q]);
  return largest;
}

static ct_status search(within *w, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  if (least_of(largest_radius(w)) > 0) CT_TRY(search_pairs(w, stats, run));
  else CT_TRY(search_everything(w, stats, run));
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}

ct_status ct_residual_within_count(const ct_residual *index, const ct_residual_queries *queries,
                                   double radius, int *count, ct_stats *stats, const ct_run *run) {
  within w = {.index = index, .queries = queries, .radius = radius, .count = count};
  stats->queries += queries->count;
  return search(&w, stats, run);
}

ct_status ct_residual_within(const ct_residual *index, const ct_residual_queries *queries,
                             double radius, const size_t *offset, int *id, double *dist,
                             ct_stats *stats, const ct_run *run) {
  within w = {.index = index,
              .queries = queries,
              .radius = radius,
              .offset = offset,
              .id = id,
              .dist = dist};
  return search(&w, stats, run);
}
