/* The kernels of select_kernels.h, lane by lane; for select_base.c, select_avx2.c and
 * select_avx512.c, which include metric/canonical_lanes.h before. */

static void squares(const double *x, int room, int dim, const double *of, double *sq) {
  for (int l = 0; l < room; l += CT_LANES) {
    vec sum = SPREAD(0.0);
    for (int c = 0; c < dim; c++) {
      vec step = LOAD(x + (size_t)c * (size_t)room + l) - of[c];
      sum = sum + step * step;
    }
    STORE(sq + l, sum);
  }
}

/* Vectors of candidates whose sums stand in registers at once. */
#define AT_ONCE 4

CT_INLINE void advance_some(const ct_select_step *s, int first, int vectors) {
  vec g[AT_ONCE];
  size_t room = (size_t)s->room;
  const double *known = s->known + first;
  for (int b = 0; b < vectors; b++) g[b] = LOAD(s->column + first + b * CT_LANES);
  for (int t = 0; t < s->steps; t++, known += room)
    for (int b = 0; b < vectors; b++) g[b] = g[b] - LOAD(known + b * CT_LANES) * s->factor[t];
  double *last = s->known + (size_t)s->steps * room + first;
  for (int b = 0; b < vectors; b++) {
    double *c = s->covariance + first + b * CT_LANES, *v = s->variance + first + b * CT_LANES;
    g[b] = g[b] * s->root;
    STORE(last + b * CT_LANES, g[b]);
    STORE(c, LOAD(c) - g[b] * s->weight);
    STORE(v, LOAD(v) - g[b] * g[b]);
  }
}

static void advance(const ct_select_step *s) {
  int l = 0;
  for (; l + AT_ONCE * CT_LANES <= s->room; l += AT_ONCE * CT_LANES) advance_some(s, l, AT_ONCE);
  for (; l < s->room; l += CT_LANES) advance_some(s, l, 1);
}

static double scores(const ct_select_scoring *s, double *score) {
  vec best = SPREAD(0.0);
  for (int l = 0; l < s->room; l += CT_LANES) {
    vec c = LOAD(s->covariance + l), v = LOAD(s->variance + l), square = c * c;
    ivec tells = (ivec)(v > s->least_variance) & (ivec)(square > s->least_square);
    vec gain = pick(tells, square / pick(tells, v, SPREAD(1.0)), SPREAD(0.0));
    STORE(score + l, gain);
    best = larger(gain, best);
  }
  double largest = 0;
  for (int l = 0; l < CT_LANES; l++) largest = best[l] > largest ? best[l] : largest;
  return largest;
}
