/* Searches of the cover tree against brute force, ids and distances bit for bit. */

#include "tree/tree_cases.h"
#include "tree/tree_search.h"

typedef struct {
  test_host memory; /* of distances and trees */
  test_host host;   /* of a search */
  ct_points points, asked;
  ct_metric metric;
  ct_distances distances;
  ct_tree tree;
  double *indexed, *queried; /* embedded */
} search_case;

static ct_points some_points(int n, int dim, int kind, test_random *random) {
  if (kind < TEST_KINDS) return test_points(n, dim, kind, random);
  return geometric_points(n, dim);
}

/* 0 when the metric does not take the data. */
static int start(search_case *c, int n, int dim, int kind, int which, test_random *random) {
  int row, column, *rank = malloc((size_t)n * sizeof *rank);
  ct_stats stats = {0};
  c->metric = test_metric(which);
  c->points = some_points(n, dim, kind, random);
  c->asked = some_points(7, dim, kind == OUTLIER ? UNIFORM : kind, random);
  fit_to_metric(&c->metric, &c->points, kind);
  fit_to_metric(&c->metric, &c->asked, kind);
  c->tree = tree_new(n);
  test_host_start(&c->memory);
  test_host_start(&c->host);
  c->indexed = embed_all(&c->points, &c->metric);
  c->queried = embed_all(&c->asked, &c->metric);
  int fits = ct_metric_check(&c->metric, &c->points, &row, &column) == CT_OK;
  if (fits) {
    ct_run run = test_run(&c->memory, 1, CT_SIMD_BASE);
    CHECK(ct_distances_of_points(&c->points, &c->asked, &c->metric, &c->distances, &run) == CT_OK);
    CHECK(ct_hilbert_rank(&c->points, &c->metric, rank, &run) == CT_OK);
    CHECK(ct_tree_build(&c->distances, rank, &c->tree, &stats, &run) == CT_OK);
  }
  free(rank);
  return fits;
}

static void end(search_case *c) {
  free((double *)c->points.x), free((double *)c->asked.x);
  free(c->indexed), free(c->queried);
  tree_free(&c->tree);
  test_host_end(&c->memory), test_host_end(&c->host);
}

/* ---- nearest ---- */

static void check_knn(search_case *c, const ct_queries *queries, int k, int threads) {
  size_t entries = (size_t)queries->count * (size_t)k;
  int *id = malloc(entries * sizeof *id);
  double *dist = malloc(entries * sizeof *dist);
  neighbor *found = malloc((size_t)c->points.n * sizeof *found);
  ct_stats stats = {0};
  ct_run run = test_run(&c->host, threads, CT_SIMD_BASE);
  CHECK(ct_tree_knn(&c->tree, &c->distances, queries, k, id, dist, &stats, &run) == CT_OK);
  CHECK(stats.queries == queries->count && !c->host.backwards);
  CHECK(stats.evaluations <= (double)queries->count * c->points.n);
  test_host_reset(&c->host);
  for (int q = 0; q < queries->count; q++) {
    int count = all_neighbors(&c->points, &c->metric, queries, q, c->indexed, c->queried, found);
    int wrong = 0;
    for (int j = 0; j < k; j++) {
      size_t at = (size_t)q + (size_t)j * (size_t)queries->count;
      if (j < count) wrong += id[at] != found[j].row || dist[at] != found[j].distance;
      else wrong += id[at] != -1 || !isnan(dist[at]);
    }
    CHECK(wrong == 0);
  }
  free(id), free(dist), free(found);
}

/* ---- within ---- */

static void check_within(search_case *c, const ct_queries *queries, double radius, int threads) {
  int n = queries->count, *count = malloc((size_t)n * sizeof *count);
  size_t *offset = malloc(((size_t)n + 1) * sizeof *offset);
  neighbor *found = malloc((size_t)c->points.n * sizeof *found);
  ct_stats stats = {0};
  ct_run run = test_run(&c->host, threads, CT_SIMD_BASE);
  CHECK(ct_tree_within_count(&c->tree, &c->distances, queries, radius, count, &stats, &run) ==
        CT_OK);
  offset[0] = 0;
  for (int q = 0; q < n; q++) offset[q + 1] = offset[q] + (size_t)count[q];
  int *id = malloc(offset[n] * sizeof *id + 1);
  double *dist = malloc(offset[n] * sizeof *dist + 1);
  CHECK(ct_tree_within(&c->tree, &c->distances, queries, radius, offset, id, dist, &stats, &run) ==
        CT_OK);
  test_host_reset(&c->host);
  for (int q = 0; q < n; q++) {
    int all = all_neighbors(&c->points, &c->metric, queries, q, c->indexed, c->queried, found);
    int within = 0, wrong = 0;
    while (within < all && found[within].distance <= radius) within++;
    if (!CHECK(within == count[q])) continue;
    for (int j = 0; j < within; j++) {
      size_t at = offset[q] + (size_t)j;
      wrong += id[at] != found[j].row || dist[at] != found[j].distance;
    }
    CHECK(wrong == 0);
  }
  free(count), free(offset), free(found), free(id), free(dist);
}

/* ---- cases ---- */

/* Mostly one thread: small regions of more threads than processors take long. */
static int some_threads(test_random *random) {
  int threads = test_below(random, 30);
  return threads < 2 ? threads + 2 : 1;
}

static void check_queries(search_case *c, ct_queries *queries, test_random *random) {
  int n = c->points.n, ks[] = {1, 5, n, n + 3};
  for (int i = 0; i < 4; i++) {
    queries->self = i % 2;
    check_knn(c, queries, ks[i], some_threads(random));
  }
  check_within(c, queries, 0, some_threads(random));
  check_within(c, queries, 0.3 * c->tree.radius[0], some_threads(random));
  check_within(c, queries, c->tree.parent_distance[n - 1], some_threads(random));
}

static void test_case(int n, int dim, int kind, int which) {
  test_random random = {(uint64_t)(((n * 5 + dim) * 16 + kind) * 16 + which)};
  search_case c;
  if (start(&c, n, dim, kind, which, &random)) {
    int *rows = malloc((size_t)n * sizeof *rows), *limit = malloc((size_t)(n + 7) * sizeof *limit);
    ct_queries all = {.count = n}, some = {.rows = rows, .count = n < 9 ? n : 9};
    ct_queries asked = {.points = &c.asked, .count = 7};
    for (int i = 0; i < some.count; i++) rows[i] = test_below(&random, n);
    check_queries(&c, &all, &random);
    check_queries(&c, &some, &random);
    check_queries(&c, &asked, &random);
    for (int i = 0; i < n; i++) limit[i] = i;
    all.limit = limit;
    check_queries(&c, &all, &random);
    for (int i = 0; i < n + 7; i++) limit[i] = test_below(&random, n + 5) - 2;
    some.limit = asked.limit = limit;
    check_queries(&c, &some, &random);
    check_queries(&c, &asked, &random);
    free(rows), free(limit);
  }
  end(&c);
}

static void test_grid_of_cases(void) {
  static const int sizes[] = {1, 2, 30, 90};
  for (int which = 0; which < TEST_METRICS; which++)
    for (int dim = which == 8 ? 2 : 1; dim <= (which == 8 ? 2 : 4); dim++)
      for (int kind = 0; kind <= TEST_KINDS; kind++)
        for (int s = 0; s < 4; s++)
          if (s < 2 || (which + dim + kind) % s == 0) test_case(sizes[s], dim, kind, which);
  test_case(1200, 1, TEST_KINDS, 2); /* a level for each row */
}

/* Many points: batches that do not fit, windows cut off by limits; a sample of the queries is
 * compared. */
static void test_many(int kind, int dim, int k) {
  enum { N = 20000, SAMPLE = 12 };
  test_random random = {(uint64_t)(kind + 100 * dim)};
  search_case c;
  int rows[SAMPLE], limit[SAMPLE];
  if (start(&c, N, dim, kind, 0, &random)) {
    ct_queries some = {.rows = rows, .count = SAMPLE}, asked = {.points = &c.asked, .count = 7};
    for (int i = 0; i < SAMPLE; i++) rows[i] = test_below(&random, N);
    check_knn(&c, &some, k, 2);
    check_knn(&c, &asked, k, 2);
    check_within(&c, &some, 0.02 * c.tree.radius[0], 2);
    for (int i = 0; i < SAMPLE; i++) limit[i] = i % 2 ? rows[i] : test_below(&random, 400);
    some.limit = asked.limit = limit;
    check_knn(&c, &some, k, 3);
    check_knn(&c, &asked, k, 3);
  }
  end(&c);
}

/* With room for two open nodes only, subtrees are compared whole; nothing is asked for twice. */
static void test_little_room(void) {
  enum { N = 300 };
  for (int kind = 0; kind <= TEST_KINDS; kind++) {
    test_random random = {(uint64_t)kind};
    search_case c;
    if (!start(&c, N, 2, kind, 0, &random)) continue;
    ct_run run = test_run(&c.host, 1, CT_SIMD_BASE);
    ct_search_plan plan;
    ct_tree_searcher *searcher = malloc(sizeof *searcher);
    int row[20];
    double distance[20];
    neighbor *found = malloc(N * sizeof *found);
    ct_queries all = {.count = N}, asked = {.points = &c.asked, .count = 7};
    CHECK(ct_search_plan_make(&plan, &c.tree, &c.distances, &run) == CT_OK);
    CHECK(ct_tree_searcher_make(searcher, &plan, &run) == CT_OK);
    searcher->capacity = 2;
    for (int q = 0; q < N + 7; q++) {
      int is_new = q >= N, ask = is_new ? q - N : q;
      ct_question question = {ask, is_new, q % 3 ? N : N / 2, is_new ? -1 : q};
      int limit[N];
      ct_tree_answers answers;
      for (int i = 0; i < N; i++) limit[i] = question.limit;
      all.limit = asked.limit = limit;
      searcher->evaluations = 0;
      ct_tree_answers_nearest(&answers, row, distance, 20);
      CHECK(ct_search_tree(searcher, &question, &answers) == CT_OK);
      CHECK(searcher->evaluations <= N);
      ct_tree_answers_sort(&answers);
      int count = all_neighbors(&c.points, &c.metric, is_new ? &asked : &all, ask, c.indexed,
                                c.queried, found);
      CHECK(answers.count == (count < 20 ? count : 20));
      for (int j = 0; j < answers.count; j++)
        CHECK(row[j] == found[j].row && distance[j] == found[j].distance);
    }
    free(searcher), free(found);
    end(&c);
  }
}

/* ---- tables ---- */

static int table_neighbors(const table_metric *table, const double *d, int without, int limit,
                           neighbor *found) {
  int count = 0;
  for (int i = 0; i < table->n && i < limit; i++) {
    if (i == without) continue;
    found[count].distance = d[i];
    found[count++].row = i;
  }
  qsort(found, (size_t)count, sizeof *found, by_distance_and_row);
  return count;
}

/* A metric that must stay on the calling thread, asked by three. */
static void test_tables(void) {
  enum { N = 250, K = 12 };
  for (int kind = 0; kind < TABLES; kind++) {
    test_host host;
    table_metric table = {.d = table_fill(kind, N, 21), .n = N};
    ct_distances distances = table_distances(&table);
    ct_tree tree = tree_new(N);
    ct_stats stats = {0};
    int id[N * K], limit[N];
    double dist[N * K];
    neighbor found[N];
    table.to = table.d;
    test_host_start(&host);
    ct_run run = test_run(&host, 3, CT_SIMD_BASE);
    ct_points marker = {NULL, N, 1};
    CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_OK);
    for (int variant = 0; variant < 4; variant++) {
      ct_queries queries = {.points = variant == 3 ? &marker : NULL,
                            .count = N,
                            .limit = variant % 2 ? limit : NULL,
                            .self = variant == 2};
      for (int i = 0; i < N; i++) limit[i] = i + 1;
      CHECK(ct_tree_knn(&tree, &distances, &queries, K, id, dist, &stats, &run) == CT_OK);
      for (int q = 0; q < N; q++) {
        int count = table_neighbors(&table, table.d + q * N, variant < 2 ? q : -1,
                                    variant % 2 ? q + 1 : N, found);
        for (int j = 0; j < K; j++)
          CHECK(j < count ? id[q + j * N] == found[j].row && dist[q + j * N] == found[j].distance
                          : id[q + j * N] == -1);
      }
    }
    CHECK(!table.misused);
    table.calls = 0, table.fail_at = 5;
    ct_queries queries = {.count = N};
    CHECK(ct_tree_knn(&tree, &distances, &queries, K, id, dist, &stats, &run) == CT_ERR_DISTANCE);
    free((double *)table.d);
    tree_free(&tree);
    test_host_end(&host);
  }
}

/* ---- another metric on the same topology ---- */

static void test_annotated(void) {
  enum { N = 400 };
  for (int which = 1; which < 8; which++) {
    test_random random = {(uint64_t)which};
    search_case c;
    ct_tree_fault fault;
    ct_stats stats = {0};
    if (!start(&c, N, 2, DUPLICATES, which, &random)) continue;
    ct_metric euclidean = test_metric(0);
    ct_distances other;
    ct_tree again = tree_new(N);
    ct_run run = test_run(&c.memory, 1, CT_SIMD_BASE);
    CHECK(ct_distances_of_points(&c.points, NULL, &euclidean, &other, &run) == CT_OK);
    CHECK(ct_tree_build(&other, NULL, &c.tree, &stats, &run) == CT_OK);
    tree_copy(&again, &c.tree);
    CHECK(ct_tree_check(&c.tree, &c.distances, 1, &fault, &run) == CT_OK && fault.broken);
    for (int threads = 1; threads <= 3; threads++) {
      run = test_run(&c.memory, threads, CT_SIMD_BASE);
      CHECK(ct_tree_annotate(&c.distances, threads == 1 ? &c.tree : &again, &stats, &run) == CT_OK);
      if (threads > 1) CHECK(tree_same(&c.tree, &again));
    }
    CHECK(ct_tree_check(&c.tree, &c.distances, 1, &fault, &run) == CT_OK && !fault.broken);
    ct_queries all = {.count = N}, asked = {.points = &c.asked, .count = 7};
    check_knn(&c, &all, 10, 2);
    check_knn(&c, &asked, 10, 1);
    check_within(&c, &all, 0.1 * c.tree.radius[0], 2);
    tree_free(&again);
    end(&c);
  }
}

/* ---- cost: counts, so that bounds that stop pruning are seen ---- */

static double nodes;

static double cost(int kind, int n, int dim, int k, int is_new) {
  test_random random = {9};
  search_case c;
  ct_stats stats = {0};
  start(&c, n, dim, kind, 0, &random);
  int count = is_new ? 7 : n;
  int *id = malloc((size_t)count * (size_t)k * sizeof *id);
  double *dist = malloc((size_t)count * (size_t)k * sizeof *dist);
  ct_queries queries = {.points = is_new ? &c.asked : NULL, .count = count};
  ct_run run = test_run(&c.host, 2, CT_SIMD_BASE);
  CHECK(ct_tree_knn(&c.tree, &c.distances, &queries, k, id, dist, &stats, &run) == CT_OK);
  free(id), free(dist);
  end(&c);
  nodes = stats.nodes / count;
  return stats.evaluations / count;
}

static void test_cost(void) {
  CHECK(cost(UNIFORM, 20000, 2, 10, 0) < 150); /* 126 */
  CHECK(cost(UNIFORM, 20000, 2, 10, 1) < 420);
  CHECK(cost(UNIFORM, 20000, 3, 10, 0) < 300);
  CHECK(cost(ONE_PLACE, 100000, 2, 10, 0) < 320 && nodes < 320); /* a window and a batch */
  CHECK(cost(TEST_KINDS, 20000, 1, 10, 0) < 700); /* all ancestors, a window, a batch */
  CHECK(cost(OUTLIER, 20000, 2, 10, 0) < 150);
}

/* ---- failures ---- */

static void test_failures(void) {
  enum { N = 3000, K = 5 };
  test_random random = {5};
  search_case c;
  ct_stats stats = {0};
  int *id = malloc(sizeof(int) * N * K), bad_row = N;
  double *dist = malloc(sizeof(double) * N * K);
  start(&c, N, 2, UNIFORM, 0, &random);
  ct_queries queries = {.count = N};
  ct_run run = test_run(&c.host, 2, CT_SIMD_BASE);
  ct_status status = CT_ERR_MEMORY;
  for (c.host.fail_at = 0; status == CT_ERR_MEMORY && c.host.fail_at < 40; c.host.fail_at++) {
    status = ct_tree_knn(&c.tree, &c.distances, &queries, K, id, dist, &stats, &run);
    test_host_reset(&c.host);
  }
  CHECK(status == CT_OK && c.host.fail_at > 5);
  c.host.fail_at = -1, c.host.stop_at = 0;
  CHECK(ct_tree_knn(&c.tree, &c.distances, &queries, K, id, dist, &stats, &run) ==
        CT_ERR_INTERRUPTED);
  c.host.stop_at = -1;
  CHECK(ct_tree_knn(&c.tree, &c.distances, &queries, 0, id, dist, &stats, &run) == CT_ERR_DOMAIN);
  CHECK(ct_tree_within_count(&c.tree, &c.distances, &queries, -1, id, &stats, &run) ==
        CT_ERR_DOMAIN);
  CHECK(ct_tree_within_count(&c.tree, &c.distances, &queries, NAN, id, &stats, &run) ==
        CT_ERR_DOMAIN);
  queries = (ct_queries){.rows = &bad_row, .count = 1};
  CHECK(ct_tree_knn(&c.tree, &c.distances, &queries, K, id, dist, &stats, &run) == CT_ERR_DOMAIN);
  queries.count = 0;
  CHECK(ct_tree_knn(&c.tree, &c.distances, &queries, K, id, dist, &stats, &run) == CT_OK);
  free(id), free(dist);
  end(&c);
}

int main(void) {
  test_grid_of_cases();
  for (int kind = 0; kind <= TEST_KINDS; kind++)
    test_many(kind, 1 + kind % 3, 10 + 40 * (kind % 3));
  test_many(UNIFORM, 8, 20);
  test_many(UNIFORM, 2, 600);
  test_little_room();
  test_tables();
  test_annotated();
  test_cost();
  test_failures();
  return check_report();
}
