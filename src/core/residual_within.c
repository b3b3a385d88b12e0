/* All candidates within a radius.
 *
 * From radius 1 on that is every candidate, and only distances are left to compute. Below, the pair
 * engine compares |c| of all pairs with what the radius asks for, as the scan for the k nearest
 * does, and gives way by its error. While answers are counted, a pair that passes by more than the
 * error is counted as it is; all other pairs that pass, and all when answers are written, are
 * scored by the canonical routine. So a pass costs a blocked product of queries and candidates, and
 * a canonical score for each answer. */

#include "canonical.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "block_select.h"
#include "pair.h"
#include "residual_rank.h"
#include "rounds.h"

/* Panels of queries that meet a row of V while it is in the cache; as in residual_scan.c. */
#define PANELS 7
#define QUERIES (PANELS * CT_PANEL)
#define PANEL_BYTES 720000

/* Pairs of one query that wait to be scored together. */
#define WAITING 64

/* Seconds between polls. */
#define ROUND_SECONDS 0.06

/* Roundings of t, of its root and of the scales move 1 - radius^2 by less. */
#define MARGIN 1e-14

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  double radius, least; /* least |rho| of an answer, less MARGIN */
  ct_pairs pairs;
  int panels;
  const int *order;     /* of the queries: by limit, or by position */
  const double *norm, *root; /* of positions: |V|, 1 / scale */
  double largest_norm;
  int *count;           /* answers of each query, or NULL: then they are written */
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
  double norm;  /* of its row of V */
  int found;
  int waiting;
  int at[WAITING]; /* positions */
} asker;

/* A thread's queries, and what they meet with. */
typedef struct {
  int count, length; /* queries; candidates that at least one of them may find */
  asker *asker;
  ct_panel panel[PANELS];
  double *threshold, *error; /* of each query, aligned */
  double *c, *work;
  double products, evaluations;
} block;

static int limit_of(const within *w, int q) {
  const int *limit = w->queries->limit;
  return limit && limit[q] < w->index->n ? limit[q] : w->index->n;
}

static asker asker_of(const within *w, int q) {
  const ct_residual_queries *queries = w->queries;
  asker a = {.of = queries->points ? queries->points : w->index, .query = q, .row = -1};
  a.position = ct_query_position(w->index, queries, q);
  if (!queries->points) a.row = w->index->row[a.position];
  a.limit = limit_of(w, q);
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
  ct_residual_t(a->of, a->position, w->index, a->at, a->waiting, t, b->work, w->pairs.simd);
  for (int j = 0; j < a->waiting; j++) {
    double distance = sqrt(t[j]);
    if (distance <= w->radius) add_answer(w, a, a->at[j], distance);
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
  int width = w->panels * CT_PANEL, left = w->queries->count - first;
  b->count = left < width ? left : width;
  b->length = 0;
  for (int lane = 0; lane < QUERIES; lane++) b->threshold[lane] = INFINITY, b->error[lane] = 0;
  for (int lane = 0; lane < b->count; lane++) {
    asker *a = b->asker + lane;
    *a = asker_of(w, w->order[first + lane]);
    double scale = a->of->scale[a->position];
    a->norm = ct_residual_norm(a->of, a->position);
    if (scale > 0) b->threshold[lane] = w->least / scale * (1 - MARGIN);
    b->error[lane] = ct_pair_error_bound(&w->pairs, a->norm * w->largest_norm);
    if (a->limit > b->length) b->length = a->limit;
    /* a point is at distance 0 of itself, also when it is explained */
    if (w->queries->self && a->row >= 0 && a->row < a->limit) add_answer(w, a, a->position, 0);
  }
  for (int lane = 0; lane < b->count; lane += CT_PANEL) {
    int position[CT_PANEL], lanes = b->count - lane < CT_PANEL ? b->count - lane : CT_PANEL;
    for (int l = 0; l < lanes; l++) position[l] = b->asker[lane + l].position;
    ct_panel_pack(b->panel + lane / CT_PANEL, b->asker->of, position, lanes);
  }
}

/* A pair that passed the comparison of vectors. */
static void take_pair(const within *w, block *b, int lane, int x, double c) {
  asker *a = b->asker + lane;
  int row = w->index->row[x];
  if (row == a->row || row >= a->limit) return;
  if (w->count) {
    double sure = fabs(c) - ct_pair_error(&w->pairs, c, a->norm * w->norm[x]);
    if (sure * a->of->scale[a->position] * w->index->scale[x] > w->least + 4 * MARGIN) {
      a->found++;
      return;
    }
  }
  wait_for_score(w, b, a, x);
}

static void meet_rows(const within *w, block *b, const int *position, int count) {
  ct_pair_rows rows;
  double root[CT_TILE_ROWS];
  unsigned pass[CT_TILE_ROWS];
  ct_pair_rows_at(&rows, w->index, position);
  for (int i = 0; i < CT_TILE_ROWS; i++) root[i] = w->root[position[i]];
  for (int lane = 0; lane < b->count; lane += CT_PANEL) {
    ct_pairs_tile(&w->pairs, b->panel + lane / CT_PANEL, &rows, b->c, b->work);
    w->pairs.kernels->compare(b->c, b->threshold + lane, b->error + lane, root, pass);
    for (int i = 0; i < count; i++)
      for (int l = 0; pass[i]; l++, pass[i] >>= 1)
        if (pass[i] & 1) take_pair(w, b, lane + l, position[i], b->c[i * CT_PANEL + l]);
  }
  b->products += (double)count * b->count;
}

/* Candidates from .. to - 1, by row when there are limits, else by position. */
static void meet_candidates(const within *w, block *b, int from, int to) {
  if (to > b->length) to = b->length;
  for (int first = from; first < to; first += CT_TILE_ROWS) {
    int position[CT_TILE_ROWS], count = to - first < CT_TILE_ROWS ? to - first : CT_TILE_ROWS;
    for (int i = 0; i < CT_TILE_ROWS; i++) {
      int place = first + (i < count ? i : 0);
      position[i] = w->queries->limit ? w->index->position[place] : place;
    }
    meet_rows(w, b, position, count);
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
  for (int lane = 0; lane < b->count; lane++) {
    score_waiting(w, b, b->asker + lane);
    finish_query(w, b->asker + lane);
  }
}

static ct_status new_block(const within *w, block *b, const ct_run *run) {
  *b = (block){0};
  for (int p = 0; p < w->panels; p++)
    CT_TRY(ct_panel_new(b->panel + p, w->pairs.rank, w->pairs.dim, &run->arena));
  CT_NEW(b->asker, &run->arena, QUERIES);
  CT_NEW(b->threshold, &run->arena, QUERIES);
  CT_NEW(b->error, &run->arena, QUERIES);
  CT_NEW(b->c, &run->arena, CT_TILE);
  CT_NEW(b->work, &run->arena, ct_pairs_work(&w->pairs, CT_TILE));
  return CT_OK;
}

/* ---- all blocks ---- */

/* A block for each thread, from query first on, meets all its candidates, in rounds. */
static ct_status search_blocks(const within *w, block *b, int first, int count, const ct_run *run) {
  int width = w->panels * CT_PANEL, length = 0, step = 32 * CT_TILE_ROWS;
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

static ct_status measure_points(within *w, const ct_run *run) {
  int n = w->index->n;
  double *norm, *root;
  CT_NEW(norm, &run->arena, n);
  CT_NEW(root, &run->arena, n);
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < n; i++) {
    norm[i] = ct_residual_norm(w->index, i);
    root[i] = w->index->scale[i] > 0 ? 1 / w->index->scale[i] : INFINITY;
  }
  w->norm = norm, w->root = root, w->largest_norm = 0;
  for (int i = 0; i < n; i++)
    if (w->index->scale[i] > 0) w->largest_norm = fmax(w->largest_norm, norm[i]);
  return CT_OK;
}

/* Queries by limit, so that a block may stop early, else by position. */
static ct_status sort_queries(within *w, const ct_run *run) {
  int count = w->queries->count, n = w->index->n, *order, *start;
  if (!w->queries->limit) return ct_sort_queries(w->index, w->queries, &w->order, run);
  CT_NEW(order, &run->arena, count);
  CT_NEW(start, &run->arena, (size_t)n + 2);
  memset(start, 0, ((size_t)n + 2) * sizeof *start);
  for (int q = 0; q < count; q++) start[limit_of(w, q) + 1]++;
  for (int i = 0; i <= n; i++) start[i + 1] += start[i];
  for (int q = 0; q < count; q++) order[start[limit_of(w, q)]++] = q;
  w->order = order;
  return CT_OK;
}

static int panels_for(const within *w, int threads) {
  size_t bytes = (size_t)w->pairs.rank * CT_PANEL * sizeof(double);
  int fair = w->queries->count / threads / CT_PANEL + 1, panels = PANELS;
  if (bytes > 0 && PANEL_BYTES / bytes < (size_t)panels) panels = (int)(PANEL_BYTES / bytes);
  if (fair < panels) panels = fair;
  return panels > 1 ? panels : 1;
}

static ct_status search_pairs(within *w, ct_stats *stats, const ct_run *run) {
  block *b;
  ct_pairs_init(&w->pairs, w->index, run->simd);
  w->panels = panels_for(w, run->threads);
  CT_TRY(measure_points(w, run));
  CT_TRY(sort_queries(w, run));
  CT_NEW(b, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(new_block(w, b + i, run));
  int width = w->panels * CT_PANEL, step = width * run->threads;
  for (int first = 0; first < w->queries->count; first += step) {
    int left = (w->queries->count - first + width - 1) / width;
    CT_TRY(search_blocks(w, b, first, left < run->threads ? left : run->threads, run));
  }
  for (int i = 0; i < run->threads; i++) {
    stats->products += b[i].products;
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
    if (w->count) a.found++;
    else wait_for_score(w, all->b + thread, &a, w->index->position[row]);
  }
  score_waiting(w, all->b + thread, &a);
  finish_query(w, &a);
}

static ct_status search_everything(within *w, ct_stats *stats, const ct_run *run) {
  everything all = {w, NULL};
  ct_pairs_init(&w->pairs, w->index, run->simd);
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

static ct_status search(within *w, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  w->least = 1 - w->radius * w->radius - MARGIN;
  if (w->least > 0) CT_TRY(search_pairs(w, stats, run));
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
  within w = {.index = index, .queries = queries, .radius = radius, .offset = offset, .id = id,
              .dist = dist};
  return search(&w, stats, run);
}
