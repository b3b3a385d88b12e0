/* The scan: blocks of queries, packed into panels that stay in the second level cache, meet all
 * candidates, CT_TILE_ROWS of them at a time.
 *
 * A pair passes when |c| >= least sqrt(p_q p_x) - error, one multiplication and one comparison
 * without a root or a division; error bounds the distance of the fast c from the canonical one for
 * the largest |V_x| of the index. What passes is looked at again with its own error and enters the
 * query's list (shortlist.h), which raises least. Canonical distances are computed at the end, for
 * little more than k candidates per query.
 *
 * With limits, candidates come in the order of their rows, queries in the order of their limits,
 * and a block stops at its largest limit: about half the pairs for predecessors. Without,
 * candidates come in the order of positions, from the block's own place onwards, because near ones
 * raise least soonest.
 *
 * When k is so large that nearly everything would be scored after all, everything is scored at
 * once.
 *
 * Cost, in pairs of n a query: one product each, and little more than k scores. Masses of duplicates
 * that tie for the last place cost one score for each run of them. Different points that rounding
 * cannot tell apart (crumbs of 1e-7 around a few places, with a covariance so smooth that p is 1e-8)
 * must be scored one by one: a block that notices so scores all candidates that are still to come, and
 * measures none of them. So no data cost more than CT_BLURRED, and the full lists that made it notice,
 * on top of n. */

#include "canonical.h"

#include "pair.h"
#include "rounds.h"
#include "shortlist.h"
#include "two_frame.h"

#include <math.h>
#include <string.h>

/* Panels of a block, at most: 7 * 24 queries of m = 512 take 690 kB, what fits a level 2 cache of 1
 * MB beside the rows that pass by. */
#define CT_BLOCK_PANELS 7
#define CT_BLOCK_BYTES 720000

/* k above this share of the candidates, or so few queries that most lanes of a panel would be empty:
 * score everything. A full list, 2 k + 64, is at most a tenth of the candidates otherwise. */
#define CT_DIRECT_SHARE 24
#define CT_DIRECT_QUERIES 3

/* When scores of full lists exceed this share of a block's pairs, rounding blurs its candidates. */
#define CT_BLURRED 0.02

/* Seconds between polls. */
#define CT_SCAN_ROUND 0.06

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  ct_pairs pairs;
  int k;
  int panels; /* per block */
  int blocks;
  const int *which; /* the queries to answer, NULL: all */
  int count;
  int *order;  /* of the queries */
  double done; /* share of the caller's work that was done before, and what this is */
  double share;
  const double *norm; /* |V_x| of the index's positions */
  double norm_max;
  double *root; /* sqrt(p_x), infinite for explained points */
  int *id;
  double *dist;
} scan;

/* A thread's block of queries. */
typedef struct {
  int first; /* in the order of queries */
  int count;
  int start;  /* the place in the order of candidates where it starts, and */
  int length; /* how many there are */
  int blurred; /* all its candidates are scored from now on */
  double products;
  double scored_before; /* evaluations when it started */
  ct_panel panel[CT_BLOCK_PANELS];
  ct_asker asker[CT_BLOCK_PANELS * CT_PANEL];
  double norm[CT_BLOCK_PANELS * CT_PANEL];
  double scale[CT_BLOCK_PANELS * CT_PANEL];
  double threshold[CT_BLOCK_PANELS * CT_PANEL] __attribute__((aligned(64)));
  double error[CT_BLOCK_PANELS * CT_PANEL] __attribute__((aligned(64)));
  ct_shortlist list[CT_BLOCK_PANELS * CT_PANEL];
  ct_scorer scorer;
  double *V; /* CT_TILE_ROWS rows, apart by other than a power of two */
  double *c;
  double *work;
} block;

/* ---- the order of queries ---- */

static int query_at(const scan *s, int i) {
  return s->which ? s->which[i] : i;
}

static int key_of(const scan *s, int q) {
  if (s->queries->limit) return s->queries->limit[q];
  ct_asker asker = ct_asker_of(s->index, s->queries, q);
  return asker.position;
}

/* By limit or by position, stable, in one counting pass each over keys and queries. */
static ct_status sort_queries(scan *s, const ct_run *run) {
  int keys = 1, *start;
  for (int i = 0; i < s->count; i++) {
    int key = key_of(s, query_at(s, i));
    keys = key + 1 > keys ? key + 1 : keys;
  }
  CT_NEW(s->order, &run->arena, s->count);
  CT_NEW(start, &run->arena, (size_t)keys + 1);
  memset(start, 0, ((size_t)keys + 1) * sizeof *start);
  for (int i = 0; i < s->count; i++) start[key_of(s, query_at(s, i)) + 1]++;
  for (int key = 0; key < keys; key++) start[key + 1] += start[key];
  for (int i = 0; i < s->count; i++) s->order[start[key_of(s, query_at(s, i))]++] = query_at(s, i);
  return CT_OK;
}

/* ---- a block ---- */

static void set_threshold(block *b, int lane) {
  double scale = b->scale[lane];
  b->threshold[lane] = scale > 0 ? b->list[lane].least / scale * (1 - 1e-12) : INFINITY;
}

static void start_block(block *b, const scan *s, int which) {
  int width = s->panels * CT_PANEL, left;
  b->first = which * width;
  left = s->count - b->first;
  b->count = left < width ? left : width;
  b->start = 0;
  b->length = 0;
  b->blurred = 0;
  b->scored_before = b->scorer.evaluations;
  for (int lane = 0; lane < width; lane++) {
    b->threshold[lane] = INFINITY;
    b->error[lane] = 0;
    if (lane >= b->count) continue;
    ct_asker asker = ct_asker_of(s->index, s->queries, s->order[b->first + lane]);
    b->asker[lane] = asker;
    b->norm[lane] = ct_residual_norm(asker.of, asker.position);
    b->scale[lane] = asker.of->scale[asker.position];
    b->error[lane] = ct_pair_error_bound(&s->pairs, b->norm[lane] * s->norm_max);
    ct_shortlist_start(b->list + lane);
    ct_shortlist_add_self(b->list + lane, s->queries, b->asker + lane, &b->scorer);
    set_threshold(b, lane);
    if (asker.limit > b->length) b->length = asker.limit;
  }
  if (!s->queries->limit && !s->queries->points) b->start = b->asker[0].position;
  for (int p = 0; p * CT_PANEL < b->count; p++) {
    int position[CT_PANEL], lanes = b->count - p * CT_PANEL;
    if (lanes > CT_PANEL) lanes = CT_PANEL;
    for (int l = 0; l < lanes; l++) position[l] = b->asker[p * CT_PANEL + l].position;
    ct_panel_pack(b->panel + p, b->asker[0].of, position, lanes);
  }
}

/* A pair that passed the comparison of vectors. */
static void offer(block *b, const scan *s, int lane, int x, double c) {
  const ct_asker *asker = b->asker + lane;
  int row = s->index->row[x];
  if (row == asker->row || row >= asker->limit) return;
  double size = fabs(c), scales = b->scale[lane] * s->index->scale[x];
  double error = ct_pair_error(&s->pairs, c, b->norm[lane] * s->norm[x]);
  ct_candidate candidate = {(size - error) * scales - 2e-15, (size + error) * scales + 2e-15, -1,
                            x, 0};
  if ((size + error) * scales * (1 + 1e-14) <= CT_RHO_NULL) return;
  if (candidate.low > 1 - 2e-15) candidate.low = 1 - 2e-15;
  if (candidate.high < b->list[lane].least) return;
  ct_shortlist_add(b->list + lane, &candidate, asker, &b->scorer);
  set_threshold(b, lane);
}

/* Rows of V that lie a multiple of 512 bytes apart fall into the same few sets of the first level
 * cache and push each other out: they are copied to where they do not. */
static void place_rows(block *b, const scan *s, ct_pair_rows *rows) {
  if (s->index->stride % 64) return;
  size_t step = (size_t)s->index->stride + 8;
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    memcpy(b->V + (size_t)i * step, rows->V[i], (size_t)s->index->rank * sizeof *b->V);
    rows->V[i] = b->V + (size_t)i * step;
  }
}

static void meet_rows(block *b, const scan *s, const int *position, int count) {
  ct_pair_rows rows;
  double root[CT_TILE_ROWS];
  unsigned pass[CT_TILE_ROWS];
  ct_pair_rows_at(&rows, s->index, position);
  place_rows(b, s, &rows);
  for (int i = 0; i < CT_TILE_ROWS; i++) root[i] = s->root[position[i]];
  for (int p = 0; p * CT_PANEL < b->count; p++) {
    int lane = p * CT_PANEL;
    ct_pairs_tile(&s->pairs, b->panel + p, &rows, b->c, b->work);
    s->pairs.kernels->compare(b->c, b->threshold + lane, b->error + lane, root, pass);
    for (int i = 0; i < count; i++)
      for (int l = 0; pass[i]; l++, pass[i] >>= 1)
        if (pass[i] & 1) offer(b, s, lane + l, position[i], b->c[i * CT_PANEL + l]);
  }
  b->products += (double)count * b->count;
}

static void offer_scored(block *b, const scan *s, int lane, int x, double t) {
  const ct_asker *asker = b->asker + lane;
  int row = s->index->row[x];
  ct_candidate candidate = {1 - t - CT_T_ROUNDING, 1 - t + CT_T_ROUNDING, sqrt(t), x, 0};
  if (row == asker->row || row >= asker->limit || t >= 1) return;
  if (candidate.high < b->list[lane].least) return;
  ct_shortlist_add(b->list + lane, &candidate, asker, &b->scorer);
}

/* The same as meet_rows() without the pair engine. */
static void score_rows(block *b, const scan *s, const int *position, int count) {
  double t[CT_TILE_ROWS];
  for (int lane = 0; lane < b->count; lane++) {
    const ct_asker *asker = b->asker + lane;
    ct_residual_t(asker->of, asker->position, s->index, position, count, t, b->scorer.work,
                  b->scorer.simd);
    for (int i = 0; i < count; i++) offer_scored(b, s, lane, position[i], t[i]);
  }
  b->scorer.evaluations += (double)count * b->count;
}

static int is_blurred(const block *b) {
  double pairs = (double)b->count * b->length;
  return b->scorer.evaluations - b->scored_before > CT_BLURRED * pairs;
}

/* The block's candidates from .. to in its own order. */
static void meet_candidates(block *b, const scan *s, int from, int to) {
  int n = s->index->n;
  if (to > b->length) to = b->length;
  for (int i = from; i < to; i += CT_TILE_ROWS) {
    int position[CT_TILE_ROWS], count = to - i < CT_TILE_ROWS ? to - i : CT_TILE_ROWS;
    for (int u = 0; u < CT_TILE_ROWS; u++) {
      int place = i + (u < count ? u : 0);
      if (s->queries->limit) {
        position[u] = s->index->position[place];
      } else {
        place += b->start;
        position[u] = place < n ? place : place - n;
      }
    }
    if (b->blurred)
      score_rows(b, s, position, count);
    else
      meet_rows(b, s, position, count);
    b->blurred |= is_blurred(b);
  }
}

static void finish_block(block *b, const scan *s) {
  for (int lane = 0; lane < b->count; lane++) {
    int q = s->order[b->first + lane];
    ct_shortlist_write(b->list + lane, b->asker + lane, s->queries->self, &b->scorer, s->id + q,
                       s->dist + q, (size_t)s->queries->count);
  }
}

static ct_status new_block(block *b, const scan *s, const ct_run *run) {
  int width = s->panels * CT_PANEL, capacity = 2 * s->k + 64;
  memset(b, 0, sizeof *b);
  for (int p = 0; p < s->panels; p++)
    CT_TRY(ct_panel_new(b->panel + p, s->pairs.rank, s->pairs.dim, &run->arena));
  CT_TRY(ct_scorer_new(&b->scorer, s->index, s->k, capacity, run));
  ct_candidate *entries;
  CT_NEW(entries, &run->arena, (size_t)width * (size_t)capacity);
  for (int lane = 0; lane < width; lane++) {
    b->list[lane].entry = entries + (size_t)lane * (size_t)capacity;
    b->list[lane].capacity = capacity;
  }
  CT_NEW(b->V, &run->arena, (size_t)CT_TILE_ROWS * ((size_t)s->index->stride + 8));
  CT_NEW(b->c, &run->arena, CT_TILE);
  CT_NEW(b->work, &run->arena, ct_pairs_work(&s->pairs, CT_TILE));
  return CT_OK;
}

/* ---- rounds ---- */

/* Blocks first .. first + count - 1, one a thread, meet their candidates together; between rounds
 * the caller is polled. */
static ct_status scan_blocks(const scan *s, block *b, int first, int count, const ct_run *run) {
  int longest = 0, step = 32 * CT_TILE_ROWS;
  for (int i = 0; i < count; i++) {
    start_block(b + i, s, first + i);
    if (b[i].length > longest) longest = b[i].length;
  }
  for (int from = 0; from < longest;) {
    double began = run->now();
    int to = longest - from > step ? from + step : longest;
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
    for (int i = 0; i < count; i++) meet_candidates(b + i, s, from, to);
    double took = run->now() - began, faster = took > 0 ? CT_SCAN_ROUND / took : 4;
    double next = step * (faster < 4 ? faster : 4);
    step = next > CT_TILE_ROWS ? (next < 1e6 ? (int)next : 1000000) : CT_TILE_ROWS;
    from = to;
    double ready = (first + count * ((double)from / longest)) / s->blocks;
    if (run->poll(run->owner, s->done + s->share * ready)) return CT_ERR_INTERRUPTED;
  }
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
  for (int i = 0; i < count; i++) finish_block(b + i, s);
  return CT_OK;
}

static ct_status scan_all(scan *s, ct_stats *stats, const ct_run *run) {
  int threads = run->threads < s->blocks ? run->threads : s->blocks;
  block *b;
  CT_NEW(b, &run->arena, threads);
  for (int i = 0; i < threads; i++) CT_TRY(new_block(b + i, s, run));
  for (int first = 0; first < s->blocks; first += threads) {
    int count = s->blocks - first < threads ? s->blocks - first : threads;
    CT_TRY(scan_blocks(s, b, first, count, run));
  }
  for (int i = 0; i < threads; i++) {
    stats->products += b[i].products;
    stats->evaluations += b[i].scorer.evaluations;
  }
  return CT_OK;
}

/* ---- everything scored ---- */

typedef struct {
  const scan *s;
  ct_scorer *scorer; /* one a thread */
  ct_shortlist *list;
} scoring;

static void score_everything(void *task, int item, int thread) {
  const scoring *all = task;
  const scan *s = all->s;
  int q = query_at(s, item);
  ct_shortlist *list = all->list + thread;
  ct_asker asker = ct_asker_of(s->index, s->queries, q);
  ct_shortlist_start(list);
  for (int i = 0; i < s->index->n; i++) {
    int r = s->index->row[i];
    if (r >= asker.limit || (r == asker.row && !s->queries->self)) continue;
    ct_candidate candidate = {-1, 2, r == asker.row ? 0.0 : -1.0, i, 0};
    list->entry[list->count++] = candidate;
  }
  ct_shortlist_score(list, &asker, all->scorer + thread);
  ct_shortlist_write(list, &asker, s->queries->self, all->scorer + thread, s->id + q, s->dist + q,
                     (size_t)s->queries->count);
}

static ct_status score_all(const scan *s, ct_stats *stats, const ct_run *run) {
  int n = s->index->n;
  ct_run some = *run; /* of whose threads all have something to do: a list is as long as the index */
  scoring all;
  all.s = s;
  if (some.threads > s->count) some.threads = s->count;
  CT_NEW(all.scorer, &run->arena, some.threads);
  CT_NEW(all.list, &run->arena, some.threads);
  for (int i = 0; i < some.threads; i++) {
    CT_TRY(ct_scorer_new(all.scorer + i, s->index, s->k, n, run));
    CT_NEW(all.list[i].entry, &run->arena, n);
    all.list[i].capacity = n;
  }
  CT_TRY(ct_rounds_run(score_everything, &all, s->count, 1, s->done, s->share, &some));
  for (int i = 0; i < some.threads; i++) stats->evaluations += all.scorer[i].evaluations;
  return CT_OK;
}

/* ---- entry ---- */

static ct_status measure_points(scan *s, const ct_run *run) {
  int n = s->index->n;
  double *norm;
  CT_NEW(norm, &run->arena, n);
  CT_NEW(s->root, &run->arena, n);
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < n; i++) {
    double scale = s->index->scale[i];
    norm[i] = ct_residual_norm(s->index, i);
    s->root[i] = scale > 0 ? 1 / scale : INFINITY;
  }
  s->norm = norm;
  s->norm_max = 0;
  for (int i = 0; i < n; i++)
    if (norm[i] > s->norm_max && s->index->scale[i] > 0) s->norm_max = norm[i];
  return CT_OK;
}

static int panels_per_block(const scan *s, int threads) {
  int fair = (s->count / threads + CT_PANEL - 1) / CT_PANEL;
  int panel_bytes = s->pairs.rank * CT_PANEL * (int)sizeof(double);
  int fitting = panel_bytes > 0 ? CT_BLOCK_BYTES / panel_bytes : CT_BLOCK_PANELS;
  int panels = fair < fitting ? fair : fitting;
  if (panels > CT_BLOCK_PANELS) panels = CT_BLOCK_PANELS;
  return panels > 1 ? panels : 1;
}

ct_status ct_residual_scan_some(const ct_residual *index, const ct_residual_queries *queries,
                                const int *which, int count, int k, int *id, double *dist,
                                double done, double share, ct_stats *stats, const ct_run *run) {
  scan s;
  if (count < 1) return CT_OK;
  memset(&s, 0, sizeof s);
  s.index = index;
  s.queries = queries;
  s.which = which;
  s.count = count;
  s.k = k;
  s.id = id;
  s.dist = dist;
  s.done = done;
  s.share = share;
  ct_pairs_init(&s.pairs, index, run->simd);
  if (k >= index->n / CT_DIRECT_SHARE || count <= CT_DIRECT_QUERIES) return score_all(&s, stats, run);
  s.panels = panels_per_block(&s, run->threads);
  s.blocks = (count - 1) / (s.panels * CT_PANEL) + 1;
  CT_TRY(measure_points(&s, run));
  CT_TRY(sort_queries(&s, run));
  return scan_all(&s, stats, run);
}

ct_status ct_residual_scan(const ct_residual *index, const ct_residual_queries *queries, int k,
                           int *id, double *dist, ct_stats *stats, const ct_run *run) {
  if (k < 1) return CT_ERR_DOMAIN;
  double began = run->now();
  CT_TRY(
      ct_residual_scan_some(index, queries, NULL, queries->count, k, id, dist, 0, 1, stats, run));
  stats->queries += queries->count;
  stats->seconds[CT_PHASE_SEARCH] += run->now() - began;
  return CT_OK;
}
