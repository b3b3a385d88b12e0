/* A block of queries meets a block of points: the bound of all its points decides which queries go
 * on; their covariances with every point follow; then columns, a few groups at a time, chosen for
 * the pair of blocks by the product of its largest norms, until no point of a query is left or few
 * enough to be scored. */

#include "screened/screened_search.h"

#include "run/inline.h"

#include <math.h>
#include <string.h>

/* So few points of a query are scored rather than bounded further. */
#define FEW 2

/* Groups of the first steps; then all the rest. */
#define STEPS 3
static const int step_groups[STEPS] = {4, 4, 8};

/* Where no covariance with a block's points is above this share of what is needed, half the bound
 * serves for all of them. */
#define FAINT 0.03f

typedef struct {
  const ct_screen *search;
  int block;
  int count;
  int list[CT_SCREEN + CT_SPARE]; /* the queries that are left */
  unsigned allowed[CT_SCREEN];    /* their candidates */
  int groups;                     /* not yet used */
} visit;

static const float *lanes_of(const float *array, int block) {
  return array + (size_t)block * CT_SCREEN;
}

static void correlate_exactly(const ct_screen *search, ct_screener *s, float *out) {
  ct_covariance_many(search->task->index->covariance, s->exact, CT_SCREEN, s->exact, s->work,
                     search->simd);
  for (int i = 0; i < CT_SCREEN; i++)
    out[i] = (float)(s->exact[i] / search->task->index->covariance->variance);
}

void ct_screen_near(const ct_screen *search, ct_screener *s, const float *share, float other,
                    float *near) {
  for (int i = 0; i < CT_SCREEN; i++) {
    float h = sqrtf(s->square[i]) * (1 - 1e-5f) - search->gap;
    s->square[i] = h > 0 ? h * h : 0;
  }
  if (ct_screened_has_kind(search->kind)) {
    search->kernels->correlate(search->kind, other, share, s->square, near);
    return;
  }
  for (int i = 0; i < CT_SCREEN; i++) s->exact[i] = s->square[i];
  correlate_exactly(search, s, near);
  for (int i = 0; i < CT_SCREEN; i++) near[i] *= share[i] * other;
}

/* ---- who goes on ---- */

/* The lanes that a query may find. */
static unsigned allowed_of(const ct_screen *search, const ct_screen_ask *ask, int block) {
  const ct_screened_side *points = search->points;
  unsigned allowed = points->present[block];
  if (ask->block == block) allowed &= ~(1u << ask->lane);
  if (points->last_row[block] < ask->asker.limit) return allowed;
  return allowed &
         search->kernels->below(points->row + (size_t)block * CT_SCREEN, ask->asker.limit);
}

/* The queries that points of the block may reach, by its box and largest norms. */
static void start_visit(visit *v, const ct_screen *search, ct_screener *s, int block) {
  const ct_screened_side *points = search->points, *asking = search->asking;
  size_t chunk = (size_t)block / CT_SCREEN, lane = (size_t)block % CT_SCREEN;
  size_t dim = (size_t)search->dim, groups = (size_t)search->groups;
  memset(s->square, 0, CT_SCREEN * sizeof *s->square);
  for (size_t c = 0; c < dim; c++) {
    const float *x = lanes_of(asking->near, s->block * search->dim + (int)c);
    size_t at = (chunk * dim + c) * CT_SCREEN + lane;
    search->kernels->add_gaps(points->low[at], points->high[at], x, x, s->square);
  }
  ct_screen_near(search, s, lanes_of(asking->share, s->block), points->top_share[block], s->near);
  for (size_t g = 0; g < groups; g++)
    s->other_top[g] = points->top[(chunk * groups + g) * CT_SCREEN + lane];
  search->kernels->bound(asking->norm + (size_t)s->block * groups * CT_SCREEN, s->other_top,
                         search->groups, s->near, lanes_of(asking->size, s->block),
                         search->error * points->top_size[block], s->reach, s->rest);
  *v = (visit){.search = search, .block = block, .groups = search->groups};
  for (int a = 0; a < CT_SCREEN; a++) {
    if (!(s->reach[a] >= s->need[a])) continue;
    v->allowed[a] = allowed_of(search, s->ask + a, block);
    if (v->allowed[a]) v->list[v->count++] = a;
  }
}

/* ---- covariances ---- */

static void square_exactly(const visit *v, ct_screener *s, int a) {
  const ct_screen *search = v->search;
  memset(s->exact, 0, CT_SCREEN * sizeof *s->exact);
  for (size_t c = 0; c < (size_t)search->dim; c++) {
    size_t dim = (size_t)search->dim;
    double at = search->asking->x[((size_t)s->block * dim + c) * CT_SCREEN + (size_t)a];
    const double *x = search->points->x + ((size_t)v->block * dim + c) * CT_SCREEN;
    for (int i = 0; i < CT_SCREEN; i++) s->exact[i] += (x[i] - at) * (x[i] - at);
  }
}

/* Sums begin with minus the covariance; blur: how far it is from what stands there. */
static void start_sums(const visit *v, ct_screener *s) {
  const ct_screen *search = v->search;
  const float *share = lanes_of(search->points->share, v->block);
  for (int i = 0; i < v->count; i++) {
    int a = v->list[i], faint = s->near[a] < FAINT * s->need[a];
    float *sum = s->sum + a * CT_SCREEN, own = -lanes_of(search->asking->share, s->block)[a];
    s->blur[a] = faint ? 0.5f * s->near[a] : 0;
    if (faint) {
      for (int j = 0; j < CT_SCREEN; j++) sum[j] = -s->blur[a];
      continue;
    }
    if (ct_screened_has_kind(search->kind)) {
      search->kernels->covary(search->kind, own, share, search->dim, a,
                              lanes_of(search->asking->near, s->block * search->dim),
                              lanes_of(search->points->near, v->block * search->dim), sum);
      continue;
    }
    square_exactly(v, s, a);
    correlate_exactly(search, s, sum);
    for (int j = 0; j < CT_SCREEN; j++) sum[j] *= own * share[j];
  }
}

/* ---- columns ---- */

/* Takes the next groups from those that are left; returns how many. */
static int choose_groups(visit *v, ct_screener *s, int step) {
  int count = step < STEPS && step_groups[step] < v->groups ? step_groups[step] : v->groups;
  if (s->least_need <= 0) count = v->groups;
  for (int i = 0; i < count; i++) {
    int best = 0;
    for (int j = 1; j < v->groups; j++)
      if (s->weight[s->left[j]] > s->weight[s->left[best]]) best = j;
    s->chosen[i] = s->left[best];
    s->left[best] = s->left[--v->groups];
  }
  return count;
}

static void add_columns(visit *v, ct_screener *s, int step) {
  const ct_screen *search = v->search;
  size_t size = (size_t)search->points->columns * CT_SCREEN;
  int count = choose_groups(v, s, step);
  search->kernels->add_groups(v->list, v->count, s->chosen, count,
                              search->asking->W + (size_t)s->block * size,
                              search->points->W + (size_t)v->block * size, s->sum);
  s->products += (double)v->count * CT_SCREEN * count / search->groups;
}

static void find_tails(const visit *v, ct_screener *s) {
  const ct_screen *search = v->search;
  size_t size = (size_t)search->groups * CT_SCREEN;
  search->kernels->tails(search->asking->norm + (size_t)s->block * size, s->left, v->groups,
                         s->other_top, s->tail, s->rest);
  search->kernels->tails(search->points->norm + (size_t)v->block * size, s->left, v->groups, NULL,
                         s->other_tail, NULL);
}

/* ---- candidates ---- */

static void offer(const visit *v, ct_screener *s, int a, int lane) {
  const ct_screen *search = v->search;
  ct_screen_ask *ask = s->ask + a;
  double size = fabs((double)s->sum[a * CT_SCREEN + lane]);
  double tail = (double)s->tail[a] * (double)s->other_tail[lane], rest = (double)s->rest[a];
  double sizes = (double)lanes_of(search->asking->size, s->block)[a] *
                 (double)lanes_of(search->points->size, v->block)[lane];
  double off =
      ((tail < rest ? tail : rest) + (double)s->blur[a] + search->error * sizes) / search->need;
  ct_shortlist_entry candidate = {size - off - 4e-15, size + off + 4e-15, -1,
                                  search->points->position[v->block * CT_SCREEN + lane], 0};
  if (search->task->index->scale[candidate.position] <= 0) return;
  if (candidate.low > 1 - 2e-15) candidate.low = 1 - 2e-15;
  if (candidate.high < ask->list.least) return;
  ask->offers++;
  ct_shortlist_add(&ask->list, &candidate, &ask->asker, &s->scorer);
  s->stale = 1;
}

/* Leaves the queries with points that may still reach what they need, and offers those that are
 * few, or final. */
static void test_lanes(visit *v, ct_screener *s, int first) {
  const ct_screen *search = v->search;
  const float *size = lanes_of(search->points->size, v->block);
  int kept = 0;
  find_tails(v, s);
  for (int i = 0; i < v->count; i++) {
    int a = v->list[i], count = 0;
    float slack = search->error * lanes_of(search->asking->size, s->block)[a];
    unsigned alive = v->allowed[a] & search->kernels->reach(s->sum + a * CT_SCREEN, s->other_tail,
                                                            size, s->tail[a], s->rest[a], slack,
                                                            s->need[a] - s->blur[a]);
    for (unsigned rest = alive; rest && count <= FEW; rest &= rest - 1) count++;
    if (v->groups > 0 && (first || count > FEW)) {
      if (count) v->list[kept++] = a;
      continue;
    }
    for (; alive; alive &= alive - 1) offer(v, s, a, ct_lowest_bit(alive));
  }
  v->count = kept;
}

void ct_screen_visit(const ct_screen *search, ct_screener *s, int block) {
  visit v;
  start_visit(&v, search, s, block);
  s->nodes++;
  if (v.count == 0) return;
  start_sums(&v, s);
  for (int g = 0; g < search->groups; g++) {
    s->left[g] = g;
    s->weight[g] = s->top[g] * s->other_top[g];
  }
  test_lanes(&v, s, 1);
  for (int step = 0; v.count > 0; step++) {
    add_columns(&v, s, step);
    test_lanes(&v, s, 0);
  }
}
