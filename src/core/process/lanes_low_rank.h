/* The adjoint of the low-rank part, see low_rank.c for what it computes and how. */

/* out = X Y for CT_LANES rows of X, Y stride * stride. */
CT_INLINE void multiply_block(const double *const *X, const double *Y, size_t stride, size_t t,
                              int vectors, double *out) {
  vec sum[CT_LANES][2];
  for (int i = 0; i < CT_LANES; i++)
    for (int v = 0; v < vectors; v++) sum[i][v] = SPREAD(0.0);
  for (size_t k = 0; k < stride; k++) {
    vec right[2];
    for (int v = 0; v < vectors; v++) right[v] = LOAD(Y + k * stride + t + v * CT_LANES);
    for (int i = 0; i < CT_LANES; i++) {
      double f = X[i][k];
      for (int v = 0; v < vectors; v++) sum[i][v] += f * right[v];
    }
  }
  for (int i = 0; i < CT_LANES; i++)
    for (int v = 0; v < vectors; v++) STORE(out + (size_t)i * stride + t + v * CT_LANES, sum[i][v]);
}

static void multiply_rows(const double *const *X, const double *Y, size_t stride, double *out) {
  size_t t = 0;
  for (; t + 2 * CT_LANES <= stride; t += 2 * CT_LANES) multiply_block(X, Y, stride, t, 2, out);
  for (; t < stride; t += CT_LANES) multiply_block(X, Y, stride, t, 1, out);
}

/* Rows a .. a + CROSS - 1, columns b .. of C += X'Y. */
#define CROSS 8
CT_INLINE void cross_block(const double *X, const double *Y, int rows, size_t stride, int vectors,
                           double *C) {
  vec sum[CROSS][2];
  for (int i = 0; i < CROSS; i++)
    for (int v = 0; v < vectors; v++) sum[i][v] = LOAD(C + (size_t)i * stride + v * CT_LANES);
  for (int k = 0; k < rows; k++, X += stride, Y += stride) {
    vec right[2];
    for (int v = 0; v < vectors; v++) right[v] = LOAD(Y + v * CT_LANES);
    for (int i = 0; i < CROSS; i++)
      for (int v = 0; v < vectors; v++) sum[i][v] += X[i] * right[v];
  }
  for (int i = 0; i < CROSS; i++)
    for (int v = 0; v < vectors; v++) STORE(C + (size_t)i * stride + v * CT_LANES, sum[i][v]);
}

static void cross(const double *X, const double *Y, int rows, int stride, double *C) {
  size_t width = (size_t)stride;
  for (size_t a = 0; a < width; a += CROSS) {
    size_t b = 0, end = a + CROSS;
    for (; b + 2 * CT_LANES <= end; b += 2 * CT_LANES)
      cross_block(X + a, Y + b, rows, width, 2, C + a * width + b);
    for (; b < end; b += CT_LANES) cross_block(X + a, Y + b, rows, width, 1, C + a * width + b);
  }
}

CT_INLINE double dot(const double *a, const double *b, size_t stride) {
  vec even = SPREAD(0.0), odd = SPREAD(0.0);
  size_t t = 0;
  for (; t + 2 * CT_LANES <= stride; t += 2 * CT_LANES) {
    even += LOAD(a + t) * LOAD(b + t);
    odd += LOAD(a + t + CT_LANES) * LOAD(b + t + CT_LANES);
  }
  for (; t < stride; t += CT_LANES) even += LOAD(a + t) * LOAD(b + t);
  double sum = 0;
  even += odd;
  for (int l = 0; l < CT_LANES; l++) sum += even[l];
  return sum;
}

/* Adjoints of the batch's rows of Z: Z P - R T, a row for each lane. */
static void adjoint_rows(const ct_process_pass *pass, int from, int to, double *out) {
  const ct_low_rank_adjoint *of = pass->adjoint;
  size_t stride = (size_t)pass->process->stride, values = (size_t)pass->process->values;
  const double *Z[CT_LANES];
  for (int l = 0; l < CT_LANES; l++)
    Z[l] = of->Z + (size_t)(from + l < to ? from + l : to - 1) * stride;
  multiply_rows(Z, of->P, stride, out);
  for (int l = 0; l < CT_LANES; l++) {
    const double *R = of->R + (size_t)(from + l < to ? from + l : to - 1) * values;
    for (size_t c = 0; c < values; c++)
      for (size_t t = 0; t < stride; t += CT_LANES) {
        double *at = out + (size_t)l * stride + t;
        STORE(at, LOAD(at) - R[c] * LOAD(of->T + c * stride + t));
      }
  }
}

/* change = adjoints of the batch's rows of E: R S; returns their product with E, which is
 * work->residual. */
static vec adjoint_values(const ct_process_pass *pass, const ct_lane_work *work, int from, int to) {
  int values = pass->process->values;
  cell *change = (cell *)work->change;
  const cell *e = (const cell *)work->residual;
  vec product = SPREAD(0.0);
  for (int c = 0; c < values; c++) {
    vec sum = SPREAD(0.0);
    for (int l = 0; l < CT_LANES; l++) {
      const double *R =
          pass->adjoint->R + (size_t)(from + l < to ? from + l : to - 1) * (size_t)values;
      for (int d = 0; d < values; d++) sum[l] += R[d] * pass->adjoint->S[d * values + c];
    }
    change[c] = sum;
    product += sum * e[c];
  }
  return product;
}

/* spare = V_N zbar + X_N ebar, by which the weights are pulled. */
static void pulls_on_weights(const ct_process *process, const ct_lane_work *work, vec scale) {
  int size = process->sets.size, values = process->values;
  size_t stride = (size_t)process->stride;
  cell *spare = (cell *)work->spare;
  const cell *value = (const cell *)work->value, *change = (const cell *)work->change;
  for (int l = 0; l < CT_LANES; l++)
    for (int a = 0; a < size; a++) {
      int j = work->near[a * CT_LANES + l];
      const double *zbar = work->low_rank + (size_t)l * stride;
      work->spare[a * CT_LANES + l] =
          j < 0 ? 0 : dot(process->V + (size_t)j * stride, zbar, stride);
    }
  for (int a = 0; a < size; a++)
    for (int c = 0; c < values; c++) spare[a] += value[a * values + c] * (change[c] * scale);
}

/* Keeps for lane l: its place's pull zbar - 2 Dbar z + w'V_N, z = sqrt(D) Z, its A and its w. */
static void keep_adjoint(const ct_process_pass *pass, const ct_lane_work *work, int i, int l,
                         double factor) {
  const ct_process *process = pass->process;
  const ct_low_rank_adjoint *of = pass->adjoint;
  int size = process->sets.size;
  size_t stride = (size_t)process->stride, count = (size_t)process->sets.count;
  double *out = of->pull + (size_t)i * stride, *zbar = work->low_rank + (size_t)l * stride;
  rows_of_lane(process, work, l);
  combine(work->row, work->spare + l, size, stride, 1, out);
  for (size_t t = 0; t < stride; t += CT_LANES)
    STORE(out + t, LOAD(out + t) + LOAD(zbar + t) + factor * LOAD(of->Z + (size_t)i * stride + t));
  for (int a = 0; a < size; a++) {
    of->weight[(size_t)i + (size_t)a * count] = -work->weight[a * CT_LANES + l];
    of->solved[(size_t)i + (size_t)a * count] = work->spare[a * CT_LANES + l];
  }
}

static void adjoint_batch(const ct_process_pass *pass, const ct_lane_work *work, int from, int to,
                          cell *sums) {
  const ct_process *process = pass->process;
  int size = process->sets.size, directions = ct_process_directions(process);
  int count = to - from < CT_LANES ? to - from : CT_LANES;
  size_t stride = (size_t)process->stride;
  vec dropped, live = live_lanes(count);
  vec D = condition(pass, work, load_batch(process, work, from, to), &dropped);
  vec scale = 1.0 / VSQRT(D), product;
  find_weights(work, size);
  residuals(work, size, process->values, scale);
  adjoint_rows(pass, from, to, work->low_rank);
  product = adjoint_values(pass, work, from, to);
  for (int l = 0; l < CT_LANES; l++) {
    double *zbar = work->low_rank + (size_t)l * stride;
    product[l] +=
        dot(zbar, pass->adjoint->Z + (size_t)(l < count ? from + l : to - 1) * stride, stride);
    for (size_t t = 0; t < stride; t += CT_LANES) STORE(zbar + t, LOAD(zbar + t) * scale[l]);
  }
  vec Dbar = 0.5 * (pass->adjoint->responses - product) * (scale * scale);
  cell *w = (cell *)work->spare;
  pulls_on_weights(process, work, scale);
  solve_forward((const cell *)work->k, size, w);
  solve_back((const cell *)work->k, size, w);
  for (int l = 0; l < count; l++) keep_adjoint(pass, work, from + l, l, -2 * Dbar[l] / scale[l]);
  for (int a = 0; a < size; a++) ((cell *)work->solution)[a] = w[a];
  for (int d = 0; d < directions; d++) {
    cell *pull = (cell *)work->pull;
    vec dD = pull_in(process, work, d, pull), sum = Dbar * dD;
    for (int a = 0; a < size; a++) sum -= pull[a] * ((const cell *)work->solution)[a];
    sums[d] += sum * live;
  }
}

static void adjoint(const ct_process_pass *pass, int from, int to, double *memory, double *sums) {
  ct_lane_work work;
  ct_lane_work_at(pass, CT_LANES, memory, &work);
  int directions = ct_process_directions(pass->process);
  int all = ct_process_sum_count(pass->process, pass->gradient);
  cell *total = (cell *)work.sums;
  for (int s = 0; s < all; s++) sums[s] = 0, total[s] = SPREAD(0.0);
  for (int at = from; at < to; at += CT_LANES) adjoint_batch(pass, &work, at, to, total);
  for (int d = 0; d < directions; d++)
    for (int l = 0; l < CT_LANES; l++) sums[d] += work.sums[d * CT_LANES + l];
}

/* ---- from places to inducing points ---- */

/* The adjoint of place j's row of V. */
static void gather_place(const ct_low_rank_gather *gather, int j, double *out) {
  const ct_low_rank_adjoint *of = gather->adjoint;
  size_t stride = (size_t)gather->process->stride, count = (size_t)gather->process->sets.count;
  memcpy(out, of->pull + (size_t)j * stride, stride * sizeof *out);
  for (int c = gather->start[j]; c < gather->start[j + 1]; c++) {
    size_t entry = (size_t)gather->child[c], i = entry % count;
    double weight = -of->weight[entry], solved = of->solved[entry] * gather->root[i];
    const double *pull = of->pull + i * stride, *Z = of->Z + i * stride;
    for (size_t t = 0; t < stride; t += CT_LANES)
      STORE(out + t, LOAD(out + t) + (weight * LOAD(pull + t) + solved * LOAD(Z + t)));
  }
}

/* memory: two rows of stride. */
static void pull_row(const ct_low_rank_gather *gather, const double *x, const double *kbar,
                     double *memory, double *pulls) {
  const ct_process *process = gather->process;
  size_t stride = (size_t)process->stride;
  cell *sq = (cell *)memory, *slope = (cell *)(memory + stride);
  int vectors = process->stride / CT_LANES;
  for (int g = -1; g < process->groups; g++) {
    int from = g < 0 ? 0 : process->group[g], to = g < 0 ? process->dim : process->group[g + 1];
    for (size_t t = 0; t < stride; t += CT_LANES) {
      vec sum = SPREAD(0.0);
      for (int c = from; c < to; c++) {
        vec step = LOAD(gather->u + (size_t)c * stride + t) - x[c];
        sum += step * step;
      }
      sq[t / CT_LANES] = sum;
    }
    if (g < 0) {
      covariances_and_slopes(process, sq, slope, NULL, vectors, 0);
      continue;
    }
    vec total = SPREAD(0.0);
    for (int v = 0; v < vectors; v++) total += sq[v] * slope[v] * LOAD(kbar + v * CT_LANES);
    for (int l = 0; l < CT_LANES; l++) pulls[g] += total[l];
  }
}

/* memory: 2 CT_LANES + 2 rows of stride. */
static void inducing(const ct_low_rank_gather *gather, int from, int to, double *memory, double *M,
                     double *pulls) {
  const ct_process *process = gather->process;
  size_t stride = (size_t)process->stride, record = (size_t)(process->dim + process->values);
  double *vbar = memory, *kbar = vbar + CT_LANES * stride, *spare = kbar + CT_LANES * stride;
  const double *row[CT_LANES];
  for (int at = from; at < to; at += CT_LANES) {
    int count = to - at < CT_LANES ? to - at : CT_LANES;
    for (int l = 0; l < CT_LANES; l++) {
      row[l] = vbar + (size_t)(l < count ? l : 0) * stride;
      if (l < count) gather_place(gather, at + l, vbar + (size_t)l * stride);
    }
    multiply_rows(row, gather->inverse, stride, kbar);
    for (int l = 0; l < count; l++)
      pull_row(gather, process->place + (size_t)(at + l) * record, kbar + (size_t)l * stride, spare,
               pulls);
    cross(kbar, process->V + (size_t)at * stride, count, process->stride, M);
  }
}
