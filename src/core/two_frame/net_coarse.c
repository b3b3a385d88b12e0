/* Coarse frames: which balls no search will take to each other.
 *
 * A table of all centres with all members grows as the square of the points where the net is kept
 * as fine as they are. But most balls are far from each other, and to know that takes few centres:
 * coarse ones, spread so that no two correlate by COARSE or more, about as many for any number of
 * points. Each has a frame of coarse centres near it; all balls around it share the frame. With
 * u_q = p_q + e_q in the frame of q's ball, u_x = p_x + e_x in that of x's,
 *
 *   <u_q, u_x> = <p_q, u_x> + <u_q, p_x> - <p_q, p_x> + <e_q, e_x>,
 *
 * an identity again. p_q = sum_i w_i f_i, so the first term is at most |w_q| reach, the second
 * |w_x| times the reach of the other frame into the ball of q, the third |w_q| cross |w_x|, cross
 * the norm of the matrix of all <f_i, h_j>, and the last |e_q| |e_x|. With the largest of each over
 * a ball the sum bounds what any two members correlate by: the top of a pair of balls. Where far
 * balls hardly correlate it is little above the last term, of .5 or so.
 *
 * A search rejects a ball whose top is below its bound less the drift of the canonical rho. The
 * table has the rows of the other pairs: those of a top of a level or more, fewer where memory is
 * short. For pairs between, which only searches with low bounds meet, the products are made when
 * they are met (two_frame_measure.c): which rows there are is a matter of speed.
 *
 * Reaches, norms and drift are those of two_frame.c, for the coarse frames. cross is summed in
 * doubles from floats of the centres' correlations: each off by its rounding, 6e-8, and drift,
 * lifted by both frames. Roundings of the sum of tops itself, of floats, are below 1e-6 of it. */

#include "two_frame/net.h"

#include <math.h>
#include <string.h>

#include "run/parallel.h"

/* Correlation of the nearest two coarse centres, in two columns and less. */
#define COARSE 0.5

/* Entries of the coarse centres' rows that stand in memory at once. */
#define AT_ONCE 4000000

/* A net suits queries whose neighbours are about as far as its balls are wide: few have a k-th
 * neighbour at more than LEVEL times the square of the radius, in t. */
#define LEVEL 1.2
#define LEVEL_STEP 0.05
#define LEVEL_MOST 8 /* no two balls have such a top */

/* ---- which centres, which frames ---- */

static const float *gram_row(const ct_net *net, int b) {
  return net->gram + (size_t)b * (size_t)net->gram_step;
}

static int is_far(const float *gram, const int *ball, int count) {
  for (int j = 0; j < count; j++)
    if (fabsf(gram[ball[j]]) >= (float)COARSE) return 0;
  return 1;
}

/* A number of balls ahead that has no divisor in common with count: scattered order. */
static int stride_of(int count) {
  int stride = (int)(0.618 * count) | 1;
  for (;; stride++) {
    int a = count, b = stride;
    while (b) {
      int rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) return stride;
  }
}

/* Greedily, in a scattered order; 0 when there are more than most. */
static int choose_coarse(ct_net *net, int most) {
  ct_coarse *coarse = &net->coarse;
  int stride = stride_of(net->count), b = 0;
  coarse->count = 0;
  for (int i = 0; i < net->count; i++) {
    if (is_far(gram_row(net, b), coarse->ball, coarse->count)) {
      if (coarse->count == most) return 0;
      coarse->ball[coarse->count++] = b;
    }
    b = (int)(((long long)b + stride) % net->count);
  }
  return coarse->count > CT_FRAME_MAX;
}

static float size_of(const float *gram, int b, int c) {
  return c == b ? 2 : fabsf(gram[c]);
}

/* The coarse centres most correlated with ball b's: count of them, as balls. */
static void nearest_coarse(const ct_net *net, int b, int count, int *nearest, int *number) {
  const float *gram = gram_row(net, b);
  float rho[CT_FRAME_MAX];
  int kept = 0;
  for (int j = 0; j < net->coarse.count; j++) {
    float value = size_of(gram, b, net->coarse.ball[j]);
    if (kept == count && value <= rho[count - 1]) continue;
    int i = kept < count ? kept++ : count - 1;
    for (; i > 0 && rho[i - 1] < value; i--)
      rho[i] = rho[i - 1], nearest[i] = nearest[i - 1], number[i] = number[i - 1];
    rho[i] = value;
    nearest[i] = net->coarse.ball[j];
    number[i] = j;
  }
}

static void share_frame(void *data, int b, int thread) {
  ct_net *net = data;
  int nearest[CT_FRAME_MAX], number[CT_FRAME_MAX], unused[CT_FRAME_MAX], t = net->frame_size;
  (void)thread;
  nearest_coarse(net, b, 1, nearest, number);
  net->coarse.of[b] = number[0];
  nearest_coarse(net, nearest[0], t, net->coarse.frame + (size_t)b * (size_t)t, unused);
}

/* The net with coarse frames instead of its own, and members with room for coordinates in them. */
static ct_net view_of(const ct_net *net, const ct_members *members) {
  ct_net view = *net;
  view.frame = net->coarse.frame;
  view.whiten = net->coarse.whiten;
  view.lift = net->coarse.lift;
  view.frame_drift = net->coarse.frame_drift;
  view.members = *members;
  return view;
}

static ct_status make_frames(ct_net *net, double done, const ct_run *run) {
  ct_coarse *coarse = &net->coarse;
  CT_NEW(coarse->of, &run->arena, net->count);
  CT_NEW(coarse->frame, &run->arena, (size_t)net->count * (size_t)net->frame_size);
  CT_TRY(ct_rounds_run(share_frame, net, net->count, 16, done, 0, run));
  ct_net view = view_of(net, &net->members);
  CT_TRY(ct_frames_make(&view, done, 0, run));
  coarse->whiten = view.whiten;
  coarse->lift = view.lift;
  coarse->frame_drift = view.frame_drift;
  return CT_OK;
}

/* ---- frames and frames ---- */

static double cross_of(const ct_net *net, int a, int b) {
  int t = net->frame_size;
  size_t at = (size_t)a * (size_t)t, bt = (size_t)b * (size_t)t;
  const float *A = net->coarse.whiten + at * (size_t)t, *B = net->coarse.whiten + bt * (size_t)t;
  double AG[CT_FRAME_MAX][CT_FRAME_MAX], square = 0;
  for (int i = 0; i < t; i++)
    for (int l = 0; l < t; l++) {
      double sum = 0;
      for (int k = 0; k <= i; k++)
        sum += A[i * t + k] *
               (double)gram_row(
                   net, net->coarse.frame[at + (size_t)k])[net->coarse.frame[bt + (size_t)l]];
      AG[i][l] = sum;
    }
  for (int i = 0; i < t; i++)
    for (int j = 0; j < t; j++) {
      double sum = 0;
      for (int l = 0; l <= j; l++) sum += AG[i][l] * B[j * t + l];
      square += sum * sum;
    }
  double drift = (double)net->coarse.frame_drift[a] * net->coarse.frame_drift[b];
  return sqrt(square) + (double)net->coarse.lift[a] * net->coarse.lift[b] * (1e-7 + drift);
}

static void cross_row(void *data, int j, int thread) {
  ct_net *net = data;
  ct_coarse *coarse = &net->coarse;
  float *out = coarse->cross + (size_t)j * (size_t)coarse->count;
  (void)thread;
  for (int l = 0; l < coarse->count; l++)
    out[l] = (float)(cross_of(net, coarse->ball[j], coarse->ball[l]) * (1 + 1e-6));
}

/* ---- outlines ---- */

static float largest(const float *value, int count) {
  float most = 0;
  for (int i = 0; i < count; i++) most = value[i] > most ? value[i] : most;
  return most;
}

typedef struct {
  ct_net *view;
  ct_outline *outline;
  ct_simd simd;
  int first; /* of the balls at work */
} outline_task;

static void outline_ball(void *data, int i, int thread) {
  outline_task *task = data;
  ct_net *view = task->view;
  const ct_members *members = &view->members;
  int b = task->first + i;
  size_t at = members->padded[b];
  int size = members->start[b + 1] - members->start[b];
  (void)thread;
  view->max_drift[b] = largest(members->drift + at, size);
  task->outline->w[b] = largest(members->w_norm + at, size);
  task->outline->residual[b] = largest(members->residual + at, size);
  for (int j = 0; j < view->coarse.count; j++)
    task->outline->reach[(size_t)j * (size_t)view->count + (size_t)b] =
        size ? ct_reach_of(view, view->coarse.ball[j], b, task->simd) : 0;
}

/* Rows of the coarse centres alone, and room for some balls at a time. */
static ct_status coarse_rows(ct_net *view, const ct_run *run) {
  size_t balls = (size_t)view->count;
  ct_table *table = &view->members.table;
  CT_NEW(table->place, &run->arena, balls * balls);
  memset(table->place, 0, balls * balls * sizeof *table->place);
  for (size_t b = 0; b < balls; b++)
    for (int j = 0; j < view->coarse.count; j++)
      table->place[b * balls + (size_t)view->coarse.ball[j]] = (uint16_t)(j + 1);
  CT_TRY(ct_table_lay_out(&view->members, view->count, run));
  size_t most = AT_ONCE;
  for (size_t b = 0; b < balls; b++)
    if (table->block[b + 1] - table->block[b] > most) most = table->block[b + 1] - table->block[b];
  CT_NEW(table->cell, &run->arena, most + CT_PANEL);
  table->entries = most;
  return CT_OK;
}

/* The balls from first on whose rows there is room for: moves their blocks to the front, and
 * returns the ball behind them. */
static int next_balls(ct_net *view, int first) {
  ct_table *table = &view->members.table;
  size_t from = table->block[first], end = from;
  int b = first;
  for (; b < view->count && table->block[b + 1] - from <= table->entries; b++) {
    end = table->block[b + 1];
    table->block[b] -= from;
  }
  memset(table->cell, 0, (end - from) * sizeof *table->cell);
  return b;
}

static ct_status outline_balls(outline_task *task, ct_table_work *work, double done, double share,
                               ct_stats *stats, const ct_run *run) {
  ct_net *view = task->view;
  ct_members *members = &view->members;
  for (int last; task->first < view->count; task->first = last) {
    double now = done + share * task->first / view->count;
    last = next_balls(view, task->first);
    if (members->start[task->first] < members->start[last])
      CT_TRY(ct_table_fill(work, members, members->start[task->first], members->start[last], NULL,
                           0, now, 0, stats, run));
    CT_TRY(ct_rounds_run(outline_ball, task, last - task->first, 16, now, 0, run));
  }
  return CT_OK;
}

ct_status ct_coarse_outline(ct_net *net, ct_members *members, ct_table_work *work, double done,
                            double share, ct_stats *stats, const ct_run *run) {
  ct_net view = view_of(net, members);
  outline_task task = {&view, &members->outline, run->simd, 0};
  size_t balls = (size_t)net->count;
  CT_NEW(members->outline.w, &run->arena, balls);
  CT_NEW(members->outline.residual, &run->arena, balls);
  CT_NEW(members->outline.reach, &run->arena, balls * (size_t)net->coarse.count);
  CT_NEW(view.max_drift, &run->arena, balls);
  CT_TRY(ct_members_coordinates(&view.members, &view, done, share * 0.1, stats, run));
  if (!view.sound) net->sound = 0;
  CT_TRY(coarse_rows(&view, run));
  return outline_balls(&task, work, done + share * 0.1, share * 0.9, stats, run);
}

ct_status ct_coarse_build(ct_net *net, int most, ct_table_work *work, double done, double share,
                          ct_stats *stats, const ct_run *run) {
  ct_coarse *coarse = &net->coarse;
  CT_NEW(coarse->ball, &run->arena, net->count);
  if (!choose_coarse(net, most)) {
    coarse->count = 0;
    return CT_OK;
  }
  CT_TRY(make_frames(net, done, run));
  CT_NEW(coarse->cross, &run->arena, (size_t)coarse->count * (size_t)coarse->count);
  CT_TRY(ct_rounds_run(cross_row, net, coarse->count, 1, done, 0, run));
  return ct_coarse_outline(net, &net->members, work, done, share, stats, run);
}

/* ---- tops, and the rows that they ask for ---- */

void ct_coarse_tops(const ct_net *net, const ct_members *asking, int a, float *top) {
  const ct_coarse *coarse = &net->coarse;
  const ct_outline *own = &asking->outline, *other = &net->members.outline;
  size_t balls = (size_t)net->count, at = (size_t)a;
  if (coarse->count == 0) {
    for (size_t b = 0; b < balls; b++) top[b] = 2;
    return;
  }
  size_t of = (size_t)coarse->of[a];
  const float *reach = other->reach + of * balls;
  const float *cross = coarse->cross + of * (size_t)coarse->count;
  float w = own->w[at], residual = own->residual[at];
  for (size_t b = 0; b < balls; b++) {
    size_t j = (size_t)coarse->of[b];
    float back = own->reach[j * balls + at], size = other->w[b];
    float sum = w * reach[b] + size * back + w * size * cross[j] + residual * other->residual[b];
    top[b] = sum * (1 + 1e-6f);
  }
}

typedef struct {
  const ct_net *net;
  ct_members *asking;
  float level;
  float *top; /* balls a thread */
} open_task;

static void open_ball(void *data, int a, int thread) {
  open_task *task = data;
  const ct_net *net = task->net;
  int t = net->frame_size, rows = 0;
  size_t balls = (size_t)net->count;
  float *top = task->top + (size_t)thread * balls;
  uint16_t *place = task->asking->table.place + (size_t)a * balls;
  memset(place, 0, balls * sizeof *place);
  if (ct_members_width(task->asking, a) == 0) return;
  ct_coarse_tops(net, task->asking, a, top);
  for (size_t b = 0; b < balls; b++)
    for (int k = 0; k < t && top[b] >= task->level; k++)
      place[net->frame[b * (size_t)t + (size_t)k]] = 1;
  for (size_t c = 0; c < balls; c++)
    if (place[c]) place[c] = (uint16_t)++rows;
}

ct_status ct_table_open(const ct_net *net, ct_members *asking, double most, int *fits, double done,
                        const ct_run *run) {
  open_task task = {net, asking, (float)(1 - LEVEL * net->radius * net->radius), NULL};
  size_t balls = (size_t)net->count;
  *fits = (double)asking->lanes * (double)balls <= most;
  if (net->coarse.count == 0) return ct_table_open_all(asking, net->count, run);
  *fits = 1;
  CT_NEW(asking->table.place, &run->arena, balls * balls);
  CT_NEW(task.top, &run->arena, (size_t)run->threads * balls);
  for (; task.level < LEVEL_MOST; task.level += (float)LEVEL_STEP) {
    CT_TRY(ct_rounds_run(open_ball, &task, net->count, 4, done, 0, run));
    CT_TRY(ct_table_lay_out(asking, net->count, run));
    if ((double)asking->table.entries <= most) break;
  }
  return CT_OK;
}
