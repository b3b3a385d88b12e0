/* The covariances, lane by lane: correlations c of squared embedded distances. Roundings may lift a
 * product such as (1 + s) exp(-s) above 1, which it is kept from. */

/* Beyond this exp(-s) is 0, and polynomials in s stay finite. */
#define FAR 1000.0

CT_INLINE vec exponential(vec sq, double shape) {
  (void)shape;
  return exp_lanes(-VSQRT(sq));
}

CT_INLINE vec gaussian(vec sq, double shape) {
  (void)shape;
  return exp_lanes(sq * -0.5);
}

CT_INLINE vec matern_argument(vec sq, double root_two_nu) {
  return smaller(VSQRT(sq) * root_two_nu, SPREAD(FAR));
}

CT_INLINE vec matern_32(vec sq, double shape) {
  (void)shape;
  vec s = matern_argument(sq, 1.7320508075688772);
  return (s + 1.0) * exp_lanes(-s);
}

CT_INLINE vec matern_52(vec sq, double shape) {
  (void)shape;
  vec s = matern_argument(sq, 2.23606797749979);
  return ((s + 1.0) + (s * s) * (1.0 / 3)) * exp_lanes(-s);
}

CT_INLINE vec matern_72(vec sq, double shape) {
  (void)shape;
  vec s = matern_argument(sq, 2.6457513110645907), s2 = s * s;
  return ((s + 1.0) + s2 * (s * (1.0 / 15) + 0.4)) * exp_lanes(-s);
}

/* h^shape = exp(shape / 2 log(h^2)). */
CT_INLINE vec powered(vec sq, double shape) {
  vec power = exp_lanes(log_lanes(sq) * (0.5 * shape));
  return exp_lanes(-pick((ivec)(sq > 0.0), power, SPREAD(0.0)));
}

CT_INLINE vec wendland_0(vec sq, double shape) {
  (void)shape;
  vec g = larger(1.0 - VSQRT(sq), SPREAD(0.0));
  return g * g;
}

CT_INLINE vec wendland_1(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(smaller(sq, SPREAD(1.0))), g = 1.0 - h, g2 = g * g;
  return (g2 * g2) * (h * 4.0 + 1.0);
}

CT_INLINE vec wendland_2(vec sq, double shape) {
  (void)shape;
  vec h = VSQRT(smaller(sq, SPREAD(1.0))), g = 1.0 - h, g2 = g * g;
  return ((g2 * g2) * g2) * (((h * 35.0 + 18.0) * h) * (1.0 / 3) + 1.0);
}

/* k of every squared distance; a last vector that is not full is padded with zeros. */
#define FOR_EACH(correlation)                                                    \
  do {                                                                           \
    int i = 0;                                                                   \
    for (; i + CT_LANES <= count; i += CT_LANES)                                 \
      STORE(out + i, smaller(correlation(LOAD(sq + i), shape), one) * variance); \
    if (i < count) {                                                             \
      double rest[CT_LANES] = {0};                                               \
      for (int l = 0; i + l < count; l++) rest[l] = sq[i + l];                   \
      STORE(rest, smaller(correlation(LOAD(rest), shape), one) * variance);      \
      for (int l = 0; i + l < count; l++) out[i + l] = rest[l];                  \
    }                                                                            \
    return;                                                                      \
  } while (0)

static void covariance(const ct_covariance *of, const double *sq, int count, double *out) {
  const double variance = of->variance, shape = of->shape;
  const vec one = SPREAD(1.0);
  switch (of->kind) {
    case CT_COV_EXPONENTIAL: FOR_EACH(exponential);
    case CT_COV_GAUSSIAN: FOR_EACH(gaussian);
    case CT_COV_MATERN_32: FOR_EACH(matern_32);
    case CT_COV_MATERN_52: FOR_EACH(matern_52);
    case CT_COV_MATERN_72: FOR_EACH(matern_72);
    case CT_COV_POWERED: FOR_EACH(powered);
    case CT_COV_WENDLAND:
      if (shape < 0.5) FOR_EACH(wendland_0);
      if (shape < 1.5) FOR_EACH(wendland_1);
      FOR_EACH(wendland_2);
    case CT_COV_MATERN: break; /* covariance.c */
  }
}
