#include "screened/screened_parts.h"

#include "run/parallel.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Lifts a norm or a size that was rounded a few times to at least what it is of the floats. */
#define UP (1 + 1e-6)

typedef struct {
  ct_screened_side *side;
  const ct_screened_root *root;
  const double *middle;
  const ct_screened_kernels *kernels;
  double *panel, *tile; /* one of each a thread */
} layout;

static const int *lanes_of(const ct_screened_side *side, int block) {
  return side->position + (size_t)block * CT_SCREEN;
}

/* Where a block has entry i of count in the arrays of its chunk. */
static size_t chunk_entry(int block, size_t i, size_t count) {
  size_t chunk = (size_t)block / CT_SCREEN, lane = (size_t)block % CT_SCREEN;
  return (chunk * count + i) * CT_SCREEN + lane;
}

/* V of the block's lanes, column by column. */
static void fill_panel(const ct_screened_side *side, int block, int rank, double *panel) {
  const ct_residual *points = side->points;
  for (int lane = 0; lane < CT_SCREEN; lane++) {
    int at = lanes_of(side, block)[lane];
    const double *row = at < 0 ? NULL : points->V + (size_t)at * (size_t)points->stride;
    for (int t = 0; t < rank; t++) panel[(size_t)t * CT_SCREEN + (size_t)lane] = row ? row[t] : 0;
  }
}

/* A group's columns, from V's to those of the unit process in floats, and their norms, whose
 * squares are added to total. */
static void narrow(const ct_screened_side *side, int block, const double *tile, float *W,
                   float *norm, double *total) {
  for (int lane = 0; lane < CT_SCREEN; lane++) {
    int at = lanes_of(side, block)[lane];
    double scale = at < 0 ? 0 : side->points->scale[at], sum = 0;
    for (int c = 0; c < CT_COLUMNS; c++) {
      double w = tile[c * CT_SCREEN + lane] * scale;
      W[c * CT_SCREEN + lane] = (float)w;
      sum += w * w;
    }
    norm[lane] = (float)(sqrt(sum) * UP);
    total[lane] += sum;
  }
}

static void lay_out_columns(const layout *to, int block, int thread, double *total) {
  ct_screened_side *side = to->side;
  size_t rank = (size_t)to->root->rank, columns = (size_t)side->columns;
  double *panel = to->panel + (size_t)thread * rank * CT_SCREEN;
  double *tile = to->tile + (size_t)thread * CT_COLUMNS * CT_SCREEN;
  fill_panel(side, block, to->root->rank, panel);
  for (size_t g = 0; g < (size_t)side->groups; g++) {
    float *W = side->W + ((size_t)block * columns + g * CT_COLUMNS) * CT_SCREEN;
    float *norm = side->norm + ((size_t)block * (size_t)side->groups + g) * CT_SCREEN, most = 0;
    to->kernels->rotate(to->root->row + g * CT_COLUMNS * rank, panel, to->root->rank, tile);
    narrow(side, block, tile, W, norm, total);
    for (int lane = 0; lane < CT_SCREEN; lane++) most = norm[lane] > most ? norm[lane] : most;
    side->top[chunk_entry(block, g, (size_t)side->groups)] = most;
  }
}

static void lay_out_sizes(const ct_screened_side *side, int block, const double *total) {
  double variance = side->points->covariance->variance;
  float top_share = 0, top_size = 0;
  for (int lane = 0; lane < CT_SCREEN; lane++) {
    int at = lanes_of(side, block)[lane];
    double share = at < 0 ? 0 : sqrt(variance) * side->points->scale[at], W = sqrt(total[lane]);
    float size = (float)((W > share ? W : share) * UP);
    side->share[(size_t)block * CT_SCREEN + (size_t)lane] = (float)share;
    side->size[(size_t)block * CT_SCREEN + (size_t)lane] = size;
    top_share = (float)share > top_share ? (float)share : top_share;
    top_size = size > top_size ? size : top_size;
  }
  side->top_share[block] = top_share;
  side->top_size[block] = top_size;
}

static int first_point(const int *lanes) {
  int lane = 0;
  while (lanes[lane] < 0) lane++;
  return lanes[lane];
}

/* Lanes without a point stand where the first point does. */
static void lay_out_coordinates(const layout *to, int block) {
  const ct_screened_side *side = to->side;
  const ct_residual *points = side->points;
  const int *lanes = lanes_of(side, block), first = first_point(lanes);
  size_t dim = (size_t)points->dim;
  for (size_t c = 0; c < dim; c++) {
    size_t row = ((size_t)block * dim + c) * CT_SCREEN;
    float low = INFINITY, high = -INFINITY;
    for (size_t lane = 0; lane < CT_SCREEN; lane++) {
      int at = lanes[lane] < 0 ? first : lanes[lane];
      double x = points->x[(size_t)at * dim + c];
      float near = (float)(x - to->middle[c]);
      side->x[row + lane] = x;
      side->near[row + lane] = near;
      low = near < low ? near : low;
      high = near > high ? near : high;
    }
    side->low[chunk_entry(block, c, dim)] = low;
    side->high[chunk_entry(block, c, dim)] = high;
  }
}

static void lay_out_rows(const ct_screened_side *side, int block) {
  const int *lanes = lanes_of(side, block);
  int *row = side->row + (size_t)block * CT_SCREEN, first = INT_MAX, last = 0;
  unsigned present = 0;
  for (int lane = 0; lane < CT_SCREEN; lane++) {
    row[lane] = lanes[lane] < 0 ? INT_MAX : side->points->row[lanes[lane]];
    first = row[lane] < first ? row[lane] : first;
    if (lanes[lane] < 0) continue;
    last = row[lane] > last ? row[lane] : last;
    present |= 1u << lane;
  }
  side->first_row[block] = first;
  side->last_row[block] = last;
  side->present[block] = present;
}

static void lay_out_block(void *task, int block, int thread) {
  const layout *to = task;
  double total[CT_SCREEN] = {0};
  lay_out_columns(to, block, thread, total);
  lay_out_sizes(to->side, block, total);
  lay_out_coordinates(to, block);
  lay_out_rows(to->side, block);
}

static ct_status new_zeros(float **array, size_t count, const ct_arena *arena) {
  CT_NEW(*array, arena, count);
  memset(*array, 0, count * sizeof **array);
  return CT_OK;
}

static ct_status new_arrays(ct_screened_side *side, const ct_arena *arena) {
  size_t blocks = (size_t)side->blocks, lanes = blocks * CT_SCREEN;
  size_t dim = (size_t)side->points->dim, groups = (size_t)side->groups;
  size_t chunked = (size_t)side->chunks * CT_SCREEN;
  CT_NEW(side->W, arena, lanes * (size_t)side->columns);
  CT_NEW(side->norm, arena, lanes * groups);
  CT_NEW(side->x, arena, lanes * dim);
  CT_NEW(side->near, arena, lanes * dim);
  CT_NEW(side->share, arena, lanes);
  CT_NEW(side->size, arena, lanes);
  CT_NEW(side->row, arena, lanes);
  CT_NEW(side->present, arena, blocks);
  CT_NEW(side->first_row, arena, blocks);
  CT_NEW(side->last_row, arena, blocks);
  CT_TRY(new_zeros(&side->top, chunked * groups, arena));
  CT_TRY(new_zeros(&side->top_share, chunked, arena));
  CT_TRY(new_zeros(&side->top_size, chunked, arena));
  CT_TRY(new_zeros(&side->low, chunked * dim, arena));
  CT_TRY(new_zeros(&side->high, chunked * dim, arena));
  return CT_OK;
}

ct_status ct_screened_side_new(ct_screened_side *side, const ct_screened_root *root,
                               const ct_residual *points, const int *position, int count,
                               const double *middle, double done, double share, const ct_run *run) {
  int blocks = (count + CT_SCREEN - 1) / CT_SCREEN, *lane;
  layout to = {side, root, middle, ct_screened_kernels_of(run->simd), NULL, NULL};
  size_t threads = (size_t)run->threads;
  *side = (ct_screened_side){.points = points,
                             .count = count,
                             .blocks = blocks,
                             .chunks = (blocks + CT_SCREEN - 1) / CT_SCREEN,
                             .columns = root->columns,
                             .groups = root->columns / CT_COLUMNS};
  CT_NEW(lane, &run->arena, (size_t)blocks * CT_SCREEN);
  for (int i = 0; i < blocks * CT_SCREEN; i++) lane[i] = i < count ? position[i] : -1;
  side->position = lane;
  CT_TRY(new_arrays(side, &run->arena));
  CT_NEW(to.panel, &run->arena, threads * (size_t)root->rank * CT_SCREEN);
  CT_NEW(to.tile, &run->arena, threads * CT_COLUMNS * CT_SCREEN);
  return ct_rounds_run(lay_out_block, &to, blocks, 16, done, share, run);
}
