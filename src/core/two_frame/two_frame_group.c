/* The queries of one ball together: they meet other balls, collect estimates, score the best of
 * them and answer. two_frame.c derives the bounds. */

#include "metric/canonical.h"

#include "run/inline.h"
#include "two_frame/two_frame_parts.h"

#include <math.h>

#define FLOAT_UNIT 5.97e-8

/* ---- what a group's queries know ---- */

static float float_down(double x) {
  return (float)(x - fabs(x) * 1.2e-7 - 1e-30);
}

void ct_group_set_least(ct_group *g, int lane, const ct_ask *ask) {
  g->least[lane] = ask->aside ? 2 : float_down(ask->list.least);
}

/* No ball whose reach is below skip can interest these eight lanes: there
 * |rho| <= |w_q| reach + r_q |u_x| + S_q + g_q drift. */
static float skip_below(const ct_two_frame *search, const ct_group *g, int v) {
  double skip = INFINITY;
  for (int i = v; i < v + CT_FRAME_LANES; i++) {
    if (g->least[i] > 1.5f) continue;
    double rest = (double)g->residual[i] * ct_largest_feature(search->net) + g->slack[i] +
                  (double)g->drift[i] * search->net->drift_most;
    double need = ((double)g->least[i] - rest) / ((double)g->w_norm[i] + 1e-30);
    skip = need < skip ? need : skip;
  }
  return float_down(skip < 1e30 ? skip : 1e30);
}

static void set_skips(const ct_two_frame *search, ct_group *g) {
  g->skip_least = INFINITY;
  for (int v = 0; v < g->lanes; v += CT_FRAME_LANES) {
    float skip = skip_below(search, g, v);
    g->skip[v / CT_FRAME_LANES] = skip;
    g->skip_least = skip < g->skip_least ? skip : g->skip_least;
  }
}

/* No ball whose top is below the bar can interest a query: there |rho| <= top + g_q drift. */
static void set_bars(const ct_two_frame *search, ct_group *g) {
  g->bar_least = INFINITY;
  for (int i = 0; i < g->lanes; i++) {
    double drift = (double)g->drift[i] * search->net->drift_most;
    g->bar[i] = g->least[i] > 1.5f ? INFINITY : float_down((double)g->least[i] - drift);
    g->bar_least = g->bar[i] < g->bar_least ? g->bar[i] : g->bar_least;
  }
}

static void set_tests(const ct_two_frame *search, ct_group *g) {
  set_skips(search, g);
  set_bars(search, g);
}

/* The lanes' alpha side by side. */
static void turn_alpha(ct_group *g, const float *alpha, int t) {
  for (int i = 0; i < g->lanes; i++)
    for (int k = 0; k < t; k++) g->alpha[k * CT_GROUP_LANES + i] = alpha[i * t + k];
}

void ct_group_start(const ct_two_frame *search, ct_two_frame_searcher *s, const ct_ask_group *group,
                    ct_ask *ask) {
  const ct_net *net = search->net;
  const ct_members *members = search->asking;
  ct_group *g = &s->group;
  size_t block = members->padded[group->ball], at = block + (size_t)group->first_lane;
  double t = net->frame_size, frame_drift = net->frame_drift[group->ball];
  g->lanes = group->lanes;
  turn_alpha(g, members->alpha + at * (size_t)net->frame_size, net->frame_size);
  g->w_norm = members->w_norm + at;
  g->residual = members->residual + at;
  g->gram = s->gram;
  for (int i = 0; i < group->lanes; i++) {
    double sum = members->alpha_sum[at + (size_t)i], drift = members->drift[at + (size_t)i];
    drift += sum * frame_drift;
    g->drift[i] = (float)(drift * (1 + 1e-6));
    g->slack[i] = (float)(sum * CT_TABLE_ERROR + (2 * t + 6) * FLOAT_UNIT * (sum + 2) + 1e-6);
    g->doubt[i] = (float)((CT_TABLE_ERROR + (t + 3) * FLOAT_UNIT * sqrt(t) * (sum + 2) +
                           drift * net->centre_drift) *
                          (1 + 1e-6));
    ct_group_sieve(net, group->ball, g, i, sum);
    g->least[i] = 2;
    s->ask_of[i] = -1;
  }
  for (int i = 0; i < group->count; i++) {
    int lane = ask[i].lane - group->first_lane;
    s->ask_of[lane] = (int)(ask + i - s->ask);
    ct_group_set_least(g, lane, ask + i);
  }
  set_tests(search, g);
  s->group_ask = ask;
  s->packed = 0;
}

void ct_group_gather_gram(const ct_net *net, int ball, float *out) {
  int t = net->frame_size;
  const int *frame = net->frame + (size_t)ball * (size_t)t;
  for (int k = 0; k < t; k++) {
    const float *row = net->gram + (size_t)frame[k] * (size_t)net->gram_step;
    for (int c = 0; c < net->count; c++) out[(size_t)c * (size_t)t + (size_t)k] = row[c];
  }
}

/* ---- candidates ---- */

static void drop_below(ct_ask *ask) {
  int kept = 0;
  for (int i = 0; i < ask->estimates; i++)
    if (ask->estimate[i].high >= ask->list.least) ask->estimate[kept++] = ask->estimate[i];
  ask->estimates = kept;
}

/* Scores the candidates whose estimate is among the k best of everything known, and raises the
 * bound. */
static void reseed(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask) {
  int known = ask->list.count, total = 0, kept = 0;
  double *value = s->value, from = -1;
  for (int i = 0; i < known; i++) value[total++] = ask->list.entry[i].low;
  for (int i = 0; i < ask->estimates; i++) value[total++] = ask->estimate[i].estimate;
  if (total >= search->k) from = ct_kth_largest(s->scorer.select, value, total, search->k);
  for (int i = 0; i < ask->estimates; i++) {
    ct_estimate at = ask->estimate[i];
    if (at.estimate < from) {
      ask->estimate[kept++] = at;
      continue;
    }
    ct_shortlist_entry candidate = {-1, at.high, -1, at.position, 0};
    ct_shortlist_add(&ask->list, &candidate, &ask->asker, &s->scorer);
  }
  ask->estimates = kept;
  if (ask->list.count > known) ct_shortlist_score_unbounded(&ask->list, &ask->asker, &s->scorer);
  ct_shortlist_reduce(&ask->list, &s->scorer);
  drop_below(ask);
}

void ct_ask_make_room(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask) {
  drop_below(ask);
  if (ask->estimates > search->crowd / 2) reseed(search, s, ask);
  if (ask->estimates > search->crowd / 2) ask->aside = 1;
}

/* Estimates the members of a ball that the sieve let pass for the query in a lane. */
static void take_members(const ct_two_frame *search, ct_two_frame_searcher *s,
                         const ct_opened *opened, int lane, int count) {
  const ct_members *members = &search->net->members;
  int start = members->start[opened->target.ball];
  ct_ask *ask = s->ask + s->ask_of[lane];
  for (int i = 0; i < count && !ask->aside; i++) {
    int member = s->member[i], row = members->row[start + member];
    if (row == ask->asker.row || row >= ask->asker.limit) continue;
    float size = search->kernels->estimate(&s->group, opened, lane, member);
    float rest = opened->rest[lane] * opened->target.residual[member];
    if (size + rest < opened->need[lane]) continue;
    float give = s->group.least[lane] - opened->need[lane];
    ct_estimate estimate = {size, size + rest + give + 2e-7f, members->position[start + member]};
    ask->estimate[ask->estimates++] = estimate;
    if (ask->estimates < search->crowd) continue;
    ct_ask_make_room(search, s, ask);
    ct_group_set_least(&s->group, lane, ask);
  }
}

/* ---- balls ---- */

/* The rows of centres frame[] among those of ball b, from a lane on; 0 when one is not there. */
static int find_rows(const ct_two_frame *search, const ct_members *members, int b, const int *frame,
                     int lane, const int16_t **row) {
  for (int k = 0; k < search->net->frame_size; k++) {
    const int16_t *found = ct_table_row(members, search->net->count, b, frame[k]);
    if (!found) return 0;
    row[k] = found + lane;
  }
  return 1;
}

/* 0 when the table does not have the rows that an estimate needs. */
static int aim(const ct_two_frame *search, const ct_ask_group *group, int at, ct_target *target) {
  const ct_net *net = search->net;
  const ct_members *members = &net->members;
  int from = group->ball;
  size_t t = (size_t)net->frame_size, block = members->padded[at];
  target->ball = at;
  target->lanes = ct_members_width(members, at);
  target->members = members->start[at + 1] - members->start[at];
  target->frame = net->frame + (size_t)at * t;
  target->whiten = net->whiten + (size_t)at * t * t;
  target->alpha = members->alpha + block * t;
  target->w_word = members->w_word + block * t / 4;
  target->w_step = net->max_w[at] / CT_SIEVE_W;
  target->frame_root = (float)sqrt((double)t) / 2;
  target->w_off = target->w_step * target->frame_root;
  target->residual = members->residual + block;
  target->reach = net->reach[(size_t)from * (size_t)net->count + (size_t)at];
  target->lift = net->lift[at];
  target->shrink = 1 / (1 + net->stretch[at]);
  target->eta = net->eta[at];
  target->max_w = net->max_w[at];
  target->max_residual = net->max_residual[at];
  target->max_drift = net->max_drift[at];
  return find_rows(search, members, at, net->frame + (size_t)from * t, 0, target->row) &&
         find_rows(search, search->asking, from, target->frame, group->first_lane, target->asked);
}

CT_INLINE void fetch_ahead(const ct_two_frame *search, const ct_target *target) {
  for (int k = 0; k < search->net->frame_size; k++)
    for (int i = 0; i < target->lanes; i += 32) __builtin_prefetch(target->row[k] + i);
}

/* How many rows are below limit, from a guess near by. */
static int rows_below_from(const int *row, int count, int guess, int limit) {
  while (guess > 0 && row[guess - 1] >= limit) guess--;
  while (guess < count && row[guess] < limit) guess++;
  return guess;
}

/* Limits of predecessors ascend with the lanes, so each is found from the one before. */
static void estimate_opened(const ct_two_frame *search, ct_two_frame_searcher *s,
                            const ct_opened *o) {
  const ct_members *members = &search->net->members;
  const int *row = members->row + members->start[o->target.ball];
  int count = search->queries->limit ? 0 : o->target.members;
  search->kernels->pack(o->target.row, o->target.lanes, s->cell);
  for (int i = 0; i < o->active; i++) {
    int lane = o->lane[i];
    if (s->ask_of[lane] < 0) continue; /* where bounds reach 2, nobody asks */
    if (search->queries->limit)
      count = rows_below_from(row, o->target.members, count, s->ask[s->ask_of[lane]].asker.limit);
    int passed = search->kernels->sieve(&s->group, o, s->cell, lane, count, s->member);
    take_members(search, s, o, lane, passed);
  }
}

/* Whether any query of the group may have a candidate in the ball, as far as the ball alone
 * tells. */
static int may_matter(const ct_two_frame *search, const ct_two_frame_searcher *s, int from, int b) {
  const float *reach = search->net->reach + (size_t)from * (size_t)search->net->count;
  return !(s->top[b] < s->group.bar_least) && !(reach[b] < s->group.skip_least);
}

void ct_group_visit(const ct_two_frame *search, ct_two_frame_searcher *s, const ct_ask_group *group,
                    const int *ball, int count) {
  for (int i = 0; i < count;) {
    int opened = 0;
    for (; i < count && opened < CT_OPENED; i++) {
      ct_opened *o = s->opened + opened;
      if (!may_matter(search, s, group->ball, ball[i])) continue;
      if (!aim(search, group, ball[i], &o->target)) {
        ct_group_measure(search, s, group, ball[i]);
        continue;
      }
      search->kernels->project(&s->group, o);
      if (o->active == 0) continue;
      fetch_ahead(search, &o->target);
      opened++;
    }
    for (int j = 0; j < opened; j++) estimate_opened(search, s, s->opened + j);
  }
  s->nodes += (double)count * group->count;
}

void ct_group_reseed(const ct_two_frame *search, ct_two_frame_searcher *s,
                     const ct_ask_group *group, ct_ask *ask) {
  for (int i = 0; i < group->count; i++) {
    if (!ask[i].aside) reseed(search, s, ask + i);
    ct_group_set_least(&s->group, ask[i].lane - group->first_lane, ask + i);
  }
  set_tests(search, &s->group);
}

static void finish_ask(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask) {
  size_t q = (size_t)ask->q;
  if (!ask->aside) drop_below(ask);
  if (ask->aside) {
    search->state[q] = CT_QUERY_ASIDE;
    return;
  }
  for (int i = 0; i < ask->estimates; i++) {
    ct_shortlist_entry candidate = {-1, ask->estimate[i].high, -1, ask->estimate[i].position, 0};
    if (candidate.high < ask->list.least) continue;
    ct_shortlist_add(&ask->list, &candidate, &ask->asker, &s->scorer);
  }
  ct_shortlist_write(&ask->list, &ask->asker, search->queries->self, &s->scorer, search->id + q,
                     search->dist + q, (size_t)search->queries->count);
  search->state[q] = CT_QUERY_ANSWERED;
}

void ct_group_finish(const ct_two_frame *search, ct_two_frame_searcher *s,
                     const ct_ask_group *group, ct_ask *ask) {
  for (int i = 0; i < group->count; i++) {
    if (!ask[i].aside) reseed(search, s, ask + i);
    finish_ask(search, s, ask + i);
  }
}
