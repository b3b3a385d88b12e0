#include "canonical.h"

#include "ct.h"
#include "rounds.h"
#include "tree_support.h"

#include <string.h>

/* The cover tree, built from the top and in row order.
 *
 * A *set* is a centre at position s - 1 and a run of later rows at positions s .. e - 1, rows
 * ascending, each with its distance to the centre. The root and all other points are the first set. A set
 * is divided at the level l of its largest distance r, 2^l < r <= 2^(l+1):
 *
 *   - The lowest row farther than 2^l from every centre so far becomes a new centre, a child of the set's
 *     centre at level l. Its distances to the later rows of the set are computed, and whoever is strictly
 *     nearer to it than to its centre so far goes over to it. Repeated until all are covered.
 *   - The run is partitioned, rows staying in order: first what the old centre keeps, then the new
 *     centres by rank, each followed by its own. Each part is a set again, with its distances at hand.
 *
 * With r = 0 all that is left are duplicates of the centre: leaves of level CT_LEVEL_DUPLICATE.
 *
 * This gives the invariants of tree.h. Rows: a centre is the lowest of its set. Covering: who stays in a
 * set is within 2^l of its centre. Separation: two centres of one level are more than 2^l apart by
 * construction; and a later, finer sibling b of a was no nearer to a than to their parent, or it would be a's,
 * and is more than 2^(b's level) from the parent. Radius: the largest distance of the set, seen when
 * the set is made. Levels that hold no centre are skipped because l follows from r.
 *
 * A row is compared with centres of lower rows only, so the tree of the rows < i is the same whatever
 * follows them. The rule is close to the nearest-ancestor cover tree of Izbicki and Shelton, Faster cover
 * trees (2015), applied to whole sets instead of one insertion after the other.
 *
 * Nothing recurses and there is no stack. A set waiting at s is marked by size[s] = -(its length); sets are
 * disjoint runs, and dividing one marks its parts within the same run. So a sweep over the positions
 * that divides what is marked, and steps on where nothing is, finishes the tree, be it a thousand levels
 * deep. Until a point is settled its entries in the tree's own arrays serve as scratch: parent_distance
 * the distance to the set's centre, radius the one to the nearest centre so far, level that
 * centre's number.
 *
 * With several threads, long sets are divided one at a time, distances cut over the threads; the
 * short ones that they leave are dealt out, and a thread finishes whole subtrees. Every number is the
 * result of the same operations in both cases, so the tree does not depend on the threads. */

enum {
  CHUNK = 1024,      /* distances computed in one call: 8 KB, within the first-level cache */
  TEAM_LEAST = 2048,
  TEAM_MOST = 65536, /* limits of team_rows */
  DEAL = 4096,       /* short sets dealt out in a round, at most */
  MEASURED = 256     /* rows that make distances between centres worth their cost */
};

typedef struct {
  const ct_distances *distances;
  const int *rank;
  ct_tree *tree;
  int n;
  double *nearest; /* while a set is divided: to the nearest centre so far (tree->radius) */
  int *owner;      /* and that centre's number: 0 the old one, 1 .. the new (tree->level) */
  int *row;        /* where a run is partitioned into */
  double *distance;
  int *centre;   /* centre[s + j - 1]: position of new centre j of the set at s */
  int *sequence; /* sequence[s ..]: the new centres' numbers by rank */
  int *slot;     /* slot[s + j - 1]: next free place of new centre j's part */
  double *half;  /* half[s + j]: half the distance of the newest centre to centre j */
  double slack, absolute;
  int team_rows; /* a run so long is divided by all threads together */
} build;

/* A new centre's claim on the rows behind it. */
typedef struct {
  int centre, number;
  double least_half;  /* half its distance to the nearest centre so far */
  const double *half; /* to each by number, or NULL */
} claim;

/* Who divides: the calling thread, alone (pace, team 1) or with a team, or a thread of a region. */
typedef struct {
  ct_pace *pace; /* NULL within a region */
  double done;   /* what it reports */
  int team;
  double evaluations;
} worker;

/* ---- centres ---- */

/* Half a distance d of two centres, made smaller by the rounding errors of all that is compared: a point that is
 * computed to be no farther than that from one of them is not computed to be nearer to the other. */
static double safe_half(const build *b, double d) {
  double half = (d - (b->slack * d + b->absolute)) / (2 + b->slack);
  return half > 0 ? half : 0;
}

/* Distances of a new centre to the old ones, halved, by number. Only for long runs: they must pay for j
 * more distances and another call. */
static ct_status measure_centres(const build *b, int start, int centre, int j) {
  const int *point = b->tree->point;
  double d[CHUNK];
  int row[CHUNK];
  double *half = b->half + start;
  half[0] = safe_half(b, b->tree->parent_distance[centre]);
  for (int from = 1; from < j; from += CHUNK) {
    int count = j - from < CHUNK ? j - from : CHUNK;
    for (int i = 0; i < count; i++) row[i] = point[b->centre[start + from - 1 + i]];
    CT_TRY(ct_distances_between(b->distances, point[centre], row, count, d));
    for (int i = 0; i < count; i++) half[from + i] = safe_half(b, d[i]);
  }
  return CT_OK;
}

/* Positions of a chunk whose points may be nearer to the new centre than to theirs. */
static int contested(const build *b, const claim *c, int from, int count, int *position) {
  int found = 0;
  for (int i = from; i < from + count; i++) {
    double half = c->half ? c->half[b->owner[i]] : c->least_half;
    position[found] = i;
    found += b->nearest[i] > half;
  }
  return found;
}

/* Gives rows of a chunk to the new centre if it is nearer. */
static ct_status claim_chunk(const build *b, const claim *c, int from, int count,
                             double *evaluations) {
  const int *point = b->tree->point;
  int position[CHUNK], row[CHUNK];
  double d[CHUNK];
  int found = contested(b, c, from, count, position);
  for (int i = 0; i < found; i++) row[i] = point[position[i]];
  CT_TRY(ct_distances_between(b->distances, point[c->centre], row, found, d));
  *evaluations += found;
  for (int i = 0; i < found; i++) {
    if (d[i] >= b->nearest[position[i]]) continue;
    b->nearest[position[i]] = d[i];
    b->owner[position[i]] = c->number;
  }
  return CT_OK;
}

static int chunk_count(int from, int end) {
  return end - from < CHUNK ? end - from : CHUNK;
}

static ct_status claim_by_team(const build *b, const claim *c, int end, worker *w) {
  int failed = CT_OK;
  int first = c->centre + 1, chunks = (end - first - 1) / CHUNK + 1;
  double evaluations = 0;
#pragma omp parallel for num_threads(w->team) schedule(static) reduction(max : failed) \
    reduction(+ : evaluations)
  for (int i = 0; i < chunks; i++) {
    int from = first + i * CHUNK;
    int status = (int)claim_chunk(b, c, from, chunk_count(from, end), &evaluations);
    failed = status > failed ? status : failed;
  }
  w->evaluations += evaluations;
  return (ct_status)failed;
}

/* Compares the later rows of the set with new centre number j. */
static ct_status claim_rows(const build *b, int start, int centre, int j, int end, worker *w) {
  int rows = end - centre - 1;
  claim c = {centre, j, safe_half(b, b->nearest[centre]), NULL};
  if (j > 1 && rows >= MEASURED && rows / 4 > j) {
    CT_TRY(measure_centres(b, start, centre, j));
    c.half = b->half + start;
    w->evaluations += j - 1;
  }
  if (w->team > 1 && rows >= b->team_rows) return claim_by_team(b, &c, end, w);
  for (int from = centre + 1; from < end; from += CHUNK)
    CT_TRY(claim_chunk(b, &c, from, chunk_count(from, end), &w->evaluations));
  return CT_OK;
}

static int first_beyond(const double *nearest, int from, int end, double reach) {
  while (from < end && nearest[from] <= reach) from++;
  return from;
}

/* Finds the new centres of the set start .. end - 1. */
static ct_status choose_centres(const build *b, int start, int end, double reach, int *centres,
                                worker *w) {
  *centres = 0;
  memcpy(b->nearest + start, b->tree->parent_distance + start,
         (size_t)(end - start) * sizeof *b->nearest);
  memset(b->owner + start, 0, (size_t)(end - start) * sizeof *b->owner);
  for (int i = start; (i = first_beyond(b->nearest, i, end, reach)) < end; i++) {
    b->centre[start + *centres] = i;
    b->owner[i] = ++*centres;
    CT_TRY(claim_rows(b, start, i, *centres, end, w));
    if (w->pace) CT_TRY(ct_pace_poll(w->pace, w->done));
  }
  return CT_OK;
}

/* ---- partition ---- */

/* Shell sort of the new centres' numbers by the rank of their rows; ranks are distinct. */
static void sort_by_rank(const build *b, int start, int centres) {
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
static int place_parts(const build *b, int start, int end, int centres) {
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
static void move_rows(const build *b, int start, int end) {
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
static void settle_centres(const build *b, int start, int kept, int centres, int level) {
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

static ct_status divide(const build *b, int start, worker *w) {
  ct_tree *tree = b->tree;
  int end = start - tree->size[start], centres, kept;
  double far = largest(tree->parent_distance + start, end - start);
  int level = far > 0 ? ct_level_of(far, b->distances->bounded) : CT_LEVEL_DUPLICATE;
  if (far == 0 || end - start == 1) {
    settle_leaves(tree, start, end, level);
    return CT_OK;
  }
  CT_TRY(choose_centres(b, start, end, ct_level_reach(level, b->distances->bounded), &centres, w));
  kept = place_parts(b, start, end, centres);
  move_rows(b, start, end);
  settle_centres(b, start, kept, centres, level);
  return CT_OK;
}

/* Finishes the tree between two positions. */
static ct_status sweep(const build *b, int from, int to, worker *w) {
  const int *size = b->tree->size;
  for (int at = from; at < to;) {
    w->done = (double)at / b->n;
    if (size[at] > 0) at++;
    else CT_TRY(divide(b, at, w));
  }
  return CT_OK;
}

/* Rows worth a parallel region: 100 us of distances, by the clock. A region costs 5 to 20 us where processors
 * are free. These distances are not counted, so that counts do not depend on the threads. */
static ct_status measure_rows(build *b, const ct_run *run) {
  double d[CHUNK];
  int count = b->n < CHUNK ? b->n : CHUNK;
  double start = run->now();
  CT_TRY(ct_distances_between(b->distances, 0, b->tree->point, count, d));
  double rows = 1e-4 * count / (run->now() - start + 1e-9);
  b->team_rows = rows < TEAM_LEAST ? TEAM_LEAST : rows > TEAM_MOST ? TEAM_MOST : (int)rows;
  return CT_OK;
}

/* The first set: row 0 and all others. */
static ct_status plant(build *b, worker *w, const ct_run *run) {
  ct_tree *tree = b->tree;
  for (int i = 0; i < b->n; i++) {
    tree->point[i] = i;
    b->nearest[i] = DBL_MAX;
    b->owner[i] = 0;
  }
  b->nearest[0] = 0;
  if (w->team > 1) CT_TRY(measure_rows(b, run));
  CT_TRY(claim_rows(b, 0, 0, 0, b->n, w));
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
  const build *build;
  int *list;
  int listed;
  double *evaluations; /* one per thread */
  ct_status *status;
} deal;

/* Divides long sets and lists the short ones they leave, until the list is full; moves *at. */
static ct_status list_sets(deal *d, int *at, worker *w) {
  const build *b = d->build;
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
  worker w = {NULL, 0, 1, 0};
  if (d->status[thread] == CT_OK) d->status[thread] = sweep(d->build, start, end, &w);
  d->evaluations[thread] += w.evaluations;
}

static ct_status make_deal(deal *d, const build *b, const ct_run *run) {
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

static ct_status sweep_by_team(const build *b, worker *w, const ct_run *run) {
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

ct_status ct_tree_build(const ct_distances *distances, const int *rank, ct_tree *tree, ct_stats *stats,
                        const ct_run *run) {
  double start = run->now();
  ct_pace pace = ct_pace_start(run);
  worker w = {&pace, 0, distances->parallel ? run->threads : 1, 0};
  build b = {.distances = distances, .rank = rank, .tree = tree, .n = tree->n,
             .nearest = tree->radius, .owner = tree->level,
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
