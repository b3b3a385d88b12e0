/* Frames: for each ball the centres most correlated with its own, and an almost orthonormal basis
 * of their span. net_members.c has the members' coordinates in it.
 *
 * The basis is f_i = sum_k M_ik u_k, u_k the frame's centres, M a lower triangular float matrix. M
 * is about the inverse of the Cholesky factor of the frame's Gram matrix G, whose diagonal is
 * raised by 1e-9 so that centres that almost depend on each other give a large M instead of a
 * failure. Nothing is assumed about M: how far the f_i are from orthonormal is computed from the
 * rounded M. */

#include <math.h>
#include <string.h>

#include "two_frame/net_frames.h"
#include "run/parallel.h"

#define GRAM_RAISE 1e-9
#define SMALLEST_PIVOT 1e-12

/* ---- Gram matrix ---- */

typedef struct {
  ct_net *net;
  ct_panel *panel; /* one a thread, as c and work */
  double *c;
  double *work;
  size_t work_size;
} gram_task;

static void gram_panel(void *task, int p, int thread) {
  gram_task *g = task;
  ct_net *net = g->net;
  double *c = g->c + (size_t)thread * CT_TILE, *work = g->work + (size_t)thread * g->work_size;
  int first = p * CT_PANEL, lanes = net->count - first < CT_PANEL ? net->count - first : CT_PANEL;
  const double *scale = net->index->scale;
  ct_panel_pack(g->panel + thread, net->index, net->centre + first, lanes);
  for (int i = 0; i < net->count; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    int position[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++)
      position[u] = net->centre[i + u < net->count ? i + u : i];
    ct_pair_rows_at(&rows, net->index, position);
    ct_pairs_tile(&net->pairs, g->panel + thread, &rows, c, work);
    for (int u = 0; u < CT_TILE_ROWS && i + u < net->count; u++) {
      float *out = net->gram + (size_t)(i + u) * (size_t)net->gram_step + first;
      for (int l = 0; l < lanes; l++)
        out[l] =
            (float)(c[u * CT_PANEL + l] * (scale[position[u]] * scale[net->centre[first + l]]));
    }
  }
}

static ct_status fill_gram(ct_net *net, double done, double share, ct_stats *stats,
                           const ct_run *run) {
  gram_task g;
  net->gram_step = (net->count + 15) / 16 * 16;
  CT_NEW(net->gram, &run->arena, (size_t)net->count * (size_t)net->gram_step);
  memset(net->gram, 0, (size_t)net->count * (size_t)net->gram_step * sizeof *net->gram);
  g.net = net;
  g.work_size = ct_pairs_work(&net->pairs, CT_TILE);
  CT_NEW(g.panel, &run->arena, run->threads);
  CT_NEW(g.c, &run->arena, (size_t)run->threads * CT_TILE);
  CT_NEW(g.work, &run->arena, (size_t)run->threads * g.work_size);
  for (int i = 0; i < run->threads; i++)
    CT_TRY(ct_panel_new(g.panel + i, net->pairs.rank, net->pairs.dim, &run->arena));
  stats->products += (double)net->count * net->count;
  return ct_rounds_run(gram_panel, &g, (net->count + CT_PANEL - 1) / CT_PANEL, 1, done, share, run);
}

/* ---- frames ---- */

/* The CT_NEAR centres most correlated with ball b's, itself first. */
static void find_near(ct_net *net, int b) {
  const float *gram = net->gram + (size_t)b * (size_t)net->gram_step;
  float rho[CT_NEAR];
  int *near = net->near + (size_t)b * CT_NEAR, kept = 0;
  for (int c = 0; c < net->count; c++) {
    float value = c == b ? 2 : fabsf(gram[c]);
    if (kept == CT_NEAR && value <= rho[CT_NEAR - 1]) continue;
    int j = kept < CT_NEAR ? kept++ : CT_NEAR - 1;
    for (; j > 0 && rho[j - 1] < value; j--) rho[j] = rho[j - 1], near[j] = near[j - 1];
    rho[j] = value;
    near[j] = c;
  }
  for (; kept < CT_NEAR; kept++) near[kept] = -1;
}

void ct_frame_correlate(const ct_net *net, const ct_residual *points, int i, const int *centre,
                        double *rho, double *work) {
  ct_pairs_list(&net->pairs, points, i, net->index, centre, net->frame_size, rho, work);
  for (int k = 0; k < net->frame_size; k++)
    rho[k] *= points->scale[i] * net->index->scale[centre[k]];
}

static void cholesky(const double *G, int t, double *L) {
  for (int i = 0; i < t; i++)
    for (int j = 0; j <= i; j++) {
      double sum = G[i * t + j] + (i == j ? GRAM_RAISE : 0);
      for (int k = 0; k < j; k++) sum -= L[i * t + k] * L[j * t + k];
      L[i * t + j] =
          i == j ? sqrt(sum > SMALLEST_PIVOT ? sum : SMALLEST_PIVOT) : sum / L[j * t + j];
    }
}

static void invert_lower(const double *L, int t, double *inverse) {
  for (int j = 0; j < t; j++)
    for (int i = 0; i < t; i++) {
      double sum = i == j ? 1 : 0;
      for (int k = j; k < i; k++) sum -= L[i * t + k] * inverse[k * t + j];
      inverse[i * t + j] = i < j ? 0 : sum / L[i * t + i];
    }
}

static double frobenius(const double *A, int t) {
  double sum = 0;
  for (int i = 0; i < t * t; i++) sum += A[i] * A[i];
  return sqrt(sum);
}

/* The spectral norm is at most the root of the largest row sum times the largest column sum, and at
 * most the Frobenius norm. */
static double norm_bound(const double *A, int t) {
  double rows = 0, columns = 0, whole = frobenius(A, t);
  for (int i = 0; i < t; i++) {
    double row = 0, column = 0;
    for (int j = 0; j < t; j++) {
      row += fabs(A[i * t + j]);
      column += fabs(A[j * t + i]);
    }
    rows = row > rows ? row : rows;
    columns = column > columns ? column : columns;
  }
  double product = sqrt(rows * columns);
  return product < whole ? product : whole;
}

/* |M G M' - I| in the Frobenius norm. */
static double defect(const double *M, const double *G, int t) {
  double MG[CT_FRAME_MAX * CT_FRAME_MAX], H[CT_FRAME_MAX * CT_FRAME_MAX];
  for (int i = 0; i < t; i++)
    for (int j = 0; j < t; j++) {
      double sum = 0;
      for (int k = 0; k < t; k++) sum += M[i * t + k] * G[k * t + j];
      MG[i * t + j] = sum;
    }
  for (int i = 0; i < t; i++)
    for (int j = 0; j < t; j++) {
      double sum = i == j ? -1 : 0;
      for (int k = 0; k < t; k++) sum += MG[i * t + k] * M[j * t + k];
      H[i * t + j] = sum;
    }
  return frobenius(H, t);
}

void ct_frame_gram(const ct_net *net, const int *centre, double *G, double *work) {
  int t = net->frame_size;
  for (int i = 0; i < t; i++)
    ct_frame_correlate(net, net->index, centre[i], centre, G + i * t, work);
  for (int i = 0; i < t; i++)
    for (int j = 0; j < i; j++) G[j * t + i] = G[i * t + j];
}

void ct_frame_centres(const ct_net *net, int b, int *centre) {
  for (int k = 0; k < net->frame_size; k++)
    centre[k] = net->centre[net->frame[(size_t)b * (size_t)net->frame_size + (size_t)k]];
}

typedef struct {
  ct_net *net;
  double *work; /* of each thread */
  size_t work_size;
} frame_task;

/* The frame of a ball: its nearest centres. */
static void choose_frame(void *task, int b, int thread) {
  ct_net *net = task;
  int t = net->frame_size;
  (void)thread;
  find_near(net, b);
  memcpy(net->frame + (size_t)b * (size_t)t, net->near + (size_t)b * CT_NEAR,
         (size_t)t * sizeof(int));
}

static void make_frame(void *task, int b, int thread) {
  frame_task *f = task;
  ct_net *net = f->net;
  int t = net->frame_size, centre[CT_FRAME_MAX] = {0};
  double G[CT_FRAME_MAX * CT_FRAME_MAX], L[CT_FRAME_MAX * CT_FRAME_MAX],
      M[CT_FRAME_MAX * CT_FRAME_MAX];
  ct_frame_centres(net, b, centre);
  ct_frame_gram(net, centre, G, f->work + (size_t)thread * f->work_size);
  cholesky(G, t, L);
  invert_lower(L, t, M);
  float *whiten = net->whiten + (size_t)b * (size_t)(t * t);
  for (int i = 0; i < t * t; i++) {
    whiten[i] = (float)M[i];
    M[i] = whiten[i];
  }
  double drift = 0, norm = norm_bound(M, t);
  for (int k = 0; k < t; k++) {
    double own = net->members.drift_of[centre[k]];
    drift = own > drift ? own : drift;
  }
  net->frame_drift[b] = (float)(drift * CT_FLOAT_UP);
  net->lift[b] = (float)(sqrt((double)t) * norm * CT_FLOAT_UP);
  double off = defect(M, G, t) + norm * norm * t * drift * drift;
  net->stretch[b] = (float)(off * CT_FLOAT_UP + 1e-9);
}

static ct_status choose_frames(ct_net *net, double done, double share, const ct_run *run) {
  size_t count = (size_t)net->count;
  CT_NEW(net->near, &run->arena, count * CT_NEAR);
  CT_NEW(net->frame, &run->arena, count * (size_t)net->frame_size);
  return ct_rounds_run(choose_frame, net, net->count, 8, done, share, run);
}

ct_status ct_frames_make(ct_net *net, double done, double share, const ct_run *run) {
  size_t count = (size_t)net->count, t = (size_t)net->frame_size;
  frame_task f;
  f.net = net;
  f.work_size = ct_pairs_work(&net->pairs, CT_FRAME_MAX);
  CT_NEW(f.work, &run->arena, (size_t)run->threads * f.work_size);
  CT_NEW(net->whiten, &run->arena, count * t * t);
  CT_NEW(net->lift, &run->arena, count);
  CT_NEW(net->stretch, &run->arena, count);
  CT_NEW(net->frame_drift, &run->arena, count);
  return ct_rounds_run(make_frame, &f, net->count, 8, done, share, run);
}

/* ---- what holds for all members of a ball ---- */

/* w is M rho up to its rounding and to drift, and M G M' is I up to stretch. Nor does a frame
 * explain more of a residual than there is, which is all that is known of centres that depend on
 * each other, such as duplicates with a nugget: they stretch M G M' by 1. */
static float eta_bound(const ct_net *net, int b) {
  double stretch = net->stretch[b], w = net->max_w[b];
  double off = 2 * CT_FLOAT_ROUND * w + stretch * w +
               (double)net->lift[b] * net->frame_drift[b] * net->max_drift[b];
  float whole = net->max_residual[b];
  if (stretch > 0.5) return whole;
  float eta = (float)(off / sqrt(1 - stretch) * CT_FLOAT_UP);
  return eta < whole ? eta : whole;
}

static void summarize_ball(ct_net *net, int b) {
  const ct_members *members = &net->members;
  size_t block = members->padded[b];
  float w = 0, residual = 0, drift = 0;
  for (int i = 0; i < members->start[b + 1] - members->start[b]; i++) {
    size_t at = block + (size_t)i;
    w = members->w_norm[at] > w ? members->w_norm[at] : w;
    residual = members->residual[at] > residual ? members->residual[at] : residual;
    drift = members->drift[at] > drift ? members->drift[at] : drift;
  }
  net->max_w[b] = w;
  net->max_residual[b] = residual;
  net->max_drift[b] = drift;
  net->min_row[b] = members->row[members->start[b]];
  net->eta[b] = eta_bound(net, b);
}

ct_status ct_net_frames(ct_net *net, int frame_size, double done, double share, ct_stats *stats,
                        const ct_run *run) {
  size_t count = (size_t)net->count;
  net->frame_size = frame_size;
  CT_TRY(fill_gram(net, done, share * 0.3, stats, run));
  CT_TRY(choose_frames(net, done + share * 0.33, share * 0.2, run));
  CT_TRY(ct_frames_make(net, done + share * 0.53, share * 0.1, run));
  CT_NEW(net->max_w, &run->arena, count);
  CT_NEW(net->max_residual, &run->arena, count);
  CT_NEW(net->max_drift, &run->arena, count);
  CT_NEW(net->min_row, &run->arena, count);
  CT_NEW(net->eta, &run->arena, count);
  CT_TRY(ct_members_coordinates(&net->members, net, done + share * 0.66, share * 0.3, stats, run));
  net->centre_drift = net->drift_most = 0;
  for (int b = 0; b < net->count; b++) {
    summarize_ball(net, b);
    if (net->frame_drift[b] > net->centre_drift) net->centre_drift = net->frame_drift[b];
    if (net->max_drift[b] > net->drift_most) net->drift_most = net->max_drift[b];
  }
  return CT_OK;
}
