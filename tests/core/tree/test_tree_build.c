/* The cover tree against the definition of its invariants, by brute force; the same arrays for
 * every thread count; cost and depth on data that are hard on trees. */

#include "tree/tree_cases.h"
#include "tree/tree_support.h"

/* ---- the definition ---- */

static double distance_of(const ct_distances *distances, int a, int b) {
  double d;
  distances->between(distances->self, a, &b, 1, &d);
  return d;
}

static double reach(const ct_distances *d, int level) {
  return d->bounded ? ct_level_reach(level, 1) : ldexp(1, level);
}

static void check_node(const ct_tree *t, const ct_distances *d, const int *parent, int i) {
  double radius = 0, far = t->parent_distance[i];
  for (int j = i + 1; j < i + t->size[i]; j++) {
    radius = fmax(radius, distance_of(d, t->point[i], t->point[j]));
    CHECK(t->point[j] > t->point[i]);
  }
  CHECK(t->radius[i] == radius);
  if (i == 0) {
    CHECK(far == 0);
    return;
  }
  CHECK(far == distance_of(d, t->point[parent[i]], t->point[i]));
  CHECK(t->level[i] < t->level[parent[i]]);
  CHECK(far <= reach(d, t->level[i] + 1) && far <= reach(d, t->level[parent[i]]));
  CHECK(far > reach(d, t->level[i]) || (far == 0 && t->level[i] == CT_LEVEL_DUPLICATE));
}

static void check_siblings(const ct_tree *t, const ct_distances *d, const int *parent, int i) {
  for (int j = i + t->size[i]; j < parent[i] + t->size[parent[i]]; j += t->size[j]) {
    int finer = t->level[i] < t->level[j];
    if (t->level[i] != CT_LEVEL_DUPLICATE && (!finer || t->point[i] > t->point[j]))
      CHECK(distance_of(d, t->point[i], t->point[j]) > reach(d, t->level[i]));
    CHECK(t->level[i] <= t->level[j]);
    if (t->level[j] == CT_LEVEL_DUPLICATE) CHECK(t->point[i] < t->point[j]);
  }
}

static void check_definition(const ct_tree *tree, const ct_distances *distances) {
  int *parent = tree_parents(tree);
  char *seen = calloc((size_t)tree->n, 1);
  CHECK(tree->size[0] == tree->n);
  for (int i = 0; i < tree->n; i++) {
    int row = tree->point[i];
    if (CHECK(row >= 0 && row < tree->n)) CHECK(!seen[row]++);
    check_node(tree, distances, parent, i);
    if (i > 0) check_siblings(tree, distances, parent, i);
  }
  free(parent), free(seen);
}

/* ---- cases ---- */

static void check_tree(const ct_distances *distances, const int *rank, int n, int defined) {
  test_host host;
  ct_tree tree = tree_new(n), other = tree_new(n);
  ct_tree_fault fault;
  test_host_start(&host);
  for (int threads = 1; threads <= 3; threads++) {
    ct_run run = test_run(&host, threads, CT_SIMD_BASE);
    ct_stats stats = {0};
    if (defined && threads > 1 && n % 3 != threads - 1)
      continue; /* regions take longer than small trees */
    ct_tree *built = threads == 1 ? &tree : &other;
    if (!CHECK(ct_tree_build(distances, rank, built, &stats, &run) == CT_OK)) defined = 0;
    CHECK(!host.backwards && stats.evaluations >= n - 1);
    if (threads > 1) CHECK(tree_same(&tree, &other));
    CHECK(host.bytes <= 48 * (size_t)n + 32768);
    test_host_reset(&host);
  }
  if (defined) check_definition(&tree, distances);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_tree_check(&tree, distances, 0, &fault, &run) == CT_OK);
  CHECK(!host.backwards);
  if (!CHECK(fault.broken == NULL)) printf("  %s, at %d\n", fault.broken, fault.position);
  test_host_end(&host);
  tree_free(&tree), tree_free(&other);
}

static void test_points_of(ct_points points, ct_metric metric, int kind, int defined) {
  test_host host;
  ct_distances distances;
  int row, column;
  fit_to_metric(&metric, &points, kind);
  if (ct_metric_check(&metric, &points, &row, &column) != CT_OK) { /* powers that overflow */
    free((double *)points.x);
    return;
  }
  int *rank = malloc((size_t)points.n * sizeof *rank);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_distances_of_points(&points, NULL, &metric, &distances, &run) == CT_OK);
  CHECK(ct_hilbert_rank(&points, &metric, rank, &run) == CT_OK);
  check_tree(&distances, rank, points.n, defined);
  check_tree(&distances, NULL, points.n, defined);
  free(rank), free((double *)points.x);
  test_host_end(&host);
}

static void test_small(void) {
  static const int sizes[] = {1, 2, 3, 44, 150};
  for (int which = 0; which < TEST_METRICS; which++)
    for (int dim = which == 8 ? 2 : 1; dim <= (which == 8 ? 2 : 3); dim++)
      for (int kind = 0; kind < TEST_KINDS; kind++)
        for (int s = 0; s < 5; s++) {
          test_random random = {(uint64_t)(((which * 4 + dim) * 16 + kind) * 8 + s)};
          test_points_of(test_points(sizes[s], dim, kind, &random), test_metric(which), kind, 1);
        }
  test_points_of(geometric_points(1300, 1), test_metric(2), 0, 1);
}

/* Long enough for sets to be divided by a team of threads. */
static void test_long(void) {
  for (int kind = 0; kind < TEST_KINDS; kind += 3) {
    test_random random = {(uint64_t)(77 + kind)};
    test_points_of(test_points(70000, 2, kind, &random), test_metric(0), kind, 0);
  }
}

static void test_tables(void) {
  enum { N = 400 };
  for (int kind = 0; kind < TABLES; kind++) {
    table_metric table = {.d = table_fill(kind, N, 11), .n = N};
    ct_distances distances = table_distances(&table);
    distances.bounded = kind == NEAR_ONE;
    check_tree(&distances, NULL, N, 1);
    CHECK(!table.misused);
    free((double *)table.d);
  }
}

static ct_tree build_large(ct_points points, ct_stats *stats) {
  test_host host;
  ct_metric metric = test_metric(0);
  ct_distances distances;
  ct_tree tree = tree_new(points.n);
  int *rank = malloc((size_t)points.n * sizeof *rank);
  test_host_start(&host);
  ct_run run = test_run(&host, 2, CT_SIMD_BASE);
  CHECK(ct_distances_of_points(&points, NULL, &metric, &distances, &run) == CT_OK);
  CHECK(ct_hilbert_rank(&points, &metric, rank, &run) == CT_OK);
  CHECK(ct_tree_build(&distances, rank, &tree, stats, &run) == CT_OK);
  free(rank), free((double *)points.x);
  test_host_end(&host);
  return tree;
}

/* A small tree known by hand: row 2 is as far from row 1 as from row 0 and stays with the earlier;
 * row 3 is nearer to row 1; row 4 repeats row 0. */
static void test_by_hand(void) {
  double x[] = {0, 3, 1.5, 2.5, 0};
  static const int point[] = {0, 4, 2, 1, 3}, size[] = {5, 1, 1, 2, 1};
  static const int level[] = {2, CT_LEVEL_DUPLICATE, 0, 1, -2};
  static const double radius[] = {3, 0, 0, 0.5, 0}, parent_distance[] = {0, 0, 1.5, 3, 0.5};
  ct_stats stats = {0};
  double *copy = malloc(sizeof x);
  memcpy(copy, x, sizeof x);
  ct_tree tree = build_large((ct_points){copy, 5, 1}, &stats);
  for (int i = 0; i < 5; i++) {
    CHECK(tree.point[i] == point[i] && tree.size[i] == size[i] && tree.level[i] == level[i]);
    CHECK(tree.radius[i] == radius[i] && tree.parent_distance[i] == parent_distance[i]);
  }
  tree_free(&tree);
}

/* Siblings of one level stand by rank, without one by row. */
static void check_sibling_order(const int *rank, const ct_distances *distances, int n) {
  test_host host;
  ct_stats stats = {0};
  ct_tree tree = tree_new(n);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_tree_build(distances, rank, &tree, &stats, &run) == CT_OK);
  int *parent = tree_parents(&tree);
  for (int i = 1; i < n; i++) {
    int next = i + tree.size[i];
    if (next >= n || parent[next] != parent[i] || tree.level[next] != tree.level[i]) continue;
    if (tree.level[i] == CT_LEVEL_DUPLICATE || !rank) CHECK(tree.point[i] < tree.point[next]);
    else CHECK(rank[tree.point[i]] < rank[tree.point[next]]);
  }
  free(parent);
  tree_free(&tree);
  test_host_end(&host);
}

static void test_sibling_order(void) {
  enum { N = 900 };
  int rank[N];
  for (int kind = 0; kind < TABLES; kind++) {
    table_metric table = {.d = table_fill(kind, N, 31), .n = N};
    ct_distances distances = table_distances(&table);
    for (int i = 0; i < N; i++) rank[i] = (i * 7 + 5) % N * 11 % N;
    check_sibling_order(rank, &distances, N);
    check_sibling_order(NULL, &distances, N);
    free((double *)table.d);
  }
}

/* The tree without rows >= end: subtrees vanish whole. */
static ct_tree drop_rows(const ct_tree *tree, int end) {
  ct_tree few = tree_new(end);
  int kept = 0;
  for (int i = 0; i < tree->n; i++) {
    if (tree->point[i] >= end) continue;
    few.point[kept] = tree->point[i];
    few.level[kept] = tree->level[i];
    few.parent_distance[kept] = tree->parent_distance[i];
    few.size[kept] = 0;
    for (int j = i; j < i + tree->size[i]; j++) few.size[kept] += tree->point[j] < end;
    kept++;
  }
  return few;
}

/* Predecessor searches stand on this. The root's level alone knows of rows to come. */
static void test_prefixes(void) {
  enum { N = 500 };
  test_random random = {12};
  test_host host;
  ct_points points = test_points(N, 2, UNIFORM, &random);
  ct_metric metric = test_metric(0);
  ct_distances distances;
  ct_stats stats = {0};
  ct_tree all = tree_new(N);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_distances_of_points(&points, NULL, &metric, &distances, &run) == CT_OK);
  CHECK(ct_tree_build(&distances, NULL, &all, &stats, &run) == CT_OK);
  for (int end = 1; end <= N; end += 13) {
    ct_tree few = drop_rows(&all, end), built = tree_new(end);
    CHECK(ct_tree_build(&distances, NULL, &built, &stats, &run) == CT_OK);
    few.level[0] = built.level[0];
    memcpy(few.radius, built.radius, (size_t)end * sizeof *few.radius);
    CHECK(tree_same(&few, &built));
    tree_free(&few), tree_free(&built);
  }
  free((double *)points.x);
  tree_free(&all);
  test_host_end(&host);
}

/* ---- cost ---- */

static double evaluations_per_point(int n, int dim) {
  test_random random = {3};
  ct_stats stats = {0};
  ct_tree tree = build_large(test_points(n, dim, UNIFORM, &random), &stats);
  tree_free(&tree);
  return stats.evaluations / n;
}

/* 13 and 20 evaluations a point at 10^5 points in the plane and in space. */
static void test_growth(void) {
  double plane = evaluations_per_point(25000, 2), space = evaluations_per_point(25000, 3);
  CHECK(plane < 16 && space < 24);
  CHECK(evaluations_per_point(100000, 2) < 1.35 * plane);
  CHECK(evaluations_per_point(100000, 3) < 1.35 * space);
}

static int depth_of(const ct_tree *tree) {
  int *parent = tree_parents(tree), *depth = calloc((size_t)tree->n, sizeof *depth), most = 0;
  for (int i = 1; i < tree->n; i++) {
    depth[i] = depth[parent[i]] + 1;
    most = depth[i] > most ? depth[i] : most;
  }
  free(parent), free(depth);
  return most;
}

static void test_hard_data(void) {
  enum { N = 100000 };
  test_random random = {4};
  ct_stats same = {0}, geometric = {0}, outlier = {0};
  ct_tree tree = build_large(test_points(N, 2, ONE_PLACE, &random), &same);
  CHECK(same.evaluations == N - 1 && depth_of(&tree) == 1 && tree.level[1] == CT_LEVEL_DUPLICATE);
  tree_free(&tree);
  tree = build_large(geometric_points(N, 1), &geometric);
  CHECK(depth_of(&tree) > 250 && geometric.evaluations < 600.0 * N);
  tree_free(&tree);
  tree = build_large(test_points(N, 2, OUTLIER, &random), &outlier);
  CHECK(outlier.evaluations < 20.0 * N);
  tree_free(&tree);
}

/* ---- failures ---- */

static void test_failures(void) {
  enum { N = 30000 };
  test_random random = {5};
  test_host host;
  ct_stats stats = {0};
  ct_points points = test_points(N, 2, UNIFORM, &random);
  ct_metric metric = test_metric(0);
  ct_distances distances;
  ct_tree tree = tree_new(N), none = {0};
  test_host memory;
  test_host_start(&memory);
  test_host_start(&host);
  ct_run lasting = test_run(&memory, 1, CT_SIMD_BASE), run = test_run(&host, 2, CT_SIMD_BASE);
  CHECK(ct_distances_of_points(&points, NULL, &metric, &distances, &lasting) == CT_OK);
  CHECK(ct_tree_build(&distances, NULL, &none, &stats, &run) == CT_ERR_DOMAIN);
  ct_status status = CT_ERR_MEMORY;
  for (host.fail_at = 0; status == CT_ERR_MEMORY && host.fail_at < 30; host.fail_at++) {
    status = ct_tree_build(&distances, NULL, &tree, &stats, &run);
    test_host_reset(&host);
  }
  CHECK(status == CT_OK && host.fail_at > 5);
  host.fail_at = -1;
  host.stop_at = 0;
  CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_ERR_INTERRUPTED);
  free((double *)points.x);
  tree_free(&tree);
  test_host_end(&host), test_host_end(&memory);
}

static void test_broken_metric(void) {
  enum { N = 60 };
  test_host host;
  ct_stats stats = {0};
  ct_tree tree = tree_new(N);
  table_metric table = {.d = table_fill(ALL_ALIKE, N, 2), .n = N};
  ct_distances distances = table_distances(&table);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_OK);
  for (int at = 0, calls = table.calls; at < calls; at += 7) {
    table.calls = 0, table.fail_at = at, table.status = CT_OK;
    CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_ERR_DISTANCE);
    table.calls = 0, table.status = CT_ERR_INTERRUPTED;
    CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_ERR_INTERRUPTED);
  }
  free((double *)table.d);
  tree_free(&tree);
  test_host_end(&host);
}

/* An order of rows without meaning, asymmetric and against the triangle inequality: any tree, no
 * crash. */
static void test_nonsense(void) {
  enum { N = 300 };
  test_random random = {6};
  test_host host;
  ct_stats stats = {0};
  ct_tree tree = tree_new(N);
  ct_tree_fault fault;
  double *d = malloc(sizeof(double) * N * N);
  for (int i = 0; i < N * N; i++) d[i] = ldexp(1, test_below(&random, 2000) - 1000);
  table_metric table = {.d = d, .n = N};
  ct_distances distances = table_distances(&table);
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &run) == CT_OK);
  CHECK(ct_tree_check(&tree, NULL, 0, &fault, &run) == CT_OK && fault.broken == NULL);
  free(d);
  tree_free(&tree);
  test_host_end(&host);
}

int main(void) {
  test_small();
  test_long();
  test_tables();
  test_by_hand();
  test_sibling_order();
  test_prefixes();
  test_growth();
  test_hard_data();
  test_failures();
  test_broken_metric();
  test_nonsense();
  return check_report();
}
