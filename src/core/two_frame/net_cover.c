/* The net: centres such that nearly every point lies within a given radius of one, found greedily.
 *
 * Candidates come in random order, in batches. Inside a batch a candidate becomes a centre if no
 * centre of the batch covers it; mutual correlations of the batch are a small dense product. A new
 * centre then looks for the points that it covers. Measuring it against all points would cost n
 * products a centre, most of the work of a whole search; but the points that it covers are near it
 * in input space too. So it visits leaves of eight points of the k-d order, nearest box first, and
 * stops after several leaves in a row had nothing for it: 20 to 70 products a point instead of a
 * thousand. A point that it misses becomes a centre itself or finds another one; which ball a point
 * is in decides about speed only, never about results.
 *
 * Batches, their order and each centre's own list of finds make the net the same for every number
 * of threads. */

#include "two_frame/net.h"

#include <math.h>
#include <string.h>

#include "two_frame/net_leaves.h"
#include "run/parallel.h"

#define BATCH 240 /* ten panels */
/* Leaves without a find before a centre gives up: 8, and 16 from four columns on, where near leaves
 * are many (measured: with 8 the net of five columns has a sixth more balls than with 24). */
#define MISSES_FLAT 8
#define MISSES_DEEP 16

/* A centre measures everybody: it must itself be measured well. Squared drift. */
#define CENTRE_DRIFT 1e-4

typedef struct {
  int position;
  float rho;
} find;

typedef struct {
  ct_leaf_tour tour;
  double *c;
  double *work;
  double products;
} explorer;

typedef struct {
  const ct_residual *index;
  const ct_pairs *pairs;
  ct_net_leaves leaves;
  double threshold; /* correlation at the radius */
  int misses;
  explorer *explorer; /* one a thread */
  int batch[BATCH];
  int new_centres;
  int *centre; /* of this batch */
  find *finds; /* capacity a centre */
  int capacity;
  int *found;
  const int *ball_of; /* what earlier batches left: the ball of each point, -1: none, and */
  const float *best;  /* its correlation with that ball's centre */
} cover;

/* ---- a centre explores ---- */

/* Measures points of a leaf; the number of them within the radius. */
static int measure_leaf(const cover *s, int j, const int *point, int count, explorer *e) {
  int centre = s->centre[j], hits = 0;
  ct_pairs_list(s->pairs, s->index, centre, s->index, point, count, e->c, e->work);
  e->products += count;
  for (int i = 0; i < count; i++) {
    double rho = fabs(e->c[i]) * s->index->scale[centre] * s->index->scale[point[i]];
    if (rho < s->threshold) continue;
    hits++;
    /* masses of duplicates would fill the list with points that are well placed already */
    if (s->ball_of[point[i]] >= 0 && (float)rho <= s->best[point[i]]) continue;
    if (s->found[j] == s->capacity) continue;
    find *f = s->finds + (size_t)j * (size_t)s->capacity + s->found[j]++;
    f->position = point[i];
    f->rho = (float)rho;
  }
  return hits;
}

static void explore(void *task, int j, int thread) {
  cover *s = task;
  explorer *e = s->explorer + thread;
  const int *point;
  int missed = 0, count;
  s->found[j] = 0;
  ct_leaf_tour_start(&e->tour, &s->leaves,
                     s->index->x + (size_t)s->centre[j] * (size_t)s->index->dim);
  while (missed < s->misses && s->found[j] < s->capacity &&
         ct_leaf_tour_next(&e->tour, &s->leaves, &point, &count))
    missed = measure_leaf(s, j, point, count, e) ? 0 : missed + 1;
}

/* ---- batches ---- */

typedef struct {
  const cover *s;
  int count;
  ct_panel *panel; /* one a thread, as c and work */
  double *c;
  double *work;
  size_t work_size;
  float *rho; /* BATCH * BATCH */
} mutual;

static void mutual_panel(void *task, int p, int thread) {
  mutual *m = task;
  const cover *s = m->s;
  ct_panel *panel = m->panel + thread;
  double *c = m->c + (size_t)thread * CT_TILE, *work = m->work + (size_t)thread * m->work_size;
  int first = p * CT_PANEL, lanes = m->count - first < CT_PANEL ? m->count - first : CT_PANEL;
  ct_panel_pack(panel, s->index, s->batch + first, lanes);
  for (int i = 0; i < m->count; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    int position[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++) position[u] = s->batch[i + u < m->count ? i + u : i];
    ct_pair_rows_at(&rows, s->index, position);
    ct_pairs_tile(s->pairs, panel, &rows, c, work);
    for (int u = 0; u < CT_TILE_ROWS && i + u < m->count; u++)
      for (int l = 0; l < lanes; l++)
        m->rho[(i + u) * BATCH + first + l] =
            (float)(fabs(c[u * CT_PANEL + l]) * s->index->scale[position[u]] *
                    s->index->scale[s->batch[first + l]]);
  }
}

/* The candidates of the batch that no earlier one covers become centres, at most so many. */
static void choose_centres(cover *s, const mutual *m, int most) {
  int chosen[BATCH];
  s->new_centres = 0;
  for (int i = 0; i < m->count && s->new_centres < most; i++) {
    int covered = 0;
    for (int j = 0; j < s->new_centres && !covered; j++)
      covered = m->rho[i * BATCH + chosen[j]] >= (float)s->threshold;
    if (covered) continue;
    chosen[s->new_centres] = i;
    s->centre[s->new_centres++] = s->batch[i];
  }
}

/* A fixed random order: the net does not depend on the caller's random state. */
static void shuffle(int *order, int n) {
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    int j = (int)(state % (uint64_t)(i + 1)), swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
}

static ct_status new_cover(cover *s, mutual *m, const ct_run *run) {
  int threads = run->threads, n = s->index->n;
  CT_TRY(ct_net_leaves_make(&s->leaves, s->index, run));
  s->misses = s->index->dim >= 4 ? MISSES_DEEP : MISSES_FLAT;
  s->capacity = 4096 + n / 64;
  if (s->capacity > n) s->capacity = n;
  CT_NEW(s->finds, &run->arena, (size_t)BATCH * (size_t)s->capacity);
  CT_NEW(s->found, &run->arena, BATCH);
  CT_NEW(s->centre, &run->arena, BATCH);
  CT_NEW(s->explorer, &run->arena, threads);
  m->s = s;
  m->work_size = ct_pairs_work(s->pairs, CT_TILE);
  CT_NEW(m->panel, &run->arena, threads);
  CT_NEW(m->c, &run->arena, (size_t)threads * CT_TILE);
  CT_NEW(m->work, &run->arena, (size_t)threads * m->work_size);
  CT_NEW(m->rho, &run->arena, (size_t)BATCH * BATCH);
  for (int i = 0; i < threads; i++) {
    explorer *e = s->explorer + i;
    e->products = 0;
    CT_TRY(ct_leaf_tour_new(&e->tour, &run->arena));
    CT_NEW(e->c, &run->arena, CT_NET_LEAF);
    CT_NEW(e->work, &run->arena, ct_pairs_work(s->pairs, CT_NET_LEAF));
    CT_TRY(ct_panel_new(m->panel + i, s->pairs->rank, s->pairs->dim, &run->arena));
  }
  return CT_OK;
}

/* Centres are numbered in the order of their positions, so that neighbouring balls have
 * neighbouring numbers. */
static ct_status number_balls(ct_net *net, const int *found_centre, int *ball_of,
                              const ct_run *run) {
  int n = net->index->n, *number, *rank;
  CT_NEW(number, &run->arena, n);
  CT_NEW(rank, &run->arena, net->count);
  CT_NEW(net->centre, &run->arena, net->count);
  for (int i = 0; i < n; i++) number[i] = -1;
  for (int c = 0; c < net->count; c++) number[found_centre[c]] = c;
  for (int i = 0, r = 0; i < n; i++)
    if (number[i] >= 0) {
      rank[number[i]] = r;
      net->centre[r++] = i;
    }
  for (int i = 0; i < n; i++) {
    if (net->index->scale[i] <= 0) ball_of[i] = -1;
    if (ball_of[i] >= 0) ball_of[i] = rank[ball_of[i]];
  }
  return CT_OK;
}

/* The points still without a ball, in the fixed random order, and where everybody is. */
typedef struct {
  int *order;
  int start;
  int *ball_of; /* of each position, -1: none */
  float *best;  /* correlation with the centre of its ball, 2 for those that need none */
  int *centre;  /* positions of the centres found so far */
  int covered;
} progress;

static ct_status start_progress(progress *at, const ct_net *net, int most, const ct_run *run) {
  int n = net->index->n;
  CT_NEW(at->order, &run->arena, n);
  CT_NEW(at->ball_of, &run->arena, n);
  CT_NEW(at->best, &run->arena, n);
  CT_NEW(at->centre, &run->arena, (size_t)most + BATCH);
  shuffle(at->order, n);
  at->start = at->covered = 0;
  for (int i = 0; i < n; i++) {
    int usable = net->index->scale[i] > 0 && net->members.drift_of[i] <= sqrt(CENTRE_DRIFT);
    at->best[i] = usable ? 0 : 2;
    at->ball_of[i] = -1;
    at->covered += !usable;
  }
  return CT_OK;
}

/* The next candidates. */
static int fill_batch(cover *s, progress *at) {
  int count = 0, n = s->index->n;
  float threshold = (float)s->threshold;
  while (at->start < n && at->best[at->order[at->start]] >= threshold) at->start++;
  for (int i = at->start; i < n && count < BATCH; i++)
    if (at->best[at->order[i]] < threshold) s->batch[count++] = at->order[i];
  return count;
}

static void put_into_ball(const cover *s, progress *at, int x, int ball, float rho) {
  at->covered += at->best[x] < (float)s->threshold;
  at->best[x] = rho;
  at->ball_of[x] = ball;
}

/* Gives the finds of the batch's centres to them, one centre after the other. */
static void take_finds(const cover *s, progress *at, int first_ball) {
  for (int j = 0; j < s->new_centres; j++) {
    const find *hit = s->finds + (size_t)j * (size_t)s->capacity;
    at->centre[first_ball + j] = s->centre[j];
    for (int f = 0; f < s->found[j]; f++, hit++)
      if (at->ball_of[hit->position] < 0 || hit->rho > at->best[hit->position])
        put_into_ball(s, at, hit->position, first_ball + j, hit->rho);
  }
  for (int j = 0; j < s->new_centres; j++) put_into_ball(s, at, s->centre[j], first_ball + j, 2);
}

ct_status ct_net_cover(ct_net *net, const ct_residual *index, double radius, int most,
                       double enough, double *covered, double done, double share, ct_stats *stats,
                       const ct_run *run) {
  cover s;
  mutual m;
  progress at;
  net->index = index;
  net->count = 0;
  s.index = index;
  s.pairs = &net->pairs;
  s.threshold = 1 - radius * radius;
  CT_TRY(new_cover(&s, &m, run));
  CT_TRY(start_progress(&at, net, most, run));
  s.ball_of = at.ball_of;
  s.best = at.best;
  while (net->count < most && (m.count = fill_batch(&s, &at)) > 0) {
    double now = done + share * at.covered / index->n;
    CT_TRY(ct_rounds_run(mutual_panel, &m, (m.count + CT_PANEL - 1) / CT_PANEL, 1, now, 0, run));
    stats->products += (double)m.count * m.count;
    choose_centres(&s, &m, most - net->count);
    CT_TRY(ct_rounds_run(explore, &s, s.new_centres, 2, now, 0, run));
    take_finds(&s, &at, net->count);
    net->count += s.new_centres;
  }
  for (int i = 0; i < run->threads; i++) stats->products += s.explorer[i].products;
  *covered = net->count > 0 ? (double)at.covered / index->n : 0;
  if (*covered < enough) return CT_OK;
  CT_TRY(number_balls(net, at.centre, at.ball_of, run));
  CT_TRY(ct_net_join(net, index, at.ball_of, done + share, stats, run));
  return ct_members_lay_out(&net->members, index, index->position, at.ball_of, net->count, run);
}
