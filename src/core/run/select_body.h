/* The kernels of selection, written once: included by one file per instruction set, which defines
 *   CT_VEC        the width of vectors in bits
 *   CT_KERNELS    the name of the table of kernels */

#include "run/selection_kernels.h"

#include <limits.h>
#include <math.h>

#include "run/vec.h"

static int count_keys(const double *key, int count, double limit) {
  int found = 0;
  for (int j = 0; j < count; j += CT_SELECT_STEP) {
    unsigned bits = 0;
    for (int v = 0; v < CT_SELECT_STEP; v += VEC_DOUBLES)
      bits |= vec_at_most(vec_load(key + j + v), limit) << v;
    found += __builtin_popcount(bits);
  }
  return found;
}

/* The smallest and the largest of count > 0 numbers. */
static void range(const double *number, int count, double *least, double *largest) {
  double low = number[0], high = number[0];
  int j = 0;
  if (count >= VEC_DOUBLES) {
    vec lows = vec_load(number), highs = lows;
    for (j = VEC_DOUBLES; j + VEC_DOUBLES <= count; j += VEC_DOUBLES) {
      lows = vec_min(vec_load(number + j), lows);
      highs = vec_max(vec_load(number + j), highs);
    }
    low = vec_least(lows), high = vec_largest(highs);
  }
  for (; j < count; j++) {
    low = number[j] < low ? number[j] : low;
    high = number[j] > high ? number[j] : high;
  }
  *least = low;
  *largest = high;
}

/* Where it writes it has read before. */
static int keep_keys(double *key, int *slot, int count, double limit) {
  int kept = 0;
  for (int j = 0; j < count; j += VEC_DOUBLES) {
    vec keys = vec_load(key + j);
    kept += append(keys, slots_load(slot + j), vec_at_most(keys, limit), key + kept, slot + kept);
  }
  return kept;
}

/* Distances as steps from the smallest to the largest, 23 bits, above their places, 8 bits:
 * different ints, the first of them in order. Filled up to a multiple of 32 with INT_MAX. */
static void number_distances(const double *distance, int count, int *number) {
  double low, high;
  int j;
  range(distance, count, &low, &high);
  double scale = high > low ? 8388000.0 / (high - low) : 0;
  if (!(scale < 1e300)) scale = 0;
  for (j = 0; j + VEC_DOUBLES <= count; j += VEC_DOUBLES) {
    vec above = vec_sub(vec_load(distance + j), vec_all(low));
    vec_store_ints(number + j, vec_mul(above, vec_all(scale)));
  }
  for (; j < count; j++) number[j] = (int)((distance[j] - low) * scale);
  for (j = 0; j < count; j++) number[j] = number[j] << 8 | j;
  for (; j % 32; j++) number[j] = INT_MAX;
}

/* A rank is the number of smaller ones: count^2 comparisons, but 16 to a vector instruction, and
 * nothing to mispredict. */
static void rank(const double *distance, int count, int *place) {
  int number[CT_RANKED];
  if (count == 0) return;
  number_distances(distance, count, number);
  for (int v = 0; v < count; v += 2 * VEC_INTS) {
    ivec a = ivec_load(number + v), b = ivec_load(number + v + VEC_INTS);
    ivec below_a = ivec_all(0), below_b = ivec_all(0);
    for (int j = 0; j < count; j++) {
      ivec other = ivec_all(number[j]);
      below_a = ivec_count_above(below_a, a, other);
      below_b = ivec_count_above(below_b, b, other);
    }
    ivec_store(place + v, below_a);
    ivec_store(place + v + VEC_INTS, below_b);
  }
}

static void roots(double *value, int count) {
  for (int j = 0; j < count; j += VEC_DOUBLES) vec_store(value + j, vec_sqrt(vec_load(value + j)));
}

const ct_selection_kernels CT_KERNELS = {count_keys, range, keep_keys, rank, roots};
