/* Pairs of balls for which the table has no rows: the group's queries and the ball's members are
 * measured, a tile at a time, as the seeds are. Only searches with low bounds come here
 * (net_coarse.c): those of early predecessors, whose candidates are the first few members of a
 * ball. */

#include "two_frame/two_frame_parts.h"

#include <math.h>

static void pack(ct_two_frame_searcher *s, int count) {
  const ct_ask *ask = s->group_ask;
  for (int first = 0; first < count; first += CT_PANEL) {
    int position[CT_PANEL], lanes = count - first < CT_PANEL ? count - first : CT_PANEL;
    for (int l = 0; l < lanes; l++) position[l] = ask[first + l].asker.position;
    ct_panel_pack(s->panel_of_group + first / CT_PANEL, ask[first].asker.of, position, lanes);
  }
  s->packed = 1;
}

/* Enters point x for a query whose product with it is c, if it may be among its neighbours. */
static void take(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask, int lane, int x,
                 double c) {
  const ct_residual *index = search->net->index;
  int row = index->row[x];
  double scales = ask->asker.of->scale[ask->asker.position] * index->scale[x], size = fabs(c);
  if (size * scales < (double)s->group.bar[lane] - 1e-12) return;
  double error = ct_pair_error(&search->net->pairs, c, ask->norm * search->net->norm[x]);
  double high = (size + error) * scales + 2e-15;
  if (ask->aside || high < (double)s->group.least[lane]) return;
  if (row == ask->asker.row || row >= ask->asker.limit) return;
  ct_estimate estimate = {(float)(size * scales), (float)(high * (1 + 1e-6)), x};
  ask->estimate[ask->estimates++] = estimate;
  if (ask->estimates < search->crowd) return;
  ct_ask_make_room(search, s, ask);
  ct_group_set_least(&s->group, lane, ask);
}

/* The members of ball b that any of the queries may want. */
static int wanted_members(const ct_two_frame *search, const ct_two_frame_searcher *s,
                          const ct_ask *ask, int first_lane, int lanes, int b) {
  const ct_members *members = &search->net->members;
  int size = members->start[b + 1] - members->start[b], limit = 0, wanted = 0;
  for (int l = 0; l < lanes; l++) {
    if (ask[l].aside || s->group.bar[ask[l].lane - first_lane] > s->top[b]) continue;
    wanted = 1;
    limit = ask[l].asker.limit > limit ? ask[l].asker.limit : limit;
  }
  if (!wanted || !search->queries->limit) return wanted ? size : 0;
  return ct_rows_below(members->row + members->start[b], size, limit);
}

static void measure_panel(const ct_two_frame *search, ct_two_frame_searcher *s,
                          const ct_ask_group *group, int first, int lanes, int b) {
  ct_ask *ask = s->group_ask + first;
  int count = wanted_members(search, s, ask, group->first_lane, lanes, b);
  const int *position = search->net->members.position + search->net->members.start[b];
  for (int i = 0; i < count; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    int at[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++) at[u] = position[i + u < count ? i + u : i];
    ct_pair_rows_at(&rows, search->net->index, at);
    ct_pairs_tile(&search->net->pairs, s->panel_of_group + first / CT_PANEL, &rows, s->tile,
                  s->work);
    for (int u = 0; u < CT_TILE_ROWS && i + u < count; u++)
      for (int l = 0; l < lanes; l++)
        take(search, s, ask + l, ask[l].lane - group->first_lane, at[u], s->tile[u * CT_PANEL + l]);
  }
  s->products += (double)count * lanes;
}

void ct_group_measure(const ct_two_frame *search, ct_two_frame_searcher *s,
                      const ct_ask_group *group, int ball) {
  if (!s->packed) pack(s, group->count);
  for (int first = 0; first < group->count; first += CT_PANEL) {
    int lanes = group->count - first < CT_PANEL ? group->count - first : CT_PANEL;
    measure_panel(search, s, group, first, lanes, ball);
  }
}
