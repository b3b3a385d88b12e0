#include "metric/canonical.h"

#include "process/select_gram.h"

#include <string.h>

/* A multiple of every kernel's panel and strip. */
#define ROUND 24

ct_status ct_gram_new(ct_gram *gram, const ct_residual *points, int members, const ct_run *run) {
  const ct_canonical_kernels *kernels = ct_canonical_kernels_of(run->simd);
  size_t most = (size_t)(members + ROUND - 1) / ROUND * ROUND, rank = (size_t)points->rank;
  size_t panel = (size_t)kernels->panel, strip = (size_t)kernels->strip, dim = (size_t)points->dim;
  *gram = (ct_gram){
      .points = points, .kernels = kernels, .simd = run->simd, .most = (int)most, .count = 0};
  CT_NEW(gram->member, &run->arena, most);
  CT_NEW(gram->number, &run->arena, points->n);
  CT_NEW(gram->matrix, &run->arena, most * most);
  CT_NEW(gram->lines, &run->arena, most * rank);
  CT_NEW(gram->panel, &run->arena, (rank + strip) * panel);
  CT_NEW(gram->sides, &run->arena, dim * panel);
  CT_NEW(gram->u, &run->arena, dim * strip);
  CT_NEW(gram->work, &run->arena, (size_t)points->covariance->work_size + 1);
  memset(gram->number, 0, (size_t)points->n * sizeof *gram->number);
  return CT_OK;
}

int ct_gram_fits(const ct_gram *gram, const int *position, int count) {
  int more = 0;
  for (int j = 0; j < count; j++) more += gram->number[position[j]] == 0;
  return gram->count + more <= gram->most;
}

void ct_gram_add(ct_gram *gram, const int *position, int count) {
  for (int j = 0; j < count; j++) {
    if (gram->number[position[j]]) continue;
    gram->member[gram->count++] = position[j];
    gram->number[position[j]] = gram->count;
  }
}

void ct_gram_clear(ct_gram *gram) {
  for (int j = 0; j < gram->count; j++) gram->number[gram->member[j]] = 0;
  gram->count = 0;
}

/* Member i, or the last one beyond them. */
static size_t member_or_last(const ct_gram *gram, int i) {
  return (size_t)gram->member[i < gram->count ? i : gram->count - 1];
}

static void pack_lines(ct_gram *gram) {
  int strip = gram->kernels->strip, rank = gram->points->rank;
  for (int i = 0; i < gram->count + strip - 1; i++) {
    int s = i / strip * strip;
    if (s >= gram->count) break;
    const double *row = gram->points->V + member_or_last(gram, i) * (size_t)gram->points->stride;
    double *lines = gram->lines + (size_t)s * (size_t)rank + (i - s);
    for (int q = 0; q < rank; q++) lines[q * strip] = row[q];
  }
}

static void pack_panel(ct_gram *gram, int first) {
  int panel = gram->kernels->panel, rank = gram->points->rank, dim = gram->points->dim;
  for (int i = 0; i < panel; i++) {
    size_t at = member_or_last(gram, first + i);
    const double *row = gram->points->V + at * (size_t)gram->points->stride;
    for (int q = 0; q < rank; q++) gram->panel[q * panel + i] = row[q];
    for (int c = 0; c < dim; c++)
      gram->sides[c * panel + i] = gram->points->x[at * (size_t)dim + (size_t)c];
  }
}

/* Residual covariances of the panel and a strip of members, in the panel's last rows. */
static double *fill_tile(ct_gram *gram, int first) {
  const ct_residual *points = gram->points;
  int strip = gram->kernels->strip, panel = gram->kernels->panel, dim = points->dim;
  double *tile = gram->panel + points->rank * panel;
  for (int r = 0; r < strip; r++)
    memcpy(gram->u + r * dim, points->x + member_or_last(gram, first + r) * (size_t)dim,
           (size_t)dim * sizeof *gram->u);
  gram->kernels->squares(gram->sides, gram->u, strip, dim, tile);
  ct_covariance_many(points->covariance, tile, strip * panel, tile, gram->work, gram->simd);
  gram->kernels->eliminate(gram->lines + (size_t)first * (size_t)points->rank, points->rank,
                           gram->panel);
  return tile;
}

/* The tile and its mirror image: strip members from row on, panel members from column on. */
static void store_tile(ct_gram *gram, const double *tile, int row, int column) {
  int strip = gram->kernels->strip, panel = gram->kernels->panel;
  size_t most = (size_t)gram->most;
  for (int r = 0; r < strip; r++)
    memcpy(gram->matrix + (size_t)(row + r) * most + (size_t)column, tile + r * panel,
           (size_t)panel * sizeof *tile);
  for (int i = 0; i < panel; i++)
    for (int r = 0; r < strip; r++)
      gram->matrix[(size_t)(column + i) * most + (size_t)(row + r)] = tile[r * panel + i];
}

void ct_gram_fill(ct_gram *gram) {
  int strip = gram->kernels->strip, panel = gram->kernels->panel;
  pack_lines(gram);
  for (int column = 0; column < gram->count; column += panel) {
    pack_panel(gram, column);
    for (int row = 0; row < gram->count && row < column + panel; row += strip)
      store_tile(gram, fill_tile(gram, row), row, column);
  }
}
