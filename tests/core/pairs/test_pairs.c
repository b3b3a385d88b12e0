/* The pair engine against plain sums in long double: every kernel within the error that the
 * searches rely on. */

#include "pairs/pair_mixed.h"
#include "residual_support.h"

static const ct_covariance_kind kinds[] = {CT_COV_EXPONENTIAL, CT_COV_GAUSSIAN,  CT_COV_MATERN_32,
                                           CT_COV_MATERN_52,   CT_COV_MATERN_72, CT_COV_POWERED,
                                           CT_COV_WENDLAND};

static long double exact_covariance(const ct_covariance *covariance, long double sq) {
  long double h = sqrtl(sq), s, k = 0;
  switch (covariance->kind) {
    case CT_COV_EXPONENTIAL: k = expl(-h); break;
    case CT_COV_GAUSSIAN: k = expl(-sq / 2); break;
    case CT_COV_MATERN_32: s = sqrtl(3) * h, k = (1 + s) * expl(-s); break;
    case CT_COV_MATERN_52: s = sqrtl(5) * h, k = (1 + s + s * s / 3) * expl(-s); break;
    case CT_COV_MATERN_72:
      s = sqrtl(7) * h, k = (1 + s + 2 * s * s / 5 + s * s * s / 15) * expl(-s);
      break;
    case CT_COV_POWERED: k = expl(-powl(h, covariance->shape)); break;
    case CT_COV_WENDLAND: k = h < 1 ? powl(1 - h, 4) * (4 * h + 1) : 0; break;
    default: break;
  }
  return covariance->variance * k;
}

static long double exact_c(const ct_residual *r, int a, int b) {
  long double sq = 0, product = 0;
  for (int d = 0; d < r->dim; d++) {
    long double step = (long double)r->x[a * r->dim + d] - r->x[b * r->dim + d];
    sq += step * step;
  }
  for (int t = 0; t < r->rank; t++)
    product += (long double)r->V[(size_t)a * (size_t)r->stride + (size_t)t] *
               r->V[(size_t)b * (size_t)r->stride + (size_t)t];
  return exact_covariance(r->covariance, sq) - product;
}

static void check_value(const ct_pairs *pairs, const ct_residual *r, int a, int b, double c) {
  long double error = fabsl(exact_c(r, a, b) - c);
  double norms = ct_residual_norm(r, a) * ct_residual_norm(r, b);
  CHECK(error <= ct_pair_error_bound(pairs, norms));
  CHECK(error <= ct_pair_error(pairs, c, norms));
}

/* Distances spread over fifteen orders of magnitude, so that exponentials run their whole range. */
static void fill(test_residual *r, test_random *random) {
  for (int i = 0; i < r->n; i++) {
    double size = pow(10, -9 + 12 * test_uniform(random));
    for (int d = 0; d < r->dim; d++) r->x[i * r->dim + d] = size * (test_uniform(random) - 0.5);
    r->row[i] = i;
    r->scale[i] = 1;
  }
  for (int i = 0; i < r->n; i++) r->position[i] = i;
  int stride = ct_residual_stride(r->rank);
  for (int i = 0; i < r->n; i++)
    for (int t = 0; t < stride; t++)
      r->V[(size_t)i * (size_t)stride + (size_t)t] = t < r->rank ? test_uniform(random) - 0.5 : 0;
  r->residual = test_residual_view(r);
}

static void check_tile(const ct_pairs *pairs, const ct_residual *r, int lanes, const ct_run *run) {
  ct_panel panel;
  ct_pair_rows rows;
  int lane[CT_PANEL], row[CT_TILE_ROWS];
  double *c = ct_arena_get(&run->arena, CT_TILE, sizeof *c);
  double *work = ct_arena_get(&run->arena, ct_pairs_work(pairs, CT_TILE), sizeof *work);
  CHECK(ct_panel_new(&panel, r->rank, r->dim, &run->arena) == CT_OK);
  for (int l = 0; l < lanes; l++) lane[l] = l;
  for (int i = 0; i < CT_TILE_ROWS; i++) row[i] = r->n - 1 - 3 * i;
  ct_panel_pack(&panel, r, lane, lanes);
  ct_pair_rows_at(&rows, r, row);
  ct_pairs_tile(pairs, &panel, &rows, c, work);
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < lanes; l++) check_value(pairs, r, row[i], lane[l], c[i * CT_PANEL + l]);
}

/* Tiles in two precisions: columns of V fall off by so many orders of magnitude, p spreads over
 * seven. Or columns are equal, as far from their floats as can be, so that roundings add up instead
 * of cancelling, with p as small as lets all of them be floats. */
static void fill_mixed(test_residual *r, int number, test_random *random) {
  int stride = ct_residual_stride(r->rank), equal = number % 4 == 3;
  double fall = equal ? 0 : number % 3 * 2.5, size = sqrt(r->covariance.variance / r->rank);
  double least = pow(2, -(number / 4 % 6)); /* then the first columns must be doubles after all */
  fill(r, random);
  for (int i = 0; i < r->n; i++) {
    double share = equal ? least / 26.0 : pow(10, -7 * test_uniform(random));
    r->scale[i] = i == 9 ? 0 : 1 / sqrt(r->covariance.variance * share);
    for (int t = 0; t < r->rank; t++) {
      double u = equal ? 1 + 0x1.fp-25 + 0x1p-22 * (number % 32) : test_uniform(random) * 2 - 1;
      r->V[(size_t)i * (size_t)stride + (size_t)t] = u * size * pow(10, -fall * t / r->rank);
    }
  }
}

typedef struct {
  int exact;
  int mixed;
  double worst; /* error of a mixed correlation */
} mixed_seen;

static void check_mixed_value(const ct_pairs *pairs, const ct_residual *r, int a, int b, double c,
                              int exact, mixed_seen *seen) {
  double norms = ct_residual_norm(r, a) * ct_residual_norm(r, b),
         scales = r->scale[a] * r->scale[b];
  double error = (double)fabsl(exact_c(r, a, b) - c) - ct_pair_error_bound(pairs, norms);
  if (exact) CHECK(error <= 0);
  CHECK(error * scales <= CT_MIXED_ERROR);
  if (!exact && error * scales > seen->worst) seen->worst = error * scales;
}

static double tail_of(const ct_residual *r, int i, int h) {
  long double sum = 0;
  for (int t = h * CT_HEAD_STEP; t < r->rank; t++) {
    long double v = r->V[(size_t)i * (size_t)r->stride + (size_t)t] * r->scale[i];
    sum += v * v;
  }
  return (double)sum;
}

static void check_tails(const ct_residual *r, const ct_wide_panel *panel, const int *lane,
                        const ct_mixed_rows *rows, const int *row) {
  for (int h = 0; h * CT_HEAD_STEP < r->rank; h++) {
    double most = 0;
    for (int l = 0; l < panel->lanes; l++) most = fmax(most, tail_of(r, lane[l], h));
    CHECK(panel->tail[h] >= most && panel->tail[h] <= most * (1 + 1e-8));
    for (int i = 0; i < CT_TILE_ROWS; i++) {
      double own = tail_of(r, row[i], h);
      CHECK(rows->tail[i][h] >= own && rows->tail[i][h] <= own * (1 + 1e-8));
    }
  }
}

static void check_mixed(const ct_pairs *pairs, const ct_residual *r, int lanes, mixed_seen *seen,
                        const ct_run *run) {
  ct_wide_panel panel;
  ct_narrow narrow;
  ct_mixed_rows rows;
  int lane[CT_WIDE], row[CT_TILE_ROWS];
  double *c = ct_arena_get(&run->arena, CT_WIDE_TILE, sizeof *c);
  double *work = ct_arena_get(&run->arena, ct_pairs_work(pairs, CT_TILE), sizeof *work);
  float *sum = ct_arena_get(&run->arena, CT_WIDE_TILE, sizeof *sum);
  CHECK(ct_wide_panel_new(&panel, r->rank, r->dim, &run->arena) == CT_OK);
  CHECK(ct_narrow_new(&narrow, r->rank, CT_TILE_ROWS, &run->arena) == CT_OK);
  for (int l = 0; l < lanes; l++) lane[l] = l;
  ct_wide_panel_pack(&panel, pairs, r, lane, lanes);
  for (int i = 0; i < CT_TILE_ROWS; i++) {
    row[i] = r->n - 1 - i;
    ct_narrow_set(&narrow, i, pairs, r, row[i]);
    ct_mixed_row_at(&rows, i, r, row[i], &narrow, i);
  }
  if (r->rank >= 2 * CT_HEAD_STEP) check_tails(r, &panel, lane, &rows, row);
  int exact = ct_mixed_tile(pairs, &panel, &rows, c, sum, work);
  seen->exact += exact, seen->mixed += !exact;
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < lanes; l++)
      check_mixed_value(pairs, r, row[i], lane[l],
                        c[l / CT_PANEL * CT_TILE + i * CT_PANEL + l % CT_PANEL], exact, seen);
}

/* The head that a point needs beside one like itself, by the bound that pair_mixed.c proves. */
static int head_needed(const ct_residual *r, int i) {
  int heads = r->rank / CT_HEAD_STEP;
  for (int h = 0; h < heads; h++) {
    int runs = (r->rank - h * CT_HEAD_STEP + CT_RUN - 1) / CT_RUN;
    if ((CT_RUN + runs + 3) * 6e-8 * tail_of(r, i, h) <= CT_MIXED_ERROR) return h;
  }
  return heads;
}

/* Afterwards points stand by the head they need: none before one that needs less. */
static void check_narrow_sort(const ct_pairs *pairs, const ct_residual *r, const ct_run *run) {
  ct_narrow narrow;
  int order[60], spare[60], seen[60] = {0};
  CHECK(r->n == 60 && ct_narrow_new(&narrow, r->rank, 60, &run->arena) == CT_OK);
  for (int i = 0; i < 60; i++) ct_narrow_set(&narrow, i, pairs, r, i), order[i] = i;
  ct_narrow_sort(&narrow, pairs, order, 60, spare);
  for (int i = 0; i < 60; i++) seen[order[i]]++;
  for (int i = 0; i < 60; i++) CHECK(seen[i] == 1);
  for (int i = 1; i < 60 && r->rank >= 2 * CT_HEAD_STEP; i++)
    CHECK(head_needed(r, order[i - 1]) <= head_needed(r, order[i]));
}

static void check_list(const ct_pairs *pairs, const ct_residual *r, int count, const ct_run *run) {
  int b[40];
  double *c = ct_arena_get(&run->arena, 40, sizeof *c);
  double *work = ct_arena_get(&run->arena, ct_pairs_work(pairs, 40), sizeof *work);
  for (int j = 0; j < count; j++) b[j] = (7 * j) % r->n;
  ct_pairs_list(pairs, r, 5, r, b, count, c, work);
  for (int j = 0; j < count; j++) check_value(pairs, r, 5, b[j], c[j]);
}

static void check_compare(const ct_pairs *pairs, test_random *random, const ct_run *run) {
  double *c = ct_arena_get(&run->arena, CT_TILE, sizeof *c), root[CT_TILE_ROWS];
  double *threshold = ct_arena_get(&run->arena, CT_PANEL, sizeof *threshold);
  double *error = ct_arena_get(&run->arena, CT_PANEL, sizeof *error);
  unsigned pass[CT_TILE_ROWS];
  for (int i = 0; i < CT_TILE; i++) c[i] = test_uniform(random) - 0.5;
  for (int i = 0; i < CT_TILE_ROWS; i++) root[i] = i == 3 ? INFINITY : test_uniform(random);
  for (int l = 0; l < CT_PANEL; l++) {
    threshold[l] = l == 7 ? INFINITY : test_uniform(random);
    error[l] = 0.1 * test_uniform(random);
  }
  pairs->kernels->compare(c, threshold, error, root, pass);
  for (int i = 0; i < CT_TILE_ROWS; i++)
    for (int l = 0; l < CT_PANEL; l++) {
      double edge = threshold[l] * root[i] - error[l], size = fabs(c[i * CT_PANEL + l]);
      if (fabs(size - edge) > 1e-12) CHECK(((pass[i] >> l) & 1) == (size >= edge));
    }
}

int main(void) {
  test_random random = {7};
  test_host host;
  test_host_start(&host);
  for (int number = 0; number < 126; number++) {
    ct_simd simd = (ct_simd)(number / 7 % (int)(ct_simd_best() + 1));
    ct_run run = test_run(&host, 1, simd);
    test_residual r;
    ct_pairs pairs;
    test_residual_new(&r, kinds[number % 7], 60, 1 + number % 5, number % 11 == 0 ? 0 : number);
    r.covariance.shape = r.covariance.kind == CT_COV_WENDLAND ? 1 : 0.7;
    r.covariance.variance = number % 3 ? 1.7 : 1e-3;
    fill(&r, &random);
    ct_pairs_init(&pairs, &r.residual, simd);
    check_tile(&pairs, &r.residual, number % 2 ? CT_PANEL : 13, &run);
    check_list(&pairs, &r.residual, 1 + number % 37, &run);
    check_compare(&pairs, &random, &run);
    test_residual_free(&r);
    test_host_reset(&host);
  }
  mixed_seen seen = {0, 0, 0};
  for (int number = 0; number < 360; number++) {
    static const int ranks[] = {40, 64, 100, 224, 520};
    ct_simd simd = (ct_simd)(number / 7 % (int)(ct_simd_best() + 1));
    ct_run run = test_run(&host, 1, simd);
    test_residual r;
    ct_pairs pairs;
    test_residual_new(&r, kinds[number % 7], 60, 1 + number % 5, ranks[number % 5]);
    r.covariance.shape = r.covariance.kind == CT_COV_WENDLAND ? 1 : 0.7;
    r.covariance.variance = number % 2 ? 1e60 : 0.3;
    fill_mixed(&r, number, &random);
    ct_pairs_init(&pairs, &r.residual, simd);
    check_mixed(&pairs, &r.residual, number % 4 ? CT_WIDE : 13, &seen, &run);
    check_narrow_sort(&pairs, &r.residual, &run);
    test_residual_free(&r);
    test_host_reset(&host);
  }
  /* both kinds of tiles were met, and errors that doubles would not make */
  CHECK(seen.mixed > 100 && seen.exact > 100 && seen.worst > CT_MIXED_ERROR / 10);
  test_host_end(&host);
  return check_report();
}
