/* Dot products and triangular solves, lane by lane. */

/* ---- dots ---- */

#define DOT_LANES 8
#define DOT_VECTORS (DOT_LANES / CT_LANES)

CT_INLINE double sum_of_lanes(const double *l) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

/* DOT_ROWS rows at once: enough independent chains of sums to hide the latency of an addition. The
 * rows that come next are fetched meanwhile, every other line, its neighbour following by itself:
 * 1.3 times faster for rows strewn over the main memory, 5 % slower for rows in the cache. */
CT_INLINE void dots_of_some(const double *a, const double *const *row, const double *const *next,
                            int stride, double *out) {
  vec sum[DOT_ROWS][DOT_VECTORS];
  for (int j = 0; j < DOT_ROWS; j++)
    for (int v = 0; v < DOT_VECTORS; v++) sum[j][v] = SPREAD(0.0);
  for (int t = 0; t < stride; t += DOT_LANES) {
    if (t % (2 * DOT_LANES) == 0)
      for (int j = 0; j < DOT_ROWS; j++) __builtin_prefetch(next[j] + t, 0, 1);
    for (int v = 0; v < DOT_VECTORS; v++) {
      vec left = LOAD(a + t + v * CT_LANES);
      for (int j = 0; j < DOT_ROWS; j++)
        sum[j][v] = sum[j][v] + left * LOAD(row[j] + t + v * CT_LANES);
    }
  }
  for (int j = 0; j < DOT_ROWS; j++) {
    double lane[DOT_LANES];
    for (int v = 0; v < DOT_VECTORS; v++) STORE(lane + v * CT_LANES, sum[j][v]);
    out[j] = sum_of_lanes(lane);
  }
}

static void dots(const double *a, const double *const *row, int count, int stride, double *out) {
  int j = 0;
  for (; j + 2 * DOT_ROWS <= count; j += DOT_ROWS)
    dots_of_some(a, row + j, row + j + DOT_ROWS, stride, out + j);
  for (; j + DOT_ROWS <= count; j += DOT_ROWS) dots_of_some(a, row + j, row + j, stride, out + j);
  if (j == count) return;
  const double *rest[DOT_ROWS];
  double last[DOT_ROWS];
  for (int i = 0; i < DOT_ROWS; i++) rest[i] = row[j + i < count ? j + i : j];
  dots_of_some(a, rest, rest, stride, last);
  for (int i = 0; j + i < count; i++) out[j + i] = last[i];
}

/* ---- triangular solves ---- */

#define PANEL (PANEL_VECTORS * CT_LANES)

static void squares(const double *x, const double *u, int m, int dim, double *W) {
  for (int j = 0; j < m; j++, u += dim, W += PANEL) {
    vec sum[PANEL_VECTORS];
    for (int v = 0; v < PANEL_VECTORS; v++) sum[v] = SPREAD(0.0);
    for (int c = 0; c < dim; c++)
      for (int v = 0; v < PANEL_VECTORS; v++) {
        vec step = LOAD(x + c * PANEL + v * CT_LANES) - u[c];
        sum[v] = sum[v] + step * step;
      }
    for (int v = 0; v < PANEL_VECTORS; v++) STORE(W + v * CT_LANES, sum[v]);
  }
}

typedef struct {
  vec at[STRIP][PANEL_VECTORS];
} tile;

CT_INLINE void eliminate_known(const double *lines, int first, const double *W, tile *t) {
  for (int r = 0; r < STRIP; r++)
    for (int v = 0; v < PANEL_VECTORS; v++)
      t->at[r][v] = LOAD(W + (size_t)(first + r) * PANEL + v * CT_LANES);
  for (int q = 0; q < first; q++, lines += STRIP, W += PANEL) {
    vec known[PANEL_VECTORS];
    for (int v = 0; v < PANEL_VECTORS; v++) known[v] = LOAD(W + v * CT_LANES);
    for (int r = 0; r < STRIP; r++)
      for (int v = 0; v < PANEL_VECTORS; v++) t->at[r][v] = t->at[r][v] - known[v] * lines[r];
  }
}

CT_INLINE void keep(const tile *t, int first, double *W) {
  for (int r = 0; r < STRIP; r++)
    for (int v = 0; v < PANEL_VECTORS; v++)
      STORE(W + (size_t)(first + r) * PANEL + v * CT_LANES, t->at[r][v]);
}

static void eliminate(const double *lines, int first, double *W) {
  tile t;
  eliminate_known(lines, first, W, &t);
  keep(&t, first, W);
}

static void solve(const double *lines, int first, double *W) {
  tile t;
  eliminate_known(lines, first, W, &t);
  const double *triangle = lines + (size_t)first * STRIP;
  for (int r = 0; r < STRIP; r++)
    for (int v = 0; v < PANEL_VECTORS; v++) {
      for (int q = 0; q < r; q++) t.at[r][v] = t.at[r][v] - t.at[q][v] * triangle[q * STRIP + r];
      t.at[r][v] = t.at[r][v] / triangle[r * STRIP + r];
    }
  keep(&t, first, W);
}
