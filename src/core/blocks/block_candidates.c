/* Cutting the buffer of candidates.
 *
 * The wanted number k of smallest keys is found by guessing thresholds: counting the keys below one
 * takes a vector instruction for every few of them, and interpolating between two counts leads to
 * within k/16 + 8 of k in three or four guesses. A threshold with at least k keys below it bounds
 * the k-th smallest, which is all that the search needs; the exact order is made once, at the end.
 *
 * Where keys are tied in numbers no threshold comes near k. Then the buffer is cut to exactly k by
 * (distance, row), and the row of the k-th is kept: of all points that are as far away, those with
 * a larger row cannot be wanted any more, and whole leaves of them need not be read. Without that,
 * equal points in numbers would make every query read all of them. */

#include "metric/canonical.h"

#include "blocks/block_candidates.h"

#include <limits.h>
#include <math.h>

#include "run/select.h"

/* Guesses by interpolation, then by halving: enough for any smooth set of keys. */
#define GUESSES 14
#define HALVING_FROM 8

static int slack(int wanted) {
  return 8 + wanted / 16;
}

/* A buffer is cut to k and filled with as many again, and two leaves, before it is cut the next
 * time. */
static size_t full_size(const ct_blocks *blocks, int wanted) {
  size_t slots = (size_t)blocks->leaves * CT_LEAF, full = 2 * (size_t)wanted + 2 * CT_LEAF;
  return full < slots ? full : slots;
}

size_t ct_candidates_size(const ct_blocks *blocks, int wanted) {
  return full_size(blocks, wanted) + CT_LEAF + CT_CANDIDATES_PADDING;
}

/* Where the wanted-th of a full buffer's keys is expected, between 0 and the largest: in d
 * dimensions the number of points within a distance grows with its power d. */
static double expected_share(const ct_blocks *blocks, int wanted) {
  double full = (double)full_size(blocks, wanted) + CT_LEAF / 2;
  double exponent = (blocks->key == CT_KEY_SQUARES ? 2.0 : 1.0) / blocks->dim;
  return pow((wanted + 0.4 * slack(wanted)) / full, exponent);
}

ct_status ct_candidates_make(ct_candidates *candidates, int queries, const ct_blocks *blocks,
                             int wanted, const ct_run *run) {
  size_t size = ct_candidates_size(blocks, wanted);
  double *other;
  ct_measured *item;
  CT_NEW(other, &run->arena, blocks->dim);
  CT_NEW(item, &run->arena, size);
  for (int q = 0; q < queries; q++) {
    ct_candidates *c = &candidates[q];
    CT_NEW(c->key, &run->arena, size);
    CT_NEW(c->slot, &run->arena, size);
    c->other = other;
    c->item = item;
    c->wanted = wanted;
    c->full = (int)full_size(blocks, wanted);
    c->share = expected_share(blocks, wanted);
    c->points = c->boxes = 0;
    c->relieve = ct_candidates_cut;
    c->owner = NULL;
  }
  return CT_OK;
}

void ct_candidates_start(ct_candidates *candidates, const double *point, int limit, double bound) {
  candidates->point = point;
  candidates->count = 0;
  candidates->limit = limit;
  candidates->bound = bound;
  candidates->tie_key = INFINITY;
  candidates->tie_row = INT_MAX;
}

static double distance_of(ct_candidates *c, const ct_blocks *blocks, int i) {
  if (ct_metric_key_suffices(blocks->metric)) return ct_metric_from_key(blocks->metric, c->key[i]);
  const double *x = ct_leaf_at(blocks, c->slot[i] / CT_LEAF) + c->slot[i] % CT_LEAF;
  for (int s = 0; s < blocks->dim; s++) c->other[s] = x[s * CT_LEAF];
  return ct_metric_distance(blocks->metric, c->point, c->other, blocks->dim);
}

void ct_candidates_measure(ct_candidates *c, const ct_blocks *blocks, double *distance, int *row) {
  for (int i = 0; i < c->count; i++) row[i] = blocks->row[c->slot[i]];
  if (!ct_metric_key_suffices(blocks->metric) || blocks->key == CT_KEY_POWERS) {
    for (int i = 0; i < c->count; i++) distance[i] = distance_of(c, blocks, i);
    return;
  }
  for (int i = 0; i < c->count; i++) distance[i] = c->key[i];
  if (blocks->key != CT_KEY_SQUARES) return;
  for (int i = c->count; i % CT_FAN; i++) distance[i] = 0;
  blocks->select->roots(distance, c->count);
}

/* Cuts to the wanted nearest by (distance, row). */
static void cut_exactly(ct_candidates *c, const ct_blocks *blocks) {
  for (int i = 0; i < c->count; i++) {
    c->item[i].key = c->key[i];
    c->item[i].slot = c->slot[i];
    c->item[i].row = blocks->row[c->slot[i]];
    c->item[i].distance = distance_of(c, blocks, i);
  }
  ct_measured last = ct_select_measured(c->item, c->count, c->wanted - 1);
  c->count = c->wanted;
  for (int i = 0; i < c->count; i++) {
    c->key[i] = c->item[i].key;
    c->slot[i] = c->item[i].slot;
  }
  c->bound = fmin(c->bound, ct_metric_key_bound(blocks->metric, last.distance));
  if (ct_key_is_monotone(blocks) || last.distance == 0) {
    c->tie_key = last.distance == 0 ? 0 : last.key;
    c->tie_row = last.row;
  }
}

/* A key that at least the wanted number of candidates do not exceed, and few more. */
static double find_threshold(const ct_candidates *c, const ct_blocks *blocks) {
  int wanted = c->wanted, enough = wanted + slack(wanted), below = 0, within = c->count;
  double low, high;
  blocks->select->range(c->key, c->count, &low, &high);
  low = 0;
  for (int guess = 0; guess < GUESSES && within > enough; guess++) {
    double share = guess == 0 ? c->share : 0.5;
    if (guess > 0 && guess < HALVING_FROM)
      share = (wanted + 0.4 * slack(wanted) - below) / (within - below);
    share = fmin(fmax(share, 0.03), 0.97);
    double middle = low + share * (high - low);
    int count = blocks->select->count_keys(c->key, c->count, middle);
    if (count >= wanted) high = middle, within = count;
    else low = middle, below = count;
  }
  return high;
}

void ct_candidates_cut(ct_candidates *c, const ct_blocks *blocks) {
  if (c->count < c->wanted) return;
  for (int i = 0; i < CT_FAN; i++) c->key[c->count + i] = INFINITY;
  double threshold = ct_key_widened(blocks, find_threshold(c, blocks));
  c->bound = fmin(c->bound, threshold);
  c->count = blocks->select->keep_keys(c->key, c->slot, c->count, threshold);
  int tied = c->count > c->wanted + c->wanted / 2 + 2 * slack(c->wanted);
  if (tied || threshold == 0) cut_exactly(c, blocks);
}
