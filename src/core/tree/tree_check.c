#include "metric/canonical.h"

#include "ct.h"
#include "tree/tree_support.h"

#include <string.h>

/* The invariants of tree.h in executable form.
 *
 * First the shape, by numbers that any arrays may hold: nothing is used as an index before it has
 * been compared with its range. What passes can be walked by a search without reading out of range
 * or for ever. Then, with distances, what the numbers claim. Stored distances were computed by the
 * same routine, but perhaps in another build or on another machine; they must agree to twice the
 * rounding error that the distances admit.
 *
 * Cost: every node is compared with all its descendants, n times the mean depth distances, and
 * siblings with each other, as many pairs as there are. */

enum { CHUNK = 1024 };

typedef struct {
  const ct_tree *tree;
  const ct_distances *distances;
  int *parent;
  ct_tree_fault *fault;
  ct_pace pace;
} check;

/* Records a fault; the value says "stop". */
static int broken(check *c, int position, const char *invariant) {
  c->fault->broken = invariant;
  c->fault->position = position;
  return 1;
}

/* ---- shape ---- */

static int rows_broken(check *c, char *seen) {
  const ct_tree *t = c->tree;
  memset(seen, 0, (size_t)t->n);
  for (int i = 0; i < t->n; i++) {
    int row = t->point[i];
    if (row < 0 || row >= t->n) return broken(c, i, "every node holds a row of the points");
    if (seen[row]) return broken(c, i, "every row has exactly one node");
    seen[row] = 1;
  }
  return 0;
}

/* Sizes must nest. Fills parent[], -1 for the root. */
static int sizes_broken(check *c) {
  const ct_tree *t = c->tree;
  int above = -1;
  if (t->size[0] != t->n) return broken(c, 0, "the root's subtree holds all points");
  for (int i = 0; i < t->n; i++) {
    while (above >= 0 && i >= above + t->size[above]) above = c->parent[above];
    int end = above < 0 ? t->n : above + t->size[above];
    if (t->size[i] < 1 || t->size[i] > end - i)
      return broken(c, i, "subtrees lie within their parent's subtree");
    c->parent[i] = above;
    above = i;
  }
  return 0;
}

static int is_length(double d) {
  return d >= 0 && d <= DBL_MAX;
}

/* Duplicates are leaves, so the sibling before one stands at the position before it. */
static int duplicate_misplaced(const check *c, int i) {
  const ct_tree *t = c->tree;
  if (i == c->parent[i] + 1) return 0;
  return t->level[i - 1] != CT_LEVEL_DUPLICATE || c->parent[i - 1] != c->parent[i] ||
         t->point[i - 1] > t->point[i];
}

static int order_broken(check *c) {
  const ct_tree *t = c->tree;
  for (int i = 1; i < t->n; i++) {
    int above = c->parent[i];
    if (t->point[i] <= t->point[above])
      return broken(c, i, "parents come before their descendants");
    if (t->level[i] >= t->level[above]) return broken(c, i, "levels fall from parent to child");
    if (t->level[i] < CT_LEVEL_DUPLICATE)
      return broken(c, i, "no level is below that of duplicates");
    if (t->level[i] == CT_LEVEL_DUPLICATE && duplicate_misplaced(c, i))
      return broken(c, i, "duplicates come first among their siblings, by row");
  }
  return 0;
}

static int lengths_broken(check *c) {
  const ct_tree *t = c->tree;
  for (int i = 0; i < t->n; i++) {
    if (!is_length(t->radius[i])) return broken(c, i, "radii are finite numbers, at least 0");
    if (!is_length(t->parent_distance[i]))
      return broken(c, i, "parent distances are finite numbers, at least 0");
    if (i == 0 ? t->parent_distance[i] != 0 : t->parent_distance[i] > t->radius[c->parent[i]])
      return broken(c, i, "parent distances are within the parent's radius");
  }
  return 0;
}

/* ---- claims ---- */

static double tolerance(const check *c, double d) {
  return (2 * c->distances->slack + 4 * DBL_EPSILON) * d + 2 * c->distances->absolute_slack;
}

static int differ(const check *c, double stored, double computed) {
  return fabs(stored - computed) > tolerance(c, computed);
}

/* Compares a node with its descendants. */
static ct_status check_descendants(check *c, int node, int *stop) {
  const ct_tree *t = c->tree;
  double d[CHUNK], most = 0;
  int end = node + t->size[node], child = node + 1;
  for (int from = node + 1; from < end; from += CHUNK) {
    int count = end - from < CHUNK ? end - from : CHUNK;
    CT_TRY(ct_distances_between(c->distances, t->point[node], t->point + from, count, d));
    for (int i = 0; i < count; i++) most = d[i] > most ? d[i] : most;
    for (; child < from + count; child += t->size[child])
      if (!*stop && differ(c, t->parent_distance[child], d[child - from]))
        *stop = broken(c, child, "parent distances are the distances of parent and child");
    CT_TRY(ct_pace_poll(&c->pace, 0.5 * node / t->n));
  }
  if (!*stop && differ(c, t->radius[node], most))
    *stop = broken(c, node, "the radius is the largest distance to a descendant");
  return CT_OK;
}

static double reach(const check *c, int level) {
  return ct_level_reach(level, c->distances->bounded);
}

/* Whether a level fits the distance to the parent. */
static int level_broken(check *c, int node) {
  const ct_tree *t = c->tree;
  double d = t->parent_distance[node], give = tolerance(c, d);
  int level = t->level[node];
  if (level == CT_LEVEL_DUPLICATE)
    return d > 2 * c->distances->absolute_slack
               ? broken(c, node, "duplicates are at distance 0 of their parent")
               : 0;
  if (d > reach(c, level + 1) + give || d > reach(c, t->level[c->parent[node]]) + give)
    return broken(c, node, "children lie within the reach of their level");
  if (d <= reach(c, level) - give)
    return broken(c, node, "children are farther from their parent than the level below reaches");
  return 0;
}

/* Two siblings must be farther apart than the lower of their levels reaches, unless that one's row
 * is the earlier: it was covered before the other became a centre, and may not be the child of a
 * later row. */
static int sibling_broken(check *c, int a, int b, double d) {
  const ct_tree *t = c->tree;
  int low = t->level[a] < t->level[b] ? a : b, high = low == a ? b : a;
  if (t->level[low] == CT_LEVEL_DUPLICATE) return 0;
  if (t->level[low] < t->level[high] && t->point[low] < t->point[high]) return 0;
  if (d > reach(c, t->level[low]) - tolerance(c, d)) return 0;
  return broken(c, b, "siblings are farther apart than the level below reaches");
}

/* Compares a node with the siblings that follow it. */
static ct_status check_siblings(check *c, int node, int *stop) {
  const ct_tree *t = c->tree;
  int above = c->parent[node], end = above + t->size[above];
  int position[CHUNK], row[CHUNK], count = 0;
  double d[CHUNK];
  if (t->level[node] == CT_LEVEL_DUPLICATE) return CT_OK;
  for (int next = node + t->size[node]; next < end && !*stop;) {
    for (count = 0; next < end && count < CHUNK; next += t->size[next]) {
      if (t->level[next] == CT_LEVEL_DUPLICATE) continue;
      position[count] = next;
      row[count++] = t->point[next];
    }
    CT_TRY(ct_distances_between(c->distances, t->point[node], row, count, d));
    for (int i = 0; i < count && !*stop; i++) *stop = sibling_broken(c, node, position[i], d[i]);
    CT_TRY(ct_pace_poll(&c->pace, 0.5 + 0.5 * node / t->n));
  }
  return CT_OK;
}

static ct_status check_claims(check *c, int annotated) {
  int n = c->tree->n, stop = 0;
  for (int i = 0; i < n && !stop; i++) CT_TRY(check_descendants(c, i, &stop));
  if (annotated) return CT_OK;
  for (int i = 1; i < n && !stop; i++) stop = level_broken(c, i);
  for (int i = 1; i < n && !stop; i++) CT_TRY(check_siblings(c, i, &stop));
  return CT_OK;
}

ct_status ct_tree_check(const ct_tree *tree, const ct_distances *distances, int annotated,
                        ct_tree_fault *fault, const ct_run *run) {
  check c = {.tree = tree, .distances = distances, .fault = fault, .pace = ct_pace_start(run)};
  char *seen;
  *fault = (ct_tree_fault){NULL, -1};
  if (tree->n < 1) {
    broken(&c, 0, "an index holds at least one point");
    return CT_OK;
  }
  CT_NEW(c.parent, &run->arena, tree->n);
  CT_NEW(seen, &run->arena, tree->n);
  if (rows_broken(&c, seen) || sizes_broken(&c) || order_broken(&c) || lengths_broken(&c))
    return CT_OK;
  return distances ? check_claims(&c, annotated) : CT_OK;
}
