#include "metric/canonical.h"

#include "ct.h"
#include "tree/tree_support.h"

/* Radii and parent distances of an existing topology under other distances: every node is compared
 * with all its descendants, n times the mean depth distances. The subtrees of nodes overlap, but
 * each node writes only its own radius and its children's parent distances, so nodes are dealt over
 * the threads. */

enum { CHUNK = 1024 };

/* Renews the radius of a node and the parent distances of its children. */
static ct_status renew(const ct_distances *distances, ct_tree *tree, int node) {
  double d[CHUNK], most = 0;
  int end = node + tree->size[node], child = node + 1;
  for (int from = node + 1; from < end; from += CHUNK) {
    int count = end - from < CHUNK ? end - from : CHUNK;
    CT_TRY(ct_distances_between(distances, tree->point[node], tree->point + from, count, d));
    for (int i = 0; i < count; i++) most = d[i] > most ? d[i] : most;
    for (; child < from + count; child += tree->size[child])
      tree->parent_distance[child] = d[child - from];
  }
  tree->radius[node] = most;
  return CT_OK;
}

static ct_status renew_some(const ct_distances *distances, ct_tree *tree, int from, int to,
                            int threads, double *evaluations) {
  int failed = CT_OK;
  double sum = 0;
  (void)threads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16) reduction(max : failed) \
    reduction(+ : sum)
  for (int node = from; node < to; node++) {
    int status = (int)renew(distances, tree, node);
    failed = status > failed ? status : failed;
    sum += tree->size[node] - 1;
  }
  *evaluations += sum;
  return (ct_status)failed;
}

/* The last node of a round that begins at from: so many that they have rows descendants in all. */
static int end_of_round(const ct_tree *tree, int from, double rows) {
  int to = from;
  for (double sum = 0; to < tree->n && sum < rows; to++) sum += tree->size[to];
  return to;
}

ct_status ct_tree_annotate(const ct_distances *distances, ct_tree *tree, ct_stats *stats,
                           const ct_run *run) {
  double start = run->now(), rows = 65536, evaluations = 0;
  int threads = distances->parallel ? run->threads : 1;
  ct_pace pace = ct_pace_start(run);
  if (tree->n < 1) return CT_ERR_DOMAIN;
  tree->parent_distance[0] = 0;
  for (int from = 0; from < tree->n;) {
    int to = end_of_round(tree, from, rows);
    double before = run->now();
    CT_TRY(renew_some(distances, tree, from, to, threads, &evaluations));
    if (run->now() - before < 0.025) rows *= 2;
    else if (run->now() - before > 0.1) rows *= 0.5;
    from = to;
    CT_TRY(ct_pace_poll(&pace, (double)from / tree->n));
  }
  stats->evaluations += evaluations;
  stats->seconds[CT_PHASE_TREE] += run->now() - start;
  return CT_OK;
}
