/* The sieve of the two-frame search: estimates from bytes, before those from floats.
 *
 * An estimate (two_frame.c) is a sum of two products of t numbers, and most of a search's pairs get
 * no further than it. Their bounds are rest_q r_x wide, hundredths, so an estimate that is off by a
 * hundredth rejects nearly as many of them. With alpha, y and w in bytes and the high byte of the
 * table, four products of one pair take the place of one float, and a ball's part of the table is
 * read once for all queries of a group. Pairs that pass are estimated again from floats; so the
 * sieve decides nothing by itself, and must only let pass whatever floats would.
 *
 * Let a be the bytes of alpha, |a_k| <= CT_SIEVE_STEPS, in steps of s; h the table's high byte plus
 * 128, so that an entry of it is 256 (h - 127.5) steps of the table, give or take 127.5. Then
 *
 *   sum_k alpha_k T_k = 256 s (sum_k a_k h_k - 127.5 sum_k a_k) + off by
 *
 *  (a) 127.5 steps of the table times s sum |a_k|, the low bytes, and
 *
 *  (b) sum_k d_k T_k, d = alpha - s a. T_k is <u_{A_k}, u_x> but for the table's error and drift,
 *      so this is at most |sum_k d_k u_{A_k}| |u_x| + sum |d_k| (table error + drift_A drift_x).
 *      The first norm is the root of d' G d, G the frame's Gram matrix, whose stored floats are off
 *      by their rounding and drift; it is well below sum |d_k|, as the d_k have either sign. As a
 *      is the nearest, |d_k| <= |alpha_k|, and the second term is one that slack_q and the query's
 *      drift (f) know.
 *
 * Both are the query's alone: blur_q. In the same way y_i = s_y b_i + off and w_i = s_w (c_i - 128)
 * + off, each off by half a step, thus
 *
 *  (c) sum_i y_i w_i is off by at most |y - s_y b| |w| + |s_y b| |w - s_w (c - 128)|, with
 *      sqrt(t) / 2 steps for norms of differences (frame_body.h).
 *
 * The sums of bytes are whole numbers below 2^24, exact in every variant. Four more roundings of
 * terms not above twice sum |alpha| and sum |y_i w_i| are less than a thousandth of (a) and of (c).
 */

#include "two_frame/two_frame_parts.h"

#include <math.h>
#include <stdlib.h>

#define HIGH_BYTE 256.0
#define TABLE_STEP (1 / CT_TABLE_STEPS)

/* d' G d of the frame at centre, 0 where rounding makes it less. */
static double square_of(const ct_net *net, const int *centre, const float *gram, const double *d) {
  int t = net->frame_size;
  double sum = 0;
  for (int i = 0; i < t; i++) {
    const float *row = gram + (size_t)centre[i] * (size_t)t;
    double part = 0;
    for (int k = 0; k < t; k++) part += row[k] * d[k];
    sum += d[i] * part;
  }
  return sum > 0 ? sum : 0;
}

void ct_group_sieve(const ct_net *net, int ball, ct_group *g, int lane, double alpha_sum) {
  int t = net->frame_size, whole = 0;
  unsigned word[CT_WORDS] = {0};
  double alpha[CT_FRAME_MAX], d[CT_FRAME_MAX], top = 1e-30, off = 0, sizes = 0;
  for (int k = 0; k < t; k++) {
    alpha[k] = (double)g->alpha[k * CT_GROUP_LANES + lane];
    top = fmax(top, fabs(alpha[k]));
  }
  double step = (float)(top / CT_SIEVE_STEPS * (1 + 1e-6));
  for (int k = 0; k < t; k++) {
    int a = (int)floor(alpha[k] / step + 0.5);
    word[k / 4] |= ((unsigned)a & 255) << (8 * (k % 4));
    whole += a;
    sizes += abs(a);
    d[k] = alpha[k] - step * a;
    off += fabs(d[k]);
  }
  double drift = net->frame_drift[ball];
  double left = square_of(net, net->frame + (size_t)ball * (size_t)t, g->gram, d) +
                off * off * (1.2e-7 + drift * drift);
  for (int k = 0; k < t / 4; k++) g->alpha_word[k * CT_GROUP_LANES + lane] = (int)word[k];
  double unit = HIGH_BYTE * TABLE_STEP * step;
  g->alpha_step[lane] = (float)unit;
  g->alpha_base[lane] = (float)(-127.5 * unit * whole);
  g->blur[lane] =
      (float)((127.5 * TABLE_STEP * step * sizes * 1.001 + sqrt(left) * ct_largest_feature(net) +
               alpha_sum * CT_TABLE_ERROR + 1e-6) *
              (1 + 1e-6));
}
