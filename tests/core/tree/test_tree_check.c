/* The verifier: it names the invariant that each kind of damage breaks, and no damage makes it, or
 * a search of what it lets pass, read out of range. */

#include <limits.h>

#include "tree/tree_cases.h"

typedef struct {
  test_host host;
  ct_run run;
  ct_points points;
  ct_distances distances;
  ct_tree good, bad;
  double *indexed;
} damage_case;

static void start(damage_case *c, int n, int kind, test_random *random) {
  ct_metric metric = test_metric(0);
  ct_stats stats = {0};
  test_host_start(&c->host);
  c->run = test_run(&c->host, 1, CT_SIMD_BASE);
  c->points = test_points(n, 2, kind, random);
  c->indexed = embed_all(&c->points, &metric);
  c->good = tree_new(n), c->bad = tree_new(n);
  /* the metric must outlive the distances */
  ct_metric *lasting = ct_arena_get(&c->run.arena, 1, sizeof *lasting);
  *lasting = metric;
  CHECK(ct_distances_of_points(&c->points, NULL, lasting, &c->distances, &c->run) == CT_OK);
  CHECK(ct_tree_build(&c->distances, NULL, &c->good, &stats, &c->run) == CT_OK);
  tree_copy(&c->bad, &c->good);
}

static void end(damage_case *c) {
  free((double *)c->points.x), free(c->indexed);
  tree_free(&c->good), tree_free(&c->bad);
  test_host_end(&c->host);
}

/* What the damaged tree is said to break, and the sound tree afterwards. */
static void check_named(damage_case *c, int position, const char *invariant) {
  ct_tree_fault fault;
  CHECK(ct_tree_check(&c->bad, &c->distances, 0, &fault, &c->run) == CT_OK);
  if (!CHECK(fault.broken && strcmp(fault.broken, invariant) == 0 && fault.position == position))
    printf("  %s, at %d, instead of %s, at %d\n", fault.broken ? fault.broken : "nothing",
           fault.position, invariant, position);
  tree_copy(&c->bad, &c->good);
}

/* Positions of a leaf, and of a node with children, away from the root. */
static int find_leaf(const ct_tree *t) {
  int at = t->n - 1;
  while (t->level[at] == CT_LEVEL_DUPLICATE) at--;
  return at;
}

static int find_inner(const ct_tree *t) {
  int at = t->n / 2;
  while (t->size[at] < 3) at++;
  return at;
}

static void test_shape_faults(void) {
  test_random random = {1};
  damage_case c;
  start(&c, 60, DUPLICATES, &random);
  int inner = find_inner(&c.good), leaf = find_leaf(&c.good), n = c.good.n;
  c.bad.point[5] = -1;
  check_named(&c, 5, "every node holds a row of the points");
  c.bad.point[5] = n;
  check_named(&c, 5, "every node holds a row of the points");
  c.bad.point[n - 1] = c.bad.point[3];
  check_named(&c, n - 1, "every row has exactly one node");
  c.bad.size[0] = n - 1;
  check_named(&c, 0, "the root's subtree holds all points");
  c.bad.size[leaf] = 0;
  check_named(&c, leaf, "subtrees lie within their parent's subtree");
  c.bad.size[leaf] = INT_MAX;
  check_named(&c, leaf, "subtrees lie within their parent's subtree");
  c.bad.point[inner] = c.good.point[inner + 1], c.bad.point[inner + 1] = c.good.point[inner];
  check_named(&c, inner + 1, "parents come before their descendants");
  c.bad.level[inner + 1] = c.bad.level[inner];
  check_named(&c, inner + 1, "levels fall from parent to child");
  c.bad.level[leaf] = CT_LEVEL_DUPLICATE - 1;
  check_named(&c, leaf, "no level is below that of duplicates");
  c.bad.level[leaf] = CT_LEVEL_DUPLICATE;
  check_named(&c, leaf, "duplicates come first among their siblings, by row");
  for (int i = 0; i < 3; i++) {
    static const double wrong[] = {NAN, -1, INFINITY};
    c.bad.radius[inner] = wrong[i];
    check_named(&c, inner, "radii are finite numbers, at least 0");
    c.bad.parent_distance[inner] = wrong[i];
    check_named(&c, inner, "parent distances are finite numbers, at least 0");
  }
  c.bad.parent_distance[0] = 1;
  check_named(&c, 0, "parent distances are within the parent's radius");
  c.bad.parent_distance[inner] = 100;
  check_named(&c, inner, "parent distances are within the parent's radius");
  c.bad.n = 0;
  check_named(&c, 0, "an index holds at least one point");
  end(&c);
}

static void test_false_claims(void) {
  test_random random = {2};
  damage_case c;
  start(&c, 60, UNIFORM, &random);
  int inner = find_inner(&c.good), leaf = find_leaf(&c.good);
  c.bad.parent_distance[inner] *= 1 - 1e-10;
  check_named(&c, inner, "parent distances are the distances of parent and child");
  c.bad.radius[inner] *= 1 + 1e-10;
  check_named(&c, inner, "the radius is the largest distance to a descendant");
  c.bad.radius[leaf] = 1e-10;
  check_named(&c, leaf, "the radius is the largest distance to a descendant");
  c.bad.level[leaf]--;
  check_named(&c, leaf, "children lie within the reach of their level");
  int *parent = tree_parents(&c.good), high = 1;
  while (c.good.level[parent[high]] < c.good.level[high] + 2 || c.good.size[high] > 1) high++;
  free(parent);
  c.bad.level[high]++;
  check_named(&c, high, "children are farther from their parent than the level below reaches");
  /* rounding of another machine passes */
  ct_tree_fault fault;
  c.bad.radius[inner] *= 1 + 2e-16, c.bad.parent_distance[leaf] *= 1 - 1e-16;
  CHECK(ct_tree_check(&c.bad, &c.distances, 0, &fault, &c.run) == CT_OK && !fault.broken);
  /* levels of another metric are no claims, radii are */
  tree_copy(&c.bad, &c.good);
  c.bad.level[leaf]--;
  CHECK(ct_tree_check(&c.bad, &c.distances, 1, &fault, &c.run) == CT_OK && !fault.broken);
  c.bad.radius[inner] *= 1.1;
  CHECK(ct_tree_check(&c.bad, &c.distances, 1, &fault, &c.run) == CT_OK && fault.broken);
  /* nothing but the shape is looked at without distances */
  CHECK(ct_tree_check(&c.bad, NULL, 0, &fault, &c.run) == CT_OK && !fault.broken);
  end(&c);
}

/* Trees by hand, on a line: what the construction never makes. */
static void check_by_hand(double *x, int n, int *size, int *level, const char *invariant) {
  test_host host;
  ct_metric metric = test_metric(0);
  ct_distances distances;
  ct_stats stats = {0};
  ct_tree_fault fault;
  ct_points points = {x, n, 1};
  int point[4] = {0, 1, 2, 3};
  double radius[4], parent_distance[4];
  ct_tree tree = {n, point, size, level, radius, parent_distance};
  test_host_start(&host);
  ct_run run = test_run(&host, 1, CT_SIMD_BASE);
  CHECK(ct_distances_of_points(&points, NULL, &metric, &distances, &run) == CT_OK);
  CHECK(ct_tree_annotate(&distances, &tree, &stats, &run) == CT_OK);
  CHECK(ct_tree_check(&tree, &distances, 0, &fault, &run) == CT_OK);
  if (!CHECK(invariant ? fault.broken && strcmp(fault.broken, invariant) == 0 : !fault.broken))
    printf("  %s\n", fault.broken ? fault.broken : "nothing");
  test_host_end(&host);
}

static void test_by_hand(void) {
  static const char *siblings = "siblings are farther apart than the level below reaches";
  check_by_hand((double[]){0, 1.5, -1.5}, 3, (int[]){3, 1, 1}, (int[]){1, 0, 0}, NULL);
  check_by_hand((double[]){0, 1.5, 1.6}, 3, (int[]){3, 1, 1}, (int[]){1, 0, 0}, siblings);
  /* a finer sibling may be near if it is the earlier row, not if it could be the other's child */
  check_by_hand((double[]){0, 0.9, 1.1}, 3, (int[]){3, 1, 1}, (int[]){1, -1, 0}, NULL);
  check_by_hand((double[]){0, 1.1, 0.9}, 3, (int[]){3, 1, 1}, (int[]){1, 0, -1}, siblings);
  check_by_hand((double[]){0, 0, 0}, 3, (int[]){3, 1, 1}, (int[]){0, -32768, -32768}, NULL);
  check_by_hand((double[]){0, 0, 1}, 3, (int[]){3, 1, 1}, (int[]){0, -32768, -32768},
                "duplicates are at distance 0 of their parent");
  check_by_hand((double[]){0, 0, 0}, 3, (int[]){3, 1, 1}, (int[]){0, -32768, -5},
                "children are farther from their parent than the level below reaches");
}

/* ---- random damage ---- */

static int any_int(test_random *random, int n) {
  static const int extremes[] = {0, -1, 1, INT_MAX, INT_MIN, CT_LEVEL_DUPLICATE, 1024, -1075};
  int kind = test_below(random, 3);
  if (kind == 0) return extremes[test_below(random, 8)];
  return kind == 1 ? test_below(random, n + 1) : (int)test_bits(random);
}

static double any_double(test_random *random) {
  static const double extremes[] = {0, -1, INFINITY, 5e-324, 1e308, 1, -0.0};
  int kind = test_below(random, 9);
  if (kind < 7) return extremes[kind];
  return kind == 7 ? NAN : test_uniform(random);
}

static void damage(ct_tree *tree, test_random *random) {
  int at = test_below(random, tree->n), other = test_below(random, tree->n), t;
  switch (test_below(random, 8)) {
    case 0: tree->point[at] = any_int(random, tree->n); break;
    case 1: tree->size[at] = any_int(random, tree->n); break;
    case 2: tree->level[at] = any_int(random, tree->n); break;
    case 3: tree->radius[at] = any_double(random); break;
    case 4: tree->parent_distance[at] = any_double(random); break;
    case 5:
      t = tree->point[at], tree->point[at] = tree->point[other], tree->point[other] = t;
      break;
    case 6: tree->level[at] += test_below(random, 5) - 2; break;
    default: tree->size[at] += test_below(random, 5) - 2;
  }
}

/* Searches end within memory, whatever passed for a tree; with all claims true the answers are. */
static void search_damaged(damage_case *c, int sound) {
  enum { K = 4 };
  int n = c->bad.n, id[64 * K], count[64], limit[64];
  double dist[64 * K];
  ct_stats stats = {0};
  ct_metric metric = test_metric(0);
  neighbor found[64];
  for (int i = 0; i < n; i++) limit[i] = (i * 37) % (n + 1);
  for (int limited = 0; limited < 2; limited++) {
    ct_queries queries = {.count = n, .limit = limited ? limit : NULL};
    CHECK(ct_tree_knn(&c->bad, &c->distances, &queries, K, id, dist, &stats, &c->run) == CT_OK);
    CHECK(ct_tree_within_count(&c->bad, &c->distances, &queries, 0.2, count, &stats, &c->run) ==
          CT_OK);
    for (int q = 0; q < n && sound; q++) {
      int all = all_neighbors(&c->points, &metric, &queries, q, c->indexed, NULL, found);
      for (int j = 0; j < K; j++)
        CHECK(j < all ? id[q + j * n] == found[j].row : id[q + j * n] == -1);
    }
  }
}

static void test_random_damage(int n, int kind, int trials) {
  test_random random = {(uint64_t)(n + kind)};
  damage_case c;
  int passed = 0, sound = 0;
  start(&c, n, kind, &random);
  for (int trial = 0; trial < trials; trial++) {
    ct_tree_fault fault;
    ct_stats stats = {0};
    tree_copy(&c.bad, &c.good);
    for (int times = test_below(&random, 3); times >= 0; times--) damage(&c.bad, &random);
    if (trial % 50 == 0) { /* what searches took goes back now and then; distances stay */
      end(&c);
      start(&c, n, kind, &random);
    }
    CHECK(ct_tree_check(&c.bad, NULL, 0, &fault, &c.run) == CT_OK);
    CHECK(fault.broken ? fault.position >= 0 && fault.position < n : fault.position == -1);
    if (fault.broken) continue;
    passed++;
    CHECK(ct_tree_check(&c.bad, &c.distances, 0, &fault, &c.run) == CT_OK);
    sound += fault.broken == NULL;
    search_damaged(&c, fault.broken == NULL);
    CHECK(ct_tree_annotate(&c.distances, &c.bad, &stats, &c.run) == CT_OK);
    search_damaged(&c, 1);
  }
  CHECK(passed > trials / 20 && sound < trials / 2);
  end(&c);
}

static void test_failures(void) {
  test_random random = {3};
  damage_case c;
  ct_tree_fault fault;
  start(&c, 60, UNIFORM, &random);
  int before = c.host.blocks;
  for (int i = 0; i < 2; i++) {
    c.host.fail_at = before + i;
    CHECK(ct_tree_check(&c.good, &c.distances, 0, &fault, &c.run) == CT_ERR_MEMORY);
    before = c.host.blocks - i;
  }
  end(&c);
  table_metric table = {.d = table_fill(ALL_ALIKE, 30, 2), .n = 30};
  ct_distances distances = table_distances(&table);
  ct_tree tree = tree_new(30);
  ct_stats stats = {0};
  test_host_start(&c.host);
  CHECK(ct_tree_build(&distances, NULL, &tree, &stats, &c.run) == CT_OK);
  table.calls = 0;
  CHECK(ct_tree_check(&tree, &distances, 0, &fault, &c.run) == CT_OK && !fault.broken);
  for (int at = 0, calls = table.calls; at < calls; at++) {
    table.calls = 0, table.fail_at = at;
    CHECK(ct_tree_check(&tree, &distances, 0, &fault, &c.run) == CT_ERR_DISTANCE);
  }
  free((double *)table.d);
  tree_free(&tree);
  test_host_end(&c.host);
}

int main(void) {
  test_shape_faults();
  test_false_claims();
  test_by_hand();
  test_random_damage(40, UNIFORM, 6000);
  test_random_damage(40, DUPLICATES, 3000);
  test_random_damage(20, ONE_PLACE, 1500);
  test_random_damage(3, UNIFORM, 1000);
  test_failures();
  return check_report();
}
