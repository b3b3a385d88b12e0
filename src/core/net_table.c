/* The table of the correlations of every centre with every member, in 16 bits: as wide as the
 * search needs (its error, 1.6e-5, is carried in the bounds), half the memory and traffic of
 * floats. Rows are centres, lanes the members of a ball, so that the search reads for a pair of
 * balls a few short runs.
 *
 * It is most of the cost of an index: balls * n products. Members are packed in panels across
 * balls, centres come by eight; a tile is quantised at once and its pieces copied to the balls'
 * blocks. */

#include "frame_kernels.h"
#include "rounds.h"

#include <math.h>
#include <string.h>

/* Panels that share the centres' rows; as many as keep within the second level cache. */
#define PANELS 7
#define PANEL_BYTES 720000

typedef struct {
  ct_panel panel[PANELS];
  double lane_scale[PANELS][CT_PANEL];
  double *c;
  double *work;
  int16_t *steps;
} table_scratch;

struct ct_table_work {
  const ct_net *net;
  const ct_frame_kernels *kernels;
  int panels;
  double *rows; /* V of the centres, padded apart by other than a power of two */
  size_t row_step;
  table_scratch *scratch; /* one a thread */
  /* the part at work */
  ct_members *members;
  int first;
  int last;
  const int *ball;
  int balls;
};

static int ball_at(const ct_table_work *task, int i) {
  return task->ball ? task->ball[i] : i;
}

/* Copies one row of a panel's steps to the blocks of the balls of its members. */
static void scatter(const ct_table_work *task, int first, int lanes, int centre,
                    const int16_t *steps) {
  ct_members *members = task->members;
  size_t balls = (size_t)task->net->count;
  for (int i = first; i < first + lanes;) {
    int b = members->ball[i], end = members->start[b + 1];
    if (end > first + lanes) end = first + lanes;
    size_t ld = (size_t)ct_members_width(members, b);
    int16_t *to = members->table + members->padded[b] * balls + (size_t)centre * ld;
    memcpy(to + (i - members->start[b]), steps + (i - first), (size_t)(end - i) * sizeof *steps);
    i = end;
  }
}

static void fill_panels(void *data, int item, int thread) {
  ct_table_work *task = data;
  const ct_net *net = task->net;
  const ct_members *members = task->members;
  table_scratch *s = task->scratch + thread;
  int first = task->first + item * task->panels * CT_PANEL, count = task->last - first;
  if (count > task->panels * CT_PANEL) count = task->panels * CT_PANEL;
  for (int p = 0; p * CT_PANEL < count; p++) {
    const int *position = members->position + first + p * CT_PANEL;
    int lanes = count - p * CT_PANEL < CT_PANEL ? count - p * CT_PANEL : CT_PANEL;
    ct_panel_pack(s->panel + p, members->points, position, lanes);
    for (int l = 0; l < CT_PANEL; l++)
      s->lane_scale[p][l] = l < lanes ? members->points->scale[position[l]] : 0;
  }
  for (int i = 0; i < task->balls; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    double row_scale[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++) {
      int centre = ball_at(task, i + u < task->balls ? i + u : i), x = net->centre[centre];
      rows.V[u] = task->rows + (size_t)centre * task->row_step;
      rows.x[u] = net->index->x + (size_t)x * (size_t)net->index->dim;
      row_scale[u] = net->index->scale[x];
    }
    for (int p = 0; p * CT_PANEL < count; p++) {
      int lanes = count - p * CT_PANEL < CT_PANEL ? count - p * CT_PANEL : CT_PANEL;
      ct_pairs_tile(&net->pairs, s->panel + p, &rows, s->c, s->work);
      task->kernels->quantize(s->c, row_scale, s->lane_scale[p], s->steps);
      for (int u = 0; u < CT_TILE_ROWS && i + u < task->balls; u++)
        scatter(task, first + p * CT_PANEL, lanes, ball_at(task, i + u), s->steps + u * CT_PANEL);
    }
  }
}

/* The lanes behind a ball's last member must hold something harmless. */
static void clear_padding(void *data, int b, int thread) {
  ct_table_work *task = data;
  ct_members *members = task->members;
  int width = ct_members_width(members, b), used = members->start[b + 1] - members->start[b];
  int16_t *block = members->table + members->padded[b] * (size_t)task->net->count;
  (void)thread;
  for (int c = 0; c < task->net->count; c++)
    for (int i = used; i < width; i++) block[(size_t)c * (size_t)width + (size_t)i] = 0;
}

static ct_status new_scratch(ct_table_work *task, const ct_run *run) {
  const ct_pairs *pairs = &task->net->pairs;
  CT_NEW(task->scratch, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    table_scratch *s = task->scratch + i;
    for (int p = 0; p < task->panels; p++)
      CT_TRY(ct_panel_new(s->panel + p, pairs->rank, pairs->dim, &run->arena));
    CT_NEW(s->c, &run->arena, CT_TILE);
    CT_NEW(s->work, &run->arena, ct_pairs_work(pairs, CT_TILE));
    CT_NEW(s->steps, &run->arena, CT_TILE);
  }
  return CT_OK;
}

static ct_status copy_centres(ct_table_work *task, const ct_run *run) {
  const ct_net *net = task->net;
  size_t stride = (size_t)net->index->stride;
  task->row_step = stride % 64 ? stride : stride + 8;
  CT_NEW(task->rows, &run->arena, (size_t)net->count * task->row_step + 1);
  for (int c = 0; c < net->count; c++)
    memcpy(task->rows + (size_t)c * task->row_step, net->index->V + (size_t)net->centre[c] * stride,
           stride * sizeof *task->rows);
  return CT_OK;
}

ct_status ct_table_new(ct_table_work **work, const ct_net *net, const ct_run *run) {
  ct_table_work *task;
  int bytes = net->pairs.rank * CT_PANEL * (int)sizeof(double);
  CT_NEW(task, &run->arena, 1);
  memset(task, 0, sizeof *task);
  task->net = net;
  task->kernels = ct_frame_kernels_of(run->simd, net->frame_size);
  task->panels = bytes > PANEL_BYTES / PANELS ? PANEL_BYTES / bytes : PANELS;
  if (task->panels < 1) task->panels = 1;
  CT_TRY(copy_centres(task, run));
  *work = task;
  return new_scratch(task, run);
}

static ct_status new_table(ct_table_work *task, double done, const ct_run *run) {
  ct_members *members = task->members;
  size_t balls = (size_t)task->net->count;
  CT_NEW(members->table, &run->arena, members->padded[balls] * balls);
  return ct_rounds_run(clear_padding, task, task->net->count, 16, done, 0, run);
}

ct_status ct_table_fill(ct_table_work *work, ct_members *members, int first, int last,
                        const int *ball, int balls, double done, double share, ct_stats *stats,
                        const ct_run *run) {
  int run_length = work->panels * CT_PANEL;
  work->members = members;
  work->first = first;
  work->last = last;
  work->ball = ball;
  work->balls = ball ? balls : work->net->count;
  if (!members->table) CT_TRY(new_table(work, done, run));
  int items = (last - first + run_length - 1) / run_length;
  stats->products += (double)(last - first) * work->balls;
  return ct_rounds_run(fill_panels, work, items, 1, done, share, run);
}

/* ---- how far frames reach into balls ---- */

typedef struct {
  ct_net *net;
  const ct_frame_kernels *kernels;
  const int *ball;
  int balls;
} reach_task;

/* |M_a R| differs from |M_a R~| by what the table and noise may be off, lifted by M_a, and by the
 * roundings of the float product, (t + 1) of 6e-8 for each of t terms of at most |M| each. */
static void reach_into(void *data, int b, int thread) {
  reach_task *task = data;
  ct_net *net = task->net;
  int t = net->frame_size, ld = ct_members_width(&net->members, b);
  const int16_t *table = net->members.table + net->members.padded[b] * (size_t)net->count;
  double rounding = CT_TABLE_ERROR + 6e-8 * (t + 2) * sqrt((double)t);
  (void)thread;
  for (int i = 0; i < task->balls; i++) {
    const int16_t *row[CT_FRAME_MAX];
    int a = task->ball ? task->ball[i] : i;
    for (int k = 0; k < t; k++) row[k] = table + (size_t)net->frame[a * t + k] * (size_t)ld;
    double most = task->kernels->reach(net->whiten + (size_t)a * (size_t)(t * t), row, ld);
    double off = net->lift[a] * (rounding + (double)net->frame_noise[a] * net->max_noise[b]);
    net->reach[(size_t)a * (size_t)net->count + (size_t)b] =
        (float)((sqrt(most) / CT_TABLE_STEPS * (1 + 1e-6) + off) * (1 + 1e-6));
  }
}

ct_status ct_net_reach(ct_net *net, const int *ball, int balls, double done, double share,
                       const ct_run *run) {
  reach_task task = {net, ct_frame_kernels_of(run->simd, net->frame_size), ball,
                     ball ? balls : net->count};
  if (!net->reach) CT_NEW(net->reach, &run->arena, (size_t)net->count * (size_t)net->count);
  return ct_rounds_run(reach_into, &task, net->count, 4, done, share, run);
}
