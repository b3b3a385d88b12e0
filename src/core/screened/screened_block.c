/* A block of queries: bounds of all blocks of points at once, which are then met from near to
 * far. */

#include "metric/canonical.h"

#include "screened/screened_search.h"

#include <math.h>
#include <string.h>

static void start_asks(const ct_screen *search, ct_screener *s) {
  s->limit = 0;
  for (int a = 0; a < CT_SCREEN; a++) {
    ct_screen_ask *ask = s->ask + a;
    ask->q = search->query_of[(size_t)s->block * CT_SCREEN + (size_t)a];
    ask->offers = 0;
    if (ask->q < 0) continue;
    ask->asker = ct_asker_of(search->task->index, search->task->queries, ask->q);
    ct_shortlist_start(&ask->list);
    ct_shortlist_add_self(&ask->list, search->task->queries, &ask->asker, &s->scorer);
    int own = search->points == search->asking;
    ask->block = own ? s->block : -1;
    ask->lane = own ? a : -1;
    if (ask->asker.limit > s->limit) s->limit = ask->asker.limit;
  }
}

/* What sums must reach. An explained query has no candidate, and one with too many is given up. */
static float need_of(const ct_screen *search, const ct_screen_ask *ask) {
  if (ask->q < 0 || ask->offers > search->crowd) return INFINITY;
  if (ask->asker.of->scale[ask->asker.position] <= 0) return INFINITY;
  double need = ask->list.least * search->need - 8e-15;
  return need > 0 ? (float)need : 0;
}

static void find_needs(const ct_screen *search, ct_screener *s) {
  s->least_need = INFINITY;
  for (int a = 0; a < CT_SCREEN; a++) {
    s->need[a] = need_of(search, s->ask + a);
    if (s->need[a] < s->least_need) s->least_need = s->need[a];
  }
  s->stale = 0;
}

/* The block's box and largest norms, from those of its chunk. */
static void describe(const ct_screen *search, ct_screener *s) {
  const ct_screened_side *asking = search->asking;
  size_t chunk = (size_t)s->block / CT_SCREEN, lane = (size_t)s->block % CT_SCREEN;
  size_t dim = (size_t)search->dim, groups = (size_t)search->groups;
  for (size_t g = 0; g < groups; g++)
    s->top[g] = asking->top[(chunk * groups + g) * CT_SCREEN + lane];
  for (size_t c = 0; c < dim; c++) {
    s->low[c] = asking->low[(chunk * dim + c) * CT_SCREEN + lane];
    s->high[c] = asking->high[(chunk * dim + c) * CT_SCREEN + lane];
  }
}

/* Distances and bounds of all blocks of a chunk. */
static void bound_chunk(const ct_screen *search, ct_screener *s, int chunk) {
  const ct_screened_side *points = search->points;
  size_t first = (size_t)chunk * CT_SCREEN, dim = (size_t)search->dim;
  memset(s->square, 0, CT_SCREEN * sizeof *s->square);
  for (size_t c = 0; c < dim; c++) {
    size_t at = ((size_t)chunk * dim + c) * CT_SCREEN;
    search->kernels->add_gaps(s->low[c], s->high[c], points->low + at, points->high + at,
                              s->square);
  }
  memcpy(s->distance + first, s->square, CT_SCREEN * sizeof *s->square);
  ct_screen_near(search, s, points->top_share + first, search->asking->top_share[s->block],
                 s->near);
  search->kernels->bound(points->top + first * (size_t)search->groups, s->top, search->groups,
                         s->near, points->top_size + first,
                         search->error * search->asking->top_size[s->block], s->bound + first,
                         s->rest);
}

/* Floats that are not negative stand in the order of their bits: eight of the exponent and four
 * behind it. */
static int bucket_of(float distance) {
  unsigned bits;
  memcpy(&bits, &distance, sizeof bits);
  return (int)(bits >> 19 & (CT_BUCKETS - 1));
}

static void order_blocks(const ct_screen *search, ct_screener *s) {
  int blocks = search->points->blocks, start = 0;
  memset(s->bucket, 0, CT_BUCKETS * sizeof *s->bucket);
  for (int b = 0; b < blocks; b++) s->bucket[bucket_of(s->distance[b])]++;
  for (int i = 0; i < CT_BUCKETS; i++) {
    int count = s->bucket[i];
    s->bucket[i] = start;
    start += count;
  }
  for (int b = 0; b < blocks; b++) s->order[s->bucket[bucket_of(s->distance[b])]++] = b;
}

/* Lists that are full enough say what is needed. */
static void renew_needs(const ct_screen *search, ct_screener *s) {
  for (int a = 0; a < CT_SCREEN; a++)
    if (s->ask[a].q >= 0 && s->ask[a].list.least <= CT_RHO_NULL)
      ct_shortlist_reduce(&s->ask[a].list, &s->scorer);
  find_needs(search, s);
}

static void finish(const ct_screen *search, ct_screener *s) {
  const ct_screened_task *task = search->task;
  for (int a = 0; a < CT_SCREEN; a++) {
    ct_screen_ask *ask = s->ask + a;
    if (ask->q < 0 || ask->offers > search->crowd) continue;
    ct_shortlist_write(&ask->list, &ask->asker, task->queries->self, &s->scorer, task->id + ask->q,
                       task->dist + ask->q, (size_t)task->queries->count);
    search->answered[ask->q] = 1;
  }
}

void ct_screen_open(const ct_screen *search, ct_screener *s, int block) {
  s->block = block;
  start_asks(search, s);
  describe(search, s);
  for (int chunk = 0; chunk < search->points->chunks; chunk++) bound_chunk(search, s, chunk);
  order_blocks(search, s);
  find_needs(search, s);
}

void ct_screen_meet(const ct_screen *search, ct_screener *s, int first, int last) {
  for (int i = 0; i < search->points->blocks; i++) {
    int b = s->order[i];
    if (b < first || b >= last || search->points->first_row[b] >= s->limit) continue;
    if (!(s->bound[b] >= s->least_need)) continue;
    ct_screen_visit(search, s, b);
    if (s->stale) renew_needs(search, s);
  }
}

void ct_screen_block(void *run, int item, int thread) {
  const ct_screen_run *all = run;
  ct_screener *s = all->screener + thread;
  ct_screen_open(&all->search, s, all->search.block[item]);
  ct_screen_meet(&all->search, s, 0, all->search.points->blocks);
  finish(&all->search, s);
}
