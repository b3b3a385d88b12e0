/* The index side of the two-frame search in one go, but for the table: how large a net may be,
 * which radius and frames it gets. */

#include "net.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* How far V_i . V_j may be off, relative to k(0), from that of an exact solve with the factor
 * (two_frame.c says what for): so many eps over the root of the smallest p / k(0). Solving with a
 * factor whose smallest pivot is s loses about eps / sqrt(s) along the directions of small pivots, and
 * points near inducing points have residual variances about as small as the pivots. Measured against
 * long double, largest of 1e5 pairs: at most 0.09 units, for jitter 0 to 1e-6, 30 to 500 inducing
 * points, 1 to 5 columns; the errors themselves ran from 1e-15 to 1.5e-12.
 *
 * The bound by the weights a_x of two_frame.c, with every rounding at its worst and of one sign, is
 * larger, 2 g |a_x|_1 at the median and the largest |a_x|_1 against this model:
 *
 *   m = 512, 3 columns, Gaussian, jitter 1e-6       1.1e-12   2.1e-10   6.1e-13
 *   m = 512, 3 columns, Matern 5/2, jitter 1e-6     7.3e-13   2.2e-12   2.2e-13
 *   m = 200, 2 columns, Matern 3/2, no jitter       8.1e-14   1.4e-13   8.1e-14
 *   m = 200, 5 columns, Matern 3/2, no jitter       1.3e-13   1.9e-13   2.7e-15
 *
 * With the weights at hand, g |a_x|_1 would take the place of the model. */
#define FACTOR_UNITS 1

/* Radius of the net, in d: measured best between 0.6 and 0.75, flat around it. In two columns and
 * less balls hold more points and neighbours are closer, and a coarser net costs less; but with very
 * many points ever more of them stand in balls that no bound rejects: 57, 91 and 271 scores a query
 * for 1, 2 and 4 times FLAT_POINTS. There the radius falls by their number, slowly. */
#define RADIUS 0.65
#define RADIUS_FLAT 0.7
#define FLAT_POINTS 1e5
#define RADIUS_STEP 0.05
#define RADIUS_MOST 0.85

/* Where the balls that a net may have cover nearly all points, half a step may be enough. */
#define NEARLY 0.9

/* A net that fails to cover this share with all the balls that it may have will not do so with a
 * radius a little larger. */
#define PROMISING 0.5

/* Where frames of eight leave more than this of a point (the mean norm of e_x), frames of sixteen
 * halve the candidates for 1.3 times the bounds' cost. Not in two columns and less: there frames of
 * eight leave few candidates whatever the norms are (60 scores a query for k = 30 against 55). */
#define ROUGH 0.3

static double first_radius(const ct_residual *index) {
  if (index->dim > 2) return RADIUS;
  return RADIUS_FLAT * pow(fmin(1, FLAT_POINTS / index->n), 1. / 6);
}

static double smallest_variance(const ct_residual *points, double smallest) {
  for (int i = 0; i < points->n; i++) smallest = points->p[i] < smallest ? points->p[i] : smallest;
  return smallest;
}

static double factor_error(const ct_residual *index, const ct_residual *asking) {
  double variance = index->covariance->variance, smallest = smallest_variance(index, variance);
  double least = index->rank * DBL_EPSILON * variance; /* no pivot that passed was below */
  if (index->rank == 0) return 0;
  if (asking) smallest = smallest_variance(asking, smallest);
  return FACTOR_UNITS * DBL_EPSILON / sqrt((smallest > least ? smallest : least) / variance);
}

static double largest_norm(const ct_net *net, const ct_residual *asking) {
  const ct_residual *index = net->index;
  double largest = sqrt(index->covariance->variance);
  for (int i = 0; i < index->n; i++) largest = net->norm[i] > largest ? net->norm[i] : largest;
  for (int i = 0; asking && i < asking->n; i++) {
    double norm = ct_residual_norm(asking, i);
    largest = norm > largest ? norm : largest;
  }
  return largest;
}

double ct_net_noise_unit(const ct_net *net, const ct_residual *asking) {
  double square = pow(largest_norm(net, asking), 2);
  double process = factor_error(net->index, asking) * square;
  return sqrt(2 * (ct_pair_error_bound(&net->pairs, square) + process));
}

static ct_status measure(ct_net *net, const ct_residual *index, const ct_residual *asking,
                         const ct_run *run) {
  net->index = index;
  ct_pairs_init(&net->pairs, index, run->simd);
  CT_NEW(net->norm, &run->arena, index->n);
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < index->n; i++) net->norm[i] = ct_residual_norm(index, i);
  net->noise_unit = ct_net_noise_unit(net, asking);
  return CT_OK;
}

static double mean_residual(const ct_net *net) {
  double sum = 0;
  for (int b = 0; b < net->count; b++)
    for (int i = 0; i < net->members.start[b + 1] - net->members.start[b]; i++)
      sum += net->members.residual[net->members.padded[b] + (size_t)i];
  return sum / net->members.count;
}

ct_status ct_net_build(ct_net *net, const ct_residual *index, const ct_residual *asking,
                       double radius, int frame_size, int most, int *built, double done,
                       double share, ct_stats *stats, const ct_run *run) {
  double covered = 1, part = share * 0.06, at = done;
  int fixed = radius > 0;
  if (!fixed) radius = first_radius(index);
  *built = 0;
  memset(net, 0, sizeof *net);
  CT_TRY(measure(net, index, asking, run));
  for (;; radius += covered > NEARLY ? RADIUS_STEP / 2 : RADIUS_STEP, at += part) {
    CT_TRY(ct_net_cover(net, index, radius, most, &covered, at, part * 0.99, stats, run));
    if (covered >= 1 || covered < PROMISING || fixed || radius > RADIUS_MOST - 0.01) break;
  }
  if (covered < 1 || net->count < 2 * CT_FRAME_MAX) return CT_OK;
  net->sound = 1;
  CT_TRY(ct_net_frames(net, frame_size > 8 ? 16 : 8, done + share * 0.5, share * 0.24, stats, run));
  if (frame_size == 0 && index->dim > 2 && mean_residual(net) > ROUGH)
    CT_TRY(ct_net_frames(net, 16, done + share * 0.75, share * 0.24, stats, run));
  *built = net->sound;
  return CT_OK;
}
