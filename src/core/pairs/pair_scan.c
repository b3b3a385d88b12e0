/* A pair passes when |c| >= least sqrt(p_q p_x) - error, one multiplication and one comparison
 * without a root or a division; error bounds the distance of the fast c from the canonical one for
 * the largest |V_x| of the index.
 *
 * Products stay in doubles. Two precisions (pair_mixed.h) gain a fifth where p is near the variance
 * and nothing on smooth processes: each row would have to be narrowed for a block's queries alone,
 * and pairs that pass measured again. */

#include "pairs/pair_scan.h"

#include <math.h>
#include <string.h>

#include "run/inline.h"

/* 7 * 24 queries of m = 512 take 690 kB, what fits a level 2 cache of 1 MB beside the rows that
 * pass by. */
#define BLOCK_BYTES 720000

/* Roundings of least and of the scales move a threshold by less. */
#define MARGIN 1e-12

static ct_status measure_points(ct_pair_scan *scan, const ct_residual *index, const ct_run *run) {
  int n = index->n;
  CT_NEW(scan->norm, &run->arena, n);
  CT_NEW(scan->root, &run->arena, n);
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < n; i++) {
    scan->norm[i] = ct_residual_norm(index, i);
    scan->root[i] = index->scale[i] > 0 ? 1 / index->scale[i] : INFINITY;
  }
  scan->largest_norm = 0;
  for (int i = 0; i < n; i++)
    if (index->scale[i] > 0) scan->largest_norm = fmax(scan->largest_norm, scan->norm[i]);
  return CT_OK;
}

static int panels_of_block(int rank, int queries, int threads) {
  size_t bytes = (size_t)rank * CT_PANEL * sizeof(double);
  int fair = (queries / threads + CT_PANEL - 1) / CT_PANEL, panels = CT_SCAN_PANELS;
  if (bytes > BLOCK_BYTES / CT_SCAN_PANELS) panels = (int)(BLOCK_BYTES / bytes);
  if (fair < panels) panels = fair;
  return panels > 1 ? panels : 1;
}

ct_status ct_pair_scan_start(ct_pair_scan *scan, const ct_residual *index, int queries,
                             const ct_run *run) {
  ct_pairs_init(&scan->pairs, index, run->simd);
  scan->lanes = panels_of_block(index->rank, queries, run->threads) * CT_PANEL;
  return measure_points(scan, index, run);
}

ct_status ct_scan_block_new(ct_scan_block *block, const ct_pair_scan *scan, const ct_run *run) {
  const ct_pairs *pairs = &scan->pairs;
  memset(block, 0, sizeof *block);
  for (int p = 0; p * CT_PANEL < scan->lanes; p++)
    CT_TRY(ct_panel_new(block->panel + p, pairs->rank, pairs->dim, &run->arena));
  CT_NEW(block->V, &run->arena, (size_t)CT_TILE_ROWS * ((size_t)pairs->index->stride + 8));
  CT_NEW(block->c, &run->arena, CT_TILE);
  CT_NEW(block->work, &run->arena, ct_pairs_work(pairs, CT_TILE));
  return CT_OK;
}

void ct_scan_block_start(ct_scan_block *block, const ct_pair_scan *scan, const ct_residual *of,
                         const int *position, int count) {
  block->of = of;
  block->count = count;
  for (int lane = 0; lane < CT_SCAN_LANES; lane++) {
    block->threshold[lane] = INFINITY;
    block->error[lane] = 0;
    if (lane >= count) continue;
    block->position[lane] = position[lane];
    block->norm[lane] = ct_residual_norm(of, position[lane]);
    block->error[lane] = ct_pair_error_bound(&scan->pairs, block->norm[lane] * scan->largest_norm);
  }
  for (int lane = 0; lane < count; lane += CT_PANEL)
    ct_panel_pack(block->panel + lane / CT_PANEL, of, position + lane,
                  count - lane < CT_PANEL ? count - lane : CT_PANEL);
}

void ct_scan_block_ask(ct_scan_block *block, int lane, double least) {
  double scale = block->of->scale[block->position[lane]];
  block->threshold[lane] = scale > 0 ? least / scale * (1 - MARGIN) : INFINITY;
}

/* Rows of V that lie a multiple of 512 bytes apart fall into the same few sets of the first level
 * cache and push each other out: they are copied to where they do not. A correlation without a
 * factor has no rows. */
static void place_rows(ct_scan_block *block, const ct_residual *index, ct_pair_rows *rows) {
  if (index->stride == 0 || index->stride % 64) return;
  size_t step = (size_t)index->stride + 8;
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    memcpy(block->V + (size_t)i * step, rows->V[i], (size_t)index->rank * sizeof *block->V);
    rows->V[i] = block->V + (size_t)i * step;
  }
}

/* A panel's share of the rows to come, into the second level cache. */
CT_INLINE void fetch_rows(const ct_residual *index, const int *next, int panel, int panels) {
  for (int i = panel; i < CT_TILE_ROWS; i += panels)
    for (int t = 0; t < index->rank; t += 8)
      __builtin_prefetch(index->V + (size_t)next[i] * (size_t)index->stride + t, 0, 2);
}

void ct_scan_block_meet(ct_scan_block *block, const ct_pair_scan *scan, const int *position,
                        int count, const int *next, ct_scan_take *take, void *owner) {
  const ct_residual *index = scan->pairs.index;
  int panels = (block->count + CT_PANEL - 1) / CT_PANEL;
  ct_pair_rows rows;
  double root[CT_TILE_ROWS];
  unsigned pass[CT_TILE_ROWS];
  ct_pair_rows_at(&rows, index, position);
  place_rows(block, index, &rows);
  for (int i = 0; i < CT_TILE_ROWS; i++) root[i] = scan->root[position[i]];
  for (int p = 0; p < panels; p++) {
    int first = p * CT_PANEL;
    fetch_rows(index, next, p, panels);
    ct_pairs_tile(&scan->pairs, block->panel + p, &rows, block->c, block->work);
    scan->pairs.kernels->compare(block->c, block->threshold + first, block->error + first, root,
                                 pass);
    for (int i = 0; i < count; i++)
      for (int l = 0; pass[i]; l++, pass[i] >>= 1)
        if (pass[i] & 1) take(owner, first + l, position[i], block->c[i * CT_PANEL + l]);
  }
  block->products += (double)count * block->count;
}
