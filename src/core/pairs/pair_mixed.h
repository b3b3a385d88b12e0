#ifndef CT_PAIR_MIXED_H
#define CT_PAIR_MIXED_H

#include "pairs/pair.h"

/* The pair engine in two precisions: products are doubles over the first columns of V, the *head*,
 * and floats over the others, the *tail*, as far as that keeps correlations c / sqrt(p p) within
 * CT_MIXED_ERROR of what doubles would say (pair_mixed.c has the proof). For filters that bear such
 * an error.
 *
 * Points on one side are packed into wide panels of CT_WIDE lanes; on the other side come
 * CT_TILE_ROWS rows of V, as they lie in memory and narrowed to floats. */

#define CT_MIXED_ERROR 8e-5

/* Heads end at a multiple of it, or comprise all columns. */
#define CT_HEAD_STEP CT_RUN

#define CT_WIDE_TILE (2 * CT_TILE)

/* Rows of V as floats, in units of the standard deviation. */
typedef struct {
  int heads;
  size_t step;
  float *V;     /* [point * step + column] */
  double *tail; /* [point * heads + h]: bound on the sum of squares from column h * CT_HEAD_STEP on,
                   in p */
} ct_narrow;

typedef struct {
  ct_panel half[2];
  int lanes;    /* that are not empty */
  float *V;     /* rank * CT_WIDE */
  double *tail; /* heads: as in ct_narrow, the largest of all lanes */
} ct_wide_panel;

typedef struct {
  ct_pair_rows exact;
  const float *V[CT_TILE_ROWS];
  const double *tail[CT_TILE_ROWS];
} ct_mixed_rows;

ct_status ct_narrow_new(ct_narrow *narrow, int rank, int count, const ct_arena *arena);

/* Makes number i that of a position of points. */
void ct_narrow_set(ct_narrow *narrow, int i, const ct_pairs *pairs, const ct_residual *points,
                   int position);

/* Sorts order[], numbers of narrow, by the head that each would need beside one like itself: all
 * rows of a tile share a head. spare: count of scratch. */
void ct_narrow_sort(const ct_narrow *narrow, const ct_pairs *pairs, int *order, int count,
                    int *spare);

/* Row number `row` of a tile becomes a position of points, of number i in narrow. */
void ct_mixed_row_at(ct_mixed_rows *rows, int row, const ct_residual *points, int position,
                     const ct_narrow *narrow, int i);

/* Bytes of a wide panel's columns. */
size_t ct_wide_panel_bytes(int rank);

ct_status ct_wide_panel_new(ct_wide_panel *panel, int rank, int dim, const ct_arena *arena);

/* Packs count <= CT_WIDE positions. */
void ct_wide_panel_pack(ct_wide_panel *panel, const ct_pairs *pairs, const ct_residual *points,
                        const int *position, int count);

/* c of a wide panel's halves and rows: c[half * CT_TILE + r * CT_PANEL + lane], unless the second
 * half is empty. sum: CT_WIDE_TILE floats of scratch; work: as for tiles. Returns whether all
 * columns were doubles, so that c is as ct_pairs_tile() gives it. */
int ct_mixed_tile(const ct_pairs *pairs, const ct_wide_panel *panel, const ct_mixed_rows *rows,
                  double *c, float *sum, double *work);

#endif
