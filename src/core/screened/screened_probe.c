/* What a search would cost, before most of it is paid: a few blocks of queries meet the blocks that
 * are near them, as all of them would, and a sample of the others. */

#include "screened/screened_search.h"

#include <math.h>
#include <string.h>

#define PROBES 8
#define NEAR 16
#define SAMPLE 128

typedef struct {
  const ct_screened *screened;
  int blocks;        /* of the index */
  int asking;        /* blocks that have queries */
  int *block;        /* and their numbers */
  float *low, *high; /* boxes of the index's blocks, from the middle */
  char *taken;
  int *position; /* of the points that the probes meet: near ones, then the sample */
  int near, count;
} probe;

static void take_block(probe *p, int block) {
  if (p->taken[block]) return;
  p->taken[block] = 1;
  for (int i = 0; i < CT_SCREEN; i++) {
    int at = block * CT_SCREEN + i;
    p->position[p->count * CT_SCREEN + i] = at < p->screened->places ? p->screened->place[at] : -1;
  }
  p->count++;
}

static void find_boxes(const probe *p) {
  const ct_residual *index = p->screened->task.index;
  size_t dim = (size_t)index->dim;
  for (size_t i = 0; i < (size_t)p->blocks * dim; i++) p->low[i] = INFINITY, p->high[i] = -INFINITY;
  for (size_t i = 0; i < (size_t)p->screened->places; i++)
    for (size_t c = 0; c < dim && p->screened->place[i] >= 0; c++) {
      size_t at = i / CT_SCREEN * dim + c, place = (size_t)p->screened->place[i];
      float x = (float)(index->x[place * dim + c] - p->screened->middle[c]);
      p->low[at] = x < p->low[at] ? x : p->low[at];
      p->high[at] = x > p->high[at] ? x : p->high[at];
    }
}

/* From a point to a box, squared. */
static float gap(const probe *p, const double *x, int block) {
  size_t dim = (size_t)p->screened->task.index->dim;
  float sum = 0;
  for (size_t c = 0; c < dim; c++) {
    float at = (float)(x[c] - p->screened->middle[c]), low = p->low[(size_t)block * dim + c];
    float high = p->high[(size_t)block * dim + c];
    float step = at < low ? low - at : at > high ? at - high : 0;
    sum += step * step;
  }
  return sum;
}

static void take_near(probe *p, const double *x) {
  float distance[NEAR + 1];
  int nearest[NEAR + 1], count = 0;
  for (int b = 0; b < p->blocks; b++) {
    float d = gap(p, x, b);
    int j = count;
    if (count == NEAR && d >= distance[NEAR - 1]) continue;
    for (; j > 0 && distance[j - 1] > d; j--)
      distance[j] = distance[j - 1], nearest[j] = nearest[j - 1];
    distance[j] = d, nearest[j] = b;
    if (count < NEAR) count++;
  }
  for (int j = 0; j < count; j++) take_block(p, nearest[j]);
}

/* Places of those who ask. */
static const int *asking_places(const ct_screened *s, int *count) {
  *count = s->order ? s->orders : s->places;
  return s->order ? s->order : s->place;
}

static ct_status find_blocks(probe *p, const unsigned char *answered, const ct_run *run) {
  const ct_screened_task *task = &p->screened->task;
  int n = task->queries->points ? task->queries->points->n : task->index->n, places;
  const int *place = asking_places(p->screened, &places);
  char *asks;
  CT_NEW(asks, &run->arena, n);
  CT_NEW(p->block, &run->arena, places / CT_SCREEN + 1);
  memset(asks, 0, (size_t)n);
  for (int q = 0; q < task->queries->count; q++)
    if (!answered[q]) asks[ct_asker_of(task->index, task->queries, q).position] = 1;
  for (int i = 0; i < places; i++) {
    int block = i / CT_SCREEN, seen = p->asking > 0 && p->block[p->asking - 1] == block;
    if (place[i] >= 0 && asks[place[i]] && !seen) p->block[p->asking++] = block;
  }
  return CT_OK;
}

/* A point of a block of those who ask. */
static int point_of(const probe *p, int block) {
  int places, at = block * CT_SCREEN;
  const int *place = asking_places(p->screened, &places);
  while (place[at] < 0) at++;
  return place[at];
}

static int probed_block(const probe *p, int i) {
  return p->block[(int)((i + 0.5) * p->asking / PROBES)];
}

static ct_status choose_points(probe *p, const ct_run *run) {
  const ct_screened_task *task = &p->screened->task;
  size_t dim = (size_t)task->index->dim, most = PROBES * (NEAR + 1) + SAMPLE;
  const ct_residual *of = task->queries->points ? task->queries->points : task->index;
  CT_NEW(p->low, &run->arena, (size_t)p->blocks * dim);
  CT_NEW(p->high, &run->arena, (size_t)p->blocks * dim);
  CT_NEW(p->taken, &run->arena, p->blocks);
  CT_NEW(p->position, &run->arena, most * CT_SCREEN);
  memset(p->taken, 0, (size_t)p->blocks);
  find_boxes(p);
  for (int i = 0; i < PROBES; i++) {
    int at = point_of(p, probed_block(p, i));
    if (of == task->index) take_block(p, probed_block(p, i));
    take_near(p, of->x + (size_t)at * dim);
  }
  p->near = p->count;
  for (int i = 0; i < SAMPLE; i++) take_block(p, (int)((i + 0.5) * p->blocks / SAMPLE));
  return CT_OK;
}

/* The probes of new points, laid out. */
static ct_status lay_out_new(const probe *p, ct_screened_side *asking, const ct_run *run) {
  const ct_screened *s = p->screened;
  int *position;
  CT_NEW(position, &run->arena, PROBES * CT_SCREEN);
  for (int i = 0; i < PROBES; i++)
    for (int j = 0; j < CT_SCREEN; j++) {
      int at = probed_block(p, i) * CT_SCREEN + j;
      position[i * CT_SCREEN + j] = at < s->orders ? s->order[at] : -1;
    }
  return ct_screened_side_new(asking, &s->root, s->task.queries->points, position,
                              PROBES * CT_SCREEN, s->middle, 0, 0, run);
}

/* Whether a block of the asking side is one of the probes. */
static int is_probe(const probe *p, const ct_screened_side *asking, int block) {
  int at = block * CT_SCREEN;
  while (asking->position[at] < 0) at++;
  for (int i = 0; i < PROBES; i++)
    if (point_of(p, probed_block(p, i)) == asking->position[at]) return 1;
  return 0;
}

/* Seconds of all queries, by those of the probes. */
static double run_probes(const probe *p, const ct_screen *search, ct_screener *s, int asking,
                         const ct_run *run) {
  double near = 0, far = 0, others = p->blocks - p->near, probes = 0;
  for (int i = 0; i < asking; i++) {
    if (!is_probe(p, search->asking, search->block[i])) continue;
    double began = run->now();
    ct_screen_open(search, s, search->block[i]);
    ct_screen_meet(search, s, 0, p->near);
    double then = run->now();
    ct_screen_meet(search, s, p->near, p->count);
    near += then - began;
    far += run->now() - then;
    probes++;
  }
  if (p->count > p->near) far *= others / (p->count - p->near);
  return probes > 0 ? (near + far) * p->asking / probes : INFINITY;
}

ct_status ct_screened_probe(const ct_screened *screened, const unsigned char *answered,
                            double *seconds, const ct_run *run) {
  const ct_residual *index = screened->task.index, *fresh = screened->task.queries->points;
  probe p = {.screened = screened, .blocks = (screened->places + CT_SCREEN - 1) / CT_SCREEN};
  ct_screened_side points, asking;
  ct_screen search;
  ct_screener *s;
  unsigned char *open;
  int blocks;
  *seconds = INFINITY;
  CT_TRY(find_blocks(&p, answered, run));
  if (p.asking < PROBES) return CT_OK;
  CT_TRY(choose_points(&p, run));
  double began = run->now();
  CT_TRY(ct_screened_side_new(&points, &screened->root, index, p.position, p.count * CT_SCREEN,
                              screened->middle, 0, 0, run));
  double build = (run->now() - began) * run->threads / p.count;
  if (fresh) CT_TRY(lay_out_new(&p, &asking, run));
  ct_screen_start(&search, screened, &points, fresh ? &asking : &points, run);
  CT_NEW(open, &run->arena, screened->task.queries->count);
  memcpy(open, answered, (size_t)screened->task.queries->count);
  CT_TRY(ct_screen_find_asking(&search, open, &blocks, run));
  CT_NEW(s, &run->arena, 1);
  CT_TRY(ct_screener_new(&search, s, run));
  *seconds = run_probes(&p, &search, s, blocks, run) + build * (p.blocks + (fresh ? p.asking : 0));
  return CT_OK;
}
