/* The sieve of the two-frame search on features made by hand: it lets pass whatever the estimate in
 * doubles reaches, and rejects what is further below than twice its margin. */

#include "check.h"
#include "run_support.h"
#include "two_frame/two_frame_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES 24
#define MEMBERS 37
#define WIDTH 40
#define LANES CT_GROUP_LANES

typedef double feature[FEATURES];

typedef struct {
  int t;
  feature a[CT_FRAME_MAX], b[CT_FRAME_MAX]; /* centres of the two frames */
  feature q[LANES], x[MEMBERS];
  float gram[2 * CT_FRAME_MAX * CT_FRAME_MAX];
  float whiten[CT_FRAME_MAX * CT_FRAME_MAX];
  double w[MEMBERS][CT_FRAME_MAX];
  float beta[WIDTH * CT_FRAME_MAX];
  int w_word[WIDTH * CT_WORDS];
  float residual[WIDTH];
  float max_w;
  int16_t row[CT_FRAME_MAX][WIDTH];
  int16_t asked[CT_FRAME_MAX][LANES];
  int frame[2 * CT_FRAME_MAX];
  float w_norm[LANES], query_residual[LANES], frame_drift[1];
  float z[CT_FRAME_MAX * LANES];
} scene;

static double inner(const double *u, const double *v) {
  double sum = 0;
  for (int i = 0; i < FEATURES; i++) sum += u[i] * v[i];
  return sum;
}

/* A unit vector about a common one, the closer the smaller spread is. */
static void draw(double *u, const double *about, double spread, test_random *random) {
  for (int i = 0; i < FEATURES; i++)
    u[i] = (about ? about[i] : 0) + spread * (2 * test_uniform(random) - 1);
  double norm = sqrt(inner(u, u));
  for (int i = 0; i < FEATURES; i++) u[i] /= norm;
}

static int16_t in_steps(double rho) {
  return (int16_t)lrint(rho * CT_TABLE_STEPS);
}

/* M, the inverse of the Cholesky factor of the Gram matrix of b. */
static void whiten(scene *s) {
  int t = s->t;
  double L[CT_FRAME_MAX][CT_FRAME_MAX], M[CT_FRAME_MAX][CT_FRAME_MAX];
  for (int i = 0; i < t; i++)
    for (int j = 0; j <= i; j++) {
      double sum = inner(s->b[i], s->b[j]);
      for (int k = 0; k < j; k++) sum -= L[i][k] * L[j][k];
      L[i][j] = i == j ? sqrt(sum) : sum / L[j][j];
    }
  for (int j = 0; j < t; j++)
    for (int i = 0; i < t; i++) {
      double sum = i == j;
      for (int k = j; k < i; k++) sum -= L[i][k] * M[k][j];
      M[i][j] = i < j ? 0 : sum / L[i][i];
      s->whiten[i * t + j] = (float)M[i][j];
    }
}

static void describe_members(scene *s) {
  int t = s->t;
  s->max_w = 0;
  for (int x = 0; x < MEMBERS; x++) {
    double norm = 0;
    for (int i = 0; i < t; i++) {
      s->w[x][i] = 0;
      for (int k = 0; k <= i; k++)
        s->w[x][i] += (double)s->whiten[i * t + k] * inner(s->b[k], s->x[x]);
      norm += s->w[x][i] * s->w[x][i];
    }
    s->max_w = fmaxf(s->max_w, (float)sqrt(norm));
    for (int k = 0; k < t; k++) {
      double sum = 0;
      for (int i = k; i < t; i++) sum += (double)s->whiten[i * t + k] * s->w[x][i];
      s->beta[x * t + k] = (float)sum;
      s->row[k][x] = in_steps(inner(s->a[k], s->x[x]));
    }
  }
  for (int x = 0; x < MEMBERS; x++)
    for (int i = 0; i < t; i++) {
      unsigned byte = (unsigned)lrint(128 + s->w[x][i] * CT_SIEVE_W / s->max_w);
      s->w_word[i / 4 * WIDTH + x] |= (int)(byte << (8 * (i % 4)));
    }
}

/* The parts of the margin apart: any alpha; whole steps, of which bytes lose nothing; and nearly
 * half steps, of which they lose all but the first. */
typedef enum { ANY, WHOLE_STEPS, HALF_STEPS, KINDS } alpha_kind;

static double coefficient(alpha_kind kind, int k, test_random *random) {
  if (kind == ANY) return (2 * test_uniform(random) - 1) / (1 + k);
  if (k == 0) return CT_SIEVE_STEPS;
  return kind == WHOLE_STEPS ? test_below(random, 21) - 10 : 0.499;
}

/* A query that its alpha explains, but for any alpha. */
static void draw_query(scene *s, int q, float *alpha, alpha_kind kind, test_random *random) {
  double value[CT_FRAME_MAX], norm = 1;
  feature sum = {0};
  for (int k = 0; k < s->t; k++) {
    value[k] = coefficient(kind, k, random);
    for (int i = 0; i < FEATURES; i++) sum[i] += value[k] * s->a[k][i];
  }
  if (kind != ANY) norm = sqrt(inner(sum, sum));
  for (int i = 0; i < FEATURES && kind != ANY; i++) s->q[q][i] = sum[i] / norm;
  for (int k = 0; k < s->t; k++) alpha[k * LANES] = (float)(value[k] / norm);
}

static void describe_queries(scene *s, ct_group *g, alpha_kind kind, test_random *random) {
  int t = s->t;
  for (int q = 0; q < LANES; q++) {
    draw_query(s, q, g->alpha + q, kind, random);
    for (int k = 0; k < t; k++) s->asked[k][q] = in_steps(inner(s->b[k], s->q[q]));
    s->w_norm[q] = s->query_residual[q] = 1;
  }
  for (int k = 0; k < t; k++)
    for (int i = 0; i < t; i++) {
      s->gram[k * t + i] = (float)inner(s->a[k], s->a[i]);
      s->gram[(t + k) * t + i] = (float)inner(s->b[k], s->a[i]);
    }
}

static void make_scene(scene *s, ct_group *g, int t, alpha_kind kind, test_random *random) {
  feature here, there;
  memset(s, 0, sizeof *s);
  memset(g, 0, sizeof *g);
  s->t = t;
  draw(here, NULL, 1, random);
  draw(there, here, 0.3, random);
  for (int k = 0; k < t; k++) draw(s->a[k], here, 0.5, random);
  for (int k = 0; k < t; k++) draw(s->b[k], there, 0.5, random);
  for (int q = 0; q < LANES; q++) draw(s->q[q], here, 0.3, random);
  for (int x = 0; x < MEMBERS; x++) draw(s->x[x], there, 0.3, random);
  for (int k = 0; k < 2 * t; k++) s->frame[k] = k;
  whiten(s);
  describe_members(s);
  describe_queries(s, g, kind, random);
}

static void aim(const scene *s, ct_opened *o) {
  ct_target *b = &o->target;
  memset(o, 0, sizeof *o);
  b->lanes = WIDTH;
  b->members = MEMBERS;
  b->frame = s->frame + s->t;
  b->whiten = s->whiten;
  b->alpha = s->beta;
  b->w_word = s->w_word;
  b->w_step = s->max_w / CT_SIEVE_W;
  b->frame_root = (float)sqrt((double)s->t) / 2;
  b->w_off = b->w_step * b->frame_root;
  b->residual = s->residual;
  for (int k = 0; k < s->t; k++) {
    b->row[k] = s->row[k];
    b->asked[k] = s->asked[k];
  }
  b->reach = b->max_w = s->max_w;
  b->max_residual = 1;
  b->shrink = 1;
  o->z = (float *)s->z;
}

/* The estimate of the essay in doubles, from what is stored. */
static double estimate(const scene *s, const ct_group *g, int q, int x) {
  int t = s->t;
  double sum = 0;
  for (int k = 0; k < t; k++) {
    double z = s->asked[k][q] / CT_TABLE_STEPS;
    for (int l = 0; l < t; l++) z -= (double)(g->alpha[l * LANES + q] * s->gram[(t + k) * t + l]);
    sum += g->alpha[k * LANES + q] * (s->row[k][x] / CT_TABLE_STEPS) + z * s->beta[x * t + k];
  }
  return fabs(sum);
}

static int passes(const ct_frame_kernels *kernels, const ct_group *g, const ct_opened *o,
                  const int *cell, int lane, int x) {
  int member[WIDTH], count = kernels->sieve(g, o, cell, lane, MEMBERS, member);
  for (int i = 0; i < count; i++)
    if (member[i] == x) return 1;
  return 0;
}

static void compare(const scene *s, const ct_group *g, const ct_frame_kernels *kernels) {
  int cell[WIDTH * CT_WORDS];
  ct_opened o;
  aim(s, &o);
  kernels->project(g, &o);
  kernels->pack(o.target.row, WIDTH, cell);
  CHECK(o.active == LANES);
  for (int q = 0; q < LANES; q++) {
    float margin = o.need[q] - o.sieve[q];
    CHECK(margin < 0.2f);
    for (int x = 0; x < MEMBERS; x++) {
      double size = estimate(s, g, q, x);
      CHECK(fabs((double)kernels->estimate(g, &o, q, x) - size) < 1e-5);
      o.sieve[q] = (float)size - margin;
      CHECK(passes(kernels, g, &o, cell, q, x));
      o.sieve[q] = (float)size + 1.001f * margin;
      CHECK(!passes(kernels, g, &o, cell, q, x));
    }
  }
}

int main(void) {
  test_random random = {11};
  static scene s;
  static ct_group g;
  for (int i = 0; i < 42; i++) {
    int t = i % 2 ? 16 : 8;
    make_scene(&s, &g, t, (alpha_kind)(i % KINDS), &random);
    ct_net net = {.frame_size = t, .frame = s.frame, .frame_drift = s.frame_drift};
    g.lanes = LANES;
    g.w_norm = s.w_norm;
    g.residual = s.query_residual;
    g.gram = s.gram;
    for (int q = 0; q < LANES; q++) {
      double sum = 0;
      for (int k = 0; k < t; k++) sum += fabs((double)g.alpha[k * LANES + q]);
      ct_group_sieve(&net, 0, &g, q, sum);
    }
    for (int simd = 0; simd <= (int)ct_simd_best(); simd++)
      compare(&s, &g, ct_frame_kernels_of((ct_simd)simd, t));
  }
  return check_report();
}
