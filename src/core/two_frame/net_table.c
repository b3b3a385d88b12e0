/* The table of the correlations of centres with members, in 16 bits: as wide as the search needs
 * (its error, CT_TABLE_ERROR, is carried in the bounds), half the memory and traffic of floats.
 * Rows are centres, lanes the members of a ball, so that the search reads for a pair of balls a few
 * short runs. Each ball has the rows of all centres, or of those alone that searches may ask it
 * for.
 *
 * It is most of the cost of an index: a product for every entry, in two precisions (pair_mixed.h).
 * Members are packed in panels across balls, with the centres that any of these balls needs by
 * eight; a tile is quantised at once and its pieces copied to the balls' blocks. */

#include "two_frame/frame_kernels.h"
#include "run/parallel.h"

#include <math.h>
#include <string.h>

/* Wide panels that share the centres' rows; as many as keep within the second level cache. */
#define PANELS 4
#define PANEL_BYTES 1200000

typedef struct {
  ct_wide_panel panel[PANELS];
  double lane_scale[PANELS][CT_WIDE];
  double *c;
  float *sum;
  double *work;
  int16_t *steps;
  int *centre; /* what the members at work need */
  double products;
} table_scratch;

struct ct_table_work {
  const ct_net *net;
  const ct_frame_kernels *kernels;
  int panels;
  double *rows; /* V of the centres, padded apart by other than a power of two */
  size_t row_step;
  ct_narrow narrow;       /* of the centres */
  int *order;             /* of the centres, such that those of a tile need about the same head */
  table_scratch *scratch; /* one a thread */
  /* the part at work */
  ct_members *members;
  int first;
  int last;
  const int *ball;
  int balls;
  /* rows that the part before this one has filled for all members of filled_of */
  const ct_members *filled_of;
  char *filled;
};

/* The centres whose rows any ball of members first .. last - 1 has, among those to be filled. */
static int needed_centres(const ct_table_work *task, int first, int last, int *centre) {
  const ct_members *members = task->members;
  int balls = task->net->count, count = 0, skips = !task->ball && task->filled_of == members;
  for (int i = 0; i < task->balls; i++) {
    int c = task->ball ? task->ball[i] : task->order[i], needed = 0;
    if (skips && task->filled[c]) continue;
    for (int b = members->ball[first]; b <= members->ball[last - 1] && !needed; b++)
      needed = ct_table_place(&members->table, balls, b, c);
    if (needed) centre[count++] = c;
  }
  return count;
}

/* Copies one row of a panel's steps to the blocks of the balls of its members. */
static void scatter(const ct_table_work *task, int first, int lanes, int centre,
                    const int16_t *steps) {
  ct_members *members = task->members;
  for (int i = first; i < first + lanes;) {
    int b = members->ball[i], end = members->start[b + 1];
    if (end > first + lanes) end = first + lanes;
    const int16_t *row = ct_table_row(members, task->net->count, b, centre);
    if (row)
      memcpy(members->table.cell + (row - members->table.cell) + (i - members->start[b]),
             steps + (i - first), (size_t)(end - i) * sizeof *steps);
    i = end;
  }
}

/* Centres at some places of a list, the first again where the list ends. */
static void rows_of(const ct_table_work *task, const int *centre, int count, ct_mixed_rows *rows,
                    double *scale) {
  const ct_residual *index = task->net->index;
  for (int u = 0; u < CT_TILE_ROWS; u++) {
    int c = centre[u < count ? u : 0], x = task->net->centre[c];
    ct_mixed_row_at(rows, u, index, x, &task->narrow, c);
    rows->exact.V[u] = task->rows + (size_t)c * task->row_step;
    scale[u] = index->scale[x];
  }
}

static void fill_tile(const ct_table_work *task, table_scratch *s, int panel, int first,
                      const int *centre, int count) {
  ct_mixed_rows rows;
  double scale[CT_TILE_ROWS];
  int members = s->panel[panel].lanes;
  rows_of(task, centre, count, &rows, scale);
  ct_mixed_tile(&task->net->pairs, s->panel + panel, &rows, s->c, s->sum, s->work);
  for (int h = 0, from = 0; from < members; h++, from += CT_PANEL) {
    int lanes = members - from < CT_PANEL ? members - from : CT_PANEL;
    task->kernels->quantize(s->c + h * CT_TILE, scale, s->lane_scale[panel] + from, s->steps);
    for (int u = 0; u < CT_TILE_ROWS && u < count; u++)
      scatter(task, first + from, lanes, centre[u], s->steps + u * CT_PANEL);
  }
}

static void pack_members(const ct_table_work *task, table_scratch *s, int panel, int first,
                         int count) {
  const ct_residual *points = task->members->points;
  const int *position = task->members->position + first;
  ct_wide_panel_pack(s->panel + panel, &task->net->pairs, points, position, count);
  for (int l = 0; l < CT_WIDE; l++)
    s->lane_scale[panel][l] = l < count ? points->scale[position[l]] : 0;
}

static void fill_panels(void *data, int item, int thread) {
  ct_table_work *task = data;
  table_scratch *s = task->scratch + thread;
  int first = task->first + item * task->panels * CT_WIDE, count = task->last - first;
  if (count > task->panels * CT_WIDE) count = task->panels * CT_WIDE;
  int centres = needed_centres(task, first, first + count, s->centre);
  s->products += (double)centres * count;
  for (int p = 0; p * CT_WIDE < count; p++) {
    int left = count - p * CT_WIDE;
    pack_members(task, s, p, first + p * CT_WIDE, left < CT_WIDE ? left : CT_WIDE);
  }
  for (int i = 0; i < centres; i += CT_TILE_ROWS)
    for (int p = 0; p * CT_WIDE < count; p++)
      fill_tile(task, s, p, first + p * CT_WIDE, s->centre + i, centres - i);
}

/* The lanes behind a ball's last member must hold something harmless. */
static void clear_padding(void *data, int b, int thread) {
  ct_table_work *task = data;
  ct_members *members = task->members;
  size_t width = (size_t)ct_members_width(members, b);
  size_t used = (size_t)(members->start[b + 1] - members->start[b]);
  (void)thread;
  if (used == width) return;
  for (size_t at = members->table.block[b]; at < members->table.block[b + 1]; at += width)
    for (size_t i = used; i < width; i++) members->table.cell[at + i] = 0;
}

static ct_status new_scratch(ct_table_work *task, const ct_run *run) {
  const ct_pairs *pairs = &task->net->pairs;
  CT_NEW(task->scratch, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    table_scratch *s = task->scratch + i;
    for (int p = 0; p < task->panels; p++)
      CT_TRY(ct_wide_panel_new(s->panel + p, pairs->rank, pairs->dim, &run->arena));
    CT_NEW(s->c, &run->arena, CT_WIDE_TILE);
    CT_NEW(s->sum, &run->arena, CT_WIDE_TILE);
    CT_NEW(s->work, &run->arena, ct_pairs_work(pairs, CT_TILE));
    CT_NEW(s->steps, &run->arena, CT_TILE);
    CT_NEW(s->centre, &run->arena, task->net->count);
    s->products = 0;
  }
  return CT_OK;
}

static ct_status copy_centres(ct_table_work *task, const ct_run *run) {
  const ct_net *net = task->net;
  size_t stride = (size_t)net->index->stride;
  int *spare;
  task->row_step = stride % 64 ? stride : stride + 8;
  CT_NEW(task->rows, &run->arena, (size_t)net->count * task->row_step + 1);
  CT_TRY(ct_narrow_new(&task->narrow, net->pairs.rank, net->count, &run->arena));
  CT_NEW(task->order, &run->arena, net->count);
  CT_NEW(spare, &run->arena, net->count);
  for (int c = 0; c < net->count; c++) {
    memcpy(task->rows + (size_t)c * task->row_step, net->index->V + (size_t)net->centre[c] * stride,
           stride * sizeof *task->rows);
    ct_narrow_set(&task->narrow, c, &net->pairs, net->index, net->centre[c]);
    task->order[c] = c;
  }
  ct_narrow_sort(&task->narrow, &net->pairs, task->order, net->count, spare);
  return CT_OK;
}

ct_status ct_table_new(ct_table_work **work, const ct_net *net, const ct_run *run) {
  ct_table_work *task;
  size_t bytes = ct_wide_panel_bytes(net->pairs.rank);
  CT_NEW(task, &run->arena, 1);
  memset(task, 0, sizeof *task);
  task->net = net;
  task->kernels = ct_frame_kernels_of(run->simd, net->frame_size);
  task->panels = bytes > PANEL_BYTES / PANELS ? (int)(PANEL_BYTES / bytes) : PANELS;
  if (task->panels < 1) task->panels = 1;
  CT_TRY(copy_centres(task, run));
  CT_NEW(task->filled, &run->arena, net->count);
  memset(task->filled, 0, (size_t)net->count);
  *work = task;
  return new_scratch(task, run);
}

static ct_status new_table(ct_table_work *task, double done, const ct_run *run) {
  ct_table *table = &task->members->table;
  CT_NEW(table->cell, &run->arena, table->entries);
  return ct_rounds_run(clear_padding, task, task->net->count, 16, done, 0, run);
}

static size_t rows_of_ball(const ct_table *table, int balls, int b) {
  size_t rows = 0;
  if (!table->place) return (size_t)balls;
  for (int c = 0; c < balls; c++) rows += ct_table_place(table, balls, b, c) > 0;
  return rows;
}

ct_status ct_table_lay_out(ct_members *members, int balls, const ct_run *run) {
  ct_table *table = &members->table;
  table->cell = NULL;
  CT_NEW(table->block, &run->arena, (size_t)balls + 1);
  table->block[0] = 0;
  for (int b = 0; b < balls; b++)
    table->block[b + 1] =
        table->block[b] + rows_of_ball(table, balls, b) * (size_t)ct_members_width(members, b);
  table->entries = table->block[balls];
  return CT_OK;
}

ct_status ct_table_open_all(ct_members *members, int balls, const ct_run *run) {
  members->table.place = NULL;
  return ct_table_lay_out(members, balls, run);
}

static void mark_filled(ct_table_work *work) {
  if (work->first > 0 || work->last < work->members->count) return;
  work->filled_of = NULL;
  if (!work->ball) return;
  work->filled_of = work->members;
  memset(work->filled, 0, (size_t)work->net->count);
  for (int i = 0; i < work->balls; i++) work->filled[work->ball[i]] = 1;
}

static double products_of(const ct_table_work *work, int threads) {
  double sum = 0;
  for (int i = 0; i < threads; i++) sum += work->scratch[i].products;
  return sum;
}

ct_status ct_table_fill(ct_table_work *work, ct_members *members, int first, int last,
                        const int *ball, int balls, double done, double share, ct_stats *stats,
                        const ct_run *run) {
  int run_length = work->panels * CT_WIDE;
  work->members = members;
  work->first = first;
  work->last = last;
  work->ball = ball;
  work->balls = ball ? balls : work->net->count;
  if (!members->table.cell) CT_TRY(new_table(work, done, run));
  int items = (last - first + run_length - 1) / run_length;
  double before = products_of(work, run->threads);
  CT_TRY(ct_rounds_run(fill_panels, work, items, 1, done, share, run));
  stats->products += products_of(work, run->threads) - before;
  mark_filled(work);
  return CT_OK;
}

/* ---- how far frames reach into balls ---- */

typedef struct {
  ct_net *net;
  ct_simd simd;
  const int *ball;
  int balls;
} reach_task;

/* |M_a R| differs from |M_a R~| by what the table and drift may be off, lifted by M_a, and by the
 * roundings of the float product, (t + 1) of 6e-8 for each of t terms of at most |M| each. */
float ct_reach_of(const ct_net *net, int a, int b, ct_simd simd) {
  int t = net->frame_size, ld = ct_members_width(&net->members, b);
  double rounding = CT_TABLE_ERROR + 6e-8 * (t + 2) * sqrt((double)t);
  const int16_t *row[CT_FRAME_MAX];
  for (int k = 0; k < t; k++) {
    row[k] =
        ct_table_row(&net->members, net->count, b, net->frame[(size_t)a * (size_t)t + (size_t)k]);
    if (!row[k]) return CT_REACH_UNKNOWN;
  }
  const float *whiten = net->whiten + (size_t)a * (size_t)(t * t);
  double most = ct_frame_kernels_of(simd, t)->reach(whiten, row, ld);
  double off = net->lift[a] * (rounding + (double)net->frame_drift[a] * net->max_drift[b]);
  return (float)((sqrt(most) / CT_TABLE_STEPS * (1 + 1e-6) + off) * (1 + 1e-6));
}

static void reach_into(void *data, int b, int thread) {
  reach_task *task = data;
  ct_net *net = task->net;
  (void)thread;
  for (int i = 0; i < task->balls; i++) {
    int a = task->ball ? task->ball[i] : i;
    net->reach[(size_t)a * (size_t)net->count + (size_t)b] = ct_reach_of(net, a, b, task->simd);
  }
}

ct_status ct_net_reach(ct_net *net, const int *ball, int balls, double done, double share,
                       const ct_run *run) {
  reach_task task = {net, run->simd, ball, ball ? balls : net->count};
  if (!net->reach) CT_NEW(net->reach, &run->arena, (size_t)net->count * (size_t)net->count);
  return ct_rounds_run(reach_into, &task, net->count, 4, done, share, run);
}
