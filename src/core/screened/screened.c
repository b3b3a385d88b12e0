/* The screened search: exact nearest neighbours by residual correlation where covariances are rough
 * or their range is short, and nets reject nothing.
 *
 * Setting. c_ij = k(x_i, x_j) - V_i . V_j. Nothing changes when all V are rotated. Take W = (L
 * L')^-1/2 k(u, x), the symmetric root, in place of V = L^-1 k(u, x): W = Q V with Q orthogonal.
 * While columns of V say of every point what is left after all earlier inducing points, those of W
 * are local: what a point has in common with the inducing points sits in the columns of the few
 * that are near it; those behind them are screened off (M. L. Stein, The screening effect in
 * kriging, Annals of Statistics 30, 2002). So for a query q keep some columns S:
 *
 *   |rho_qx| <= |k(d) - W_q[S] . W_x[S]| + |W_q outside S| |W_x outside S|,            (1)
 *
 * all divided by sqrt(p_q p_x). The second term also is at most the sum, over groups of columns
 * outside S, of the products of the norms in each group; and with S empty that bounds whole blocks
 * of points by their largest norms, beside k of the distance to their box. Where p is a tenth of
 * the variance and more, few blocks are left, and few columns say enough.
 *
 * Course. Points stand in blocks of 32, as they do in the k-d order, columns in groups of eight
 * near inducing points. Blocks of queries meet blocks of points from near to far, so that lists
 * soon say what the k-th |rho| is at least (screened_block.c); what is left of a pair of blocks
 * gets covariances, then columns, then scores (screened_visit.c). All of this is done in floats; a
 * candidate enters its list with its bounds, and the canonical routine decides.
 *
 * Rounding. u = 2^-24, v = 2^-53, m columns, dim coordinates. Let share = sqrt(variance / p), size
 * = max(share, |W| / sqrt p), rounded up. Every error is bounded by a constant times size_q
 * size_x, and the constants are added up in error_of():
 *
 *  (a) Q. With |Q'Q - I| <= stretch, |W_q . W_x - V_q . V_x| <= stretch |V_q| |V_x|. A row of Q V
 *      in doubles is off by m v times the norm of the row and |V|, and all rows together by m v
 *      sqrt(m) (1 + stretch) |V|: twice that for a pair. And |V| <= |W| (1 + stretch).
 *
 *  (b) Floats of W: 2 u. Sums of products, step by step: a sum of 8 g products that begins with 0
 *      is off by (8 g) u, all steps together by m u; adding them to what was there before, STEPS +
 *      2 times at most, by u of a value of at most 2.
 *
 *  (c) Covariances. Coordinates in floats are counted from the middle of the data and are off by u
 *      reach each, reach being the largest of them: so distances are by 2 u reach sqrt(dim), and by
 *      (dim / 2 + 3) u of themselves. Where kernels know a covariance c, |c'| <= 1 and |h c'(h)| <=
 *      .75; exp(-s) is off by (4 + s) u of itself, what stands before it by 4 u, which is at most
 *      10 u of the variance. Scales, and their products: 6 u. Other covariances are computed in
 *      doubles: e.
 *
 *  (d) Boxes. Their distances are lessened by what (c) says, so what remains is the error of the
 *      covariance.
 *
 *  (e) The canonical score is off from c_ij / sqrt(p_i p_j) by ct_residual_error().
 *
 *  (f) A sum of terms that are not negative is off by as many u of itself as it has operations: at
 *      most groups + 16. Such a sum rejects only below what is needed, so what is needed is
 *      lessened by as much.
 *
 * Norms of groups are of the doubles, lifted by 1e-6, which covers their floats, (b)'s 2 u.
 *
 * Nothing is assumed about the process: V may be any V, as long as Q is orthogonal. With p of 1e-6
 * and less errors exceed what is needed; such queries collect too many candidates and are left to
 * the scan.
 *
 * Which columns, which order, when to score: this affects speed only. */

#include "screened/screened.h"

#include "blocks/kd_order.h"
#include "run/parallel.h"
#include "screened/screened_search.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define FLOAT_UNIT 0x1p-24
#define UNIT (DBL_EPSILON / 2)

/* A query that got this share of all points as candidates costs less in the scan. */
#define CROWD_SHARE 16

/* ---- errors ---- */

static double reach_of(const ct_residual *points, const double *middle, double reach) {
  size_t dim = (size_t)points->dim, count = (size_t)points->n * dim;
  for (size_t i = 0; i < count; i++) {
    double at = fabs(points->x[i] - middle[i % dim]);
    reach = at > reach ? at : reach;
  }
  return reach;
}

static double error_of(const ct_screened_root *root, const ct_residual *index, double reach) {
  double m = root->rank, dim = index->dim, variance = index->covariance->variance;
  double columns = m + 2 * 7 + 2, far = 2 * reach * sqrt(dim);
  double correlations = far + 0.75 * (dim / 2 + 3) + 10 + 6;
  double canonical = 2 * ct_residual_product_error(index, variance) / variance;
  double rotation = root->stretch + 2.2 * (m + 2) * UNIT * sqrt(m);
  return (FLOAT_UNIT * (columns + correlations) + canonical + rotation) * 1.02;
}

static void find_middle(const ct_residual *index, double *middle) {
  size_t dim = (size_t)index->dim;
  for (size_t c = 0; c < dim; c++) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < (size_t)index->n; i++) {
      double at = index->x[i * dim + c];
      low = at < low ? at : low;
      high = at > high ? at : high;
    }
    middle[c] = low + (high - low) / 2;
  }
}

static int poll_at_start(void *owner, double done) {
  const ct_run *run = owner;
  (void)done;
  return run->poll(run->owner, 0);
}

/* New points in a k-d order of their own. */
static ct_status order_new(const ct_residual *points, int **order, const ct_run *run) {
  ct_run own = *run;
  own.poll = poll_at_start;
  own.owner = (void *)run;
  size_t n = (size_t)points->n, dim = (size_t)points->dim;
  ct_metric metric = {.kind = CT_EUCLIDEAN};
  double *x;
  CT_NEW(x, &run->arena, n * dim);
  CT_NEW(*order, &run->arena, n);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < dim; c++) x[i + c * n] = points->x[i * dim + c];
  ct_points columns = {x, points->n, points->dim};
  return ct_kd_order_rows(&columns, &metric, NULL, points->n, *order, &own);
}

/* Points whose residual variance is so much smaller than most lift the bounds of their blocks above
 * everything: they stand in blocks of their own, behind the others. */
#define APART 16

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The scale of some points in the middle, times APART. */
static double scale_apart(const ct_residual *points) {
  double scale[255];
  for (size_t i = 0; i < 255; i++) scale[i] = points->scale[i * (size_t)points->n / 255];
  qsort(scale, 255, sizeof *scale, compare_doubles);
  return APART * scale[127];
}

/* Positions block by block, order NULL: as they are. */
static ct_status place_points(const ct_residual *points, const int *order, int **place, int *places,
                              const ct_run *run) {
  double most = scale_apart(points);
  int n = points->n, whole = (n + CT_SCREEN - 1) / CT_SCREEN * CT_SCREEN, count = 0;
  CT_NEW(*place, &run->arena, (size_t)whole + (size_t)n);
  for (int first = 0; first < n; first += CT_SCREEN) {
    int some = 0;
    for (int i = first; i < first + CT_SCREEN; i++) {
      int at = i < n ? order ? order[i] : i : -1, here = at >= 0 && points->scale[at] <= most;
      (*place)[count + i - first] = here ? at : -1;
      some |= here;
    }
    if (some) count += CT_SCREEN;
  }
  for (int i = 0; i < n; i++) {
    int at = order ? order[i] : i;
    if (points->scale[at] > most) (*place)[count++] = at;
  }
  *places = count;
  return CT_OK;
}

/* ---- entry ---- */

ct_status ct_screened_open(ct_screened **opened, const ct_screened_task *task, const ct_run *run) {
  const ct_residual *index = task->index, *fresh = task->queries->points;
  ct_screened *s;
  int found, *order;
  *opened = NULL;
  CT_NEW(s, &run->arena, 1);
  *s = (ct_screened){.task = *task};
  CT_TRY(ct_screened_root_of(&s->root, index, &found, run));
  if (!found) return CT_OK;
  CT_NEW(s->middle, &run->arena, index->dim);
  find_middle(index, s->middle);
  s->reach = reach_of(index, s->middle, 0);
  if (fresh) s->reach = reach_of(fresh, s->middle, s->reach);
  CT_TRY(place_points(index, NULL, &s->place, &s->places, run));
  if (fresh) {
    CT_TRY(order_new(fresh, &order, run));
    CT_TRY(place_points(fresh, order, &s->order, &s->orders, run));
  }
  *opened = s;
  return CT_OK;
}

void ct_screen_start(ct_screen *search, const ct_screened *s, const ct_screened_side *points,
                     const ct_screened_side *asking, const ct_run *run) {
  const ct_residual *index = s->task.index;
  *search = (ct_screen){.task = &s->task, .points = points, .asking = asking};
  search->kernels = ct_screened_kernels_of(run->simd);
  search->groups = s->root.columns / CT_COLUMNS;
  search->dim = index->dim;
  search->kind = index->covariance->kind;
  search->simd = run->simd;
  search->error = (float)(error_of(&s->root, index, s->reach) * (1 + 1e-6));
  search->gap = (float)(4 * FLOAT_UNIT * s->reach * sqrt((double)index->dim) * (1 + 1e-6));
  search->need = 1 - (search->groups + 24) * 1.5 * FLOAT_UNIT;
  search->crowd = index->n / CROWD_SHARE;
  if (search->crowd < 8 * s->task.k + 512) search->crowd = 8 * s->task.k + 512;
}

static ct_status run_blocks(ct_screen_run *all, int blocks, double done, double share,
                            ct_stats *stats, const ct_run *run) {
  CT_NEW(all->screener, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++)
    CT_TRY(ct_screener_new(&all->search, all->screener + i, run));
  CT_TRY(ct_rounds_run(ct_screen_block, all, blocks, 1, done, share, run));
  for (int i = 0; i < run->threads; i++) {
    stats->products += all->screener[i].products;
    stats->evaluations += all->screener[i].scorer.evaluations;
    stats->nodes += all->screener[i].nodes;
  }
  return CT_OK;
}

ct_status ct_screened_search(const ct_screened *s, unsigned char *answered, double done,
                             double share, ct_stats *stats, const ct_run *run) {
  const ct_residual *index = s->task.index, *fresh = s->task.queries->points;
  ct_screen_run all;
  ct_screened_side points, asking;
  int blocks;
  double since = run->now();
  CT_TRY(ct_screened_side_new(&points, &s->root, index, s->place, s->places, s->middle, done,
                              share * 0.12, run));
  if (fresh)
    CT_TRY(ct_screened_side_new(&asking, &s->root, fresh, s->order, s->orders, s->middle,
                                done + share / 8, 0, run));
  ct_screen_start(&all.search, s, &points, fresh ? &asking : &points, run);
  CT_TRY(ct_screen_find_asking(&all.search, answered, &blocks, run));
  stats->seconds[CT_PHASE_TABLE] += run->now() - since;
  since = run->now();
  CT_TRY(run_blocks(&all, blocks, done + share / 8, share * 7 / 8, stats, run));
  stats->seconds[CT_PHASE_SEARCH] += run->now() - since;
  return CT_OK;
}
