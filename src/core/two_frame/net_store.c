#include "two_frame/net_store.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Numbers in the order of ct_net_numbers(). */
enum {
  FRAME_SIZE,
  BALLS,
  SOUND,
  WEIGHTS,
  UNIT,
  SHIFT,
  SPREAD,
  LEAST,
  NORM,
  GRAM_STEP,
  CENTRE_DRIFT,
  DRIFT_MOST,
  MEMBERS,
  LANES,
  ENTRIES,
  COARSE,
  RADIUS
};

void ct_net_numbers(const ct_net *net, double numbers[CT_NET_NUMBERS]) {
  numbers[FRAME_SIZE] = net->frame_size;
  numbers[BALLS] = net->count;
  numbers[SOUND] = net->sound;
  numbers[WEIGHTS] = net->drift.weights;
  numbers[UNIT] = net->drift.unit;
  numbers[SHIFT] = net->drift.shift;
  numbers[SPREAD] = net->drift.spread;
  numbers[LEAST] = net->drift.least;
  numbers[NORM] = net->drift.norm;
  numbers[GRAM_STEP] = net->gram_step;
  numbers[CENTRE_DRIFT] = (double)net->centre_drift;
  numbers[DRIFT_MOST] = (double)net->drift_most;
  numbers[MEMBERS] = net->members.count;
  numbers[LANES] = (double)net->members.lanes;
  numbers[ENTRIES] = (double)net->members.table.entries;
  numbers[COARSE] = net->coarse.count;
  numbers[RADIUS] = net->radius;
}

static int whole_within(double value, double least, double most) {
  return value >= least && value <= most && value == (double)(long long)value;
}

/* Products of three such numbers, summed over a frame, are still finite floats. */
#define NUMBER_MOST 1e12

static int is_bound(double value) {
  return value >= 0 && value <= NUMBER_MOST;
}

static int drift_in_range(const double numbers[CT_NET_NUMBERS], int has_factor) {
  int unseen = numbers[WEIGHTS] == CT_WEIGHTS_UNSEEN;
  return whole_within(numbers[WEIGHTS], CT_WEIGHTS_UNSEEN,
                      has_factor ? CT_WEIGHTS_SOLVED : CT_WEIGHTS_UNSEEN) &&
         is_bound(numbers[UNIT]) && is_bound(numbers[SHIFT]) && is_bound(numbers[SPREAD]) &&
         (unseen || numbers[LEAST] > 0) && is_bound(numbers[LEAST]) && is_bound(numbers[NORM]);
}

int ct_net_of_numbers(ct_net *net, const double numbers[CT_NET_NUMBERS], const ct_residual *index,
                      const ct_run *run) {
  double n = index->n;
  int fits = (numbers[FRAME_SIZE] == 8 || numbers[FRAME_SIZE] == 16) &&
             whole_within(numbers[BALLS], 1, n) && whole_within(numbers[MEMBERS], 1, n) &&
             whole_within(numbers[GRAM_STEP], numbers[BALLS], numbers[BALLS] + 64) &&
             whole_within(numbers[LANES], numbers[MEMBERS],
                          numbers[MEMBERS] + CT_FRAME_LANES * numbers[BALLS]) &&
             whole_within(numbers[ENTRIES], 0, numbers[LANES] * numbers[BALLS]) &&
             whole_within(numbers[COARSE], 0, numbers[BALLS]) && is_bound(numbers[RADIUS]) &&
             drift_in_range(numbers, index->factor != NULL) && is_bound(numbers[CENTRE_DRIFT]) &&
             is_bound(numbers[DRIFT_MOST]);
  if (!fits) return 0;
  *net = (ct_net){.index = index,
                  .frame_size = (int)numbers[FRAME_SIZE],
                  .count = (int)numbers[BALLS],
                  .sound = numbers[SOUND] != 0,
                  .radius = numbers[RADIUS],
                  .drift = {.weights = (ct_weights)numbers[WEIGHTS],
                            .unit = numbers[UNIT],
                            .shift = numbers[SHIFT],
                            .spread = numbers[SPREAD],
                            .least = numbers[LEAST],
                            .norm = numbers[NORM]},
                  .gram_step = (int)numbers[GRAM_STEP],
                  .centre_drift = (float)numbers[CENTRE_DRIFT],
                  .drift_most = (float)numbers[DRIFT_MOST]};
  net->members.points = index;
  net->members.count = (int)numbers[MEMBERS];
  net->members.lanes = (size_t)numbers[LANES];
  net->members.table.entries = (size_t)numbers[ENTRIES];
  net->coarse.count = (int)numbers[COARSE];
  ct_pairs_init(&net->pairs, index, run->simd);
  return 1;
}

#define ARRAY(field, count)                                            \
  (ct_net_array) {                                                     \
#field, (void **)&net->field, (size_t)(count) * sizeof *net->field \
  }

void ct_net_arrays(ct_net *net, ct_net_array arrays[CT_NET_ARRAYS]) {
  size_t balls = (size_t)net->count, frame = (size_t)net->frame_size, lanes = net->members.lanes;
  size_t members = (size_t)net->members.count, far = (size_t)net->coarse.count;
  int i = 0;
  arrays[i++] = ARRAY(members.position, members);
  arrays[i++] = ARRAY(members.row, members);
  arrays[i++] = ARRAY(members.ball, members);
  arrays[i++] = ARRAY(members.start, balls + 1);
  arrays[i++] = ARRAY(members.padded, balls + 1);
  arrays[i++] = ARRAY(members.alpha, frame * lanes);
  arrays[i++] = ARRAY(members.w_word, frame * lanes / 4);
  arrays[i++] = ARRAY(members.residual, lanes);
  arrays[i++] = ARRAY(members.w_norm, lanes);
  arrays[i++] = ARRAY(members.alpha_sum, lanes);
  arrays[i++] = ARRAY(members.drift, lanes);
  arrays[i++] = ARRAY(members.table.block, balls + 1);
  arrays[i++] = ARRAY(members.table.place, net->coarse.count > 0 ? balls * balls : 0);
  arrays[i++] = ARRAY(members.table.cell, net->members.table.entries);
  arrays[i++] = ARRAY(members.outline.w, far ? balls : 0);
  arrays[i++] = ARRAY(members.outline.residual, far ? balls : 0);
  arrays[i++] = ARRAY(members.outline.reach, far * balls);
  arrays[i++] = ARRAY(norm, net->index->n);
  arrays[i++] = ARRAY(centre, balls);
  arrays[i++] = ARRAY(near, balls * CT_NEAR);
  arrays[i++] = ARRAY(frame, balls * frame);
  arrays[i++] = ARRAY(gram, balls * (size_t)net->gram_step);
  arrays[i++] = ARRAY(whiten, balls * frame * frame);
  arrays[i++] = ARRAY(lift, balls);
  arrays[i++] = ARRAY(stretch, balls);
  arrays[i++] = ARRAY(eta, balls);
  arrays[i++] = ARRAY(frame_drift, balls);
  arrays[i++] = ARRAY(max_w, balls);
  arrays[i++] = ARRAY(max_residual, balls);
  arrays[i++] = ARRAY(max_drift, balls);
  arrays[i++] = ARRAY(min_row, balls);
  arrays[i++] = ARRAY(reach, balls * balls);
  arrays[i++] = ARRAY(coarse.ball, far);
  arrays[i++] = ARRAY(coarse.of, far ? balls : 0);
  arrays[i++] = ARRAY(coarse.frame, far ? balls * frame : 0);
  arrays[i++] = ARRAY(coarse.whiten, far ? balls * frame * frame : 0);
  arrays[i++] = ARRAY(coarse.lift, far ? balls : 0);
  arrays[i++] = ARRAY(coarse.frame_drift, far ? balls : 0);
  arrays[i++] = ARRAY(coarse.cross, far * far);
}

static int all_within(const int *values, size_t count, int least, int most) {
  for (size_t i = 0; i < count; i++)
    if (values[i] < least || values[i] > most) return 0;
  return 1;
}

static int all_numbers(const float *values, size_t count) {
  int wild = 0;
  for (size_t i = 0; i < count; i++) wild |= !(fabsf(values[i]) <= (float)NUMBER_MOST);
  return !wild;
}

/* No position twice, and its own row. */
static int members_in_range(const ct_net *net, char *seen) {
  const ct_members *m = &net->members;
  memset(seen, 0, (size_t)net->index->n);
  for (int i = 0; i < m->count; i++) {
    int position = m->position[i];
    if (position < 0 || position >= net->index->n || seen[position]++) return 0;
    if (m->row[i] != net->index->row[position]) return 0;
  }
  return 1;
}

/* The nearest balls are distinct, and those after the last are -1. */
static int near_in_range(const ct_net *net, char *seen) {
  memset(seen, 0, (size_t)net->count);
  for (int b = 0; b < net->count; b++) {
    const int *near = net->near + (size_t)b * CT_NEAR;
    int listed = 0;
    for (; listed < CT_NEAR && near[listed] >= 0; listed++)
      if (near[listed] >= net->count || seen[near[listed]]++) return 0;
    for (int j = 0; j < listed; j++) seen[near[j]] = 0;
    if (!all_within(near + listed, (size_t)(CT_NEAR - listed), -1, -1)) return 0;
  }
  return 1;
}

/* Every float but those of the table, which are whole numbers that may be anything. */
static int floats_in_range(const ct_net *net) {
  const ct_members *m = &net->members;
  size_t balls = (size_t)net->count, frame = (size_t)net->frame_size;
  int wild = 0;
  for (int i = 0; i < net->index->n; i++) wild |= !is_bound(net->norm[i]);
  return !wild && all_numbers(m->alpha, frame * m->lanes) && all_numbers(m->residual, m->lanes) &&
         all_numbers(m->w_norm, m->lanes) && all_numbers(m->alpha_sum, m->lanes) &&
         all_numbers(m->drift, m->lanes) &&
         all_numbers(net->gram, balls * (size_t)net->gram_step) &&
         all_numbers(net->whiten, balls * frame * frame) && all_numbers(net->lift, balls) &&
         all_numbers(net->stretch, balls) && all_numbers(net->eta, balls) &&
         all_numbers(net->frame_drift, balls) && all_numbers(net->max_w, balls) &&
         all_numbers(net->max_residual, balls) && all_numbers(net->max_drift, balls) &&
         all_numbers(net->reach, balls * balls);
}

/* Places are below the rows that a ball has, and blocks as long as these. */
static int table_in_range(const ct_net *net) {
  const ct_table *table = &net->members.table;
  size_t balls = (size_t)net->count;
  if (table->block[0] != 0 || table->block[balls] != table->entries) return 0;
  for (size_t b = 0; b < balls; b++) {
    size_t width = (size_t)ct_members_width(&net->members, (int)b), rows = table->place ? 0 : balls;
    if (table->block[b + 1] < table->block[b] || table->block[b + 1] > table->entries) return 0;
    for (size_t c = 0; table->place && c < balls; c++)
      if (table->place[b * balls + c] > rows) rows = table->place[b * balls + c];
    if (table->block[b + 1] - table->block[b] < rows * width) return 0;
  }
  return 1;
}

static int coarse_in_range(const ct_net *net) {
  const ct_coarse *coarse = &net->coarse;
  const ct_outline *outline = &net->members.outline;
  size_t balls = (size_t)net->count, far = (size_t)coarse->count, frame = (size_t)net->frame_size;
  return far == 0 ||
         (all_within(coarse->ball, far, 0, net->count - 1) &&
          all_within(coarse->of, balls, 0, coarse->count - 1) &&
          all_within(coarse->frame, balls * frame, 0, net->count - 1) &&
          all_numbers(coarse->whiten, balls * frame * frame) && all_numbers(coarse->lift, balls) &&
          all_numbers(coarse->frame_drift, balls) && all_numbers(coarse->cross, far * far) &&
          all_numbers(outline->w, balls) && all_numbers(outline->residual, balls) &&
          all_numbers(outline->reach, far * balls));
}

/* Balls follow each other without gaps, each padded to whole lanes. */
static int layout_in_range(const ct_net *net) {
  const ct_members *m = &net->members;
  if (m->start[0] != 0 || m->padded[0] != 0) return 0;
  for (int b = 0; b < net->count; b++) {
    if (m->start[b + 1] < m->start[b] || m->start[b + 1] > m->count) return 0;
    size_t size = (size_t)(m->start[b + 1] - m->start[b]);
    if (m->padded[b + 1] !=
        m->padded[b] + (size + CT_FRAME_LANES - 1) / CT_FRAME_LANES * CT_FRAME_LANES)
      return 0;
    if (!all_within(m->ball + m->start[b], size, b, b)) return 0;
  }
  return m->start[net->count] == m->count && m->padded[net->count] == m->lanes;
}

int ct_net_in_range(const ct_net *net, char *seen) {
  size_t balls = (size_t)net->count;
  return layout_in_range(net) && table_in_range(net) && coarse_in_range(net) &&
         members_in_range(net, seen) && near_in_range(net, seen) &&
         all_within(net->centre, balls, 0, net->index->n - 1) &&
         all_within(net->frame, balls * (size_t)net->frame_size, 0, net->count - 1) &&
         all_within(net->min_row, balls, 0, INT_MAX) && floats_in_range(net);
}
