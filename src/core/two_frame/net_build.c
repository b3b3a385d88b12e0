/* The index side of the two-frame search in one go, but for the table: how large a net may be,
 * which radius and frames it gets. */

#include "two_frame/net.h"

#include <math.h>
#include <string.h>

/* Radius of the net, in d: measured best between 0.6 and 0.75, flat around it. In two columns and
 * less balls hold more points and neighbours are closer, and a coarser net costs less; but with
 * very many points ever more of them stand in balls that no bound rejects: 57, 91 and 271 scores a
 * query for 1, 2 and 4 times FLAT_POINTS. There the radius falls by their number; the fourth root
 * takes 790, 2380 and 3840 balls for 1, 4 and 8 times FLAT_POINTS, and scores stay at 45 to 61 a
 * query. */
#define RADIUS 0.65
#define RADIUS_FLAT 0.7
#define FLAT_POINTS 1e5
#define RADIUS_STEP 0.05
#define RADIUS_MOST 0.85

/* More nets than are tried before one covers the points: for progress. */
#define TRIES 20

/* A net that is kept for many searches is built once more, a step finer, where it has at most this
 * share of the balls that it may have: searches take a seventh less, the table a fifth more. */
#define ROOM 0.6

/* The share of points within the radius that makes a net; the others join a ball near by. Until a
 * radius covers all of them, five columns took three nets (1.5 s instead of .5 for 1e5 points), and
 * the last had the same balls with a larger radius: 99 scores a query instead of 87. */
#define ENOUGH 0.9

/* A net that fails to cover this share with all the balls that it may have will not do so with a
 * radius a little larger. */
#define PROMISING 0.5

/* Where frames of eight leave more than this of a point (the mean norm of e_x), frames of sixteen
 * halve the scores (five columns: 87 a query instead of 183) for a larger part of the table to
 * read: a query of a kept index takes a twentieth less. Not in two columns and less: there frames
 * of eight leave few candidates whatever the norms are (60 scores a query for k = 30 against 55).
 * One call alone, which pays for the frames, is quicker by 2 to 8 % with eight. */
#define ROUGH 0.3

static double first_radius(const ct_residual *index) {
  if (index->dim > 2) return RADIUS;
  return RADIUS_FLAT * pow(fmin(1, FLAT_POINTS / index->n), 1. / 4);
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

int ct_net_holds_for(const ct_net *net, const ct_residual *asking) {
  return largest_norm(net, asking) <= net->drift.norm;
}

static ct_status measure(ct_net *net, const ct_residual *index, const ct_residual *asking,
                         const ct_run *run) {
  double *drift;
  net->index = index;
  ct_pairs_init(&net->pairs, index, run->simd);
  CT_NEW(net->norm, &run->arena, index->n);
  CT_NEW(drift, &run->arena, index->n);
  net->members.drift_of = drift;
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < index->n; i++) net->norm[i] = ct_residual_norm(index, i);
  return ct_drift_of_index(&net->drift, &net->pairs, net->norm, largest_norm(net, asking), drift,
                           run);
}

static double mean_residual(const ct_net *net) {
  double sum = 0;
  for (int b = 0; b < net->count; b++)
    for (int i = 0; i < net->members.start[b + 1] - net->members.start[b]; i++)
      sum += net->members.residual[net->members.padded[b] + (size_t)i];
  return sum / net->members.count;
}

/* A net one step finer, or the same again where balls are too few for that. */
static ct_status refine(ct_net *net, const ct_residual *index, int most, double *covered,
                        double done, double share, ct_stats *stats, const ct_run *run) {
  double coarse = net->radius, part = share / 2;
  net->radius = coarse - RADIUS_STEP;
  CT_TRY(ct_net_cover(net, index, net->radius, most, ENOUGH, covered, done, part, stats, run));
  if (*covered >= ENOUGH) return CT_OK;
  net->radius = coarse;
  return ct_net_cover(net, index, coarse, most, ENOUGH, covered, done + part, part, stats, run);
}

/* The first radius that covers the points with so few balls. */
static ct_status cover(ct_net *net, const ct_residual *index, int kept, int most, double *covered,
                       double done, double share, ct_stats *stats, const ct_run *run) {
  double part = share / TRIES;
  net->radius = first_radius(index);
  for (;; net->radius += RADIUS_STEP, done += part) {
    CT_TRY(ct_net_cover(net, index, net->radius, most, ENOUGH, covered, done, part, stats, run));
    if (*covered >= ENOUGH) break;
    if (*covered < PROMISING || net->radius > RADIUS_MOST - 0.01) return CT_OK;
  }
  if (!kept || net->count > ROOM * most) return CT_OK;
  return refine(net, index, most, covered, done + part, 2 * part, stats, run);
}

static int wants_fine_frames(const ct_net *net) {
  return net->index->dim > 2 && mean_residual(net) > ROUGH;
}

ct_status ct_net_build(ct_net *net, const ct_residual *index, const ct_residual *asking, int kept,
                       double radius, int frame_size, int most, int *built, double done,
                       double share, ct_stats *stats, const ct_run *run) {
  double covered = 1;
  *built = 0;
  memset(net, 0, sizeof *net);
  CT_TRY(measure(net, index, asking, run));
  net->radius = radius;
  if (radius > 0)
    CT_TRY(
        ct_net_cover(net, index, radius, most, ENOUGH, &covered, done, share * 0.49, stats, run));
  else CT_TRY(cover(net, index, kept, most, &covered, done, share * 0.49, stats, run));
  if (covered < ENOUGH || net->count < 2 * CT_FRAME_MAX) return CT_OK;
  net->sound = 1;
  CT_TRY(ct_net_frames(net, frame_size > 8 ? 16 : 8, done + share * 0.5, share * 0.24, stats, run));
  if (frame_size == 0 && kept && wants_fine_frames(net))
    CT_TRY(ct_net_frames(net, 16, done + share * 0.75, share * 0.24, stats, run));
  *built = net->sound;
  return CT_OK;
}
