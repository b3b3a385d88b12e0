/* The scan: blocks of queries meet all candidates (pair_scan.c). What passes is looked at again
 * with its own error and enters the query's list (shortlist.h), which raises the least correlation
 * that passes. Canonical distances are computed at the end, for little more than k candidates per
 * query.
 *
 * With limits, candidates come in the order of their rows, queries in the order of their limits,
 * and a block stops at its largest limit: about half the pairs for predecessors. Without,
 * candidates come in the order of positions, from the block's own place onwards, because near ones
 * raise least soonest.
 *
 * When k is so large that nearly everything would be scored after all, everything is scored at
 * once.
 *
 * Cost, in pairs of n a query: one product each, and little more than k scores. Masses of
 * duplicates that tie for the last place cost one score for each run of them. Different points that
 * rounding cannot tell apart (crumbs of 1e-7 around a few places, with a covariance so smooth that
 * p is 1e-8) must be scored one by one: a block that notices so scores all candidates that are
 * still to come, and measures none of them. So no data cost more than CT_BLURRED, and the full
 * lists that made it notice, on top of n. */

#include "metric/canonical.h"

#include "pairs/pair_scan.h"
#include "residual/residual_search.h"
#include "run/parallel.h"
#include "pairs/shortlist.h"

#include <math.h>
#include <string.h>

/* k above this share of the candidates, or so few queries that most lanes of a panel would be
 * empty: score everything. A full list, 2 k + 64, is at most a tenth of the candidates otherwise.
 */
#define CT_DIRECT_SHARE 24
#define CT_DIRECT_QUERIES 3

/* When scores of full lists exceed this share of a block's pairs, rounding blurs its candidates. */
#define CT_BLURRED 0.02

/* Seconds between polls. */
#define CT_SCAN_ROUND 0.06

typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  ct_pair_scan scan;
  int k;
  int blocks;
  const int *which; /* the queries to answer, NULL: all */
  int count;
  int *order;  /* of the queries */
  double done; /* share of the caller's work that was done before, and what this is */
  double share;
  int *id;
  double *dist;
} scan;

/* A thread's block of queries. */
typedef struct {
  const scan *of;
  int first;            /* in the order of queries */
  int start;            /* the place in the order of candidates where it starts, and */
  int length;           /* how many there are */
  int blurred;          /* all its candidates are scored from now on */
  double scored_before; /* evaluations when it started */
  ct_scan_block pairs;
  ct_asker asker[CT_SCAN_LANES];
  ct_shortlist list[CT_SCAN_LANES];
  ct_scorer scorer;
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

/* By limit or by position. */
static ct_status sort_queries(scan *s, const ct_run *run) {
  int keys = 1, *key;
  CT_NEW(s->order, &run->arena, s->count);
  CT_NEW(key, &run->arena, s->count);
  for (int i = 0; i < s->count; i++) {
    key[i] = key_of(s, query_at(s, i));
    keys = key[i] + 1 > keys ? key[i] + 1 : keys;
  }
  CT_TRY(ct_order_by_key(key, s->count, keys, s->order, run));
  for (int i = 0; i < s->count; i++) s->order[i] = query_at(s, s->order[i]);
  return CT_OK;
}

/* ---- a block ---- */

static void start_block(block *b, const scan *s, int which) {
  int position[CT_SCAN_LANES], left = s->count - which * s->scan.lanes;
  int count = left < s->scan.lanes ? left : s->scan.lanes;
  b->of = s;
  b->first = which * s->scan.lanes;
  b->length = 0;
  b->blurred = 0;
  b->scored_before = b->scorer.evaluations;
  for (int lane = 0; lane < count; lane++) {
    b->asker[lane] = ct_asker_of(s->index, s->queries, s->order[b->first + lane]);
    position[lane] = b->asker[lane].position;
    if (b->asker[lane].limit > b->length) b->length = b->asker[lane].limit;
  }
  b->start = s->queries->limit || s->queries->points ? 0 : position[0];
  ct_scan_block_start(&b->pairs, &s->scan, b->asker[0].of, position, count);
  for (int lane = 0; lane < count; lane++) {
    ct_shortlist_start(b->list + lane);
    ct_shortlist_add_self(b->list + lane, s->queries, b->asker + lane, &b->scorer);
    ct_scan_block_ask(&b->pairs, lane, b->list[lane].least);
  }
}

/* A pair that passed the comparison of vectors. */
static void offer(void *owner, int lane, int x, double c) {
  block *b = owner;
  const scan *s = b->of;
  const ct_asker *asker = b->asker + lane;
  int row = s->index->row[x];
  if (row == asker->row || row >= asker->limit) return;
  double size = fabs(c), scales = asker->of->scale[asker->position] * s->index->scale[x];
  double error = ct_pair_error(&s->scan.pairs, c, b->pairs.norm[lane] * s->scan.norm[x]);
  ct_shortlist_entry candidate = {(size - error) * scales - 2e-15, (size + error) * scales + 2e-15,
                                  -1, x, 0};
  if ((size + error) * scales * (1 + 1e-14) <= CT_RHO_NULL) return;
  if (candidate.low > 1 - 2e-15) candidate.low = 1 - 2e-15;
  if (candidate.high < b->list[lane].least) return;
  ct_shortlist_add(b->list + lane, &candidate, asker, &b->scorer);
  ct_scan_block_ask(&b->pairs, lane, b->list[lane].least);
}

static void offer_scored(block *b, const scan *s, int lane, int x, double t) {
  const ct_asker *asker = b->asker + lane;
  int row = s->index->row[x];
  ct_shortlist_entry candidate = {1 - t - CT_T_ROUNDING, 1 - t + CT_T_ROUNDING, sqrt(t), x, 0};
  if (row == asker->row || row >= asker->limit || t >= 1) return;
  if (candidate.high < b->list[lane].least) return;
  ct_shortlist_add(b->list + lane, &candidate, asker, &b->scorer);
}

/* All pairs with some candidates, without the pair engine. */
static void score_rows(block *b, const scan *s, const int *position, int count) {
  double t[CT_TILE_ROWS];
  for (int lane = 0; lane < b->pairs.count; lane++) {
    const ct_asker *asker = b->asker + lane;
    ct_residual_t(asker->of, asker->position, s->index, position, count, t, b->scorer.work,
                  b->scorer.simd);
    for (int i = 0; i < count; i++) offer_scored(b, s, lane, position[i], t[i]);
  }
  b->scorer.evaluations += (double)count * b->pairs.count;
}

static int is_blurred(const block *b) {
  double pairs = (double)b->pairs.count * b->length;
  return b->scorer.evaluations - b->scored_before > CT_BLURRED * pairs;
}

/* Positions of the candidates from place i of the block's order on, the first again behind the end.
 */
static int candidates_at(const block *b, int i, int to, int *position) {
  const scan *s = b->of;
  int n = s->index->n, count = to - i < CT_TILE_ROWS ? to - i : CT_TILE_ROWS;
  for (int u = 0; u < CT_TILE_ROWS; u++) {
    int place = i + (u < count ? u : 0) + b->start;
    if (place >= n) place -= n;
    position[u] = s->queries->limit ? s->index->position[place] : place;
  }
  return count;
}

/* The block's candidates from .. to in its own order. */
static void meet_candidates(block *b, const scan *s, int from, int to) {
  int position[CT_TILE_ROWS], next[CT_TILE_ROWS];
  if (to > b->length) to = b->length;
  for (int i = from; i < to; i += CT_TILE_ROWS) {
    int coming = i + CT_TILE_ROWS < to ? i + CT_TILE_ROWS : i;
    int count = candidates_at(b, i, to, position);
    candidates_at(b, coming, to, next);
    if (b->blurred) score_rows(b, s, position, count);
    else ct_scan_block_meet(&b->pairs, &s->scan, position, count, next, offer, b);
    b->blurred |= is_blurred(b);
  }
}

static void finish_block(block *b, const scan *s) {
  for (int lane = 0; lane < b->pairs.count; lane++) {
    int q = s->order[b->first + lane];
    ct_shortlist_write(b->list + lane, b->asker + lane, s->queries->self, &b->scorer, s->id + q,
                       s->dist + q, (size_t)s->queries->count);
  }
}

static ct_status new_block(block *b, const scan *s, const ct_run *run) {
  int capacity = 2 * s->k + 64;
  memset(b, 0, sizeof *b);
  CT_TRY(ct_scan_block_new(&b->pairs, &s->scan, run));
  CT_TRY(ct_scorer_new(&b->scorer, s->index, s->k, capacity, run));
  ct_shortlist_entry *entries;
  CT_NEW(entries, &run->arena, (size_t)s->scan.lanes * (size_t)capacity);
  for (int lane = 0; lane < s->scan.lanes; lane++) {
    b->list[lane].entry = entries + (size_t)lane * (size_t)capacity;
    b->list[lane].capacity = capacity;
  }
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
    stats->products += b[i].pairs.products;
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
    ct_shortlist_entry candidate = {-1, 2, r == asker.row ? 0.0 : -1.0, i, 0};
    list->entry[list->count++] = candidate;
  }
  ct_shortlist_score(list, &asker, all->scorer + thread);
  ct_shortlist_write(list, &asker, s->queries->self, all->scorer + thread, s->id + q, s->dist + q,
                     (size_t)s->queries->count);
}

static ct_status score_all(const scan *s, ct_stats *stats, const ct_run *run) {
  int n = s->index->n;
  ct_run some = *run;
  scoring all;
  all.s = s;
  if (some.threads > s->count) some.threads = s->count; /* a list is as long as the index */
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

ct_status ct_residual_scan(const ct_residual *index, const ct_residual_queries *queries,
                           const int *which, int count, int k, int *id, double *dist, double done,
                           double share, ct_stats *stats, const ct_run *run) {
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
  if (k >= index->n / CT_DIRECT_SHARE || count <= CT_DIRECT_QUERIES)
    return score_all(&s, stats, run);
  CT_TRY(ct_pair_scan_start(&s.scan, index, count, run));
  s.blocks = (count - 1) / s.scan.lanes + 1;
  CT_TRY(sort_queries(&s, run));
  return scan_all(&s, stats, run);
}
