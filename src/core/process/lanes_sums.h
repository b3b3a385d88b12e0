/* What a batch adds to the sums, see process.h.
 *
 * With a = (-A, 1) and a direction dC of the set's covariances: A is changed by
 * dA = (a' dC)_N C_NN^-1 and D by dD = a' dC a (both from C_NN A' = C_Ni). So, r = a'y being a row
 * of B y, dr = -dA y_N, and e = r / sqrt(D) gives
 *
 *   d(e_1 e_2) = -(f_1 e_2 + e_1 f_2 + e_1 e_2 dD / D),   f = dA y_N / sqrt(D).
 *
 * Given its neighbours, the place is normal with mean A y_N, whose expected information is
 *
 *   1/2 dD_1 dD_2 / D^2 + dA_1 C_NN dA_2' / D,   dA_1 C_NN dA_2' = u_1 . u_2,   u = L^-1 (a' dC)_N.
 */

/* The part of a batch that counts: 1, or 0 for lanes that repeat a set. */
CT_INLINE vec live_lanes(int count) {
  vec live;
  for (int l = 0; l < CT_LANES; l++) live[l] = l < count;
  return live;
}

CT_INLINE void add_products(const cell *e, int values, cell *sums) {
  for (int a = 0; a < values; a++)
    for (int b = 0; b <= a; b++) *sums++ += e[a] * e[b];
}

/* e = scale * (the values of the place, less its neighbours' times A). */
static void residuals(const ct_lane_work *work, int size, int values, vec scale) {
  const cell *weight = (const cell *)work->weight, *value = (const cell *)work->value;
  cell *e = (cell *)work->residual;
  for (int c = 0; c < values; c++) {
    vec sum = SPREAD(0.0);
    for (int a = 0; a <= size; a++) sum += weight[a] * value[a * values + c];
    e[c] = sum * scale;
  }
}

/* pull = (a' dC) for one lengthscale; changes: the triangle of dC. Returns dD. */
static vec pull_by(const cell *changes, const cell *weight, int size, cell *pull) {
  vec total = SPREAD(0.0);
  for (int a = 0; a <= size; a++) {
    const cell *row = ROW(changes, a);
    vec sum = SPREAD(0.0), own = weight[a];
    for (int b = 0; b < a; b++) {
      sum += row[b] * weight[b];
      pull[b] += row[b] * own;
    }
    pull[a] = sum;
  }
  for (int a = 0; a <= size; a++) total += pull[a] * weight[a];
  return total;
}

/* The same where dC is the slopes times the squared distances in coordinates from .. to - 1. */
static vec pull_by_columns(const ct_lane_work *work, int size, int from, int to, cell *pull) {
  const cell *x = (const cell *)work->x, *slope = (const cell *)work->slope;
  const cell *weight = (const cell *)work->weight;
  cell *sq = (cell *)work->spare, total = SPREAD(0.0);
  for (int a = 0; a <= size; a++) {
    const cell *row = ROW(slope, a);
    vec sum = SPREAD(0.0), own = weight[a];
    squares(x, (size_t)size + 1, from, to, a, sq);
    for (int b = 0; b < a; b++) {
      vec changed = row[b] * sq[b];
      sum += changed * weight[b];
      pull[b] += changed * own;
    }
    pull[a] = sum;
  }
  for (int a = 0; a <= size; a++) total += pull[a] * weight[a];
  return total;
}

/* The same where dC is a diagonal matrix; diagonal NULL: the unit matrix. */
static vec pull_by_diagonal(const cell *diagonal, const cell *weight, int size, cell *pull) {
  vec total = SPREAD(0.0);
  for (int a = 0; a <= size; a++) {
    pull[a] = weight[a];
    if (diagonal) pull[a] *= diagonal[a];
    total += pull[a] * weight[a];
  }
  return total;
}

static vec pull_in(const ct_process *process, const ct_lane_work *work, int direction, cell *pull) {
  int size = process->sets.size, g = direction, groups = process->groups;
  const cell *weight = (const cell *)work->weight;
  if (g == groups) return pull_by_diagonal(NULL, weight, size, pull);
  if (g == groups + 1 + (process->noise != NULL))
    return pull_by((const cell *)work->shape, weight, size, pull);
  if (g > groups) return pull_by_diagonal((const cell *)work->noise, weight, size, pull);
  if (groups == 1) return pull_by((const cell *)work->slope, weight, size, pull);
  return pull_by_columns(work, size, process->group[g], process->group[g + 1], pull);
}

/* Adds -(f_1 e_2 + e_1 f_2 + e_1 e_2 dD / D), with f from C_NN^-1 times a pull that is solved
 * forward already. */
static void add_changes(const ct_process *process, const ct_lane_work *work, const cell *half,
                        vec scale, vec dD, cell *sums) {
  int size = process->sets.size, values = process->values;
  const cell *e = (const cell *)work->residual, *value = (const cell *)work->value;
  cell *f = (cell *)work->change, *dA = (cell *)work->spare;
  for (int a = 0; a < size; a++) dA[a] = half[a];
  solve_back((const cell *)work->k, size, dA);
  for (int c = 0; c < values; c++) {
    vec sum = SPREAD(0.0);
    for (int a = 0; a < size; a++) sum += dA[a] * value[a * values + c];
    f[c] = sum * scale;
  }
  for (int a = 0; a < values; a++)
    for (int b = 0; b <= a; b++) *sums++ -= f[a] * e[b] + e[a] * f[b] + e[a] * e[b] * dD;
}

/* Adds the information of a direction with all up to it. changed: dD / D of each. */
static void add_information(const ct_lane_work *work, int size, int direction, const cell *changed,
                            vec scale, cell *sums) {
  const cell *pull = (const cell *)work->pull;
  size_t places = (size_t)size + 1;
  const cell *own = pull + (size_t)direction * places;
  for (int d = 0; d <= direction; d++) {
    vec sum = SPREAD(0.0);
    const cell *other = pull + (size_t)d * places;
    for (int a = 0; a < size; a++) sum += own[a] * other[a];
    sums[d] += sum * (scale * scale) + changed[direction] * changed[d] * 0.5;
  }
}

/* sums: after those that stand alone and the products of e. scale: 1 / sqrt(D), 0 in lanes that do
 * not count. */
static void add_directions(const ct_process *process, const ct_lane_work *work, vec scale,
                           cell *sums) {
  int size = process->sets.size, directions = ct_process_directions(process);
  int products = process->values * (process->values + 1) / 2;
  cell *changed = (cell *)work->changed, *information = sums + directions * (1 + products);
  for (int d = 0; d < directions; d++, sums += 1 + products) {
    cell *pull = (cell *)work->pull + (size_t)d * ((size_t)size + 1);
    changed[d] = pull_in(process, work, d, pull) * (scale * scale);
    solve_forward((const cell *)work->k, size, pull);
    sums[0] += changed[d];
    add_changes(process, work, pull, scale, changed[d], sums + 1);
    add_information(work, size, d, changed, scale, information + d * (d + 1) / 2);
  }
}
