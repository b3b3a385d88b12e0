/* The process kernels, written once and compiled for each instruction set: process_base.c,
 * process_avx2.c and process_avx512.c define, before they include this file,
 *
 *   CT_LANES     doubles in a vector
 *   VSQRT(v)     elementwise root
 *   VMASK(m)     the bits of a comparison's result
 *   GATHER(p, i) p[i] for each lane
 *   CT_KERNELS   the name of the table of kernels
 *
 * A batch is CT_LANES consecutive sets, one in each lane of a vector: small matrices side by side,
 * all of one size, so that everything is vectors and nothing has to be reduced. The place itself
 * stands behind its neighbours, and one Cholesky factorisation yields the neighbours' factor L, the
 * row l = L^-1 C_Ni, from which A = L'^-1 l, and D. Vectors are as wide as the machine's: wider
 * ones are taken apart through memory, and were 5 to 10 times slower. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "process/low_rank.h"
#include "metric/canonical_lanes.h"
#include "metric/canonical_exp.h"

/* A vector in memory that is also read and written number by number. */
typedef double cell __attribute__((vector_size(8 * CT_LANES), may_alias));

#include "process/lanes_covariance.h"
#include "process/lanes_products.h"
#include "process/lanes_places.h"
#include "process/lanes_cholesky.h"
#include "process/lanes_sums.h"

/* Takes the nearest neighbour of lane l out of its set; whether there was one. */
static int drop_nearest(const ct_process *process, const ct_lane_work *work, int l) {
  int size = process->sets.size, nearest = -1;
  double least = INFINITY;
  size_t places = (size_t)size + 1;
  for (int a = 0; a < size; a++) {
    double sq = 0;
    if (work->near[a * CT_LANES + l] < 0) continue;
    for (size_t c = 0; c < (size_t)process->dim; c++) {
      const double *x = work->x + c * places * CT_LANES + l;
      double step = x[a * CT_LANES] - x[size * CT_LANES];
      sq += step * step;
    }
    if (sq < least) least = sq, nearest = a;
  }
  if (nearest < 0) return 0;
  work->near[nearest * CT_LANES + l] = -1;
  for (int c = 0; c < process->values; c++)
    work->value[(nearest * process->values + c) * CT_LANES + l] = 0;
  return 1;
}

/* Takes a neighbour out wherever the others determine the place; how many, adding up in taken. */
static int drop_where_determined(const ct_process *process, const ct_lane_work *work, vec D,
                                 vec *taken) {
  vec least = ((const cell *)work->least)[process->sets.size];
  int dropped = 0;
  for (int l = 0; l < CT_LANES; l++)
    if (!(D[l] > least[l]) && drop_nearest(process, work, l)) taken[0][l] += 1, dropped++;
  return dropped;
}

/* The triangle's Cholesky factor and D. dropped: neighbours taken out, of each lane. */
static vec condition(const ct_process_pass *pass, const ct_lane_work *work, int missing,
                     vec *dropped) {
  const ct_process *process = pass->process;
  int size = process->sets.size;
  const cell *least = (const cell *)work->least;
  vec taken = SPREAD(0.0);
  for (;;) {
    *dropped = taken;
    fill_triangle(pass, work, missing);
    vec D = factor_triangle((cell *)work->k, size, least, dropped);
    if (process->settled) return larger(D, SPREAD(0.0));
    int again = drop_where_determined(process, work, D, &taken);
    if (!again) return larger(D, least[size]);
    missing += again;
  }
}

/* weight = (-A, 1) */
static void find_weights(const ct_lane_work *work, int size) {
  const cell *last = ROW((const cell *)work->k, size);
  cell *weight = (cell *)work->weight;
  for (int a = 0; a < size; a++) weight[a] = -last[a];
  solve_back((const cell *)work->k, size, weight);
  weight[size] = SPREAD(1.0);
}

static void store_factor(const ct_process_pass *pass, const ct_lane_work *work, vec D, int from,
                         int count) {
  size_t sets = (size_t)pass->process->sets.count;
  for (int l = 0; l < count; l++) pass->variance[from + l] = D[l];
  for (int a = 0; a < pass->process->sets.size; a++)
    for (int l = 0; l < count; l++)
      pass->weight[(size_t)(from + l) + (size_t)a * sets] = -work->weight[a * CT_LANES + l];
}

/* Rows of Z and E, and D. */
static void store_low_rank(const ct_process_pass *pass, const ct_lane_work *work, vec D, vec scale,
                           int from, int count) {
  const ct_process *process = pass->process;
  size_t stride = (size_t)process->stride, values = (size_t)process->values;
  for (int l = 0; l < count; l++) {
    size_t i = (size_t)(from + l);
    pass->variance[i] = D[l];
    combine_rows(process, work, process->sets.first + from + l, l, scale[l], pass->Z + i * stride);
    for (size_t c = 0; c < values; c++)
      pass->E[i * values + c] = work->residual[c * CT_LANES + (size_t)l];
  }
}

static void do_batch(const ct_process_pass *pass, const ct_lane_work *work, int from, int to) {
  const ct_process *process = pass->process;
  int size = process->sets.size, values = process->values;
  int count = to - from < CT_LANES ? to - from : CT_LANES;
  cell *sums = (cell *)work->sums, live = live_lanes(count), dropped;
  vec D = condition(pass, work, load_batch(process, work, from, to), &dropped);
  find_weights(work, size);
  sums[CT_SUM_DROPPED] += dropped * live;
  if (pass->weight) {
    store_factor(pass, work, D, from, count);
    return;
  }
  vec scale = live / VSQRT(D);
  sums[CT_SUM_LOG_D] += log_lanes(D) * live;
  residuals(work, size, values, scale);
  add_products((const cell *)work->residual, values, sums + CT_SUMS_ALONE);
  if (pass->Z) store_low_rank(pass, work, D, scale, from, count);
  if (pass->gradient)
    add_directions(process, work, scale, sums + CT_SUMS_ALONE + values * (values + 1) / 2);
}

static void rows(const ct_process_pass *pass, int from, int to, double *memory, double *sums) {
  ct_lane_work work;
  ct_lane_work_at(pass, CT_LANES, memory, &work);
  int count = ct_process_sum_count(pass->process, pass->gradient);
  for (int s = 0; s < count; s++) ((cell *)work.sums)[s] = SPREAD(0.0);
  for (int at = from; at < to; at += CT_LANES) do_batch(pass, &work, at, to);
  for (int s = 0; s < count; s++) {
    sums[s] = 0;
    for (int l = 0; l < CT_LANES; l++) sums[s] += work.sums[s * CT_LANES + l];
  }
}

#include "process/lanes_low_rank.h"

const ct_process_kernels CT_KERNELS = {CT_LANES, rows, adjoint, cross, inducing, pull_row};
