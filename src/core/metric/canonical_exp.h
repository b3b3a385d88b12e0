/* The exponential function and the logarithm, lane by lane.
 *
 * exp(x) = 2^n exp(r). n is x / ln 2 rounded to a whole number, by adding 1.5 * 2^52 and taking it
 * away. r = x - n ln 2 needs ln 2 in two parts (Cody and Waite 1980): the first has 42 bits, so
 * that its product with n, of 11 bits, is exact, and so is the difference, whose terms are within a
 * factor of two. Only the second part rounds. |r| <= 0.3466.
 *
 * exp(r) = 1 + (r + r^2 Q(r)), where Q of degree 9 is the Chebyshev fit of (exp(r) - 1 - r) / r^2,
 * off by at most 1.7e-17 in exp(r). Its terms are paired (Estrin) for shorter chains. Multiplying
 * by 2^(n/2) twice reaches denormal numbers and rounds only the last time.
 *
 * Errors in units of u = 2^-53: r 0.25, the fit 0.15, r^2 Q <= 0.07 with some eight roundings 0.2,
 * r + r^2 Q 0.25; over exp(r) >= 0.707 that is 1.2 relative. The last sum adds 1: below 2.2. The
 * largest found in 5e7 arguments is 1.5.
 *
 * log(x) = e ln 2 + log(m), m in [sqrt(1/2), sqrt(2)). With s = (m - 1) / (m + 1) and z = s^2 <=
 * 0.0295, log(m) = 2 s + s z P(z), where P of degree 6 is the Chebyshev fit of (2 atanh(s) / s - 2)
 * / z, off by 0.05 u in log(m). s has two roundings, 2 s + s z P one, the sums with e ln 2, again
 * in two parts, two: 5 u relative. The largest found in 5e7 arguments is 2.94. */

#define MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define LN2_HIGH 0.6931471805598903
#define LN2_LOW 5.497923018708371e-14

/* 2^n for whole n in -1022 .. 1023: n's low bits move from the sum with MAGIC into the exponent. */
CT_INLINE vec power_of_two(vec n) {
  return (vec)((ivec)(((uvec)(n + MAGIC) << 52) + (1023ULL << 52)));
}

CT_INLINE vec exp_lanes(vec x) {
  x = larger(x, SPREAD(-746.0)); /* exp(-746) rounds to 0 */
  x = smaller(x, SPREAD(709.0));
  vec n = (x * 1.4426950408889634 + MAGIC) - MAGIC;
  vec r = (x - n * LN2_HIGH) - n * LN2_LOW;
  vec r2 = r * r, r4 = r2 * r2;
  vec q01 = r * 0.16666666666666669 + 0.5000000000000001;
  vec q23 = r * 0.008333333333330011 + 0.04166666666662348;
  vec q45 = r * 0.00019841269863303223 + 0.0013888888917538296;
  vec q67 = r * 2.75572680728901e-06 + 2.4801520792572694e-05;
  vec q89 = r * 2.5100569275813683e-08 + 2.762032742826824e-07;
  vec q = (q01 + r2 * q23) + r4 * ((q45 + r2 * q67) + r4 * q89);
  vec e = (r + r2 * q) + 1.0;
  vec half = (n * 0.5 + MAGIC) - MAGIC;
  return (e * power_of_two(half)) * power_of_two(n - half);
}

/* x > 0, denormal numbers too. */
CT_INLINE vec log_lanes(vec x) {
  const unsigned long long root_half = 0x3FE6A09E667F3BCDULL, one = 0x3FF0000000000000ULL;
  ivec tiny = (ivec)(x < 1e-300);
  x = pick(tiny, x * 18014398509481984.0 /* 2^54 */, x);
  uvec bits = (uvec)x + (one - root_half);
  /* the biased exponent, below 2^11, becomes a double as the low bits of one near 2^52 */
  vec e = (vec)((bits >> 52) | 0x4330000000000000ULL) - (4503599627370496.0 + 1023.0);
  e = e - (vec)((ivec)SPREAD(54.0) & tiny);
  vec f = (vec)((bits & 0x000FFFFFFFFFFFFFULL) + root_half) - 1.0;
  vec s = f / (f + 2.0), z = s * s, z2 = z * z;
  vec p01 = z * 0.3999999999989322 + 0.666666666666667;
  vec p23 = z * 0.22222210674238516 + 0.28571428628810996;
  vec p45 = z * 0.15330617306743305 + 0.18182922513515942;
  vec p = p01 + z2 * (p23 + z2 * (p45 + z2 * 0.1463003136412286));
  vec log_m = (s + s) + s * (z * p);
  return e * LN2_HIGH + (e * LN2_LOW + log_m);
}
