#include "two_frame.h"

#include <math.h>
#include <string.h>

/* Bytes of the table for each member and ball, padding of the balls included. */
#define TABLE_BYTES_PER_PAIR 2.4

/* How far a row of V may be off, relative to its norm, from that of an exact factor: see two_frame.c. */
#define FACTOR_ERROR 1e-12

/* What one measured correlation may be off, as a product noise_i noise_j. */
static ct_status measure_noise(ct_net *net, const ct_residual *index, const ct_residual *points,
                               const ct_run *run) {
  double largest = sqrt(index->covariance->variance);
  ct_pairs pairs;
  ct_pairs_init(&pairs, index, run->simd);
  CT_NEW(net->norm, &run->arena, index->n);
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int i = 0; i < index->n; i++) net->norm[i] = ct_residual_norm(index, i);
  for (int i = 0; i < index->n; i++) largest = net->norm[i] > largest ? net->norm[i] : largest;
  for (int i = 0; points && i < points->n; i++) {
    double norm = ct_residual_norm(points, i);
    largest = norm > largest ? norm : largest;
  }
  double error = ct_pair_error_bound(&pairs, largest * largest) + 2 * FACTOR_ERROR * largest * largest;
  net->noise_unit = sqrt(2 * error);
  return CT_OK;
}

static double table_limit(const ct_residual_plan *plan, const ct_residual *index) {
  if (plan->table_bytes > 0) return plan->table_bytes;
  return 2.0 * sizeof(double) * (double)index->n * (double)index->stride;
}

/* Most balls for which the table keeps its limit. */
static int most_balls(const ct_residual_plan *plan, const ct_residual *index) {
  double most = table_limit(plan, index) / (TABLE_BYTES_PER_PAIR * index->n);
  return most < index->n ? (int)most : index->n;
}

static ct_status build_net(ct_net *net, const ct_residual *index, const ct_residual_plan *plan, int *built,
                           ct_stats *stats, const ct_run *run) {
  int frame = plan->frame > 8 ? 16 : 8;
  double radius = plan->net_radius > 0 ? plan->net_radius : 0.65, done = 0;
  *built = 0;
  for (int attempt = 0; attempt < 4 && !*built; attempt++, radius += 0.05, done += 0.01)
    CT_TRY(ct_net_cover(net, index, radius, most_balls(plan, index), built, done, 0.01, stats, run));
  if (net->count < 2 * CT_FRAME_MAX) *built = 0;
  if (!*built) return CT_OK;
  net->sound = 1;
  return ct_net_frames(net, frame, 0.05, 0.05, stats, run);
}

static ct_status finish_net(ct_net *net, ct_stats *stats, const ct_run *run) {
  CT_TRY(ct_members_table(&net->members, net, 0.1, 0.35, stats, run));
  return ct_net_reach(net, 0.45, 0.05, run);
}

static ct_status scan_aside(const ct_residual *index, const ct_residual_queries *queries,
                            const unsigned char *state, int k, int *id, double *dist, ct_stats *stats,
                            const ct_run *run) {
  int *which, count = 0;
  CT_NEW(which, &run->arena, queries->count);
  for (int q = 0; q < queries->count; q++)
    if (state[q] != CT_QUERY_ANSWERED) which[count++] = q;
  return ct_residual_scan_some(index, queries, which, count, k, id, dist, 0.9, 0.1, stats, run);
}

/* Rows up to which predecessors are few among the points of every ball: the scan answers them. */
static int small_limit(const ct_residual *index, int k, const ct_residual_plan *plan) {
  return plan->method == 2 ? 2 * k + 16 : 4096 + index->n / 32;
}

static ct_status two_frame_knn(const ct_residual *index, const ct_residual_queries *queries, int k,
                               const ct_residual_plan *plan, int *used, int *id, double *dist,
                               ct_stats *stats, const ct_run *run) {
  ct_net net;
  ct_members fresh;
  unsigned char *state;
  int built;
  double began = run->now(), then;
  memset(&net, 0, sizeof net);
  memset(&fresh, 0, sizeof fresh);
  CT_TRY(measure_noise(&net, index, queries->points, run));
  CT_TRY(build_net(&net, index, plan, &built, stats, run));
  then = run->now();
  stats->seconds[CT_PHASE_NET] += then - began;
  if (!built || !net.sound) return CT_OK;
  CT_TRY(finish_net(&net, stats, run));
  if (queries->points) {
    CT_TRY(ct_members_of_new(&fresh, &net, queries->points, 0.5, stats, run));
    CT_TRY(ct_members_coordinates(&fresh, &net, 0.5, 0, stats, run));
    CT_TRY(ct_members_table(&fresh, &net, 0.5, 0, stats, run));
    if (!net.sound) return CT_OK;
  }
  began = run->now();
  stats->seconds[CT_PHASE_TABLE] += began - then;
  CT_NEW(state, &run->arena, queries->count);
  int small = small_limit(index, k, plan);
  for (int q = 0; q < queries->count; q++)
    state[q] = queries->limit && queries->limit[q] < small ? CT_QUERY_ASIDE : CT_QUERY_OPEN;
  CT_TRY(ct_two_frame_search(&net, queries->points ? &fresh : &net.members, queries, k, state, id, dist,
                             0.5, 0.4, stats, run));
  CT_TRY(scan_aside(index, queries, state, k, id, dist, stats, run));
  stats->seconds[CT_PHASE_SEARCH] += run->now() - began;
  stats->queries += queries->count;
  *used = 2;
  return CT_OK;
}

ct_status ct_residual_knn(const ct_residual *index, const ct_residual_queries *queries, int k,
                          const ct_residual_plan *plan, int *used, int *id, double *dist, ct_stats *stats,
                          const ct_run *run) {
  if (k < 1) return CT_ERR_DOMAIN;
  *used = 1;
  if (queries->count > 0 && plan->method != 1) {
    CT_TRY(two_frame_knn(index, queries, k, plan, used, id, dist, stats, run));
    if (*used == 2) return CT_OK;
  }
  return ct_residual_scan(index, queries, k, id, dist, stats, run);
}
