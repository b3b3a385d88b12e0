/* Conditional selection: which rows to condition on, one after the other.
 *
 * Nearest neighbours crowd on one side and repeat each other. The row to add is the one that lowers
 * the target's conditional variance most: with S the rows chosen so far, the candidate j with the
 * largest score cov(target, j | S)^2 / var(j | S) (M. Huan, J. Guinness, M. Katzfuss, H. Owhadi,
 * F. Schaefer 2023, arXiv 2307.11648, section 3). Choosing j needs one more column of the Cholesky
 * factor of candidates and target, whose rows are
 *
 *   g_l = (cov(l, j) - sum over chosen s of g_ls g_js) / sqrt(var(j | S)),
 *
 * and then cov(target, l | S) loses g_l g_target, var(l | S) loses g_l^2. m steps over C candidates
 * cost C m^2 / 2 products and C m covariances. No column is needed of candidates never chosen.
 *
 * Ties. On a grid many candidates have equal scores but for rounding. Among those within TIE of the
 * best the first, which is the nearest, is taken. Arithmetic is canonical (select_kernels.h), so
 * this only keeps far candidates from winning by noise.
 *
 * Rounding. A variance is what subtractions left of at most `scale`: below LEAST_VARIANCE of it
 * nothing is known of it. So a duplicate of a chosen candidate, without nugget, is never chosen,
 * and once the target itself is known that well, nothing is. A covariance below LEAST_COVARIANCE of
 * scale is noise too: on a line, an exponential covariance is done after one neighbour on each
 * side, and what remains would be drawn by lot. Then the nearest remaining fill the set. */

#include "metric/canonical.h"

#include "process/select_greedy.h"

#include <math.h>
#include <string.h>

#define TIE 1e-9
#define LEAST_VARIANCE 1e-13
#define LEAST_COVARIANCE 8.8817841970012523e-16 /* 2^-50 */

ct_status ct_greedy_new(ct_greedy *greedy, int width, int m, const ct_run *run) {
  size_t room = (size_t)(width + CT_SELECT_LANES - 1) / CT_SELECT_LANES * CT_SELECT_LANES;
  int most = m < width ? m : width;
  *greedy = (ct_greedy){.kernels = ct_select_kernels_of(run->simd), .most = most};
  CT_NEW(greedy->covariance, &run->arena, room);
  CT_NEW(greedy->variance, &run->arena, room);
  CT_NEW(greedy->score, &run->arena, room);
  CT_NEW(greedy->column, &run->arena, room);
  CT_NEW(greedy->known, &run->arena, room * (size_t)most + 1);
  CT_NEW(greedy->factor, &run->arena, (size_t)most + 1);
  CT_NEW(greedy->taken, &run->arena, room);
  return CT_OK;
}

void ct_greedy_begin(ct_greedy *greedy, int count) {
  greedy->count = count;
  greedy->room = (count + CT_SELECT_LANES - 1) / CT_SELECT_LANES * CT_SELECT_LANES;
}

/* The first candidate within TIE of the best score, -1 where there is none. */
static int best_candidate(ct_greedy *greedy, double least_variance, double least_square) {
  ct_select_scoring scoring = {greedy->room, greedy->covariance, greedy->variance, least_variance,
                               least_square};
  double best = greedy->kernels->scores(&scoring, greedy->score);
  if (!(best > 0)) return -1;
  double enough = best * (1 - TIE);
  int j = 0;
  while (!(greedy->score[j] >= enough)) j++;
  return j;
}

/* Conditions candidates and target on candidate j as well; returns what the target's variance
 * loses. */
static double condition_on(ct_greedy *greedy, const ct_greedy_source *source, int j, int steps) {
  double root = 1 / sqrt(greedy->variance[j]), weight = greedy->covariance[j] * root;
  for (int t = 0; t < steps; t++)
    greedy->factor[t] = greedy->known[(size_t)t * (size_t)greedy->room + (size_t)j];
  source->column(source->self, j, greedy->column);
  ct_select_step step = {.room = greedy->room,
                         .steps = steps,
                         .factor = greedy->factor,
                         .known = greedy->known,
                         .column = greedy->column,
                         .root = root,
                         .weight = weight,
                         .covariance = greedy->covariance,
                         .variance = greedy->variance};
  greedy->kernels->advance(&step);
  greedy->variance[j] = 0; /* and from now on it only falls */
  return weight * weight;
}

/* Adds the nearest that are not among the chosen until there are m. */
static void fill_up(ct_greedy *greedy, int have, int m, int *chosen) {
  memset(greedy->taken, 0, (size_t)greedy->count);
  for (int t = 0; t < have; t++) greedy->taken[chosen[t]] = 1;
  for (int l = 0; have < m; l++)
    if (!greedy->taken[l]) chosen[have++] = l;
}

int ct_greedy_choose(ct_greedy *greedy, const ct_greedy_source *source, double target, double scale,
                     int m, int *chosen) {
  double least_variance = LEAST_VARIANCE * scale;
  double least_square = (LEAST_COVARIANCE * scale) * (LEAST_COVARIANCE * scale);
  int steps = 0;
  if (m > greedy->count) m = greedy->count;
  while (steps < m && target > least_variance) {
    int j = best_candidate(greedy, least_variance, least_square);
    if (j < 0) break;
    chosen[steps] = j;
    if (steps + 1 < m) target -= condition_on(greedy, source, j, steps);
    steps++;
  }
  if (steps < m) fill_up(greedy, steps, m, chosen);
  return steps;
}
