#include "metric/canonical.h"

#include "run/parallel.h"
#include "tree/tree_claim.h"

#include <string.h>

/* The cover tree, built from the top and in row order.
 *
 * A *set* is a centre at position s - 1 and a run of later rows at positions s .. e - 1, rows
 * ascending, each with its distance to the centre. The root and all other points are the first set.
 * A set is divided at the level l of its largest distance r, 2^l < r <= 2^(l+1):
 *
 *   - The lowest row farther than 2^l from every centre so far becomes a new centre, a child of the
 *     set's centre at level l. Its distances to the later rows of the set are computed, and whoever
 *     is strictly nearer to it than to its centre so far goes over to it. Repeated until all are
 *     covered.
 *   - The run is partitioned, rows staying in order: first what the old centre keeps, then the new
 *     centres by rank, each followed by its own. Each part is a set again, with its distances at
 *     hand.
 *
 * With r = 0 all that is left are duplicates of the centre: leaves of level CT_LEVEL_DUPLICATE.
 *
 * This gives the invariants of tree.h. Rows: a centre is the lowest of its set. Covering: who stays
 * in a set is within 2^l of its centre. Separation: two centres of one level are more than 2^l
 * apart by construction; and a later, finer sibling b of a was no nearer to a than to their parent,
 * or it would be a's, and is more than 2^(b's level) from the parent. Radius: the largest distance
 * of the set, seen when the set is made. Levels that hold no centre are skipped because l follows
 * from r.
 *
 * A row is compared with centres of lower rows only, so the tree of the rows < i is the same
 * whatever follows them. The rule is close to the nearest-ancestor cover tree of Izbicki and
 * Shelton, Faster cover trees (2015), applied to whole sets instead of one insertion after the
 * other.
 *
 * Nothing recurses and there is no stack. A set waiting at s is marked by size[s] = -(its length);
 * sets are disjoint runs, and dividing one marks its parts within the same run. So a sweep over the
 * positions that divides what is marked, and steps on where nothing is, finishes the tree, be it a
 * thousand levels deep. Until a point is settled its entries in the tree's own arrays serve as
 * scratch: parent_distance the distance to the set's centre, radius the one to the nearest centre
 * so far, level that centre's number.
 *
 * With several threads, long sets are divided one at a time, distances cut over the threads; the
 * short ones that they leave are dealt out, and a thread finishes whole subtrees. Every number is
 * the result of the same operations in both cases, so the tree does not depend on the threads. */

enum {
  TEAM_LEAST = 2048,
  TEAM_MOST = 65536, /* limits of team_rows */
  DEAL = 4096        /* short sets dealt out in a round, at most */
};

/* ---- partition ---- */

/* Shell sort of the new centres' numbers by the rank of their rows; ranks are distinct. */
static void sort_by_rank(const ct_tree_builder *b, int start, int centres) {
  int *sequence = b->sequence + start;
  int gap = 1;
  while (gap < centres / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3)
    for (int i = gap; i < centres; i++) {
      int number = sequence[i], at = i;
      int rank = b->rank[b->tree->point[b->centre[start + number - 1]]];
      for (; at >= gap; at -= gap) {
        int other = sequence[at - gap];
        if (b->rank[b->tree->point[b->centre[start + other - 1]]] < rank) break;
        sequence[at] = other;
      }
      sequence[at] = number;
    }
}

/* Where each part begins, in the order they are to stand; returns what the old centre keeps. */
static int place_parts(const ct_tree_builder *b, int start, int end, int centres) {
  int *slot = b->slot + start - 1; /* by number, from 1 */
  int kept = 0, at;
  for (int j = 1; j <= centres; j++) slot[j] = 0;
  for (int i = start; i < end; i++) {
    if (b->owner[i] == 0) kept++;
    else slot[b->owner[i]]++;
  }
  for (int j = 0; j < centres; j++) b->sequence[start + j] = j + 1;
  if (b->rank) sort_by_rank(b, start, centres);
  at = start + kept;
  for (int j = 0; j < centres; j++) {
    int number = b->sequence[start + j], count = slot[number];
    slot[number] = at;
    at += count;
  }
  return kept;
}

/* Moves the rows to their parts. A centre is the lowest row of its part, so it arrives first. */
static void move_rows(const ct_tree_builder *b, int start, int end) {
  ct_tree *tree = b->tree;
  int *slot = b->slot + start - 1, kept = start;
  size_t length = (size_t)(end - start);
  for (int i = start; i < end; i++) {
    int number = b->owner[i];
    int at = number == 0 ? kept++ : slot[number]++;
    int chosen = number > 0 && b->centre[start + number - 1] == i;
    b->row[at] = tree->point[i];
    b->distance[at] = chosen ? tree->parent_distance[i] : b->nearest[i];
  }
  memcpy(tree->point + start, b->row + start, length * sizeof *tree->point);
  memcpy(tree->parent_distance + start, b->distance + start,
         length * sizeof *tree->parent_distance);
}

static double largest(const double *d, int count) {
  double most = 0;
  for (int i = 0; i < count; i++) most = d[i] > most ? d[i] : most;
  return most;
}

static void mark(ct_tree *tree, int start, int length) {
  if (length > 0) tree->size[start] = -length;
}

/* Makes nodes of the new centres and sets of their parts. */
static void settle_centres(const ct_tree_builder *b, int start, int kept, int centres, int level) {
  ct_tree *tree = b->tree;
  int at = start + kept;
  mark(tree, start, kept);
  for (int j = 0; j < centres; j++) {
    int end = b->slot[start + b->sequence[start + j] - 1];
    tree->level[at] = level;
    tree->size[at] = end - at;
    tree->radius[at] = largest(tree->parent_distance + at + 1, end - at - 1);
    mark(tree, at + 1, end - at - 1);
    at = end;
  }
}

static void settle_leaves(ct_tree *tree, int start, int end, int level) {
  for (int i = start; i < end; i++) {
    tree->size[i] = 1;
    tree->level[i] = level;
    tree->radius[i] = 0;
  }
}

/* ---- sets ---- */

static ct_status divide(const ct_tree_builder *b, int start, ct_tree_worker *w) {
  ct_tree *tree = b->tree;
  int end = start - tree->size[start], centres, kept;
  double far = largest(tree->parent_distance + start, end - start);
  int level = far > 0 ? ct_level_of(far, b->distances->bounded) : CT_LEVEL_DUPLICATE;
  if (far == 0 || end - start == 1) {
    settle_leaves(tree, start, end, level);
    return CT_OK;
  }
  CT_TRY(ct_tree_choose_centres(b, start, end, ct_level_reach(level, b->distances->bounded),
                                &centres, w));
  kept = place_parts(b, start, end, centres);
  move_rows(b, start, end);
  settle_centres(b, start, kept, centres, level);
  return CT_OK;
}

/* Finishes the tree between two positions. */
static ct_status sweep(const ct_tree_builder *b, int from, int to, ct_tree_worker *w) {
  const int *size = b->tree->size;
  for (int at = from; at < to;) {
    w->done = (double)at / b->n;
    if (size[at] > 0) at++;
    else CT_TRY(divide(b, at, w));
  }
  return CT_OK;
}

/* Rows worth a parallel region: 100 us of distances, by the clock. A region costs 5 to 20 us where
 * processors are free. These distances are not counted, so that counts do not depend on the
 * threads. */
static ct_status measure_rows(ct_tree_builder *b, const ct_run *run) {
  double d[CT_CLAIM_CHUNK];
  int count = b->n < CT_CLAIM_CHUNK ? b->n : CT_CLAIM_CHUNK;
  double start = run->now();
  CT_TRY(ct_distances_between(b->distances, 0, b->tree->point, count, d));
  double rows = 1e-4 * count / (run->now() - start + 1e-9);
  b->team_rows = rows < TEAM_LEAST ? TEAM_LEAST : rows > TEAM_MOST ? TEAM_MOST : (int)rows;
  return CT_OK;
}

/* The first set: row 0 and all others. */
static ct_status plant(ct_tree_builder *b, ct_tree_worker *w, const ct_run *run) {
  ct_tree *tree = b->tree;
  for (int i = 0; i < b->n; i++) {
    tree->point[i] = i;
    b->nearest[i] = DBL_MAX;
    b->owner[i] = 0;
  }
  b->nearest[0] = 0;
  if (w->team > 1) CT_TRY(measure_rows(b, run));
  CT_TRY(ct_tree_claim_rows(b, 0, 0, 0, b->n, w));
  memcpy(tree->parent_distance, b->nearest, (size_t)b->n * sizeof *b->nearest);
  double far = largest(tree->parent_distance, b->n);
  settle_leaves(tree, 0, 1, far > 0 ? ct_level_of(far, b->distances->bounded) + 1 : 0);
  tree->radius[0] = far;
  tree->size[0] = b->n;
  mark(tree, 1, b->n - 1);
  return CT_OK;
}

/* ---- several threads ---- */

/* The short sets of a stretch of positions, and who finishes them. */
typedef struct {
  const ct_tree_builder *build;
  int *list;
  int listed;
  double *evaluations; /* one per thread */
  ct_status *status;
} deal;

/* Divides long sets and lists the short ones they leave, until the list is full; moves *at. */
static ct_status list_sets(deal *d, int *at, ct_tree_worker *w) {
  const ct_tree_builder *b = d->build;
  const int *size = b->tree->size;
  d->listed = 0;
  while (*at < b->n && d->listed < DEAL) {
    if (size[*at] > 0) {
      ++*at;
    } else if (-size[*at] >= b->team_rows) {
      CT_TRY(divide(b, *at, w));
    } else {
      d->list[d->listed++] = *at;
      *at -= size[*at];
    }
  }
  return CT_OK;
}

static void finish_set(void *deal_, int i, int thread) {
  deal *d = deal_;
  int start = d->list[i], end = start - d->build->tree->size[start];
  ct_tree_worker w = {NULL, 0, 1, 0};
  if (d->status[thread] == CT_OK) d->status[thread] = sweep(d->build, start, end, &w);
  d->evaluations[thread] += w.evaluations;
}

static ct_status make_deal(deal *d, const ct_tree_builder *b, const ct_run *run) {
  d->build = b;
  CT_NEW(d->list, &run->arena, DEAL);
  CT_NEW(d->evaluations, &run->arena, run->threads);
  CT_NEW(d->status, &run->arena, run->threads);
  for (int i = 0; i < run->threads; i++) {
    d->evaluations[i] = 0;
    d->status[i] = CT_OK;
  }
  return CT_OK;
}

static ct_status sweep_by_team(const ct_tree_builder *b, ct_tree_worker *w, const ct_run *run) {
  deal d;
  CT_TRY(make_deal(&d, b, run));
  for (int at = 1; at < b->n;) {
    w->done = (double)at / b->n;
    CT_TRY(list_sets(&d, &at, w));
    CT_TRY(ct_rounds_run(finish_set, &d, d.listed, 1, w->done, (double)at / b->n - w->done, run));
    for (int i = 0; i < run->threads; i++) CT_TRY(d.status[i]);
  }
  for (int i = 0; i < run->threads; i++) w->evaluations += d.evaluations[i];
  return CT_OK;
}

ct_status ct_tree_build(const ct_distances *distances, const int *rank, ct_tree *tree,
                        ct_stats *stats, const ct_run *run) {
  double start = run->now();
  ct_pace pace = ct_pace_start(run);
  ct_tree_worker w = {&pace, 0, distances->parallel ? run->threads : 1, 0};
  ct_tree_builder b = {.distances = distances,
                       .rank = rank,
                       .tree = tree,
                       .n = tree->n,
                       .nearest = tree->radius,
                       .owner = tree->level,
                       .slack = 2 * distances->slack + 4 * DBL_EPSILON,
                       .absolute = 5 * distances->absolute_slack + DBL_MIN};
  if (b.n < 1) return CT_ERR_DOMAIN;
  CT_NEW(b.row, &run->arena, b.n);
  CT_NEW(b.distance, &run->arena, b.n);
  CT_NEW(b.centre, &run->arena, b.n);
  CT_NEW(b.sequence, &run->arena, b.n);
  CT_NEW(b.slot, &run->arena, b.n);
  CT_NEW(b.half, &run->arena, b.n);
  CT_TRY(plant(&b, &w, run));
  CT_TRY(w.team > 1 ? sweep_by_team(&b, &w, run) : sweep(&b, 1, b.n, &w));
  stats->evaluations += w.evaluations;
  stats->seconds[CT_PHASE_TREE] += run->now() - start;
  return CT_OK;
}
