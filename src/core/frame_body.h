/* The kernels of the two-frame search, written once for vectors of eight floats (which a narrower
 * instruction set halves) and compiled for each instruction set: frame_base.c, frame_avx2.c and
 * frame_avx512.c define, before they include this file,
 *
 *   LOAD16(p)     eight 16-bit integers as floats
 *   FMAX(a, b)    elementwise maximum
 *   ROOT(v)       a statement: replaces v by its elementwise root
 *   MASK_GE(bits, a, b)  a statement: bits = where a >= b
 *   QUANTIZE(p, q) a statement: eight doubles at p, in steps, rounded, saturated, as integers to q
 *   CT_KERNELS    the name of the table of kernels
 *
 * Frame sizes are constants inside: each kernel is a body with the size as an argument, inlined
 * into one function for each size, so that coordinates stay in registers. */

#include "frame_kernels.h"

#include <math.h>
#include <string.h>

typedef float fvec __attribute__((vector_size(32)));
typedef float floose __attribute__((vector_size(32), aligned(4), may_alias));
typedef int fmask __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))
#define STEP (1.0f / (float)CT_TABLE_STEPS)
#define FABS(v) ((fvec)((fmask)(v)&0x7fffffff))
#define AT(p) (*(const floose *)(p))

static void quantize(const double *c, const double *row_scale, const double *lane_scale,
                     int16_t *out) {
  double steps[CT_PANEL] __attribute__((aligned(64)));
  for (int r = 0; r < CT_TILE_ROWS; r++) {
    double scale = row_scale[r] * CT_TABLE_STEPS;
    for (int l = 0; l < CT_PANEL; l++) steps[l] = c[r * CT_PANEL + l] * (scale * lane_scale[l]);
    for (int l = 0; l < CT_PANEL; l += 8) QUANTIZE(steps + l, out + r * CT_PANEL + l);
  }
}

INLINE float reach_body(const float *whiten, const int16_t *const *row, int lanes, const int t) {
  fvec largest = {0};
  for (int v = 0; v < lanes; v += 8) {
    fvec x[CT_FRAME_MAX], sum = {0};
#pragma GCC unroll 16
    for (int k = 0; k < t; k++) x[k] = LOAD16(row[k] + v);
#pragma GCC unroll 16
    for (int i = 0; i < t; i++) {
      fvec z = whiten[i * t] * x[0];
#pragma GCC unroll 16
      for (int k = 1; k <= i; k++) z += whiten[i * t + k] * x[k];
      sum += z * z;
    }
    largest = FMAX(largest, sum);
  }
  float most = 0;
  for (int i = 0; i < 8; i++) most = largest[i] > most ? largest[i] : most;
  return most;
}

INLINE void project_body(const ct_group *g, ct_opened *o, const int t) {
  const ct_target *b = &o->target;
  const float *gram[CT_FRAME_MAX];
  int active = 0;
  fvec zero = {0};
  for (int i = 0; i < t; i++) gram[i] = g->gram + (size_t)b->frame[i] * (size_t)t;
  for (int v = 0; v < g->lanes; v += 8) {
    if (b->reach < g->skip[v / 8]) continue;
    fvec e[CT_FRAME_MAX], sum = {0};
#pragma GCC unroll 16
    for (int i = 0; i < t; i++) e[i] = LOAD16(b->asked[i] + v) * STEP;
    for (int k = 0; k < t; k++) {
      fvec a = AT(g->alpha + (size_t)k * (size_t)g->ld + v);
#pragma GCC unroll 16
      for (int i = 0; i < t; i++) e[i] -= gram[i][k] * a;
    }
#pragma GCC unroll 16
    for (int i = 0; i < t; i++) {
      fvec y = b->whiten[i * t] * e[0];
#pragma GCC unroll 16
      for (int k = 1; k <= i; k++) y += b->whiten[i * t + k] * e[k];
      sum += y * y;
      *(floose *)(o->y + i * CT_GROUP_LANES + v) = y;
    }
    fvec norm = sum, error = AT(g->doubt + v) * b->lift, residual = AT(g->residual + v);
    ROOT(norm);
    fvec sure = norm - error;
    sure = FMAX(sure, zero);
    fvec rest = residual * residual - sure * sure * b->shrink;
    rest = FMAX(rest, zero) + 1e-6f;
    ROOT(rest);
    fvec give =
        AT(g->slack + v) + error * b->max_w + AT(g->noise + v) * b->max_noise + residual * b->eta;
    fvec need = AT(g->least + v) - give;
    fvec bound = AT(g->w_norm + v) * b->reach + norm * b->max_w + rest * b->max_residual;
    *(floose *)(o->rest + v) = rest;
    *(floose *)(o->need + v) = need;
    unsigned pass;
    MASK_GE(pass, bound, need);
    for (; pass; pass &= pass - 1) o->lane[active++] = v + __builtin_ctz(pass);
  }
  o->active = active;
}

/* Four queries against vectors vectors of members. */
INLINE void estimate_vectors(float (*alpha)[4], float (*y)[4], const int16_t *const *row,
                             const float *w, int ld, int v, const int t, const int vectors,
                             fvec (*out)[3]) {
  fvec sum[4][3];
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++)
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) sum[u][j] = (fvec){0};
  for (int k = 0; k < t; k++) {
    fvec x[3];
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) x[j] = LOAD16(row[k] + v + 8 * j);
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++)
#pragma GCC unroll 3
      for (int j = 0; j < vectors; j++) sum[u][j] += alpha[k][u] * x[j];
  }
  for (int k = 0; k < t; k++) {
    fvec x[3];
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) x[j] = AT(w + (size_t)k * (size_t)ld + v + 8 * j);
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++)
#pragma GCC unroll 3
      for (int j = 0; j < vectors; j++) sum[u][j] += y[k][u] * x[j];
  }
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++)
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) out[u][j] = FABS(sum[u][j]);
}

INLINE int estimate_body(const ct_group *g, const ct_opened *o, int first, int limit, ct_hit *hit,
                         const int t) {
  const ct_target *b = &o->target;
  int lane[4], some = o->active - first < 4 ? o->active - first : 4, hits = 0;
  float alpha[CT_FRAME_MAX][4], y[CT_FRAME_MAX][4];
  for (int u = 0; u < 4; u++) lane[u] = o->lane[first + (u < some ? u : 0)];
  for (int k = 0; k < t; k++)
    for (int u = 0; u < 4; u++) {
      alpha[k][u] = g->alpha[(size_t)k * (size_t)g->ld + (size_t)lane[u]] * STEP;
      y[k][u] = o->y[k * CT_GROUP_LANES + lane[u]];
    }
  for (int v = 0; v < limit; v += 24) {
    int vectors = (limit - v + 7) / 8;
    fvec size[4][3];
    if (vectors > 3) vectors = 3;
    if (vectors == 1)
      estimate_vectors(alpha, y, b->row, b->w, b->lanes, v, t, 1, size);
    else if (vectors == 2)
      estimate_vectors(alpha, y, b->row, b->w, b->lanes, v, t, 2, size);
    else
      estimate_vectors(alpha, y, b->row, b->w, b->lanes, v, t, 3, size);
    for (int u = 0; u < some; u++)
      for (int j = 0; j < vectors; j++) {
        fvec rest = o->rest[lane[u]] * AT(b->residual + v + 8 * j), need = {0};
        need += o->need[lane[u]];
        fvec upper = size[u][j] + rest;
        unsigned pass;
        MASK_GE(pass, upper, need);
        for (; pass; pass &= pass - 1) {
          int i = __builtin_ctz(pass), member = v + 8 * j + i;
          if (member >= limit) break;
          hit[hits++] = (ct_hit){lane[u], member, size[u][j][i], rest[i]};
        }
      }
  }
  return hits;
}

static float reach_8(const float *whiten, const int16_t *const *row, int lanes) {
  return reach_body(whiten, row, lanes, 8);
}

static float reach_16(const float *whiten, const int16_t *const *row, int lanes) {
  return reach_body(whiten, row, lanes, 16);
}

static void project_8(const ct_group *g, ct_opened *o) {
  project_body(g, o, 8);
}

static void project_16(const ct_group *g, ct_opened *o) {
  project_body(g, o, 16);
}

static int estimate_8(const ct_group *g, const ct_opened *o, int first, int limit, ct_hit *hit) {
  return estimate_body(g, o, first, limit, hit, 8);
}

static int estimate_16(const ct_group *g, const ct_opened *o, int first, int limit, ct_hit *hit) {
  return estimate_body(g, o, first, limit, hit, 16);
}

const ct_frame_kernels CT_KERNELS[2] = {{quantize, reach_8, project_8, estimate_8},
                                        {quantize, reach_16, project_16, estimate_16}};
