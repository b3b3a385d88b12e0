/* Every residual search against brute force by the canonical score: the same rows and the same
 * bits. */

#include "blocks/kd_order.h"
#include "residual_support.h"

typedef enum {
  NORMAL,
  GRID,
  SOME_DUPLICATES,
  FEW_PLACES,
  SHORT_RANGE,
  LONG_RANGE,
  CRUMBS,
  LAYOUTS
} layout;

typedef struct {
  ct_covariance_kind kind;
  layout points;
  int n, dim, rank, k;
} test_case;

static double coordinate(layout points, test_random *random) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += test_uniform(random);
  switch (points) {
    case GRID: return 0.25 * test_below(random, 7);
    case SHORT_RANGE: return 60 * sum;
    case LONG_RANGE: return 1e-3 * sum;
    case CRUMBS: return 0.5 * test_below(random, 2) + 1e-7 * sum;
    default: return sum;
  }
}

/* Row-major coordinates; duplicates copy an earlier point. */
static void scatter(double *x, int n, int dim, layout points, test_random *random) {
  for (int i = 0; i < n; i++) {
    int copy = (points == SOME_DUPLICATES && i > 0 && test_uniform(random) < 0.3) ||
               (points == FEW_PLACES && i >= 5);
    int from = copy ? test_below(random, points == FEW_PLACES ? 5 : i) : i;
    for (int d = 0; d < dim; d++)
      x[(size_t)i * (size_t)dim + (size_t)d] =
          copy ? x[(size_t)from * (size_t)dim + (size_t)d] : coordinate(points, random);
  }
}

/* row[] in k-d order of x, and x with it. */
static ct_status order_points(test_residual *r, const ct_run *run) {
  size_t n = (size_t)r->n, dim = (size_t)r->dim;
  double *columns = test_new(n * dim * sizeof *columns);
  ct_metric metric = {CT_EUCLIDEAN, NULL, 2, 1, NULL};
  for (size_t i = 0; i < n; i++)
    for (size_t d = 0; d < dim; d++) columns[i + d * n] = r->x[i * dim + d];
  ct_points points = {columns, r->n, r->dim};
  ct_status status = ct_kd_order_rows(&points, &metric, NULL, r->n, r->row, run);
  for (size_t i = 0; i < n && status == CT_OK; i++)
    for (size_t d = 0; d < dim; d++) r->x[i * dim + d] = columns[(size_t)r->row[i] + d * n];
  free(columns);
  return status;
}

/* An index of random points and new points beside it, of one factor. */
static int make(const test_case *c, test_residual *index, test_residual *fresh, test_random *random,
                const ct_run *run) {
  int rank = c->rank, new_points = 20, pair[2];
  double jitter_used = 0;
  ct_stats stats = {0};
  test_residual_new(index, c->kind, c->n, c->dim, rank);
  test_residual_new(fresh, c->kind, new_points, c->dim, rank);
  index->covariance.shape = fresh->covariance.shape = c->kind == CT_COV_WENDLAND ? 1 : 1.3;
  index->covariance.variance = fresh->covariance.variance = 2.5;
  scatter(index->x, c->n, c->dim, c->points, random);
  scatter(fresh->x, new_points, c->dim, c->points, random);
  memcpy(fresh->x, index->x, (size_t)(3 * c->dim) * sizeof *fresh->x);
  ct_status status = order_points(index, run);
  for (int i = 0; i < new_points; i++) fresh->row[i] = i;
  double *u = test_new((size_t)rank * (size_t)c->dim * sizeof *u);
  double *L = test_new((size_t)rank * (size_t)rank * sizeof *L);
  for (int j = 0; j < rank; j++)
    memcpy(u + j * c->dim, index->x + (size_t)test_below(random, c->n) * (size_t)c->dim,
           (size_t)c->dim * sizeof *u);
  if (status == CT_OK && rank > 0)
    status =
        ct_factor_cholesky(&index->covariance, u, rank, c->dim, 1e-6 * index->covariance.variance,
                           L, &jitter_used, pair, &stats, run);
  if (status == CT_OK) status = test_residual_factor(index, u, L, jitter_used, run);
  if (status == CT_OK) status = test_residual_factor(fresh, u, L, jitter_used, run);
  free(u);
  free(L);
  return CHECK(status == CT_OK);
}

typedef struct {
  int new_points, predecessors, subset, self, method, threads;
  ct_simd simd;
  int frame, coarse, fewest_early;
} mode;

static void fill_queries(ct_residual_queries *queries, const mode *m, const test_residual *index,
                         const test_residual *fresh, int *rows, int *limit, test_random *random) {
  memset(queries, 0, sizeof *queries);
  queries->self = m->self;
  queries->count = m->new_points ? fresh->n : m->subset ? index->n / 3 + 1 : index->n;
  if (m->new_points) queries->points = &fresh->residual;
  else if (m->subset) queries->rows = rows;
  if (m->predecessors) queries->limit = limit;
  for (int q = 0; q < queries->count; q++) {
    rows[q] = m->subset ? test_below(random, index->n) : q;
    limit[q] = m->new_points ? test_below(random, index->n + 1) : rows[q];
  }
}

/* Searches asked for by method, and those that were taken. */
static int asked[4], taken[4];

static void search(const test_case *c, const mode *m, const test_residual *index,
                   const test_residual *fresh, test_random *random) {
  test_host host;
  test_host_start(&host);
  ct_run run = test_run(&host, m->threads, m->simd);
  ct_residual_queries queries;
  ct_residual_plan plan;
  ct_stats stats = {0};
  size_t n = (size_t)index->n;
  int *rows = test_new(n * sizeof *rows), *limit = test_new(n * sizeof *limit), used = 1;
  int *id = test_new(n * (size_t)c->k * sizeof *id);
  double *dist = test_new(n * (size_t)c->k * sizeof *dist);
  fill_queries(&queries, m, index, fresh, rows, limit, random);
  ct_residual_plan_default(&plan);
  plan.method = m->method;
  plan.net_bytes = 1e9;
  plan.frame = m->frame;
  plan.coarse = m->coarse;
  plan.fewest_early = m->fewest_early;
  asked[m->method]++;
  ct_status status =
      ct_residual_knn(&index->residual, &queries, c->k, &plan, &used, id, dist, &stats, &run);
  CHECK(status == CT_OK);
  taken[m->method] += used == m->method;
  if (!CHECK(test_differences(&index->residual, &queries, c->k, id, dist, 1 + queries.count / 25) ==
             0))
    printf(
        "  kind %d layout %d n %d dim %d rank %d k %d new %d pred %d subset %d self %d method %d "
        "threads %d simd %d\n",
        c->kind, c->points, c->n, c->dim, c->rank, c->k, m->new_points, m->predecessors, m->subset,
        m->self, m->method, m->threads, m->simd);
  CHECK(!host.backwards);
  free(rows);
  free(limit);
  free(id);
  free(dist);
  test_host_end(&host);
}

static const ct_covariance_kind kinds[] = {CT_COV_EXPONENTIAL, CT_COV_GAUSSIAN,  CT_COV_MATERN_32,
                                           CT_COV_MATERN_52,   CT_COV_MATERN_72, CT_COV_POWERED,
                                           CT_COV_WENDLAND};

static void random_case(int number, test_random *random) {
  test_host host;
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  test_case c;
  test_residual index, fresh;
  c.kind = kinds[number % 7];
  c.points = (layout)((number / 7) % LAYOUTS);
  c.n = 40 + test_below(random, 900);
  c.dim = 1 + test_below(random, c.kind == CT_COV_WENDLAND ? 3 : 6);
  c.rank = test_below(random, 4) == 0 ? 0 : 1 + test_below(random, 40);
  if (test_below(random, 4) == 0) c.rank += 64; /* tables in two precisions (pair_mixed.c) */
  c.k = test_below(random, 5) == 0 ? 1 + test_below(random, c.n) : 1 + test_below(random, 24);
  if (make(&c, &index, &fresh, random, &run))
    for (int i = 0; i < 3; i++) {
      mode m = {test_below(random, 3) == 0,
                test_below(random, 2),
                test_below(random, 2),
                test_below(random, 3) == 0,
                1 + test_below(random, 3),
                1 + test_below(random, 3),
                (ct_simd)test_below(random, (int)ct_simd_best() + 1),
                8 * test_below(random, 3),
                1 + test_below(random, 2),
                test_below(random, 2) ? 20 : 0};
      search(&c, &m, &index, &fresh, random);
    }
  test_residual_free(&index);
  test_residual_free(&fresh);
  test_host_end(&host);
}

/* ---- far balls ---- */

/* Pairs of balls whose tops were compared, those that a search may reject, and those without
 * rows. */
static double compared, rejected, closed;

static double largest_rho(const ct_net *net, int a, int b, double *t) {
  const ct_members *m = &net->members;
  int size = m->start[b + 1] - m->start[b];
  double largest = 0;
  for (int i = m->start[a]; i < m->start[a + 1]; i++) {
    ct_residual_t(net->index, m->position[i], net->index, m->position + m->start[b], size, t, NULL,
                  CT_SIMD_BASE);
    for (int j = 0; j < size; j++)
      if (m->position[i] != m->position[m->start[b] + j] && 1 - t[j] > largest) largest = 1 - t[j];
  }
  return largest;
}

static int has_rows(const ct_net *net, int a, int b) {
  for (int k = 0; k < net->frame_size; k++)
    if (!ct_table_row(&net->members, net->count, b, net->frame[a * net->frame_size + k])) return 0;
  return 1;
}

static void compare_tops(const ct_net *net) {
  float *top = test_new((size_t)net->count * sizeof *top);
  double *t = test_new((size_t)net->members.count * sizeof *t);
  int low = 0;
  for (int a = 0; a < net->count; a++) {
    ct_coarse_tops(net, &net->members, a, top);
    for (int b = 0; b < net->count; b++) {
      double drift = (double)net->max_drift[a] * net->max_drift[b];
      low += largest_rho(net, a, b, t) > (double)top[b] + drift;
      compared++;
      rejected += top[b] < 0.8f;
      closed += !has_rows(net, a, b);
    }
  }
  CHECK(low == 0);
  free(top);
  free(t);
}

/* No two members of two balls correlate by more than the pair's top, whatever the data. */
static void far_balls(test_random *random) {
  for (int i = 0; i < 28; i++) {
    test_host host;
    test_host_start(&host);
    ct_run run = test_run(&host, 2, ct_simd_best());
    test_case c = {kinds[i % 7],        i % 2 ? NORMAL : SOME_DUPLICATES,
                   400 + 100 * (i % 5), 1 + i / 7 % 2,
                   10 + 3 * i,          5};
    test_residual index, fresh;
    ct_residual_plan plan;
    ct_net net;
    ct_stats stats = {0};
    int built = 0;
    ct_residual_plan_default(&plan);
    plan.method = plan.coarse = 2;
    plan.net_radius = 0.4;
    if (make(&c, &index, &fresh, random, &run) &&
        CHECK(ct_residual_net(&index.residual, &plan, &net, &built, &stats, &run) == CT_OK) &&
        built && net.coarse.count > 0)
      compare_tops(&net);
    test_residual_free(&index);
    test_residual_free(&fresh);
    test_host_end(&host);
  }
  printf("tops: %.0f, below 0.8: %.0f, without rows: %.0f\n", compared, rejected, closed);
  CHECK(rejected > compared / 20 && closed > compared / 20);
}

/* ---- what can go wrong ---- */

typedef struct {
  test_residual index, fresh;
  ct_residual_queries queries;
  ct_residual_plan plan;
  int k;
  int *id;
  double *dist;
} prepared;

static ct_status run_prepared(prepared *p, test_host *host) {
  ct_run run = test_run(host, 2, ct_simd_best());
  ct_stats stats = {0};
  int used;
  ct_status status = ct_residual_knn(&p->index.residual, &p->queries, p->k, &p->plan, &used, p->id,
                                     p->dist, &stats, &run);
  return status;
}

/* Memory that ends at any allocation, a poll that stops at any time: the status says so, and the
 * next call is right. */
static void interruptions(int method, test_random *random) {
  test_host host;
  prepared p;
  test_case c = {CT_COV_MATERN_52, NORMAL, 700, 2, 12, 6};
  test_host_start(&host);
  ct_run run = test_run(&host, 2, ct_simd_best());
  if (!make(&c, &p.index, &p.fresh, random, &run)) return;
  p.k = c.k;
  p.id = test_new((size_t)(c.n * c.k) * sizeof *p.id);
  p.dist = test_new((size_t)(c.n * c.k) * sizeof *p.dist);
  memset(&p.queries, 0, sizeof p.queries);
  p.queries.count = c.n;
  ct_residual_plan_default(&p.plan);
  p.plan.method = method;
  p.plan.net_bytes = 1e9;
  test_host_reset(&host);
  CHECK(run_prepared(&p, &host) == CT_OK);
  int blocks = host.blocks, polls = host.polls;
  for (int at = 0; at < blocks; at += at < 40 ? 1 : 23) {
    test_host_reset(&host);
    host.fail_at = at;
    CHECK(run_prepared(&p, &host) == CT_ERR_MEMORY);
  }
  host.fail_at = -1;
  for (int at = 0; at < polls; at += 1 + polls / 12) {
    test_host_reset(&host);
    host.stop_at = at;
    ct_status status = run_prepared(&p, &host);
    CHECK(status == CT_ERR_INTERRUPTED || (status == CT_OK && host.polls <= at));
  }
  host.stop_at = -1;
  test_host_reset(&host);
  CHECK(run_prepared(&p, &host) == CT_OK);
  CHECK(test_differences(&p.index.residual, &p.queries, p.k, p.id, p.dist, 7) == 0);
  test_residual_free(&p.index);
  test_residual_free(&p.fresh);
  free(p.id);
  free(p.dist);
  test_host_end(&host);
}

int main(void) {
  test_random random = {20240501};
  for (int i = 0; i < 196; i++) random_case(i, &random);
  interruptions(1, &random);
  interruptions(2, &random);
  interruptions(3, &random);
  far_balls(&random);
  printf("two-frame: %d of %d, screened: %d of %d\n", taken[2], asked[2], taken[3], asked[3]);
  CHECK(taken[2] > asked[2] / 4 && taken[3] > asked[3] / 4);
  return check_report();
}
