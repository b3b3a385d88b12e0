/* Covariances of squared embedded distances and their slopes, lane by lane.
 *
 * With k(h) the correlation at distance h, the slope is -k'(h) / h: a lengthscale that divides some
 * of the coordinates changes k by slope * (squared distance in those), times d log lengthscale.
 * Where one lengthscale divides them all, the product is kept instead of the slope. */

typedef struct {
  vec k, slope;
} correlation;

CT_INLINE correlation exponential(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(sq), e = exp_lanes(-h);
  return (correlation){e, pick((ivec)(sq > 0.0), e / h, SPREAD(0.0))};
}

CT_INLINE correlation gaussian(vec sq, double shape) {
  (void)shape;
  vec e = exp_lanes(sq * -0.5);
  return (correlation){e, e};
}

CT_INLINE correlation matern_32(vec sq, double shape) {
  (void)shape;
  vec s = VSQRT(sq * 3.0), e = exp_lanes(-s);
  return (correlation){e + s * e, e * 3.0};
}

CT_INLINE correlation matern_52(vec sq, double shape) {
  (void)shape;
  vec s2 = sq * 5.0, s = VSQRT(s2), e = exp_lanes(-s), e1 = e + s * e;
  return (correlation){e1 + s2 * (e * (1.0 / 3)), e1 * (5.0 / 3)};
}

CT_INLINE correlation matern_72(vec sq, double shape) {
  (void)shape;
  vec s2 = sq * 7.0, s = VSQRT(s2), e = exp_lanes(-s), e1 = e + s * e;
  return (correlation){e1 + (s2 * e) * (s * (1.0 / 15) + 0.4), (e1 + s2 * (e * (1.0 / 3))) * 1.4};
}

/* h^shape = exp(shape / 2 log(h^2)). */
CT_INLINE correlation powered(vec sq, double shape) {
  ivec apart = (ivec)(sq > 0.0);
  vec power = pick(apart, exp_lanes(log_lanes(sq) * (0.5 * shape)), SPREAD(0.0));
  vec e = exp_lanes(-power);
  return (correlation){e, pick(apart, power * shape / sq, SPREAD(0.0)) * e};
}

CT_INLINE correlation wendland_0(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(sq), g = larger(1.0 - h, SPREAD(0.0));
  return (correlation){g * g, pick((ivec)(sq > 0.0), (g + g) / h, SPREAD(0.0))};
}

CT_INLINE correlation wendland_1(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(smaller(sq, SPREAD(1.0))), g = 1.0 - h, g3 = g * g * g;
  return (correlation){(g3 * g) * (h * 4.0 + 1.0), g3 * 20.0};
}

CT_INLINE correlation wendland_2(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(smaller(sq, SPREAD(1.0))), g = 1.0 - h, g2 = g * g, g5 = g2 * g2 * g;
  return (correlation){(g5 * g) * (((h * 35.0 + 18.0) * h) * (1.0 / 3) + 1.0),
                       (g5 * (56.0 / 3)) * (h * 5.0 + 1.0)};
}

/* ---- the general Matern, from its tables (matern.h) ---- */

/* Where x stands in them: first of a part's numbers, and t. */
typedef struct {
  ivec at;
  vec t;
} table_place;

CT_INLINE table_place place_of(vec x) {
  x = larger(smaller(x, SPREAD(ldexp(1.0 - DBL_EPSILON, CT_MATERN_HIGH))),
             SPREAD(ldexp(1.0, CT_MATERN_LOW)));
  uvec bits = (uvec)x;
  ivec part =
      (ivec)(bits >> (52 - CT_MATERN_CUTS)) - (long long)((1023 + CT_MATERN_LOW) << CT_MATERN_CUTS);
  vec across = (vec)(((bits << CT_MATERN_CUTS) & 0x000FFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL);
  return (table_place){part * CT_MATERN_TERMS, across * 2.0 - 3.0};
}

CT_INLINE vec table_at(const double *table, table_place place) {
  vec sum = GATHER(table + CT_MATERN_TERMS - 1, place.at);
  for (int k = CT_MATERN_TERMS - 2; k >= 0; k--) sum = sum * place.t + GATHER(table + k, place.at);
  return sum;
}

/* What 1 - c is below the tables, as a share of what it is at their end. */
static vec share_below(vec x, double nu) {
  vec power = log_lanes(x * ldexp(1.0, -CT_MATERN_LOW)) * (nu < 1 ? nu : 1.0);
  return pick((ivec)(x > 0.0), exp_lanes(power), SPREAD(0.0));
}

/* Replaces count squared distances by covariances; slope, shape NULL: not wanted. */
CT_INLINE void matern(const ct_process *process, cell *k, cell *slope, cell *shape, int count,
                      int whole) {
  const ct_matern *table = process->matern;
  const double variance = process->covariance->variance, nu = process->covariance->shape;
  for (int i = 0; i < count; i++) {
    vec sq = k[i], x = sq * (2 * nu), share = SPREAD(1.0), s = SPREAD(0.0), d = SPREAD(0.0);
    ivec below = (ivec)(x < ldexp(1.0, CT_MATERN_LOW));
    ivec within = (ivec)(x < ldexp(1.0, CT_MATERN_HIGH));
    table_place place = place_of(x);
    vec c = table_at(table->value, place);
    if (slope) s = table_at(table->slope, place);
    if (shape) d = table_at(table->shape, place);
    if (VMASK(below)) {
      share = pick(below, share_below(x, nu), share);
      c = 1.0 - (1.0 - c) * pick(below, share, SPREAD(1.0)), s *= share, d *= share;
    }
    k[i] = pick(within, c * variance, SPREAD(0.0));
    if (slope) {
      vec by = whole ? SPREAD(variance) : pick((ivec)(sq > 0.0), variance / sq, SPREAD(0.0));
      slope[i] = pick(within, s * by, SPREAD(0.0));
    }
    if (shape) shape[i] = pick(within, d * variance, SPREAD(0.0));
  }
}

/* Replaces count squared distances by covariances; slope NULL: not wanted; whole: one lengthscale
 * divides all coordinates. */
#define FOR_EACH(family)                                                        \
  for (int i = 0; i < count; i++) {                                             \
    vec sq = k[i];                                                              \
    correlation c = family(sq, shape);                                          \
    k[i] = c.k * variance;                                                      \
    if (slope) slope[i] = c.slope * (whole ? sq * variance : SPREAD(variance)); \
  }                                                                             \
  return

CT_INLINE void covariances(const ct_process *process, cell *k, cell *slope, cell *nu, int count,
                           int whole) {
  const ct_covariance *of = process->covariance;
  const double variance = of->variance, shape = of->shape;
  switch (of->kind) {
    case CT_COV_EXPONENTIAL: FOR_EACH(exponential);
    case CT_COV_GAUSSIAN: FOR_EACH(gaussian);
    case CT_COV_MATERN_32: FOR_EACH(matern_32);
    case CT_COV_MATERN_52: FOR_EACH(matern_52);
    case CT_COV_MATERN_72: FOR_EACH(matern_72);
    case CT_COV_POWERED: FOR_EACH(powered);
    case CT_COV_WENDLAND:
      if (shape < 0.5) {
        FOR_EACH(wendland_0);
      }
      if (shape < 1.5) {
        FOR_EACH(wendland_1);
      }
      FOR_EACH(wendland_2);
    case CT_COV_MATERN: matern(process, k, slope, nu, count, whole);
  }
}

static void covariances_alone(const ct_process *process, cell *k, int count) {
  covariances(process, k, NULL, NULL, count, 0);
}

/* nu: what it changes, NULL unless it is a direction. */
static void covariances_and_slopes(const ct_process *process, cell *k, cell *slope, cell *nu,
                                   int count, int whole) {
  if (whole) covariances(process, k, slope, nu, count, 1);
  else covariances(process, k, slope, nu, count, 0);
}
