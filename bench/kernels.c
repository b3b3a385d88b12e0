/* Pairs a second of the pair engine and of dgemm, one thread, same points, same run.
 * Called by kernels.R, which compiles it with the core and links a BLAS.
 *
 * Both make the products V_x . V_y of QUERIES queries with POINTS points, the queries packed in panels
 * that stay in cache. The pair engine also makes squared distances, and, where it fuses a covariance,
 * c = k - V_x . V_y; dgemm makes products only, and is also asked for all points with all points. */

#include "pair.h"
#include "residual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cblas.h>

enum { PANELS = 7, QUERIES = PANELS * CT_PANEL, POINTS = 2400, DIM = 3 };

/* Seconds of this thread's processor time: other programs on the machine do not count. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *claim(size_t bytes) {
  void *block = NULL;
  if (posix_memalign(&block, 64, bytes)) exit(1);
  return block;
}

static void *claim_from(void *owner, size_t bytes) {
  (void)owner;
  return claim(bytes);
}

static double uniform(void) {
  static unsigned long long state = 1;
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return (double)(state >> 11) / 9007199254740992.0 - 0.5;
}

static double *random_doubles(size_t count) {
  double *x = claim(count * sizeof *x);
  for (size_t i = 0; i < count; i++) x[i] = uniform();
  return x;
}

typedef struct {
  ct_residual residual;
  ct_covariance covariance;
  ct_panel panel[PANELS];
  double *c, *work;
} setting;

static void make_setting(setting *s, int rank) {
  static double lengthscale[DIM] = {1, 1, 1};
  ct_arena arena = {claim_from, NULL};
  ct_residual *r = &s->residual;
  memset(s, 0, sizeof *s);
  s->covariance.variance = 1;
  s->covariance.lengthscale = lengthscale;
  r->covariance = &s->covariance;
  r->n = POINTS;
  r->dim = DIM;
  r->rank = rank;
  r->stride = ct_residual_stride(rank);
  r->x = random_doubles((size_t)POINTS * DIM);
  r->V = random_doubles((size_t)POINTS * (size_t)r->stride);
  for (int p = 0; p < PANELS; p++) {
    int position[CT_PANEL];
    for (int l = 0; l < CT_PANEL; l++) position[l] = p * CT_PANEL + l;
    if (ct_panel_new(s->panel + p, rank, DIM, &arena)) exit(1);
    ct_panel_pack(s->panel + p, r, position, CT_PANEL);
  }
  s->c = claim((size_t)POINTS * POINTS * sizeof(double));
  s->work = claim(CT_TILE * sizeof(double));
}

/* Every tile of a block of queries and all points. */
static void engine_once(setting *s, const ct_pairs *pairs) {
  for (int first = 0; first < POINTS; first += CT_TILE_ROWS) {
    int position[CT_TILE_ROWS];
    ct_pair_rows rows;
    for (int i = 0; i < CT_TILE_ROWS; i++) position[i] = first + i;
    ct_pair_rows_at(&rows, &s->residual, position);
    for (int p = 0; p < PANELS; p++) {
      pairs->kernels->tile(&rows, s->panel + p, pairs->rank, pairs->dim, s->covariance.kind, 1, s->c,
                           s->work);
    }
  }
}

static void dgemm_once(setting *s, int queries) {
  const ct_residual *r = &s->residual;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, queries, POINTS, r->rank, 1, r->V, r->stride,
              r->V, r->stride, 0, s->c, queries);
}

/* A pair; pairs NULL: by dgemm. */
static double nanoseconds(setting *s, const ct_pairs *pairs, int queries, double least) {
  double pairs_done = 0, start = now(), spent;
  do {
    if (pairs) engine_once(s, pairs);
    else dgemm_once(s, queries);
    pairs_done += (double)queries * POINTS;
    spent = now() - start;
  } while (spent < least);
  return 1e9 * spent / pairs_done;
}

static void measure_dgemm(setting *s, int queries, double least) {
  double ns = nanoseconds(s, NULL, queries, least);
  printf("%d,dgemm,products: %d x %d,%.4f\n", s->residual.rank, queries, POINTS, ns);
}

static void measure(int rank, ct_simd simd, int rounds, double least) {
  static const struct {
    const char *name;
    ct_covariance_kind kind;
  } way[] = {{"products and squared distances", CT_COV_WENDLAND},
             {"products fused with a Gaussian", CT_COV_GAUSSIAN},
             {"products fused with Matern 3/2", CT_COV_MATERN_32}};
  setting s;
  make_setting(&s, rank);
  for (int round = 0; round < rounds; round++) {
    measure_dgemm(&s, QUERIES, least);
    measure_dgemm(&s, POINTS, least);
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
      ct_pairs pairs;
      s.covariance.kind = way[i].kind;
      ct_pairs_init(&pairs, &s.residual, simd);
      printf("%d,pair engine,%s,%.4f\n", rank, way[i].name, nanoseconds(&s, &pairs, QUERIES, least));
    }
  }
}

/* kernels rounds seconds-per-measurement */
int main(int count, char **argument) {
  int rounds = count > 1 ? atoi(argument[1]) : 5;
  double least = count > 2 ? atof(argument[2]) : 0.5;
  ct_simd simd = ct_simd_best();
  printf("# %s, OpenBLAS %s\nm,engine,work,ns\n", ct_simd_name(simd), openblas_get_corename());
  measure(200, simd, rounds, least);
  measure(512, simd, rounds, least);
  return 0;
}
