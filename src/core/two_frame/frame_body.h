/* The kernels of the two-frame search, written once for vectors of eight floats (which a narrower
 * instruction set halves) and compiled for each instruction set: frame_base.c, frame_avx2.c and
 * frame_avx512.c define, before they include this file,
 *
 *   INTS16(p)     eight 16-bit integers as 32-bit ones
 *   FLOATS(v)     eight 32-bit integers as floats
 *   DOT4(sum, u, s) a statement: adds to each 32-bit lane of sum the products of its four unsigned
 *                 bytes in u with its four signed bytes in s, which are at most CT_SIEVE_STEPS
 *   FMAX(a, b)    elementwise maximum
 *   ROOT(v)       a statement: replaces v by its elementwise root
 *   MASK_GE(bits, a, b)  a statement: bits = where a >= b
 *   QUANTIZE(p, q) a statement: eight doubles at p, in steps, rounded, saturated, as integers to q
 *   CT_KERNELS    the name of the table of kernels
 *
 * Frame sizes are constants inside: each kernel is a body with the size as an argument, inlined
 * into one function for each size, so that coordinates stay in registers. */

#include "two_frame/frame_kernels.h"

#include <math.h>
#include <string.h>

typedef float fvec __attribute__((vector_size(32)));
typedef float floose __attribute__((vector_size(32), aligned(4), may_alias));
typedef int fmask __attribute__((vector_size(32)));
typedef int iloose __attribute__((vector_size(32), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define STEP (1.0f / (float)CT_TABLE_STEPS)
#define FABS(v) ((fvec)((fmask)(v)&0x7fffffff))
#define AT(p) (*(const floose *)(p))
#define WORDS_AT(p) (*(const iloose *)(p))
#define LOAD16(p) FLOATS(INTS16(p))

/* The nearest integers, for numbers of less than 22 bits: in this sum they are its last bits. */
#define NEAREST(v) ((fmask)((v) + 12582912.0f) - 0x4b400000)

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

/* y in bytes for eight queries, and how the sums of bytes become estimates (two_frame_sieve.c). */
INLINE void sieve_queries(const ct_group *g, ct_opened *o, int v, const fvec *y, const fvec *norm,
                          const fvec *need, const int t) {
  const ct_target *b = &o->target;
  fvec top = {0};
  fmask sum = {0};
#pragma GCC unroll 16
  for (int i = 0; i < t; i++) {
    fvec size = FABS(y[i]);
    top = FMAX(top, size);
  }
  top += 1e-30f;
  fvec scale = CT_SIEVE_STEPS / top;
#pragma GCC unroll 4
  for (int k = 0; k < t / 4; k++) {
    fmask word = {0};
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      fmask byte = NEAREST(y[4 * k + j] * scale);
      sum += byte;
      word |= (byte & 255) << (8 * j);
    }
    *(iloose *)(o->y_word + k * CT_GROUP_LANES + v) = word;
  }
  fvec step = top * (b->w_step / CT_SIEVE_STEPS);
  fvec off = top * (b->frame_root / CT_SIEVE_STEPS);
  off = off * b->max_w + (*norm + off) * b->w_off;
  *(floose *)(o->y_step + v) = step;
  *(floose *)(o->base + v) = AT(g->alpha_base + v) - 128.0f * FLOATS(sum) * step;
  *(floose *)(o->sieve + v) =
      *need - AT(g->blur + v) - 1.001f * off - AT(g->drift + v) * b->max_drift;
}

INLINE void project_body(const ct_group *g, ct_opened *o, const int t) {
  const ct_target *b = &o->target;
  const float *gram[CT_FRAME_MAX];
  int active = 0;
  fvec zero = {0};
  for (int i = 0; i < t; i++) gram[i] = g->gram + (size_t)b->frame[i] * (size_t)t;
  for (int v = 0; v < g->lanes; v += 8) {
    if (b->reach < g->skip[v / 8]) continue;
    fvec z[CT_FRAME_MAX], y[CT_FRAME_MAX], sum = {0};
#pragma GCC unroll 16
    for (int i = 0; i < t; i++) z[i] = LOAD16(b->asked[i] + v) * STEP;
    for (int k = 0; k < t; k++) {
      fvec a = AT(g->alpha + k * CT_GROUP_LANES + v);
#pragma GCC unroll 16
      for (int i = 0; i < t; i++) z[i] -= gram[i][k] * a;
    }
#pragma GCC unroll 16
    for (int i = 0; i < t; i++) {
      y[i] = b->whiten[i * t] * z[0];
#pragma GCC unroll 16
      for (int k = 1; k <= i; k++) y[i] += b->whiten[i * t + k] * z[k];
      sum += y[i] * y[i];
    }
    fvec norm = sum, error = AT(g->doubt + v) * b->lift, residual = AT(g->residual + v);
    ROOT(norm);
    fvec sure = norm - error;
    sure = FMAX(sure, zero);
    fvec rest = residual * residual - sure * sure * b->shrink;
    rest = FMAX(rest, zero) + 1e-6f;
    ROOT(rest);
    fvec give =
        AT(g->slack + v) + error * b->max_w + AT(g->drift + v) * b->max_drift + residual * b->eta;
    fvec need = AT(g->least + v) - give;
    fvec bound = AT(g->w_norm + v) * b->reach + norm * b->max_w + rest * b->max_residual;
    unsigned pass;
    MASK_GE(pass, bound, need);
    if (!pass) continue;
    for (int i = 0; i < t; i++) *(floose *)(o->z + i * CT_GROUP_LANES + v) = z[i];
    *(floose *)(o->rest + v) = rest;
    *(floose *)(o->need + v) = need;
    sieve_queries(g, o, v, y, &norm, &need, t);
    for (; pass; pass &= pass - 1) o->lane[active++] = v + __builtin_ctz(pass);
  }
  o->active = active;
}

INLINE void pack_body(const int16_t *const *row, int lanes, int *cell, const int t) {
  for (int k = 0; k < t / 4; k++)
    for (int v = 0; v < lanes; v += 8) {
      fmask a = INTS16(row[4 * k] + v), b = INTS16(row[4 * k + 1] + v);
      fmask c = INTS16(row[4 * k + 2] + v), d = INTS16(row[4 * k + 3] + v);
      fmask word = ((a >> 8) & 0xff) | (b & 0xff00) | ((c & 0xff00) << 8) | ((d & 0xff00) << 16);
      *(iloose *)(cell + k * lanes + v) = word ^ (int)0x80808080;
    }
}

INLINE int sieve_body(const ct_group *g, const ct_opened *o, const int *cell, int lane, int limit,
                      int *member, const int t) {
  const ct_target *b = &o->target;
  fmask alpha[CT_FRAME_MAX / 4], y[CT_FRAME_MAX / 4];
  fvec base = o->base[lane] - (fvec){0}, step = g->alpha_step[lane] - (fvec){0};
  fvec y_step = o->y_step[lane] - (fvec){0}, rest = o->rest[lane] - (fvec){0};
  fvec need = o->sieve[lane] - (fvec){0};
  int hits = 0;
#pragma GCC unroll 4
  for (int k = 0; k < t / 4; k++) {
    alpha[k] = g->alpha_word[k * CT_GROUP_LANES + lane] - (fmask){0};
    y[k] = o->y_word[k * CT_GROUP_LANES + lane] - (fmask){0};
  }
  for (int v = 0; v < limit; v += 8) {
    fmask first = {0}, second = {0};
#pragma GCC unroll 4
    for (int k = 0; k < t / 4; k++) {
      DOT4(first, WORDS_AT(cell + k * b->lanes + v), alpha[k]);
      DOT4(second, WORDS_AT(b->w_word + k * b->lanes + v), y[k]);
    }
    fvec estimate = base + step * FLOATS(first) + y_step * FLOATS(second);
    fvec upper = FABS(estimate) + rest * AT(b->residual + v);
    unsigned pass;
    MASK_GE(pass, upper, need);
    for (; pass; pass &= pass - 1) {
      int passed = v + __builtin_ctz(pass);
      member[hits++] = passed;
      __builtin_prefetch(b->alpha + (size_t)passed * (size_t)t); /* for the estimate */
    }
  }
  while (hits > 0 && member[hits - 1] >= limit) hits--;
  return hits;
}

INLINE float estimate_body(const ct_group *g, const ct_opened *o, int lane, int member,
                           const int t) {
  const ct_target *b = &o->target;
  const float *alpha = b->alpha + (size_t)member * (size_t)t;
  float first = 0, second = 0;
#pragma GCC unroll 16
  for (int k = 0; k < t; k++) {
    first += g->alpha[k * CT_GROUP_LANES + lane] * (float)b->row[k][member];
    second += o->z[k * CT_GROUP_LANES + lane] * alpha[k];
  }
  return fabsf(first * STEP + second);
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

static void pack_8(const int16_t *const *row, int lanes, int *cell) {
  pack_body(row, lanes, cell, 8);
}

static void pack_16(const int16_t *const *row, int lanes, int *cell) {
  pack_body(row, lanes, cell, 16);
}

static int sieve_8(const ct_group *g, const ct_opened *o, const int *cell, int lane, int limit,
                   int *member) {
  return sieve_body(g, o, cell, lane, limit, member, 8);
}

static int sieve_16(const ct_group *g, const ct_opened *o, const int *cell, int lane, int limit,
                    int *member) {
  return sieve_body(g, o, cell, lane, limit, member, 16);
}

static float estimate_8(const ct_group *g, const ct_opened *o, int lane, int member) {
  return estimate_body(g, o, lane, member, 8);
}

static float estimate_16(const ct_group *g, const ct_opened *o, int lane, int member) {
  return estimate_body(g, o, lane, member, 16);
}

const ct_frame_kernels CT_KERNELS[2] = {
    {quantize, reach_8, project_8, pack_8, sieve_8, estimate_8},
    {quantize, reach_16, project_16, pack_16, sieve_16, estimate_16}};
