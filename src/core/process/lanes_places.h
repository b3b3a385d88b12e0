/* Places side by side: what a batch of sets needs of them, and their covariances. */

/* Row a of a packed triangle. */
#define ROW(triangle, a) ((triangle) + (size_t)(a) * ((size_t)(a) + 1) / 2)

/* Copies place j into lane l as place a of its set. */
CT_INLINE void load_place(const ct_process *process, const ct_lane_work *work, int j, int a,
                          int l) {
  size_t places = (size_t)process->sets.size + 1, at = (size_t)a * CT_LANES + (size_t)l;
  size_t dim = (size_t)process->dim, values = (size_t)process->values;
  const double *place = process->place + (size_t)j * (dim + values);
  for (size_t c = 0; c < dim; c++) work->x[c * places * CT_LANES + at] = place[c];
  double *value = work->value + (size_t)a * values * CT_LANES + (size_t)l;
  for (size_t c = 0; c < values; c++) value[c * CT_LANES] = place[dim + c];
  if (process->noise) work->noise[at] = process->noise[j];
}

/* A missing neighbour stands at the place itself; its values are 0. */
static void load_nobody(const ct_process *process, const ct_lane_work *work, int i, int a, int l) {
  size_t values = (size_t)process->values;
  load_place(process, work, i, a, l);
  for (size_t c = 0; c < values; c++)
    work->value[((size_t)a * values + c) * CT_LANES + (size_t)l] = 0;
}

/* The batch of sets from .. to - 1; lanes beyond it repeat the last set. Returns how many
 * neighbours are missing. */
static int load_batch(const ct_process *process, const ct_lane_work *work, int from, int to) {
  const ct_sets *sets = &process->sets;
  int missing = 0;
  for (int a = 0; a < sets->size; a++)
    for (int l = 0; l < CT_LANES; l++) {
      int set = from + l < to ? from + l : to - 1, j = ct_sets_at(sets, set, a);
      work->near[a * CT_LANES + l] = j;
      if (j >= 0) load_place(process, work, j, a, l);
      else load_nobody(process, work, sets->first + set, a, l), missing++;
    }
  for (int l = 0; l < CT_LANES; l++) {
    int set = from + l < to ? from + l : to - 1;
    load_place(process, work, sets->first + set, sets->size, l);
    work->near[sets->size * CT_LANES + l] = sets->first + set;
  }
  return missing;
}

/* Adds to sq the squared differences of place a and all before it in coordinates c .. end - 1. */
CT_INLINE void add_squares(const cell *x, size_t places, int c, int end, int a, cell *sq) {
  for (int b = 0; b < a; b++) {
    vec sum = SPREAD(0.0);
    for (int i = c; i < end; i++) {
      vec step = x[(size_t)i * places + (size_t)a] - x[(size_t)i * places + (size_t)b];
      sum += step * step;
    }
    sq[b] = sum;
  }
}

/* The same for the numbers of coordinates that are met most, as constants. */
static void squares(const cell *x, size_t places, int from, int to, int a, cell *sq) {
  x += (size_t)from * places;
  if (to - from == 1) add_squares(x, places, 0, 1, a, sq);
  else if (to - from == 2) add_squares(x, places, 0, 2, a, sq);
  else if (to - from == 3) add_squares(x, places, 0, 3, a, sq);
  else add_squares(x, places, 0, to - from, a, sq);
}

/* Gives missing neighbours no covariance with anybody. */
static void detach_missing(const ct_process *process, const ct_lane_work *work, int gradient) {
  int size = process->sets.size;
  for (int a = 0; a < size; a++)
    for (int l = 0; l < CT_LANES; l++) {
      if (work->near[a * CT_LANES + l] >= 0) continue;
      for (int b = 0; b <= size; b++) {
        size_t high = (size_t)(a > b ? a : b), low = (size_t)(a > b ? b : a);
        size_t at = (high * (high + 1) / 2 + low) * CT_LANES + (size_t)l;
        work->k[at] = a == b ? process->covariance->variance : 0;
        if (gradient && a != b) work->slope[at] = 0;
        if (gradient && a != b && ct_process_has_shape(process)) work->shape[at] = 0;
      }
    }
}

/* Covariances of the batch's places, less the products of V, and their slopes. */
static void fill_triangle(const ct_process_pass *pass, const ct_lane_work *work, int missing) {
  const ct_process *process = pass->process;
  const ct_covariance *covariance = process->covariance;
  cell *shape = ct_process_has_shape(process) ? (cell *)work->shape : NULL;
  cell *k = (cell *)work->k, *slope = (cell *)work->slope, *least = (cell *)work->least;
  const cell *x = (const cell *)work->x, *noise = (const cell *)work->noise;
  int size = process->sets.size;
  for (int a = 0; a <= size; a++) {
    cell *row = ROW(k, a);
    squares(x, (size_t)size + 1, 0, process->dim, a, row);
    if (pass->gradient)
      covariances_and_slopes(process, row, ROW(slope, a), shape ? ROW(shape, a) : NULL, a,
                             process->groups == 1);
    else covariances_alone(process, row, a);
    row[a] = SPREAD(covariance->variance + covariance->nugget);
    if (process->noise) row[a] += noise[a];
    least[a] = row[a] * ((size + 1 + process->rank) * DBL_EPSILON);
  }
  if (process->V) subtract_products(process, work);
  if (missing) detach_missing(process, work, pass->gradient);
}
