#include "metric/canonical.h"

#include "tree/tree_search.h"
#include "tree/tree_support.h"

/* Exact search of the cover tree by the triangle inequality.
 *
 * Bounds. Let p be a node whose distance from the query q is known, c a child of it and x c or one
 * of its descendants. In the true metric d
 *
 *     d(q, x) >= |d(q, p) - d(p, c)| - d(c, x),        d(q, x) >= d(q, c) - d(c, x),
 *
 * and d(c, x) is at most c's radius. What is at hand are computed distances A of q and p, B of p
 * and c, R the radius, C of q and c, each within s d + t of the true ones (slack and absolute_slack
 * of ct_distances), and what must be bounded is the computed distance of q and x, which decides. A
 * true distance d is at most (A + t) / (1 - s), so A and d differ by at most (s A + t) / (1 - s);
 * likewise for B and R. Hence
 *
 *     d(q, x)           >=  |A - B| - R - (s (A + B + R) + 3 t) / (1 - s)
 *     computed(q, x)    >=  (1 - s) d(q, x) - t  >=  |A - B| - R - 2 s (A + B + R) - 4 t,
 *
 * where the last step uses that s (|A - B| - R) <= s (A + B). Evaluating the right side rounds
 * three times, by at most DBL_EPSILON / 2 times A + B + R each. So
 *
 *     |A - B| - R - ((2 s + 4 DBL_EPSILON) (A + B + R) + 5 t + DBL_MIN),
 *
 * as computed, is no larger than the computed distance of any x below c; DBL_MIN covers a product
 * that underflows. The second bound is the first with C for A and B = 0. No distance is negative,
 * so neither is a bound. An overflow of the sum makes the bound 0.
 *
 * A subtree is skipped if its bound exceeds the k-th distance so far; also if it equals it and the
 * subtree's root has a larger row than the k-th answer, because rows grow downwards: every point
 * below sorts after the k-th answer. That matters where bounds are attained exactly, at distance 0:
 * among 10^5 duplicates the k lowest rows are found in a few calls.
 *
 * Order. Distances may be slow by the call (a closure of R: about 10 us for the first, 0.1 us for
 * each further), so they are asked for in batches. Nodes whose children wait stand in a heap by
 * their bounds. The nearest ones are popped, and their children that no stored distance excludes
 * are enlisted, until the batch is full or nothing is left; then one call, answers are taken, and
 * nodes that may still hold answers are opened.
 *
 * Wide batches are wasteful until the k-th distance is known about. For an indexed query the tree
 * says where to look: the first call asks for its ancestors and for a window of about 2 k positions
 * around it in preorder; after that what remains is nearly a search with a fixed radius, one call
 * for each level or so. (10^5 uniform points, d = 2, k = 10: 5.7 calls and 128 distances a query;
 * from the root, in batches of 64, 8.6 and 362.) A new query starts from the root in short batches.
 * A child that lies in the window is opened with its known distance; ancestors are opened at once.
 * So no distance is asked for twice, and a search never costs more than n of them, however useless
 * the bounds.
 *
 * Rows >= limit: a subtree whose root is beyond the limit lies beyond it, all of it. Duplicates
 * stand first among their siblings, by row, so the first one beyond ends them all: after[]. */

enum {
  OPEN = 1 << 15, /* nodes kept open: 0.8 MB a thread; beyond that subtrees are compared whole */
  SHORT = 64,     /* a batch before the k-th distance is known about ... */
  SHORT_CALLS = 8 /* ... which so many calls take from the root */
};

/* ---- heap of open nodes ---- */

static int opens_before(const ct_open_node *a, const ct_open_node *b) {
  return a->bound < b->bound || (a->bound == b->bound && a->node < b->node);
}

static void push(ct_tree_searcher *s, ct_open_node node) {
  int hole = s->opened++;
  while (hole > 0 && opens_before(&node, &s->open[(hole - 1) / 2])) {
    s->open[hole] = s->open[(hole - 1) / 2];
    hole = (hole - 1) / 2;
  }
  s->open[hole] = node;
}

static ct_open_node pop(ct_tree_searcher *s) {
  ct_open_node top = s->open[0], last = s->open[--s->opened];
  int hole = 0;
  for (int below = 1; below < s->opened; below = 2 * hole + 1) {
    if (below + 1 < s->opened && opens_before(&s->open[below + 1], &s->open[below])) below++;
    if (!opens_before(&s->open[below], &last)) break;
    s->open[hole] = s->open[below];
    hole = below;
  }
  s->open[hole] = last;
  return top;
}

/* ---- bounds ---- */

static double give_way(const ct_tree_searcher *s, double bound, double sum) {
  double least = bound - (s->plan->slack * sum + s->plan->absolute);
  return least > 0 ? least : 0;
}

/* Of the subtree at pos, by the distance of its parent. */
static double bound_by_parent(const ct_tree_searcher *s, double parent, int pos) {
  const ct_tree *tree = s->plan->tree;
  double stored = tree->parent_distance[pos], radius = tree->radius[pos];
  return give_way(s, fabs(parent - stored) - radius, parent + stored + radius);
}

/* Of the descendants of pos, by its own distance. */
static double bound_by_node(const ct_tree_searcher *s, double distance, int pos) {
  double radius = s->plan->tree->radius[pos];
  return give_way(s, distance - radius, distance + radius);
}

/* ---- distances ---- */

static ct_status ask(ct_tree_searcher *s, const ct_question *q, const int *rows, int count,
                     double *out) {
  const ct_distances *d = s->plan->distances;
  if (count == 0) return CT_OK;
  s->evaluations += count;
  CT_TRY((q->is_new ? d->to : d->between)(d->self, q->ask, rows, count, out));
  return ct_all_distances(out, count) ? CT_OK : CT_ERR_DISTANCE;
}

/* Rows are < limit. */
static void offer(const ct_question *q, ct_tree_answers *answers, const int *rows,
                  const double *distance, int count) {
  for (int i = 0; i < count; i++)
    if (rows[i] != q->without && ct_tree_answers_admit(answers, distance[i], rows[i]))
      ct_tree_answers_add(answers, distance[i], rows[i]);
}

static void enlist(ct_tree_searcher *s, int pos, double least) {
  s->node[s->batch] = pos;
  s->row[s->batch] = s->plan->tree->point[pos];
  s->least[s->batch++] = least;
}

static int contains(const ct_tree *tree, int pos, int at) {
  return pos <= at && at < pos + tree->size[pos];
}

/* Whether the first calls have asked for the node's distance. */
static int is_known(const ct_tree_searcher *s, int pos) {
  return (pos >= s->low && pos < s->high) || contains(s->plan->tree, pos, s->at);
}

/* Compares the query with all descendants of a node, for want of room to keep it open; but for
 * those below a child that is an ancestor of the query and looks after its own. */
static ct_status compare_all(ct_tree_searcher *s, const ct_question *q, int node,
                             ct_tree_answers *answers) {
  const ct_tree *tree = s->plan->tree;
  int row[CT_SEARCH_BATCH], count = 0, end = node + tree->size[node];
  double distance[CT_SEARCH_BATCH];
  for (int pos = node + 1; pos < end;) {
    int others = tree->point[pos] >= q->limit || contains(tree, pos, s->at);
    if (!others && !is_known(s, pos)) row[count++] = tree->point[pos];
    pos += others ? tree->size[pos] : 1;
    if (count < CT_SEARCH_BATCH && pos < end) continue;
    CT_TRY(ask(s, q, row, count, distance));
    offer(q, answers, row, distance, count);
    count = 0;
  }
  return CT_OK;
}

/* ---- opening nodes ---- */

/* Keeps a node's children for later if there may be answers below it. */
static ct_status open_node(ct_tree_searcher *s, const ct_question *q, int pos, double least,
                           double distance, ct_tree_answers *answers) {
  const ct_tree *tree = s->plan->tree;
  double bound = bound_by_node(s, distance, pos);
  if (bound < least) bound = least;
  if (tree->size[pos] == 1 || !ct_tree_answers_admit(answers, bound, tree->point[pos]))
    return CT_OK;
  if (s->opened >= s->capacity) return compare_all(s, q, pos, answers);
  push(s, (ct_open_node){bound, distance, pos, pos + 1});
  return CT_OK;
}

/* Asks for the distances of the batch, takes answers, opens what may hold more. What was enlisted
 * at infinity is opened later, from its parent. */
static ct_status finish_batch(ct_tree_searcher *s, const ct_question *q, ct_tree_answers *answers) {
  CT_TRY(ask(s, q, s->row, s->batch, s->distance));
  offer(q, answers, s->row, s->distance, s->batch);
  for (int i = 0; i < s->batch; i++)
    if (s->least[i] < INFINITY)
      CT_TRY(open_node(s, q, s->node[i], s->least[i], s->distance[i], answers));
  s->batch = 0;
  return CT_OK;
}

/* Enlists children of an open node that may hold answers. What finds no room goes back to the heap,
 * which keeps a place for it. */
static ct_status enlist_children(ct_tree_searcher *s, const ct_question *q, ct_open_node open,
                                 ct_tree_answers *answers) {
  const ct_tree *tree = s->plan->tree;
  int end = open.node + tree->size[open.node];
  while (open.child < end) {
    int child = open.child, row = tree->point[child];
    s->nodes++;
    if (row >= q->limit || (answers->bound == 0 && row > answers->bound_row)) {
      open.child = s->plan->after[child];
      continue;
    }
    double least = bound_by_parent(s, open.distance, child);
    if (least < open.bound) least = open.bound;
    if (ct_tree_answers_admit(answers, least, row)) {
      if (!is_known(s, child)) {
        if (s->batch == CT_SEARCH_BATCH) {
          push(s, open);
          return CT_OK;
        }
        enlist(s, child, least);
      } else if (!contains(tree, child, s->at)) { /* ancestors are open already */
        CT_TRY(open_node(s, q, child, least, s->known[child - s->low], answers));
      }
    }
    open.child += tree->size[child];
  }
  return CT_OK;
}

/* Fills the batch, up to a number of nodes, with children of the nearest open nodes. */
static ct_status gather(ct_tree_searcher *s, const ct_question *q, int wanted,
                        ct_tree_answers *answers) {
  while (s->opened > 0 && s->batch < wanted) {
    ct_open_node open = pop(s);
    if (open.bound > answers->bound) { /* and so are all others */
      s->opened = 0;
    } else if (ct_tree_answers_admit(answers, open.bound, s->plan->tree->point[open.node])) {
      CT_TRY(enlist_children(s, q, open, answers));
    }
  }
  return CT_OK;
}

/* ---- where to begin ---- */

/* Widens the window around the query, to both sides, until it holds so many rows < limit. Returns
 * how many. */
static int find_window(ct_tree_searcher *s, const ct_question *q, int wanted) {
  const ct_tree *tree = s->plan->tree;
  int found = 0;
  s->low = s->high = s->at;
  while (found < wanted && s->high - s->low < CT_SEARCH_WINDOW && s->high - s->low < tree->n) {
    int upwards = s->low == 0 || (s->high < tree->n && (s->high - s->low) % 2 == 0);
    int pos = upwards ? s->high++ : --s->low;
    found += tree->point[pos] < q->limit;
  }
  return found;
}

/* Enlists the ancestors that stand before the window. */
static ct_status enlist_ancestors(ct_tree_searcher *s, const ct_question *q,
                                  ct_tree_answers *answers) {
  const ct_search_plan *plan = s->plan;
  for (int pos = plan->parent[s->at]; pos >= 0; pos = plan->parent[pos]) {
    if (pos >= s->low || plan->tree->point[pos] >= q->limit) continue;
    if (s->batch == CT_SEARCH_BATCH) CT_TRY(finish_batch(s, q, answers));
    enlist(s, pos, 0);
  }
  return CT_OK;
}

/* The ancestors of an indexed query and the window around it. */
static ct_status begin_around(ct_tree_searcher *s, const ct_question *q, ct_tree_answers *answers) {
  const ct_tree *tree = s->plan->tree;
  int wanted = 2 * answers->capacity + 8;
  if (answers->capacity == 0) wanted = 1;
  if (answers->capacity > CT_SEARCH_BATCH / 4) wanted = CT_SEARCH_BATCH / 2;
  int rows = find_window(s, q, wanted);
  CT_TRY(enlist_ancestors(s, q, answers));
  if (s->batch + rows > CT_SEARCH_BATCH) CT_TRY(finish_batch(s, q, answers));
  int first = s->batch;
  for (int pos = s->low; pos < s->high; pos++)
    if (tree->point[pos] < q->limit) enlist(s, pos, contains(tree, pos, s->at) ? 0 : INFINITY);
  int last = s->batch;
  CT_TRY(finish_batch(s, q, answers));
  for (int i = first; i < last; i++) s->known[s->node[i] - s->low] = s->distance[i];
  return gather(s, q, CT_SEARCH_BATCH, answers);
}

static ct_status begin_at_root(ct_tree_searcher *s, const ct_question *q,
                               ct_tree_answers *answers) {
  int calls = answers->capacity > 0 ? SHORT_CALLS : 0;
  s->at = -1;
  s->low = s->high = 0;
  if (s->plan->tree->point[0] < q->limit) enlist(s, 0, 0);
  for (; calls > 0 && s->batch > 0; calls--) {
    CT_TRY(finish_batch(s, q, answers));
    CT_TRY(gather(s, q, SHORT, answers));
  }
  return CT_OK;
}

ct_status ct_search_tree(ct_tree_searcher *s, const ct_question *q, ct_tree_answers *answers) {
  s->batch = s->opened = 0;
  if (q->is_new) {
    CT_TRY(begin_at_root(s, q, answers));
  } else {
    s->at = s->plan->position[q->ask];
    CT_TRY(begin_around(s, q, answers));
  }
  while (s->batch > 0) {
    CT_TRY(finish_batch(s, q, answers));
    CT_TRY(gather(s, q, CT_SEARCH_BATCH, answers));
  }
  return CT_OK;
}

/* ---- preparation ---- */

static void find_ends_of_duplicates(const ct_tree *tree, int *after) {
  for (int pos = tree->n - 1; pos >= 0; pos--) {
    int next = pos + tree->size[pos];
    int fellows = tree->level[pos] == CT_LEVEL_DUPLICATE && next < tree->n &&
                  tree->level[next] == CT_LEVEL_DUPLICATE;
    after[pos] = fellows ? after[next] : next;
  }
}

static void find_parents(const ct_tree *tree, int *parent) {
  int above = -1;
  for (int pos = 0; pos < tree->n; pos++) {
    while (above >= 0 && pos >= above + tree->size[above]) above = parent[above];
    parent[pos] = above;
    above = pos;
  }
}

ct_status ct_search_plan_make(ct_search_plan *plan, const ct_tree *tree,
                              const ct_distances *distances, const ct_run *run) {
  plan->tree = tree;
  plan->distances = distances;
  plan->slack = 2 * distances->slack + 4 * DBL_EPSILON;
  plan->absolute = 5 * distances->absolute_slack + DBL_MIN;
  CT_NEW(plan->position, &run->arena, tree->n);
  CT_NEW(plan->parent, &run->arena, tree->n);
  CT_NEW(plan->after, &run->arena, tree->n);
  for (int pos = 0; pos < tree->n; pos++) plan->position[tree->point[pos]] = pos;
  find_parents(tree, plan->parent);
  find_ends_of_duplicates(tree, plan->after);
  return CT_OK;
}

ct_status ct_tree_searcher_make(ct_tree_searcher *searcher, const ct_search_plan *plan,
                                const ct_run *run) {
  searcher->plan = plan;
  searcher->capacity = plan->tree->n < OPEN ? plan->tree->n : OPEN;
  searcher->evaluations = searcher->nodes = 0;
  CT_NEW(searcher->open, &run->arena, searcher->capacity + 1);
  return CT_OK;
}
