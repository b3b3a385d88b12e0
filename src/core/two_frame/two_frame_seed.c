/* Seeds: every query meets the points of the balls nearest to its own, packed 24 queries a panel
 * with the points of all their near balls. These are exact values but for the rounding that is
 * known, so the k-th largest less its error is a first bound, about as good as it can be: the k
 * nearest are mostly among these points. */

#include "two_frame/two_frame_parts.h"

#include <math.h>
#include <string.h>

#include "run/select.h"

/* Points that a query should meet: enough that the k-th of them is a good bound; twice as many
 * products save less than they cost (measured on three columns, k = 50: 160 is best). */
#define NEAR_POINTS 160
#define NEAR_PER_K 2

static const int *rows_of_ball(const ct_two_frame *search, int b) {
  return search->net->members.row + search->net->members.start[b];
}

static int ball_size(const ct_two_frame *search, int b) {
  return search->net->members.start[b + 1] - search->net->members.start[b];
}

/* How many members of a ball have rows below limit. */
int ct_rows_below(const int *row, int count, int limit) {
  int low = 0, high = count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (row[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* How many of a ball's nearest balls its queries meet. With limits the count is for the first and
 * the middle query: members ascend by row, and so do the limits of predecessors. */
static int near_balls(const ct_two_frame *search, const ct_two_frame_searcher *s,
                      const ct_ask_group *group, int first_ask) {
  const int *near = search->net->near + (size_t)group->ball * CT_NEAR;
  int want = NEAR_PER_K * search->k > NEAR_POINTS ? NEAR_PER_K * search->k : NEAR_POINTS;
  int least = search->k + 8, met_first = 0, met_middle = 0, met = 0, j = 0;
  int first = s->ask[first_ask].asker.limit,
      middle = s->ask[first_ask + group->count / 2].asker.limit;
  for (; j < CT_NEAR && near[j] >= 0 && (met_first < least || met_middle < want); j++) {
    const int *row = rows_of_ball(search, near[j]);
    int size = ball_size(search, near[j]);
    met += size;
    if (met > s->near_cap) break;
    met_first += search->queries->limit ? ct_rows_below(row, size, first) : size;
    met_middle += search->queries->limit ? ct_rows_below(row, size, middle) : size;
  }
  return j;
}

/* Adds the members of a ball that are below the limit. */
static int add_ball(const ct_two_frame *search, ct_two_frame_searcher *s, int b, int limit,
                    int count) {
  const ct_members *members = &search->net->members;
  int size = ball_size(search, b);
  if (search->queries->limit) size = ct_rows_below(rows_of_ball(search, b), size, limit);
  for (int i = 0; i < size; i++) {
    s->near_position[count + i] = members->position[members->start[b] + i];
    s->near_ball[count + i] = b;
  }
  return count + size;
}

static void measure_near(const ct_two_frame *search, ct_two_frame_searcher *s, int first_ask,
                         int lanes, int count) {
  int position[CT_PANEL];
  for (int l = 0; l < lanes; l++) position[l] = s->ask[first_ask + l].asker.position;
  ct_panel_pack(&s->panel, s->ask[first_ask].asker.of, position, lanes);
  for (int i = 0; i < count; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    int at[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++) at[u] = s->near_position[i + u < count ? i + u : i];
    ct_pair_rows_at(&rows, search->net->index, at);
    ct_pairs_tile(&search->net->pairs, &s->panel, &rows, s->near_c + (size_t)i * CT_PANEL, s->work);
  }
  s->products += (double)count * lanes;
}

/* The same for one query alone, in the first lane. */
static void measure_alone(const ct_two_frame *search, ct_two_frame_searcher *s, const ct_ask *ask,
                          int count) {
  const ct_net *net = search->net;
  ct_pairs_list(&net->pairs, ask->asker.of, ask->asker.position, net->index, s->near_position,
                count, s->near_one, s->work);
  for (int i = 0; i < count; i++) s->near_c[(size_t)i * CT_PANEL] = s->near_one[i];
  s->products += count;
}

/* What is no candidate comes behind all that are. */
#define NO_KEY 0x1p-1022

/* A first sieve, the bounds come later: -|rho| of one query's points, but for roundings, and their
 * numbers. Returns how many are candidates. */
static int keys_of_lane(ct_two_frame_searcher *s, const ct_ask *ask, int lane, int count) {
  double own = ask->asker.of->scale[ask->asker.position];
  const double *c = s->near_c + lane;
  int candidates = 0;
  for (int i = 0; i < count; i++) {
    int row = s->near_row[i], is = (row != ask->asker.row) & (row < ask->asker.limit);
    double key = -fabs(c[(size_t)i * CT_PANEL]) * (own * s->near_scale[i]);
    s->near_key[i] = is ? key : NO_KEY;
    s->near_slot[i] = i;
    candidates += is;
  }
  for (int i = count; i % CT_SELECT_STEP; i++) s->near_key[i] = NO_KEY;
  return candidates;
}

static ct_shortlist_entry bounds_of(const ct_two_frame *search, const ct_two_frame_searcher *s,
                                    const ct_ask *ask, int lane, int i) {
  int x = s->near_position[i];
  double c = s->near_c[(size_t)i * CT_PANEL + (size_t)lane], size = fabs(c);
  double scales = ask->asker.of->scale[ask->asker.position] * search->net->index->scale[x];
  double error = ct_pair_error(&search->net->pairs, c, ask->norm * search->net->norm[x]);
  ct_shortlist_entry candidate = {(size - error) * scales - 2e-15, (size + error) * scales + 2e-15,
                                  -1, x, 0};
  if (candidate.low > 1 - 2e-15) candidate.low = 1 - 2e-15;
  return candidate;
}

/* Raises the query's bound to the least that k near points surely reach, and enters those points of
 * its own group's near balls that may reach it: others its group meets again. */
static void seed_lane(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask, int lane,
                      int count) {
  const ct_selection_kernels *kernels = s->scorer.select;
  int candidates = keys_of_lane(s, ask, lane, count), kept = 0;
  double own = ask->asker.of->scale[ask->asker.position], least = 2, kth = 0;
  double error = ct_pair_error_bound(&search->net->pairs, ask->norm * search->net->drift.norm);
  if (candidates >= search->k) kth = ct_wanted_key(kernels, s->near_key, count, search->k);
  double sieve = kth * (1 - 1e-6) + 2 * error * own * s->largest_scale;
  int near = kernels->keep_keys(s->near_key, s->near_slot, count, sieve < 0 ? sieve : 0);
  for (int i = 0; i < near; i++) {
    int x = s->near_slot[i];
    ct_shortlist_entry candidate = bounds_of(search, s, ask, lane, x);
    if (s->near_key[i] <= kth && candidate.low < least) least = candidate.low;
    if (s->done_mark[s->near_ball[x]] == s->stamp) s->near_candidate[kept++] = candidate;
  }
  if (candidates >= search->k && least > ask->list.least) ask->list.least = least;
  for (int i = 0; i < kept; i++)
    if (s->near_candidate[i].high >= ask->list.least)
      ct_shortlist_add(&ask->list, s->near_candidate + i, &ask->asker, &s->scorer);
}

/* Near balls of the groups that have queries among lanes first_ask .. + lanes, met together. */
static int gather_near(const ct_two_frame *search, ct_two_frame_searcher *s, int first,
                       const int *group_of, int first_ask, int lanes, const int *wanted) {
  int count = 0, limit = 0, stamp = ++s->stamp;
  for (int l = 0; l < lanes; l++)
    if (s->ask[first_ask + l].asker.limit > limit) limit = s->ask[first_ask + l].asker.limit;
  for (int g = group_of[first_ask]; g <= group_of[first_ask + lanes - 1]; g++) {
    const int *near = search->net->near + (size_t)search->group[first + g].ball * CT_NEAR;
    for (int j = 0; j < wanted[g]; j++) {
      if (s->near_mark[near[j]] == stamp) continue;
      s->near_mark[near[j]] = stamp;
      count = add_ball(search, s, near[j], limit, count);
    }
  }
  return count;
}

/* Copies of what every lane reads, and the largest scale. */
static void describe_near(const ct_two_frame *search, ct_two_frame_searcher *s, int count) {
  const ct_residual *index = search->net->index;
  double largest = 0;
  for (int i = 0; i < count; i++) {
    int x = s->near_position[i];
    s->near_row[i] = index->row[x];
    s->near_scale[i] = index->scale[x];
    largest = s->near_scale[i] > largest ? s->near_scale[i] : largest;
  }
  s->largest_scale = largest;
}

static void mark_own(const ct_two_frame *search, ct_two_frame_searcher *s,
                     const ct_ask_group *group, int wanted) {
  const int *near = search->net->near + (size_t)group->ball * CT_NEAR;
  s->stamp++;
  for (int j = 0; j < wanted; j++) s->done_mark[near[j]] = s->stamp;
}

/* Lanes first_ask .. of a panel, or one query. */
static void seed_panel(const ct_two_frame *search, ct_two_frame_searcher *s, int first,
                       const int *group_of, int first_ask, int lanes, const int *wanted) {
  int count = gather_near(search, s, first, group_of, first_ask, lanes, wanted), marked = -1;
  if (lanes == 1) measure_alone(search, s, s->ask + first_ask, count);
  else measure_near(search, s, first_ask, lanes, count);
  describe_near(search, s, count);
  for (int l = 0; l < lanes; l++) {
    int g = group_of[first_ask + l];
    if (g != marked) mark_own(search, s, search->group + first + g, wanted[g]);
    marked = g;
    seed_lane(search, s, s->ask + first_ask + l, l, count);
  }
}

/* Where balls have few queries, a panel of them would meet the near points of many balls: each
 * query meets its own instead, at twice the time a pair. */
void ct_seed_unit(const ct_two_frame *search, ct_two_frame_searcher *s, int first, int last,
                  int *wanted) {
  int group_of[CT_UNIT_QUERIES], at = 0, step = s->asks < CT_FEW * (last - first) ? 1 : CT_PANEL;
  for (int g = 0; g < last - first; g++) {
    const ct_ask_group *group = search->group + first + g;
    wanted[g] = near_balls(search, s, group, at);
    for (int i = 0; i < group->count; i++) group_of[at++] = g;
  }
  for (int a = 0; a < s->asks; a += step)
    seed_panel(search, s, first, group_of, a, s->asks - a < step ? s->asks - a : step, wanted);
}
