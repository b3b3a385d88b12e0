/* Products of rows of V, and with them what inducing points explain. */

#define SHUFFLED(a, b, ...) SHUFFLED_AS(a, b, __VA_ARGS__)
#if defined(__clang__)
#define SHUFFLED_AS(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED_AS(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif

/* The sums of four vectors' lanes. */
CT_INLINE void sums_of_four(const vec *s, double *out) {
#if CT_LANES == 8
  vec a = SHUFFLED(s[0], s[1], 0, 8, 2, 10, 4, 12, 6, 14) +
          SHUFFLED(s[0], s[1], 1, 9, 3, 11, 5, 13, 7, 15);
  vec b = SHUFFLED(s[2], s[3], 0, 8, 2, 10, 4, 12, 6, 14) +
          SHUFFLED(s[2], s[3], 1, 9, 3, 11, 5, 13, 7, 15);
  vec c = SHUFFLED(a, b, 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLED(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  for (int i = 0; i < 4; i++) out[i] = c[i] + c[i + 4];
#elif CT_LANES == 4
  vec a = SHUFFLED(s[0], s[1], 0, 4, 2, 6) + SHUFFLED(s[0], s[1], 1, 5, 3, 7);
  vec b = SHUFFLED(s[2], s[3], 0, 4, 2, 6) + SHUFFLED(s[2], s[3], 1, 5, 3, 7);
  vec c = SHUFFLED(a, b, 0, 1, 4, 5) + SHUFFLED(a, b, 2, 3, 6, 7);
  for (int i = 0; i < 4; i++) out[i] = c[i];
#else
  for (int i = 0; i < 4; i++) out[i] = s[i][0] + s[i][1];
#endif
}

/* The products of four rows and four others, out[4 i + j]. */
CT_INLINE void products_of_fours(const double *const *a, const double *const *b, size_t stride,
                                 double *out) {
  vec s[4][4];
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) s[i][j] = SPREAD(0.0);
  for (size_t t = 0; t < stride; t += CT_LANES) {
    vec right[4];
    for (int j = 0; j < 4; j++) right[j] = LOAD(b[j] + t);
    for (int i = 0; i < 4; i++) {
      vec left = LOAD(a[i] + t);
      for (int j = 0; j < 4; j++) s[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < 4; i++) sums_of_four(s[i], out + 4 * i);
}

/* Rows of V of lane l's places; missing ones are the place's own, whatever that gives is replaced.
 */
static void rows_of_lane(const ct_process *process, const ct_lane_work *work, int l) {
  int size = process->sets.size;
  const double *own =
      process->V + (size_t)work->near[size * CT_LANES + l] * (size_t)process->stride;
  for (int a = 0; a < size + CT_GRAM_ROWS; a++) {
    int j = a < size ? work->near[a * CT_LANES + l] : -1;
    work->row[a] = j < 0 ? own : process->V + (size_t)j * (size_t)process->stride;
  }
}

/* Subtracts from lane l of the triangle the products of all its places. */
static void subtract_products_of_lane(const ct_process *process, const ct_lane_work *work, int l) {
  int size = process->sets.size;
  rows_of_lane(process, work, l);
  for (int a = 0; a <= size; a += 4)
    for (int b = 0; b <= a; b += 4) {
      double product[16];
      products_of_fours(work->row + a, work->row + b, (size_t)process->stride, product);
      for (int i = 0; i < 4 && a + i <= size; i++)
        for (int j = 0; j < 4 && b + j <= a + i; j++) {
          size_t at = (size_t)(a + i) * (size_t)(a + i + 1) / 2 + (size_t)(b + j);
          work->k[at * CT_LANES + (size_t)l] -= product[4 * i + j];
        }
    }
}

static void subtract_products(const ct_process *process, const ct_lane_work *work) {
  for (int l = 0; l < CT_LANES; l++) subtract_products_of_lane(process, work, l);
}

/* COLUMNS vectors of a sum of rows of V, each times its number, times scale. */
#define COMBINED 4
CT_INLINE void combine_columns(const double *const *row, const double *factor, int rows,
                               int vectors, size_t t, double scale, double *out) {
  vec sum[COMBINED];
  for (int v = 0; v < vectors; v++) sum[v] = SPREAD(0.0);
  for (int a = 0; a < rows; a++) {
    double f = factor[a * CT_LANES];
    for (int v = 0; v < vectors; v++) sum[v] += f * LOAD(row[a] + t + v * CT_LANES);
  }
  for (int v = 0; v < vectors; v++) STORE(out + t + v * CT_LANES, sum[v] * scale);
}

CT_INLINE void combine(const double *const *row, const double *factor, int rows, size_t stride,
                       double scale, double *out) {
  size_t t = 0;
  for (; t + COMBINED * CT_LANES <= stride; t += COMBINED * CT_LANES)
    combine_columns(row, factor, rows, COMBINED, t, scale, out);
  for (; t < stride; t += CT_LANES) combine_columns(row, factor, rows, 1, t, scale, out);
}

/* Row i of scale * B V, place i in lane l: its own row of V less its neighbours' times A. */
static void combine_rows(const ct_process *process, const ct_lane_work *work, int i, int l,
                         double scale, double *out) {
  (void)i;
  rows_of_lane(process, work, l);
  combine(work->row, work->weight + l, process->sets.size + 1, (size_t)process->stride, scale, out);
}
