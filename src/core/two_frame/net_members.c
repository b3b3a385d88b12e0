/* Members of balls: how they lie in memory, and their coordinates in the frames of their balls. */

#include <math.h>
#include <string.h>

#include "two_frame/frame_kernels.h"
#include "two_frame/net_frames.h"
#include "run/parallel.h"

ct_status ct_members_lay_out(ct_members *members, const ct_residual *points, const int *position,
                             const int *ball_of, int balls, const ct_run *run) {
  int n = points->n, *at;
  members->points = points;
  CT_NEW(members->start, &run->arena, (size_t)balls + 1);
  CT_NEW(members->padded, &run->arena, (size_t)balls + 1);
  CT_NEW(at, &run->arena, (size_t)balls + 1);
  memset(members->start, 0, ((size_t)balls + 1) * sizeof *members->start);
  for (int i = 0; i < n; i++)
    if (ball_of[i] >= 0) members->start[ball_of[i] + 1]++;
  members->padded[0] = 0;
  for (int b = 0; b < balls; b++) {
    int lanes = (members->start[b + 1] + CT_FRAME_LANES - 1) / CT_FRAME_LANES * CT_FRAME_LANES;
    members->padded[b + 1] = members->padded[b] + (size_t)lanes;
    members->start[b + 1] += members->start[b];
    at[b] = members->start[b];
  }
  members->lanes = members->padded[balls];
  members->count = members->start[balls];
  CT_NEW(members->position, &run->arena, members->count);
  CT_NEW(members->ball, &run->arena, members->count);
  CT_NEW(members->row, &run->arena, members->count);
  for (int r = 0; r < n; r++) {
    int i = position ? position[r] : r;
    if (ball_of[i] < 0) continue;
    int place = at[ball_of[i]]++;
    members->position[place] = i;
    members->row[place] = r;
    members->ball[place] = ball_of[i];
  }
  return CT_OK;
}

typedef struct {
  double w[CT_FRAME_MAX];
  double alpha[CT_FRAME_MAX];
} coordinates;

/* w = M rho, alpha = M' w, both as the floats that are stored. */
static void coordinates_of(const float *M, const double *rho, int t, coordinates *to) {
  for (int i = 0; i < t; i++) {
    double sum = 0;
    for (int k = 0; k <= i; k++) sum += M[i * t + k] * rho[k];
    to->w[i] = (float)sum;
  }
  for (int k = 0; k < t; k++) {
    double sum = 0;
    for (int i = k; i < t; i++) sum += M[i * t + k] * to->w[i];
    to->alpha[k] = (float)sum;
  }
}

/* |u - sum alpha_k u_k|^2 = |u|^2 - 2 alpha . rho + alpha' G alpha. */
static double unexplained(double own, const coordinates *at, const double *rho, const double *G,
                          int t) {
  double sum = own;
  for (int k = 0; k < t; k++) {
    double row = -2 * rho[k];
    for (int j = 0; j < t; j++) row += G[k * t + j] * at->alpha[j];
    sum += at->alpha[k] * row;
  }
  return sum;
}

/* |u|^2 = (k(0) - |V|^2) / p: 1 but for a nugget in p. */
static double own_norm(const ct_net *net, const ct_residual *points, int i) {
  double norm = points == net->index ? net->norm[i] : ct_residual_norm(points, i);
  double scale = points->scale[i];
  return (points->covariance->variance - norm * norm) * scale * scale;
}

/* w goes to scratch, until that of the whole ball is known. */
static void store(ct_members *members, const coordinates *at, int t, size_t lane, float *w) {
  double square = 0, sum = 0;
  for (int k = 0; k < t; k++) {
    w[k] = (float)at->w[k];
    members->alpha[lane * (size_t)t + (size_t)k] = (float)at->alpha[k];
    square += at->w[k] * at->w[k];
    sum += fabs(at->alpha[k]);
  }
  members->w_norm[lane] = (float)(sqrt(square) * CT_FLOAT_UP);
  members->alpha_sum[lane] = (float)(sum * CT_FLOAT_UP);
}

static float largest_w(const ct_members *members, int b) {
  float most = 0;
  for (size_t i = members->padded[b]; i < members->padded[b + 1]; i++)
    most = members->w_norm[i] > most ? members->w_norm[i] : most;
  return most;
}

/* w in bytes around 128, in steps of the ball's largest |w| (two_frame_sieve.c). */
static void pack_w(ct_members *members, int b, int t, const float *w) {
  int ld = ct_members_width(members, b);
  int *word = members->w_word + members->padded[b] * (size_t)t / 4;
  float scale = CT_SIEVE_W / (largest_w(members, b) + 1e-30f);
  for (int lane = 0; lane < ld; lane++)
    for (int k = 0; k < t / 4; k++) {
      unsigned packed = 0;
      for (int j = 0; j < 4; j++)
        packed |= (unsigned)(128.5f + w[lane * t + 4 * k + j] * scale) << (8 * j);
      word[k * ld + lane] = (int)packed;
    }
}

static void clear_block(ct_members *members, int t, size_t block, int ld, float *w) {
  memset(w, 0, (size_t)(t * ld) * sizeof *w);
  memset(members->alpha + block * (size_t)t, 0, (size_t)(t * ld) * sizeof *members->alpha);
  for (int i = 0; i < ld; i++) {
    size_t at = block + (size_t)i;
    members->residual[at] = members->w_norm[at] = members->alpha_sum[at] = members->drift[at] = 0;
  }
}

typedef struct {
  ct_net *net;
  ct_members *members;
  double *work; /* of each thread, as w */
  size_t work_size;
  float *w; /* of the ball at work */
  size_t w_size;
  int *unsound;
} member_task;

static void ball_coordinates(void *task, int b, int thread) {
  member_task *f = task;
  ct_net *net = f->net;
  ct_members *members = f->members;
  int t = net->frame_size, ld = ct_members_width(members, b), centre[CT_FRAME_MAX];
  size_t block = members->padded[b];
  double G[CT_FRAME_MAX * CT_FRAME_MAX], rho[CT_FRAME_MAX];
  double *work = f->work + (size_t)thread * f->work_size;
  const float *M = net->whiten + (size_t)b * (size_t)(t * t);
  float *w = f->w + (size_t)thread * f->w_size;
  clear_block(members, t, block, ld, w);
  if (ld == 0) return;
  ct_frame_centres(net, b, centre);
  ct_frame_gram(net, centre, G, work);
  for (int i = members->start[b]; i < members->start[b + 1]; i++) {
    int x = members->position[i], lane = i - members->start[b];
    size_t at = block + (size_t)lane;
    coordinates here;
    ct_frame_correlate(net, members->points, x, centre, rho, work);
    coordinates_of(M, rho, t, &here);
    store(members, &here, t, at, w + lane * t);
    double drift = members->drift_of[x];
    double doubt = drift + (double)members->alpha_sum[at] * net->frame_drift[b];
    double own = own_norm(net, members->points, x);
    double left = unexplained(own, &here, rho, G, t), give = doubt * doubt;
    if (left < -give || own > CT_LARGEST_SQUARE + drift * drift || !(give < 1e6))
      f->unsound[thread]++;
    members->drift[at] = (float)(drift * CT_FLOAT_UP);
    members->residual[at] = (float)((sqrt((left > 0 ? left : 0) + give) +
                                     2 * CT_FLOAT_ROUND * (double)members->alpha_sum[at]) *
                                    CT_FLOAT_UP);
  }
  pack_w(members, b, t, w);
}

int ct_members_widest(const ct_members *members, int balls) {
  int most = 0;
  for (int b = 0; b < balls; b++) {
    int width = ct_members_width(members, b);
    most = width > most ? width : most;
  }
  return most;
}

ct_status ct_members_coordinates(ct_members *members, ct_net *net, double done, double share,
                                 ct_stats *stats, const ct_run *run) {
  size_t lanes = members->padded[net->count], t = (size_t)net->frame_size;
  member_task f;
  f.net = net;
  f.members = members;
  f.work_size = ct_pairs_work(&net->pairs, CT_FRAME_MAX);
  CT_NEW(f.work, &run->arena, (size_t)run->threads * f.work_size);
  CT_NEW(f.unsound, &run->arena, run->threads);
  memset(f.unsound, 0, (size_t)run->threads * sizeof *f.unsound);
  f.w_size = t * (size_t)ct_members_widest(members, net->count);
  CT_NEW(f.w, &run->arena, (size_t)run->threads * f.w_size);
  CT_NEW(members->w_word, &run->arena, lanes * t / 4);
  CT_NEW(members->alpha, &run->arena, lanes * t);
  CT_NEW(members->residual, &run->arena, lanes);
  CT_NEW(members->w_norm, &run->arena, lanes);
  CT_NEW(members->alpha_sum, &run->arena, lanes);
  CT_NEW(members->drift, &run->arena, lanes);
  CT_TRY(ct_rounds_run(ball_coordinates, &f, net->count, 8, done, share, run));
  for (int i = 0; i < run->threads; i++)
    if (f.unsound[i]) net->sound = 0;
  stats->products += (double)members->count * net->frame_size;
  return CT_OK;
}
