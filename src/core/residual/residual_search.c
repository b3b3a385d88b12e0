#include "residual/residual_plan.h"
#include "residual/residual_knn.h"
#include "screened/screened.h"

#include <math.h>
#include <string.h>

/* A call's state: which queries are answered, and where answers go. */
typedef struct {
  const ct_residual *index;
  const ct_residual_queries *queries;
  const ct_residual_plan *plan;
  int k;
  unsigned char *state;
  int *id;
  double *dist;
  ct_columns columns;
} search;

static ct_status scan_rest(const search *s, double done, ct_stats *stats, const ct_run *run) {
  int *which, count = 0;
  CT_NEW(which, &run->arena, s->queries->count);
  for (int q = 0; q < s->queries->count; q++)
    if (s->state[q] != CT_QUERY_ANSWERED) which[count++] = q;
  return ct_residual_scan(s->index, s->queries, which, count, s->k, s->id, s->dist, done, 1 - done,
                          stats, run);
}

static ct_status start_states(search *s, const ct_run *run) {
  int small = ct_plan_small_limit(s->plan, s->index, s->k);
  CT_NEW(s->state, &run->arena, s->queries->count);
  for (int q = 0; q < s->queries->count; q++) {
    int few = s->queries->limit && s->queries->limit[q] < small;
    s->state[q] = few ? CT_QUERY_ASIDE : CT_QUERY_LATER;
  }
  return CT_OK;
}

static void open_rest(const search *s) {
  for (int q = 0; q < s->queries->count; q++)
    if (s->state[q] == CT_QUERY_LATER) s->state[q] = CT_QUERY_OPEN;
}

/* The queries' side: the members that ask are the net's own or the new points. */
static ct_status place_new_points(const search *s, ct_net *net, ct_members *fresh, double done,
                                  ct_stats *stats, const ct_run *run) {
  double *drift;
  memset(fresh, 0, sizeof *fresh);
  CT_NEW(drift, &run->arena, s->queries->points->n);
  CT_TRY(ct_drift_of_new(&net->drift, s->queries->points, drift, run));
  CT_TRY(ct_members_of_new(fresh, net, s->queries->points, done, stats, run));
  fresh->drift_of = drift;
  return ct_members_coordinates(fresh, net, done, 0, stats, run);
}

/* The rows of new points, whatever memory they take. */
static ct_status lay_out_new(ct_net *net, ct_members *fresh, ct_table_work *work, double done,
                             ct_stats *stats, const ct_run *run) {
  int fits;
  if (net->coarse.count) CT_TRY(ct_coarse_outline(net, fresh, work, done, 0, stats, run));
  return ct_table_open(net, fresh, INFINITY, &fits, done, run);
}

/* Coarse frames where they pay, and the rows that the tables are to have. *fits: whether they keep
 * to the memory that they may take, and norms are sound. */
static ct_status lay_out_tables(const search *s, ct_net *net, ct_members *asking,
                                ct_table_work *work, int *fits, double done, double share,
                                ct_stats *stats, const ct_run *run) {
  CT_TRY(ct_coarse_build(net, ct_plan_most_coarse(s->plan, net), work, done, share, stats, run));
  double most = ct_plan_most_entries(s->plan, s->index, net);
  CT_TRY(ct_table_open(net, &net->members, most, fits, done + share, run));
  if (asking != &net->members) CT_TRY(lay_out_new(net, asking, work, done + share, stats, run));
  *fits = *fits && net->sound;
  return CT_OK;
}

static ct_status fill_tables(ct_net *net, ct_members *asking, ct_table_work *work, ct_stats *stats,
                             const ct_run *run) {
  int own = asking == &net->members;
  CT_TRY(ct_table_fill(work, &net->members, 0, net->members.count, NULL, 0, 0.12, own ? 0.32 : 0.19,
                       stats, run));
  if (!own) CT_TRY(ct_table_fill(work, asking, 0, asking->count, NULL, 0, 0.32, 0.12, stats, run));
  return ct_net_reach(net, NULL, 0, 0.45, 0.04, run);
}

/* Seconds since *since, which becomes now. */
static double lap(double *since, const ct_run *run) {
  double now = run->now(), took = now - *since;
  *since = now;
  return took;
}

/* Answers what a net can; the rest of the states say what is left. */
static ct_status search_by_net(search *s, int *used, ct_stats *stats, const ct_run *run) {
  ct_net net;
  ct_members fresh, *asking = &net.members;
  ct_table_work *work;
  int built, pays = 1, most = ct_plan_most_balls(s->plan, s->index, s->queries);
  double since = run->now();
  CT_TRY(ct_net_build(&net, s->index, s->queries->points, 0, s->plan->net_radius, s->plan->frame,
                      most, &built, 0, 0.09, stats, run));
  if (built && s->queries->points) {
    CT_TRY(place_new_points(s, &net, &fresh, 0.1, stats, run));
    asking = &fresh;
    built = net.sound;
  }
  stats->seconds[CT_PHASE_NET] += lap(&since, run);
  if (!built) return CT_OK;
  CT_TRY(ct_table_new(&work, &net, run));
  CT_TRY(lay_out_tables(s, &net, asking, work, &built, 0.1, 0.01, stats, run));
  if (!built) return CT_OK;
  if (s->plan->method == CT_METHOD_CHOSEN)
    CT_TRY(ct_plan_trial(&net, asking, work, s->queries, s->k, s->state, s->id, s->dist,
                         s->columns.seconds, &pays, 0.11, stats, run));
  stats->seconds[CT_PHASE_SEED] += lap(&since, run);
  if (!pays) return CT_OK;
  CT_TRY(fill_tables(&net, asking, work, stats, run));
  stats->seconds[CT_PHASE_TABLE] += lap(&since, run);
  open_rest(s);
  CT_TRY(ct_two_frame_search(&net, asking, s->queries, s->k, s->state, s->id, s->dist, 0.5, 0.39,
                             stats, run));
  stats->seconds[CT_PHASE_SEARCH] += lap(&since, run);
  *used = CT_METHOD_FRAMES;
  return CT_OK;
}

/* The table of new points beside a net that is whole. */
static ct_status table_of_new(ct_net *net, ct_members *fresh, ct_stats *stats, const ct_run *run) {
  ct_table_work *work;
  int fits;
  if (fresh->count <= CT_FEW_MEMBERS && !net->coarse.count) {
    CT_TRY(ct_table_open(net, fresh, INFINITY, &fits, 0, run));
    return ct_table_fill_few(net, fresh, 0, stats, run);
  }
  CT_TRY(ct_table_new(&work, net, run));
  CT_TRY(lay_out_new(net, fresh, work, 0, stats, run));
  if (!net->sound) return CT_OK;
  return ct_table_fill(work, fresh, 0, fresh->count, NULL, 0, 0, 0.4, stats, run);
}

/* The same from a net that was kept: only new points have products to pay for. */
static ct_status search_by_kept(search *s, int *used, ct_stats *stats, const ct_run *run) {
  ct_net net = *s->plan->kept; /* made by a call that may have had other kernels */
  ct_members fresh, *asking = &net.members;
  double since = run->now();
  ct_pairs_init(&net.pairs, s->index, run->simd);
  if (s->queries->points) {
    CT_TRY(place_new_points(s, &net, &fresh, 0, stats, run));
    if (!net.sound) return CT_OK;
    CT_TRY(table_of_new(&net, &fresh, stats, run));
    if (!net.sound) return CT_OK;
    asking = &fresh;
  }
  stats->seconds[CT_PHASE_TABLE] += lap(&since, run);
  open_rest(s);
  CT_TRY(ct_two_frame_search(&net, asking, s->queries, s->k, s->state, s->id, s->dist, 0.4, 0.5,
                             stats, run));
  stats->seconds[CT_PHASE_SEARCH] += lap(&since, run);
  *used = CT_METHOD_FRAMES;
  return CT_OK;
}

/* What columns would cost. */
static ct_status try_columns(search *s, ct_stats *stats, const ct_run *run) {
  ct_screened_task task = {s->index, s->queries, s->k, s->id, s->dist};
  double since = run->now();
  if (!ct_plan_worth_columns(s->plan, s->index, s->queries, s->k)) return CT_OK;
  if (s->plan->method == CT_METHOD_SCREENED)
    CT_TRY(ct_screened_open(&s->columns.screened, &task, run));
  else CT_TRY(ct_plan_columns(&s->columns, &task, s->state, stats, run));
  stats->seconds[CT_PHASE_SEED] += lap(&since, run);
  return CT_OK;
}

/* Answers what bounds by columns can. */
static ct_status search_by_columns(search *s, int *used, double done, ct_stats *stats,
                                   const ct_run *run) {
  unsigned char *answered;
  CT_NEW(answered, &run->arena, s->queries->count);
  for (int q = 0; q < s->queries->count; q++) answered[q] = s->state[q] == CT_QUERY_ANSWERED;
  CT_TRY(ct_screened_search(s->columns.screened, answered, done, 0.89 - done, stats, run));
  for (int q = 0; q < s->queries->count; q++)
    if (answered[q]) s->state[q] = CT_QUERY_ANSWERED;
  *used = CT_METHOD_SCREENED;
  return CT_OK;
}

/* Nets and columns, the cheaper one. */
static ct_status search_by_bounds(search *s, int *used, ct_stats *stats, const ct_run *run) {
  CT_TRY(try_columns(s, stats, run));
  int forced = s->plan->method == CT_METHOD_SCREENED && s->columns.screened;
  if (forced || ct_plan_columns_clear(&s->columns))
    return search_by_columns(s, used, 0, stats, run);
  if (ct_plan_worth_a_net(s->plan, s->index, s->queries, s->k))
    CT_TRY(search_by_net(s, used, stats, run));
  if (*used == CT_METHOD_SCAN && ct_plan_columns_pay(&s->columns))
    return search_by_columns(s, used, 0.12, stats, run);
  return CT_OK;
}

/* A trial asks for so many neighbours; with more a net gains less, but seldom nothing. */
#define TRIAL_K 20

ct_status ct_residual_net(const ct_residual *index, const ct_residual_plan *plan, ct_net *net,
                          int *built, ct_stats *stats, const ct_run *run) {
  ct_residual_queries all = {.count = index->n};
  search s = {.index = index, .queries = &all, .plan = plan, .k = TRIAL_K};
  ct_table_work *work;
  double since = run->now();
  *built = 0;
  if (!ct_plan_worth_a_net(plan, index, &all, TRIAL_K)) return CT_OK;
  CT_TRY(ct_net_build(net, index, NULL, 1, plan->net_radius, plan->frame,
                      ct_plan_most_balls(plan, index, &all), built, 0, 0.2, stats, run));
  stats->seconds[CT_PHASE_NET] += lap(&since, run);
  if (!*built) return CT_OK;
  CT_TRY(ct_table_new(&work, net, run));
  CT_TRY(lay_out_tables(&s, net, &net->members, work, built, 0.2, 0.05, stats, run));
  if (!*built) return CT_OK;
  if (plan->method == CT_METHOD_CHOSEN) {
    CT_NEW(s.id, &run->arena, (size_t)index->n * TRIAL_K);
    CT_NEW(s.dist, &run->arena, (size_t)index->n * TRIAL_K);
    CT_TRY(start_states(&s, run));
    CT_TRY(ct_plan_trial(net, &net->members, work, &all, TRIAL_K, s.state, s.id, s.dist, INFINITY,
                         built, 0.2, stats, run));
  }
  stats->seconds[CT_PHASE_SEED] += lap(&since, run);
  if (!*built) return CT_OK;
  CT_TRY(fill_tables(net, &net->members, work, stats, run));
  stats->seconds[CT_PHASE_TABLE] += lap(&since, run);
  return CT_OK;
}

ct_status ct_residual_knn(const ct_residual *index, const ct_residual_queries *queries, int k,
                          const ct_residual_plan *plan, int *used, int *id, double *dist,
                          ct_stats *stats, const ct_run *run) {
  search s = {index, queries, plan, k, NULL, id, dist, {NULL, INFINITY, 0}};
  int cut = ct_early_rows(plan, index, queries);
  if (cut > 0 && k > 0)
    return ct_early_search(index, queries, cut, k, plan, used, id, dist, stats, run);
  int keeps = (plan->method == CT_METHOD_CHOSEN || plan->method == CT_METHOD_FRAMES) &&
              plan->kept && (!queries->points || ct_net_holds_for(plan->kept, queries->points));
  *used = CT_METHOD_SCAN;
  if (k < 1) return CT_ERR_DOMAIN;
  if (queries->count < 1) return CT_OK;
  CT_TRY(start_states(&s, run));
  int tries = keeps || ct_plan_worth_columns(plan, index, queries, k) ||
              ct_plan_worth_a_net(plan, index, queries, k);
  if (keeps) CT_TRY(search_by_kept(&s, used, stats, run));
  else if (tries) CT_TRY(search_by_bounds(&s, used, stats, run));
  double since = run->now();
  CT_TRY(scan_rest(&s, tries ? 0.9 : 0, stats, run));
  stats->seconds[CT_PHASE_SEARCH] += lap(&since, run);
  stats->queries += queries->count;
  return CT_OK;
}
