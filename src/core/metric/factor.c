/* V = K_xu L^-T and the Cholesky factor L of K_uu, by one recurrence:
 *
 *   V_ij = (k(x_i, u_j) - sum over q < j of V_iq L_jq) / L_jj,
 *
 * row by row; the Cholesky factor is V of the inducing points themselves, but for its diagonal, the
 * root of what is left of k(u_i, u_i). Each entry starts as the covariance and loses one product
 * after the other, q = 0, 1, ..: so its bits depend on nothing but its own row and L, however the
 * work is cut.
 *
 * The cut: a panel of points lies side by side in vector lanes, W[j][i] = V_ij, and a strip of rows
 * of L runs through all columns known so far while its tile of entries stays in registers. */

#include "metric/canonical.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "metric/canonical_kernels.h"
#include "metric/residual.h"
#include "run/parallel.h"

typedef struct {
  const ct_canonical_kernels *kernels;
  const ct_covariance *covariance;
  const double *u;
  int m, dim;
  int rows;      /* m rounded up to whole strips */
  double *lines; /* the strips of L, one after the other */
  double *x, *W; /* a panel's coordinates and entries, one of each a thread */
  double *work;
  ct_simd simd;
} factor;

static size_t lines_before(const factor *f, int first) {
  /* strip s has (s + 1) strip columns of strip entries */
  size_t strip = (size_t)f->kernels->strip, s = (size_t)first / strip;
  return s * (s + 1) / 2 * strip * strip;
}

static ct_status factor_new(factor *f, const ct_covariance *covariance, const double *u, int m,
                            int dim, int threads, const ct_run *run) {
  const ct_canonical_kernels *kernels = ct_canonical_kernels_of(run->simd);
  int strip = kernels->strip, rows = (m + kernels->panel - 1) / kernels->panel * kernels->panel;
  *f = (factor){.kernels = kernels,
                .covariance = covariance,
                .u = u,
                .m = m,
                .dim = dim,
                .rows = (m + strip - 1) / strip * strip,
                .simd = run->simd};
  size_t panel = (size_t)kernels->panel, each = (size_t)threads;
  CT_NEW(f->lines, &run->arena, lines_before(f, rows));
  CT_NEW(f->x, &run->arena, each * (size_t)dim * panel);
  CT_NEW(f->W, &run->arena, each * (size_t)rows * panel);
  CT_NEW(f->work, &run->arena, each * (size_t)covariance->work_size + 1);
  return CT_OK;
}

/* Fills W with the covariances of count points, a row of x each, and the inducing points; lanes
 * without a point repeat the last one, rows without an inducing point are 0. */
static void fill_panel(const factor *f, const double *x, int count, int thread, double *W) {
  int panel = f->kernels->panel, last = count - 1;
  double *side = f->x + (size_t)thread * (size_t)f->dim * (size_t)panel;
  for (int i = 0; i < panel; i++) {
    const double *point = x + (size_t)(i < count ? i : last) * (size_t)f->dim;
    for (int c = 0; c < f->dim; c++) side[c * panel + i] = point[c];
  }
  f->kernels->squares(side, f->u, f->m, f->dim, W);
  double *work = f->work + (size_t)thread * (size_t)f->covariance->work_size;
  ct_covariance_many(f->covariance, W, f->m * panel, W, work, f->simd);
  memset(W + (size_t)f->m * (size_t)panel, 0, (size_t)(f->rows - f->m) * (size_t)panel * sizeof *W);
}

/* ---- the Cholesky factor ---- */

/* Lines of the strip from the columns before it: the strip's rows are lanes of the panel. */
static void take_lines(const factor *f, const double *W, int first, int lane) {
  int strip = f->kernels->strip, panel = f->kernels->panel;
  double *lines = f->lines + lines_before(f, first);
  for (int q = 0; q < first; q++)
    for (int r = 0; r < strip; r++) lines[q * strip + r] = W[q * panel + lane + r];
}

/* Finishes the strip's own triangle, from which its columns of the whole panel follow. Rows beyond
 * m get the unit matrix. Returns whether the pivots are positive. */
static int factor_triangle(const factor *f, double *W, int first, int lane, double least) {
  int strip = f->kernels->strip, panel = f->kernels->panel;
  double *triangle = f->lines + lines_before(f, first) + (size_t)first * (size_t)strip;
  double *tile = W + (size_t)first * (size_t)panel;
  for (int r = 0; r < strip; r++) {
    for (int q = 0; q < r; q++)
      for (int i = 0; i < panel; i++)
        tile[r * panel + i] -= tile[q * panel + i] * tile[q * panel + lane + r];
    double pivot = first + r < f->m ? tile[r * panel + lane + r] : 1;
    if (!(pivot > least)) return 0;
    double root = sqrt(pivot);
    for (int i = 0; i < panel; i++) tile[r * panel + i] /= root;
    tile[r * panel + lane + r] = root;
    for (int i = 0; i < strip; i++)
      triangle[r * strip + i] = i < r ? 0 : tile[r * panel + lane + i];
  }
  return 1;
}

/* The rows of L from first on, a panel of them; all rows before are known as strips. */
static int factor_panel(const factor *f, int first, double jitter, double least, double *L) {
  int strip = f->kernels->strip, panel = f->kernels->panel;
  int count = f->m - first < panel ? f->m - first : panel;
  double *W = f->W;
  fill_panel(f, f->u + (size_t)first * (size_t)f->dim, count, 0, W);
  for (int i = 0; i < count; i++) W[(size_t)(first + i) * (size_t)panel + (size_t)i] += jitter;
  for (int s = 0; s < first; s += strip) f->kernels->solve(f->lines + lines_before(f, s), s, W);
  for (int lane = 0; lane < count; lane += strip) {
    take_lines(f, W, first + lane, lane);
    f->kernels->eliminate(f->lines + lines_before(f, first + lane), first + lane, W);
    if (!factor_triangle(f, W, first + lane, lane, least)) return 0;
  }
  for (int i = 0; i < count; i++) {
    double *row = L + (size_t)(first + i) * (size_t)f->m;
    for (int j = 0; j < f->m; j++)
      row[j] = j <= first + i ? W[(size_t)j * (size_t)panel + (size_t)i] : 0;
  }
  return 1;
}

/* CT_ERR_FACTOR when a pivot is not positive. */
static ct_status try_jitter(const factor *f, double jitter, double *L, const ct_run *run) {
  double diagonal = f->covariance->variance + jitter, least = f->m * DBL_EPSILON * diagonal;
  double polled = run->now();
  for (int first = 0; first < f->m; first += f->kernels->panel) {
    if (!factor_panel(f, first, jitter, least, L)) return CT_ERR_FACTOR;
    if (run->now() - polled < 0.06) continue;
    if (run->poll(run->owner, (double)first / f->m)) return CT_ERR_INTERRUPTED;
    polled = run->now();
  }
  return CT_OK;
}

static void closest_pair(const double *u, int m, int dim, int pair[2]) {
  double least = INFINITY;
  pair[0] = pair[1] = 0;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < i; j++) {
      double sq = 0;
      for (int c = 0; c < dim; c++) {
        double step = u[i * dim + c] - u[j * dim + c];
        sq += step * step;
      }
      if (sq < least) least = sq, pair[0] = j, pair[1] = i;
    }
}

ct_status ct_factor_cholesky(const ct_covariance *covariance, const double *u, int m, int dim,
                             double jitter, double *L, double *jitter_used, int pair[2],
                             ct_stats *stats, const ct_run *run) {
  static const double ladder[] = {0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6};
  double start = run->now();
  ct_status status = CT_ERR_FACTOR;
  factor f;
  CT_TRY(factor_new(&f, covariance, u, m, dim, 1, run));
  int steps = jitter < 0 ? (int)(sizeof ladder / sizeof *ladder) : 1;
  for (int i = 0; i < steps && status == CT_ERR_FACTOR; i++) {
    *jitter_used = jitter < 0 ? ladder[i] * covariance->variance : jitter;
    status = try_jitter(&f, *jitter_used, L, run);
  }
  if (status == CT_ERR_FACTOR) closest_pair(u, m, dim, pair);
  stats->seconds[CT_PHASE_FACTOR] += run->now() - start;
  return status;
}

/* ---- V and p ---- */

typedef struct {
  factor f;
  const double *x;
  int n, stride;
  double *V, *p;
} application;

/* Strips of L; rows beyond m get the unit matrix. */
static void cut_strips(const factor *f, const double *L) {
  int strip = f->kernels->strip;
  for (int first = 0; first < f->rows; first += strip) {
    double *lines = f->lines + lines_before(f, first);
    for (int q = 0; q < first + strip; q++)
      for (int r = 0; r < strip; r++) {
        int j = first + r;
        double entry = j < f->m && q <= j ? L[(size_t)j * (size_t)f->m + (size_t)q] : q == j;
        lines[q * strip + r] = entry;
      }
  }
}

static double *panel_of(const factor *f, int thread) {
  int panel = f->kernels->panel;
  return f->W + (size_t)thread * (size_t)((f->m + panel - 1) / panel * panel) * (size_t)panel;
}

static void solve_panel(const factor *f, double *W) {
  for (int s = 0; s < f->rows; s += f->kernels->strip)
    f->kernels->solve(f->lines + lines_before(f, s), s, W);
}

static void apply_to_panel(void *task, int item, int thread) {
  const application *to = task;
  const factor *f = &to->f;
  int panel = f->kernels->panel, first = item * panel;
  int count = to->n - first < panel ? to->n - first : panel;
  double *W = panel_of(f, thread);
  fill_panel(f, to->x + (size_t)first * (size_t)f->dim, count, thread, W);
  solve_panel(f, W);
  for (int i = 0; i < count; i++) {
    double *row = to->V + (size_t)(first + i) * (size_t)to->stride, square;
    for (int j = 0; j < f->m; j++) row[j] = W[(size_t)j * (size_t)panel + (size_t)i];
    for (int j = f->m; j < to->stride; j++) row[j] = 0;
    const double *self = row;
    f->kernels->dots(row, &self, 1, to->stride, &square);
    double p = f->covariance->variance - square;
    to->p[first + i] = p > 0 ? p : 0;
  }
}

ct_status ct_factor_apply(const ct_covariance *covariance, const double *L, const double *u, int m,
                          const double *x, int n, int dim, double *V, double *p, ct_stats *stats,
                          const ct_run *run) {
  double start = run->now();
  application to = {.x = x, .n = n, .stride = ct_residual_stride(m), .V = V, .p = p};
  CT_TRY(factor_new(&to.f, covariance, u, m, dim, run->threads, run));
  cut_strips(&to.f, L);
  int panels = (int)(((long long)n + to.f.kernels->panel - 1) / to.f.kernels->panel);
  ct_status status = ct_rounds_run(apply_to_panel, &to, panels, 1, 0, 1, run);
  stats->seconds[CT_PHASE_FACTOR] += run->now() - start;
  return status;
}

/* ---- what the factor does to errors ---- */

typedef struct {
  factor f;
  double *X; /* column i of L^-1 at i * m */
} inversion;

static void invert_panel(void *task, int item, int thread) {
  const inversion *to = task;
  const factor *f = &to->f;
  int panel = f->kernels->panel, first = item * panel;
  double *W = panel_of(f, thread);
  memset(W, 0, (size_t)f->rows * (size_t)panel * sizeof *W);
  for (int i = 0; i < panel && first + i < f->m; i++)
    W[(size_t)(first + i) * (size_t)panel + (size_t)i] = 1;
  solve_panel(f, W);
  for (int i = 0; i < panel && first + i < f->m; i++)
    for (int j = 0; j < f->m; j++)
      to->X[(size_t)(first + i) * (size_t)f->m + (size_t)j] =
          W[(size_t)j * (size_t)panel + (size_t)i];
}

/* |X|_2^2 is at most the square of the Frobenius norm, and at most the largest row sum times the
 * largest column sum. */
static double square_norm_bound(const double *X, int m, double *row, double *frobenius) {
  double rows = 0, columns = 0;
  *frobenius = 0;
  for (int j = 0; j < m; j++) row[j] = 0;
  for (int i = 0; i < m; i++) {
    double column = 0;
    for (int j = 0; j < m; j++) {
      double entry = fabs(X[(size_t)i * (size_t)m + (size_t)j]);
      column += entry;
      row[j] += entry;
      *frobenius += entry * entry;
    }
    columns = column > columns ? column : columns;
  }
  for (int j = 0; j < m; j++) rows = row[j] > rows ? row[j] : rows;
  return rows * columns < *frobenius ? rows * columns : *frobenius;
}

ct_status ct_factor_least(const ct_covariance *covariance, const ct_factor *known, int m,
                          double *least, const ct_run *run) {
  inversion to;
  double *row, frobenius, square = 0, gamma = (m + 2) * (DBL_EPSILON / 2);
  CT_TRY(factor_new(&to.f, covariance, NULL, m, 0, run->threads, run));
  cut_strips(&to.f, known->L);
  CT_NEW(to.X, &run->arena, (size_t)m * (size_t)m);
  CT_NEW(row, &run->arena, m);
  int panels = (m + to.f.kernels->panel - 1) / to.f.kernels->panel;
  CT_TRY(ct_rounds_run(invert_panel, &to, panels, 1, 0, 0, run));
  double bound = square_norm_bound(to.X, m, row, &frobenius);
  for (size_t i = 0; i < (size_t)m * (size_t)m; i++) square += known->L[i] * known->L[i];
  double off = 1.01 * gamma * sqrt(square * frobenius);
  *least = off < 0.5 ? (1 - off) * (1 - off) / (bound * 1.001) : 0;
  return CT_OK;
}

typedef struct {
  factor f;
  const double *V;
  int n, stride;
  double *sum, *root;
} weighing;

/* L' turned round is lower triangular again. */
static void weigh_panel(void *task, int item, int thread) {
  const weighing *to = task;
  const factor *f = &to->f;
  int panel = f->kernels->panel, first = item * panel, m = f->m;
  int count = to->n - first < panel ? to->n - first : panel;
  double *W = panel_of(f, thread);
  memset(W, 0, (size_t)f->rows * (size_t)panel * sizeof *W);
  for (int i = 0; i < count; i++) {
    const double *row = to->V + (size_t)(first + i) * (size_t)to->stride;
    for (int j = 0; j < m; j++) W[(size_t)j * (size_t)panel + (size_t)i] = row[m - 1 - j];
  }
  solve_panel(f, W);
  for (int i = 0; i < count; i++) {
    double sum = 0, square = 0;
    for (int j = 0; j < m; j++) {
      double weight = W[(size_t)j * (size_t)panel + (size_t)i];
      sum += fabs(weight);
      square += weight * weight;
    }
    to->sum[first + i] = sum;
    to->root[first + i] = sqrt(square);
  }
}

ct_status ct_factor_weights(const ct_covariance *covariance, const ct_factor *known, int m,
                            const double *V, int n, double *sum, double *root, const ct_run *run) {
  weighing to = {.V = V, .n = n, .stride = ct_residual_stride(m), .sum = sum, .root = root};
  double *turned;
  CT_NEW(turned, &run->arena, (size_t)m * (size_t)m);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < m; j++)
      turned[(size_t)i * (size_t)m + (size_t)j] =
          known->L[(size_t)(m - 1 - j) * (size_t)m + (size_t)(m - 1 - i)];
  CT_TRY(factor_new(&to.f, covariance, NULL, m, 0, run->threads, run));
  cut_strips(&to.f, turned);
  int panels = (int)(((long long)n + to.f.kernels->panel - 1) / to.f.kernels->panel);
  return ct_rounds_run(weigh_panel, &to, panels, 1, 0, 0, run);
}
