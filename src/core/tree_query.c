#include "canonical.h"

#include "tree_query.h"
#include "tree_support.h"

enum { OPEN = 1 << 15 };

/* ---- heap of open nodes ---- */

static int opens_before(const ct_open_node *a, const ct_open_node *b) {
  return a->bound < b->bound || (a->bound == b->bound && a->node < b->node);
}

static void push(ct_walker *w, ct_open_node node) {
  int hole = w->opened++;
  for (; hole > 0 && opens_before(&node, &w->open[(hole - 1) / 2]); hole = (hole - 1) / 2)
    w->open[hole] = w->open[(hole - 1) / 2];
  w->open[hole] = node;
}

static ct_open_node pop(ct_walker *w) {
  ct_open_node top = w->open[0], last = w->open[--w->opened];
  int hole = 0;
  for (int below = 1; below < w->opened; below = 2 * hole + 1) {
    if (below + 1 < w->opened && opens_before(&w->open[below + 1], &w->open[below])) below++;
    if (!opens_before(&w->open[below], &last)) break;
    w->open[hole] = w->open[below];
    hole = below;
  }
  w->open[hole] = last;
  return top;
}

/* ---- bounds ---- */

static double give_way(const ct_walker *w, double bound, double sum) {
  double least = bound - (w->slack * sum + w->absolute);
  return least > 0 ? least : 0;
}

/* The subtree at pos, by the distance of its parent. */
static double bound_by_parent(const ct_walker *w, double parent, int pos) {
  double stored = w->tree->parent_distance[pos], radius = w->tree->radius[pos];
  return give_way(w, fabs(parent - stored) - radius, parent + stored + radius);
}

/* The descendants of pos, by its own distance. */
static double bound_by_node(const ct_walker *w, double distance, int pos) {
  double radius = w->tree->radius[pos];
  return give_way(w, distance - radius, distance + radius);
}

/* ---- the walk ---- */

static ct_status ask(ct_walker *w, const ct_question *q, const int *rows, int count, double *out) {
  const ct_distances *d = w->distances;
  if (count == 0) return CT_OK;
  w->evaluations += count;
  CT_TRY((q->is_new ? d->to : d->between)(d->self, q->ask, rows, count, out));
  return ct_all_distances(out, count) ? CT_OK : CT_ERR_DISTANCE;
}

static void offer(const ct_question *q, ct_answers *answers, const int *rows, const double *distance,
                  int count) {
  for (int i = 0; i < count; i++)
    if (rows[i] != q->without && rows[i] < q->limit &&
        ct_answers_admit(answers, distance[i], rows[i]))
      ct_answers_add(answers, distance[i], rows[i]);
}

/* No room to keep a subtree open: its rows are compared one by one. */
static ct_status scan(ct_walker *w, const ct_question *q, int pos, ct_answers *answers) {
  double distance[CT_TREE_BATCH];
  int end = pos + w->tree->size[pos];
  for (int from = pos + 1; from < end; from += CT_TREE_BATCH) {
    const int *rows = w->tree->point + from;
    int count = end - from < CT_TREE_BATCH ? end - from : CT_TREE_BATCH;
    CT_TRY(ask(w, q, rows, count, distance));
    offer(q, answers, rows, distance, count);
  }
  return CT_OK;
}

static void enlist(ct_walker *w, int pos, double least) {
  w->node[w->batch] = pos;
  w->row[w->batch] = w->tree->point[pos];
  w->least[w->batch++] = least;
}

/* Opens the nodes of the batch that may hold answers below them. */
static ct_status open_batch(ct_walker *w, const ct_question *q, ct_answers *answers) {
  const ct_tree *tree = w->tree;
  for (int i = 0; i < w->batch; i++) {
    int pos = w->node[i];
    if (tree->size[pos] == 1) continue;
    double bound = bound_by_node(w, w->distance[i], pos);
    if (bound < w->least[i]) bound = w->least[i];
    if (!ct_answers_admit(answers, bound, w->row[i])) continue;
    if (w->opened == w->capacity) CT_TRY(scan(w, q, pos, answers));
    else push(w, (ct_open_node){bound, w->distance[i], pos, pos + 1});
  }
  return CT_OK;
}

/* Enlists children of an open node that may hold answers; what does not fit into the batch waits. */
static void enlist_children(ct_walker *w, const ct_question *q, ct_open_node open,
                            const ct_answers *answers) {
  const ct_tree *tree = w->tree;
  int end = open.node + tree->size[open.node];
  for (; open.child < end; open.child += tree->size[open.child]) {
    int child = open.child;
    w->nodes++;
    if (tree->point[child] >= q->limit) continue;
    double least = bound_by_parent(w, open.distance, child);
    if (least < open.bound) least = open.bound;
    if (!ct_answers_admit(answers, least, tree->point[child])) continue;
    if (w->batch == CT_TREE_BATCH) {
      push(w, open);
      return;
    }
    enlist(w, child, least);
  }
}

static void gather(ct_walker *w, const ct_question *q, const ct_answers *answers) {
  w->batch = 0;
  while (w->opened > 0 && w->batch < w->wanted) {
    ct_open_node open = pop(w);
    if (open.bound > answers->bound) {
      w->opened = 0;
      return;
    }
    if (ct_answers_admit(answers, open.bound, w->tree->point[open.node]))
      enlist_children(w, q, open, answers);
  }
}

ct_status ct_walk(ct_walker *w, const ct_question *q, ct_answers *answers) {
  w->batch = w->opened = 0;
  if (w->tree->point[0] < q->limit) enlist(w, 0, 0);
  while (w->batch > 0) {
    CT_TRY(ask(w, q, w->row, w->batch, w->distance));
    offer(q, answers, w->row, w->distance, w->batch);
    CT_TRY(open_batch(w, q, answers));
    gather(w, q, answers);
  }
  return CT_OK;
}

ct_status ct_walker_make(ct_walker *walker, const ct_tree *tree, const ct_distances *distances,
                         const ct_run *run) {
  walker->tree = tree;
  walker->distances = distances;
  walker->slack = 2 * distances->slack + 4 * DBL_EPSILON;
  walker->absolute = 5 * distances->absolute_slack + DBL_MIN;
  walker->wanted = distances->parallel ? 16 : 64;
  walker->capacity = tree->n / 2 < OPEN ? tree->n / 2 + 1 : OPEN;
  walker->evaluations = walker->nodes = 0;
  CT_NEW(walker->open, &run->arena, walker->capacity);
  return CT_OK;
}
