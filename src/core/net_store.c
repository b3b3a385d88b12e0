#include "net_store.h"

#include <limits.h>

/* Numbers in the order of ct_net_numbers(). */
enum { FRAME_SIZE, BALLS, SOUND, NOISE_UNIT, GRAM_STEP, CENTRE_NOISE, NOISE_MOST, MEMBERS, LANES };

void ct_net_numbers(const ct_net *net, double numbers[CT_NET_NUMBERS]) {
  numbers[FRAME_SIZE] = net->frame_size;
  numbers[BALLS] = net->count;
  numbers[SOUND] = net->sound;
  numbers[NOISE_UNIT] = net->noise_unit;
  numbers[GRAM_STEP] = net->gram_step;
  numbers[CENTRE_NOISE] = (double)net->centre_noise;
  numbers[NOISE_MOST] = (double)net->noise_most;
  numbers[MEMBERS] = net->members.count;
  numbers[LANES] = (double)net->members.lanes;
}

static int whole_within(double value, double least, double most) {
  return value >= least && value <= most && value == (double)(long long)value;
}

int ct_net_of_numbers(ct_net *net, const double numbers[CT_NET_NUMBERS], const ct_residual *index,
                      const ct_run *run) {
  double n = index->n;
  int fits = (numbers[FRAME_SIZE] == 8 || numbers[FRAME_SIZE] == 16) &&
             whole_within(numbers[BALLS], 1, n) && whole_within(numbers[MEMBERS], 1, n) &&
             whole_within(numbers[GRAM_STEP], numbers[BALLS], numbers[BALLS] + 64) &&
             whole_within(numbers[LANES], numbers[MEMBERS],
                          numbers[MEMBERS] + CT_LANES * numbers[BALLS]) &&
             numbers[NOISE_UNIT] >= 0 && numbers[CENTRE_NOISE] >= 0 && numbers[NOISE_MOST] >= 0;
  if (!fits) return 0;
  *net = (ct_net){.index = index,
                  .frame_size = (int)numbers[FRAME_SIZE],
                  .count = (int)numbers[BALLS],
                  .sound = numbers[SOUND] != 0,
                  .noise_unit = numbers[NOISE_UNIT],
                  .gram_step = (int)numbers[GRAM_STEP],
                  .centre_noise = (float)numbers[CENTRE_NOISE],
                  .noise_most = (float)numbers[NOISE_MOST]};
  net->members.points = index;
  net->members.count = (int)numbers[MEMBERS];
  net->members.lanes = (size_t)numbers[LANES];
  ct_pairs_init(&net->pairs, index, run->simd);
  return 1;
}

#define ARRAY(field, count) \
  (ct_net_array) { #field, (void **)&net->field, (size_t)(count) * sizeof *net->field }

void ct_net_arrays(ct_net *net, ct_net_array arrays[CT_NET_ARRAYS]) {
  size_t balls = (size_t)net->count, frame = (size_t)net->frame_size, lanes = net->members.lanes;
  size_t members = (size_t)net->members.count;
  int i = 0;
  arrays[i++] = ARRAY(members.position, members);
  arrays[i++] = ARRAY(members.row, members);
  arrays[i++] = ARRAY(members.ball, members);
  arrays[i++] = ARRAY(members.start, balls + 1);
  arrays[i++] = ARRAY(members.padded, balls + 1);
  arrays[i++] = ARRAY(members.w, frame * lanes);
  arrays[i++] = ARRAY(members.alpha, frame * lanes);
  arrays[i++] = ARRAY(members.residual, lanes);
  arrays[i++] = ARRAY(members.w_norm, lanes);
  arrays[i++] = ARRAY(members.alpha_sum, lanes);
  arrays[i++] = ARRAY(members.noise, lanes);
  arrays[i++] = ARRAY(members.table, balls * lanes);
  arrays[i++] = ARRAY(norm, net->index->n);
  arrays[i++] = ARRAY(centre, balls);
  arrays[i++] = ARRAY(near, balls * CT_NEAR);
  arrays[i++] = ARRAY(frame, balls * frame);
  arrays[i++] = ARRAY(gram, balls * (size_t)net->gram_step);
  arrays[i++] = ARRAY(whiten, balls * frame * frame);
  arrays[i++] = ARRAY(lift, balls);
  arrays[i++] = ARRAY(stretch, balls);
  arrays[i++] = ARRAY(eta, balls);
  arrays[i++] = ARRAY(frame_noise, balls);
  arrays[i++] = ARRAY(max_w, balls);
  arrays[i++] = ARRAY(max_residual, balls);
  arrays[i++] = ARRAY(max_noise, balls);
  arrays[i++] = ARRAY(min_row, balls);
  arrays[i++] = ARRAY(reach, balls * balls);
}

static int all_within(const int *values, size_t count, int least, int most) {
  for (size_t i = 0; i < count; i++)
    if (values[i] < least || values[i] > most) return 0;
  return 1;
}

/* Balls follow each other without gaps, each padded to whole lanes. */
static int layout_in_range(const ct_net *net) {
  const ct_members *m = &net->members;
  if (m->start[0] != 0 || m->padded[0] != 0) return 0;
  for (int b = 0; b < net->count; b++) {
    if (m->start[b + 1] < m->start[b] || m->start[b + 1] > m->count) return 0;
    size_t size = (size_t)(m->start[b + 1] - m->start[b]);
    if (m->padded[b + 1] != m->padded[b] + (size + CT_LANES - 1) / CT_LANES * CT_LANES) return 0;
    if (!all_within(m->ball + m->start[b], size, b, b)) return 0;
  }
  return m->start[net->count] == m->count && m->padded[net->count] == m->lanes;
}

int ct_net_in_range(const ct_net *net) {
  size_t balls = (size_t)net->count, members = (size_t)net->members.count;
  int n = net->index->n;
  return layout_in_range(net) && all_within(net->members.position, members, 0, n - 1) &&
         all_within(net->members.row, members, 0, n - 1) &&
         all_within(net->centre, balls, 0, n - 1) &&
         all_within(net->near, balls * CT_NEAR, -1, net->count - 1) &&
         all_within(net->frame, balls * (size_t)net->frame_size, 0, net->count - 1) &&
         all_within(net->min_row, balls, 0, INT_MAX);
}
