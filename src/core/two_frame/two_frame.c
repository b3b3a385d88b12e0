/* The two-frame search: exact nearest neighbours by residual correlation without measuring most
 * pairs.
 *
 * Setting. The residual process has a feature vector u_i for every point, <u_i, u_j> = rho_ij. The
 * net gives every ball a frame of t centres, those most correlated with its own. Let q lie in a
 * ball with frame A, x in one with frame B. Write
 *
 *   p_q = sum_k alpha_k u_{A_k},         e_q = u_q - p_q,
 *   p_x = sum_k beta_k u_{B_k},          e_x = u_x - p_x,
 *   z_k = <e_q, u_{B_k}> = rho(q, B_k) - sum_l alpha_l rho(A_l, B_k).
 *
 * Then, whatever alpha and beta are,
 *
 *   rho(q, x) = sum_k alpha_k rho(A_k, x) + sum_k z_k beta_k + <e_q, e_x>. (1)
 *
 * Norms need a basis: f_i = sum_k M_ik u_{B_k}, about orthonormal, in which p_x has coordinates w,
 * beta = M' w, and e_q has y = M z, so that the second sum is y . w as well.
 *
 * The first two sums are the estimate: t entries of the table for x, z once for q and B. With alpha
 * and beta near the coefficients of the orthogonal projections, e_q and e_x are small, and the last
 * term is a product of two small numbers: at most rest_q r_x, r_x = |e_x|, rest_q = the norm of the
 * part of e_q outside the span of frame B. This bound is far stronger than any that triangle
 * inequalities give, where the residuals add up. For a whole ball, |w_q| reach + |y| max |w_x| +
 * rest_q max r_x bounds |rho|, with reach[A, B] = max over x in B of |M_A rho(A, x)|: far balls are
 * rejected with one small product. Where there are very many balls, coarse frames tell for whole
 * pairs of balls that they are too far from each other, and the table has rows for the other pairs
 * only (net_coarse.c); a pair that a query needs without them is measured (two_frame_measure.c).
 *
 * Most estimates are made of bytes first, which tell nearly as much for a quarter of the work
 * (two_frame_sieve.c).
 *
 * Course. Groups of queries of one ball are answered together. Seeds (two_frame_seed.c) give a
 * first lower bound of the k-th |rho|. Pass one visits the rest of the 32 nearest balls, then the
 * best estimates are scored by the canonical routine, which raises the bound; pass two visits all
 * other balls; the best estimates are scored again; whatever then still reaches the bound is scored
 * at the end.
 *
 * Rounding. Nothing below is assumed about alpha, beta, M beyond their stored floats: (1) is an
 * identity in them. A point's alpha as a query is its beta as a neighbour. What is not exact is
 * this, and each part is bounded where it arises:
 *
 *  (a) Measured correlations. There are u_i, features of a covariance, such that any correlation of
 *      the pair engine or of ct_residual_t() is off from <u_i, u_j> by at most drift_i drift_j.
 *      drift.c proves it for V from our own factor: drift is what limits ill-conditioned data,
 *      where p is 1e-6 or less, and it is carried point by point.
 *
 *  (b) V of the user's own may belong to no process. Then (1) still holds but norms mean nothing.
 *      So every member's |e_x|^2 is computed as |u|^2 - 2 alpha . rho + alpha' G alpha in doubles,
 *      and |u|^2 = (k(0) - |V|^2) / p: if one is below 0, or |u|^2 above 1, by more than drift, or
 *      if drift is infinite, the net counts as unsound and the scan, which assumes nothing, answers
 *      instead.
 *
 *  (c) Norms. |e_x|^2 from measured rho_ij is off by at most (drift_x + sum |alpha_k|
 *      drift_{A_k})^2, as for any quadratic form with such errors; r_x includes it, and 1.2e-7
 *      sum |alpha_k| for alpha being stored in floats, so r_x serves in both roles.
 *
 *  (d) Orthogonality. Let H = M G M' be the Gram matrix of the f_i and |H - I| <= stretch
 *      (computed in doubles from the rounded M, plus drift). Then |P_B e_q|^2 >= |y|^2 / (1 +
 *      stretch), so rest_q^2 <= r_q^2 - |y|^2 / (1 + stretch). And e_x is not quite orthogonal to
 *      the frame: <e_x, f_i> = <u_x, f_i> - (H w)_i, of norm at most the rounding of w, the drift
 *      of <u_x, f_i>, and stretch |w|, together eta_B after division by sqrt(1 - stretch), or the
 *      largest r_x where that is less. It adds r_q eta_B.
 *
 *  (e) z and y. One z_k is off by the table's error, the roundings of t + 1 floats of size at most
 *      1 + sum |alpha|, and drift: doubt_q. M lifts it by at most lift_B = sqrt(t) |M|, and the
 *      rounded product with M, or with beta, adds t + 1 roundings of terms that lift bounds in the
 *      same way. So y is known to doubt_q lift_B: |y| counts less by that in rest_q, and the
 *      estimate is off by that times |w_x|.
 *
 *  (f) The estimate's own sums: sum |alpha| times the table's error, 2 t + 6 roundings of terms
 *      that add up to sum |alpha| + 2, and 1e-6 for the dozen operations on thresholds: slack_q.
 *      Drift of the table and of the canonical rho that is to be bounded: (drift_q + sum |alpha|
 *      drift_A) drift_x, drift_x at most the ball's largest.
 *
 * So a point is rejected only if |estimate| + rest_q r_x < least - slack_q - doubt_q lift_B max |w|
 * - (drift_q + sum |alpha| drift_A) max drift_x - r_q eta_B, least being a proved lower bound of
 * the k-th canonical |rho|, rounded down. With p of 1e-9 and less all of this may exceed 1: then
 * nothing is rejected, the query collects more candidates than it may, and the scan answers it.
 *
 * Everything else (which centres, which frame, which ball a point is in, which rows the table has,
 * the seeds, the order of visits) affects speed only. */

#include "metric/canonical.h"

#include "two_frame/two_frame_parts.h"

#include "blocks/blocks.h"
#include "run/parallel.h"

#include <string.h>

/* A unit ends with the group that brings it to so many queries, four panels of seeds; where balls
 * have few, and seeds need no panels, with fewer, as there may be no more units than threads. */
#define UNIT_QUERIES 96
#define UNIT_OF_FEW 16

/* A query with more candidates than this share of the index costs less in the scan: a scattered
 * score costs ten to fifteen times a pair of the scan. */
#define CROWD_SHARE 16
#define CROWD_MOST 16384

/* The balls of a group in two passes: the rest of the nearest, then all others. */
static void search_group(const ct_two_frame *search, ct_two_frame_searcher *s,
                         const ct_ask_group *group, ct_ask *ask, int met) {
  const ct_net *net = search->net;
  const int *near = net->near + (size_t)group->ball * CT_NEAR;
  int count = 0, highest = 0, stamp = ++s->stamp;
  for (int i = 0; i < group->count; i++)
    if (ask[i].asker.limit > highest) highest = ask[i].asker.limit;
  for (int j = 0; j < CT_NEAR && near[j] >= 0; j++) {
    s->done_mark[near[j]] = stamp;
    if (j >= met && net->min_row[near[j]] < highest) s->target[count++] = near[j];
  }
  ct_group_start(search, s, group, ask);
  ct_group_visit(search, s, group, s->target, count);
  ct_group_reseed(search, s, group, ask);
  count = 0;
  for (int b = 0; b < net->count; b++)
    if (s->done_mark[b] != stamp && net->min_row[b] < highest) s->target[count++] = b;
  ct_group_visit(search, s, group, s->target, count);
  ct_group_finish(search, s, group, ask);
}

/* ---- units ---- */

static void start_asks(const ct_two_frame *search, ct_two_frame_searcher *s, int first, int last) {
  s->asks = 0;
  for (int g = first; g < last; g++) {
    const ct_ask_group *group = search->group + g;
    for (int i = 0; i < group->count; i++) {
      ct_ask *ask = s->ask + s->asks++;
      int member = search->asked[group->first + i];
      ask->q = search->query_of[search->asking->position[member]];
      ask->lane = member - search->asking->start[group->ball];
      ask->asker = ct_asker_of(search->net->index, search->queries, ask->q);
      ask->norm = search->queries->points ? ct_residual_norm(ask->asker.of, ask->asker.position)
                                          : search->net->norm[ask->asker.position];
      ask->estimates = 0;
      ask->aside = 0;
      ct_shortlist_start(&ask->list);
      ct_shortlist_add_self(&ask->list, search->queries, &ask->asker, &s->scorer);
    }
  }
}

static void search_unit(void *task, int unit, int thread) {
  const ct_two_frame *search = task;
  ct_two_frame_searcher *s = search->searcher + thread;
  int first = search->unit[unit], last = search->unit[unit + 1], met[CT_UNIT_QUERIES], ball = -1;
  start_asks(search, s, first, last);
  ct_seed_unit(search, s, first, last, met);
  ct_ask *ask = s->ask;
  for (int g = first; g < last; g++) {
    const ct_ask_group *group = search->group + g;
    if (group->ball != ball) {
      ct_group_gather_gram(search->net, group->ball, s->gram);
      ct_coarse_tops(search->net, search->asking, group->ball, s->top);
    }
    ball = group->ball;
    search_group(search, s, group, ask, met[g - first]);
    ask += group->count;
  }
}

/* ---- preparation ---- */

/* Finds the member of each open query; queries that no ball holds, or that ask for a row a second
 * time, are set aside. */
static ct_status find_asked(ct_two_frame *search, int *count, const ct_run *run) {
  const ct_members *members = search->asking;
  const ct_residual_queries *queries = search->queries;
  int n = members->points->n;
  CT_NEW(search->query_of, &run->arena, n);
  CT_NEW(search->asked, &run->arena, members->count);
  for (int i = 0; i < n; i++) search->query_of[i] = -1;
  for (int q = 0; q < queries->count; q++) {
    if (search->state[q] != CT_QUERY_OPEN) continue;
    ct_asker asker = ct_asker_of(search->net->index, queries, q);
    if (asker.of->scale[asker.position] <= 0 || search->query_of[asker.position] >= 0)
      search->state[q] = CT_QUERY_ASIDE;
    else search->query_of[asker.position] = q;
  }
  *count = 0;
  for (int i = 0; i < members->count; i++)
    if (search->query_of[members->position[i]] >= 0) search->asked[(*count)++] = i;
  return CT_OK;
}

static int lane_of(const ct_two_frame *search, int asked) {
  int member = search->asked[asked];
  return member - search->asking->start[search->asking->ball[member]];
}

static void cut_units(ct_two_frame *search, int groups, int most) {
  int in_unit = 0;
  search->units = 0;
  for (int g = 0; g < groups; g++) {
    if (in_unit == 0) search->unit[search->units++] = g;
    in_unit += search->group[g].count;
    if (in_unit >= most) in_unit = 0;
  }
  search->unit[search->units] = groups;
}

static ct_status cut_groups(ct_two_frame *search, int count, const ct_run *run) {
  const ct_members *members = search->asking;
  int groups = 0;
  CT_NEW(search->group, &run->arena, count + 1);
  CT_NEW(search->unit, &run->arena, count + 2);
  for (int i = 0; i < count; groups++) {
    ct_ask_group *group = search->group + groups;
    int ball = members->ball[search->asked[i]], width = ct_members_width(members, ball);
    group->ball = ball;
    group->first = i;
    group->first_lane = lane_of(search, i) / CT_FRAME_LANES * CT_FRAME_LANES;
    group->lanes = width - group->first_lane;
    if (group->lanes > CT_GROUP_LANES) group->lanes = CT_GROUP_LANES;
    int end = group->first_lane + group->lanes;
    while (i < count && members->ball[search->asked[i]] == ball && lane_of(search, i) < end) i++;
    group->count = i - group->first;
  }
  cut_units(search, groups, count < CT_FEW * groups ? UNIT_OF_FEW : UNIT_QUERIES);
  return CT_OK;
}

static ct_status new_searcher(const ct_two_frame *search, ct_two_frame_searcher *s,
                              const ct_run *run) {
  const ct_net *net = search->net;
  size_t balls = (size_t)net->count, t = (size_t)net->frame_size;
  int capacity = 4 * search->k + 256, widest = ct_members_widest(&net->members, net->count);
  memset(s, 0, sizeof *s);
  CT_TRY(ct_scorer_new(&s->scorer, net->index, search->k, capacity, run));
  for (int i = 0; i < CT_UNIT_QUERIES; i++) {
    CT_NEW(s->ask[i].list.entry, &run->arena, capacity);
    s->ask[i].list.capacity = capacity;
    CT_NEW(s->ask[i].estimate, &run->arena, search->crowd + 1);
  }
  s->near_cap = 1024 + 4 * search->k;
  size_t near = (size_t)CT_PANEL * (size_t)s->near_cap + CT_TILE_ROWS;
  CT_NEW(s->near_position, &run->arena, near);
  CT_NEW(s->near_ball, &run->arena, near);
  CT_NEW(s->near_c, &run->arena, near * CT_PANEL);
  CT_NEW(s->near_row, &run->arena, near);
  CT_NEW(s->near_scale, &run->arena, near);
  CT_NEW(s->near_one, &run->arena, near);
  CT_NEW(s->near_key, &run->arena, near + 2 * CT_SELECT_STEP);
  CT_NEW(s->near_slot, &run->arena, near + 2 * CT_SELECT_STEP);
  CT_NEW(s->near_candidate, &run->arena, near);
  CT_NEW(s->near_mark, &run->arena, balls);
  CT_NEW(s->done_mark, &run->arena, balls);
  memset(s->near_mark, 0, balls * sizeof *s->near_mark);
  memset(s->done_mark, 0, balls * sizeof *s->done_mark);
  CT_TRY(ct_panel_new(&s->panel, net->pairs.rank, net->pairs.dim, &run->arena));
  CT_NEW(s->work, &run->arena, ct_pairs_work(&net->pairs, (int)near));
  CT_NEW(s->gram, &run->arena, balls * t);
  CT_NEW(s->top, &run->arena, balls);
  for (int p = 0; p < CT_GROUP_PANELS; p++)
    CT_TRY(ct_panel_new(s->panel_of_group + p, net->pairs.rank, net->pairs.dim, &run->arena));
  CT_NEW(s->tile, &run->arena, CT_TILE);
  CT_NEW(s->opened, &run->arena, CT_OPENED);
  for (int i = 0; i < CT_OPENED; i++) CT_NEW(s->opened[i].z, &run->arena, t * CT_GROUP_LANES);
  CT_NEW(s->cell, &run->arena, t / 4 * (size_t)widest);
  CT_NEW(s->member, &run->arena, widest);
  CT_NEW(s->target, &run->arena, balls);
  CT_NEW(s->value, &run->arena, (size_t)capacity + (size_t)search->crowd + 1 + CT_SELECT_STEP);
  return CT_OK;
}

ct_status ct_two_frame_search(const ct_net *net, const ct_members *asking,
                              const ct_residual_queries *queries, int k, unsigned char *state,
                              int *id, double *dist, double done, double share, ct_stats *stats,
                              const ct_run *run) {
  ct_two_frame search;
  int count;
  memset(&search, 0, sizeof search);
  search.net = net;
  search.asking = asking;
  search.queries = queries;
  search.kernels = ct_frame_kernels_of(run->simd, net->frame_size);
  search.k = k;
  search.crowd = net->index->n / CROWD_SHARE;
  if (search.crowd > CROWD_MOST) search.crowd = CROWD_MOST;
  if (search.crowd < 8 * k + 512) search.crowd = 8 * k + 512;
  search.state = state;
  search.id = id;
  search.dist = dist;
  CT_TRY(find_asked(&search, &count, run));
  CT_TRY(cut_groups(&search, count, run));
  CT_NEW(search.searcher, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) CT_TRY(new_searcher(&search, search.searcher + i, run));
  CT_TRY(ct_rounds_run(search_unit, &search, search.units, 1, done, share, run));
  for (int i = 0; i < run->threads; i++) {
    const ct_two_frame_searcher *s = search.searcher + i;
    stats->products += s->products;
    stats->evaluations += s->scorer.evaluations;
    stats->nodes += s->nodes;
  }
  return CT_OK;
}
