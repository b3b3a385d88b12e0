/* The drift of measured correlations.
 *
 * The two-frame search needs vectors u_i, a process, from whose <u_i, u_j> measured correlations
 * are not far. V was made by rounded arithmetic, so K - V V' is a covariance only nearly. Here is
 * how nearly. u = 2^-53; m inducing points; e k(0): error of a covariance; gamma = (m + 2) u.
 *
 * The factor. By the rounding analysis of Cholesky's method (N. J. Higham, Accuracy and Stability
 * of Numerical Algorithms, theorem 10.3) the computed L has L L' = K_uu + jitter I + D =: B
 * exactly, and since |L_i|^2 = B_ii, no entry of D is above gamma (k(0) + jitter) + e k(0), so |D|
 * is at most m times that. A row of V solves L V_x = k_x - r_x (theorem 8.5), no entry of r_x above
 * R = gamma sqrt(k(0) + jitter) |V_x| + e k(0).
 *
 * The process. Let delta >= 0 be such that jitter I + D + delta I is positive semidefinite: 0 where
 * jitter exceeds the bound on |D|, else what is missing. Then B + delta I is K_uu and a covariance
 * of drift, and c*_xy = k(x, y) - k_x' (B + delta I)^-1 k_y is what is left of k after observing
 * the inducing points with that drift: a covariance. The u_i are its features over sqrt(p_i). With
 * exact solves V' = L^-1 k_x, V'_x . V'_y differs from the part taken off k by delta a'_x (I +
 * delta B^-1)^-1 a'_y, a' = B^-1 k_x: at most delta |a'_x|_2 |a'_y|_2. And V differs from V' by
 * L^-1 r, so with a_x = L'^-1 V_x the product V_x . V_y is off from V'_x . V'_y by
 *
 *   a_x . r_y + r_x . a_y + (L^-1 r_x) . (L^-1 r_y),
 *
 * at most R (|a_x|_1 + |a_y|_1) + m R^2 / least, least <= the smallest eigenvalue of B. It is not
 * the condition of L that matters, but how large the weights are. Beside this stands E, the error
 * of the pair engine for given V (ct_pair_error_bound).
 *
 * As a product. For any spread s > 0, |a_x| + |a_y| <= (s + |a_x|) (s + |a_y|) / s, and constants
 * are at most that times (s + ..) (s + ..) / s^2. So with unit^2 = R / s + (E + m R^2 / least) /
 * s^2 and Cauchy-Schwarz for the two terms,
 *
 *   drift_x = scale_x sqrt(unit^2 (s + |a_x|_1)^2 + delta |a'_x|_2^2).
 *
 * Where |a|_1 is s the product loses a factor of two only. Small weights are those of small p,
 * where drift matters most, so s is between the smallest |a|_1 and their geometric mean (with
 * either alone, searches scored up to a fifth more, or gave up).
 *
 * The weights, three ways:
 *
 *  - Where jitter exceeds the bound on |D| by J > 0: k(x, x) - |V'_x|^2 is the squared distance of
 *    x from sum a'_i u_i in the space of the kernel, plus a' (jitter I + D) a' >= J |a'|^2. A point
 *    of small residual variance has small weights, at no cost: with b = |a_x|_2 and own = k(0) -
 *    |V_x|^2, J (b - sqrt(m) R / J)^2 <= own + 2 sqrt(m) R b, so
 *    b <= (2 sqrt(m) R + sqrt(4 m R^2 + J own)) / J. And |a|_1 <= sqrt(m) |a|_2. Exactly here, with
 *    smooth covariances, drift matters.
 *  - Else |a|_2 <= |V| / sqrt(least), least from the inverse of L, once. Enough for rough
 *    covariances.
 *  - Else solved point by point, and the rounding of these solves added: the computed a is off by
 *    at most gamma |L|_F / sqrt(least) relative to its norm.
 *
 * a' differs from a by B^-1 r, at most sqrt(m) R / least.
 *
 * A V of the user's own may belong to no process at all, and no arithmetic on single points could
 * tell. That K - V V' is a covariance up to the rounding of ordinary solves is then the user's word
 * (the man page asks for it); the error granted to it is modelled: OWN_UNITS eps over the root of
 * the smallest p / k(0), ten times the largest error that was measured against long double (1e5
 * pairs, jitter 0 to 1e-6, 30 to 500 inducing points, 1 to 5 columns). */

#include "pairs/drift.h"

#include <float.h>
#include <math.h>

#define UNIT (DBL_EPSILON / 2)
#define OWN_UNITS 1

/* For the roundings of the few operations here. */
#define UP (1 + 1e-6)

/* Squared drift that bounds hardly notice: the step of the table is 3e-5, its lengths of alpha
 * more. */
#define CLEAR 1e-5

/* ---- the factor's errors ---- */

static double gamma_of(const ct_residual *index) {
  return (index->rank + 2) * UNIT * UP;
}

static double diagonal(const ct_residual *index) {
  return index->covariance->variance + index->factor->jitter;
}

static double covariance_error(const ct_residual *index) {
  return ct_covariance_error(index->covariance, index->dim) * index->covariance->variance;
}

/* R */
static double row_error(const ct_residual *index, double norm) {
  return gamma_of(index) * sqrt(diagonal(index)) * norm * UP + covariance_error(index);
}

/* The bound on |D|. */
static double factor_error(const ct_residual *index) {
  return index->rank * (gamma_of(index) * diagonal(index) * UP + covariance_error(index));
}

/* ---- weights ---- */

typedef struct {
  double *sum;  /* bounds on |a|_1 and */
  double *root; /* on |a'|_2 */
} weights;

static double root_by_variance(const ct_drift *drift, const ct_residual *points, double norm) {
  double R = row_error(points, drift->norm), rows = sqrt((double)points->rank) * R;
  double variance = points->covariance->variance, J = drift->least, own = variance - norm * norm;
  own = (own > 0 ? own : 0) + 4 * gamma_of(points) * drift->norm * drift->norm;
  return (2 * rows + sqrt(4 * rows * rows + J * own)) / J;
}

static void correct_solved(const ct_drift *drift, const ct_residual *points, weights *of, int i) {
  double m = points->rank, L = sqrt(m * diagonal(points) * UP);
  double off = gamma_of(points) * L / sqrt(drift->least) * of->root[i] * UP;
  of->sum[i] += sqrt(m) * off;
  of->root[i] += off;
}

static ct_status weigh(const ct_drift *drift, const ct_residual *points, const double *norm,
                       weights *of, const ct_run *run) {
  double m = points->rank;
  CT_NEW(of->sum, &run->arena, points->n);
  CT_NEW(of->root, &run->arena, points->n);
  if (drift->weights == CT_WEIGHTS_SOLVED)
    CT_TRY(ct_factor_weights(points->covariance, points->factor, points->rank, points->V, points->n,
                             of->sum, of->root, run));
  for (int i = 0; i < points->n; i++) {
    if (drift->weights == CT_WEIGHTS_UNSEEN) {
      of->sum[i] = of->root[i] = 0;
      continue;
    }
    if (drift->weights == CT_WEIGHTS_SOLVED) {
      correct_solved(drift, points, of, i);
    } else {
      of->root[i] = drift->weights == CT_WEIGHTS_VARIANCE ? root_by_variance(drift, points, norm[i])
                                                          : drift->norm / sqrt(drift->least);
      of->sum[i] = sqrt(m) * of->root[i];
    }
    of->root[i] += sqrt(m) * row_error(points, drift->norm) / drift->least;
  }
  return CT_OK;
}

/* ---- drift ---- */

static double drift_at(const ct_drift *drift, const weights *of, int i) {
  double first = drift->unit * (drift->spread + of->sum[i]);
  return sqrt(first * first + drift->shift * of->root[i] * of->root[i]) * UP;
}

/* Between the smallest and the geometric mean, of points that are not explained. */
static double low_mean(const ct_residual *points, const double *value) {
  double least = INFINITY, sum = 0, count = 0;
  for (int i = 0; i < points->n; i++) {
    if (points->scale[i] <= 0) continue;
    least = value[i] < least ? value[i] : least;
    sum += log(value[i]);
    count++;
  }
  return count > 0 ? sqrt(least * exp(sum / count)) : 1;
}

static void set_unit(ct_drift *drift, const ct_pairs *pairs) {
  const ct_residual *index = pairs->index;
  double R = row_error(index, drift->norm), s = drift->spread;
  double constant =
      ct_pair_error_bound(pairs, drift->norm * drift->norm) + index->rank * R * R / drift->least;
  drift->unit = sqrt((R / s + constant / (s * s)) * UP);
}

/* Whether weights by the smallest eigenvalue are good enough for all but a few points. */
static int is_clear(const ct_drift *drift, const ct_residual *index) {
  weights one;
  double root = drift->norm / sqrt(drift->least), sum = sqrt((double)index->rank) * root;
  int noisy = 0;
  one.sum = &sum, one.root = &root;
  double square = drift_at(drift, &one, 0) * drift_at(drift, &one, 0);
  for (int i = 0; i < index->n; i++)
    noisy += index->scale[i] > 0 && square * index->scale[i] * index->scale[i] > CLEAR;
  return noisy <= index->n / 20;
}

static ct_status choose_weights(ct_drift *drift, const ct_pairs *pairs, const ct_run *run) {
  const ct_residual *index = pairs->index;
  double over = index->factor->jitter - factor_error(index);
  drift->weights = CT_WEIGHTS_VARIANCE;
  drift->shift = 0;
  drift->least = over;
  if (over > 0) return CT_OK;
  CT_TRY(ct_factor_least(index->covariance, index->factor, index->rank, &drift->least, run));
  drift->weights = CT_WEIGHTS_EIGEN;
  drift->shift = -over;
  if (!(drift->least > 0)) return CT_OK;
  drift->spread = sqrt(index->rank / drift->least) * drift->norm;
  set_unit(drift, pairs);
  if (!is_clear(drift, index)) drift->weights = CT_WEIGHTS_SOLVED;
  return CT_OK;
}

/* A factor of the user's own, or none. */
static double unseen_unit(const ct_pairs *pairs, double norm) {
  const ct_residual *index = pairs->index;
  double error = ct_pair_error_bound(pairs, norm * norm), smallest = index->covariance->variance;
  if (index->rank == 0) return sqrt(error * UP);
  double least = index->rank * DBL_EPSILON * smallest; /* no pivot of a factor of ours is below */
  for (int i = 0; i < index->n; i++) smallest = index->p[i] < smallest ? index->p[i] : smallest;
  double relative = (smallest > least ? smallest : least) / index->covariance->variance;
  return sqrt(2 * (error + OWN_UNITS * DBL_EPSILON / sqrt(relative) * norm * norm));
}

ct_status ct_drift_of_index(ct_drift *drift, const ct_pairs *pairs, const double *norm,
                            double largest, double *out, const ct_run *run) {
  const ct_residual *index = pairs->index;
  weights of;
  int seen = index->rank > 0 && index->factor;
  *drift = (ct_drift){.weights = CT_WEIGHTS_UNSEEN, .spread = 1, .norm = largest};
  for (int i = 0; i < index->n; i++) out[i] = INFINITY;
  if (!ct_covariance_is_definite(index->covariance, index->dim)) return CT_OK;
  if (seen) CT_TRY(choose_weights(drift, pairs, run));
  if (seen && !(drift->least > 0)) return CT_OK;
  CT_TRY(weigh(drift, index, norm, &of, run));
  if (seen) {
    drift->spread = low_mean(index, of.sum);
    set_unit(drift, pairs);
  } else {
    drift->unit = unseen_unit(pairs, largest);
  }
  for (int i = 0; i < index->n; i++) out[i] = drift_at(drift, &of, i) * index->scale[i];
  return CT_OK;
}

ct_status ct_drift_of_new(const ct_drift *drift, const ct_residual *points, double *out,
                          const ct_run *run) {
  weights of;
  double *norm;
  CT_NEW(norm, &run->arena, points->n);
  for (int i = 0; i < points->n; i++) norm[i] = ct_residual_norm(points, i);
  CT_TRY(weigh(drift, points, norm, &of, run));
  for (int i = 0; i < points->n; i++) out[i] = drift_at(drift, &of, i) * points->scale[i];
  return CT_OK;
}
