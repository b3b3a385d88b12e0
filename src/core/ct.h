#ifndef CT_H
#define CT_H

/* The one header that glue may include, in the order data flows: points and a metric become an
 * index (k-d order and cover tree), an index and queries become neighbours. Rows are counted from
 * 0. */

#include "run/arena.h"
#include "metric/distances.h"
#include "metric/metric.h"
#include "metric/points.h"
#include "metric/queries.h"
#include "run/run.h"
#include "run/simd.h"
#include "run/status.h"
#include "tree/tree.h"

/* ---- index ---- */

/* order[pos]: the points in k-d order, cut on the widest embedded side at multiples of the leaf
 * size, so that runs of 32 are compact cells, in which rows ascend. Deterministic for any thread
 * count. Any metric but CT_FUNCTION. n entries. */
ct_status ct_kd_order(const ct_points *points, const ct_metric *metric, int *order, ct_stats *stats,
                      const ct_run *run);

/* rank[row]: the place of each point along a Hilbert curve through the embedded points. n
 * entries. */
ct_status ct_hilbert_rank(const ct_points *points, const ct_metric *metric, int *rank,
                          const ct_run *run);

/* Canonical distances of points under a coordinate metric, for the tree. to_points may be NULL.
 * The result borrows its arguments and memory of the arena. */
ct_status ct_distances_of_points(const ct_points *points, const ct_points *to_points,
                                 const ct_metric *metric, ct_distances *distances,
                                 const ct_run *run);

/* Fills the arrays of tree (tree->n points). rank orders siblings of one scale; NULL: by row. */
ct_status ct_tree_build(const ct_distances *distances, const int *rank, ct_tree *tree,
                        ct_stats *stats, const ct_run *run);

/* Gives an existing topology the radii and parent distances of other distances (levels stay). */
ct_status ct_tree_annotate(const ct_distances *distances, ct_tree *tree, ct_stats *stats,
                           const ct_run *run);

/* The first invariant that a tree breaks, NULL if none, and where: a sentence part such as
 * "parents come before their descendants", and a position. Reads nothing out of range whatever the
 * arrays hold. distances NULL: only the shape is checked (what must hold before a search).
 * annotated: radii and parent distances are another metric's than the levels. */
typedef struct {
  const char *broken;
  int position;
} ct_tree_fault;

ct_status ct_tree_check(const ct_tree *tree, const ct_distances *distances, int annotated,
                        ct_tree_fault *fault, const ct_run *run);

/* ---- search ---- */

/* Points to be searched by blocks of their k-d order. order: n entries of ct_kd_order(), a
 * permutation. Any metric but CT_FUNCTION. blocks: NULL, then each search makes its own in O(n); or
 * those that ct_blocks_prepare() made for many searches, which leave them as they are. */
typedef struct {
  const ct_points *points;
  const ct_metric *metric;
  const int *order;
  const struct ct_blocks *blocks;
} ct_block_index;

/* Blocks for many searches, in memory of the arena. */
ct_status ct_blocks_prepare(ct_block_index *index, ct_stats *stats, const ct_run *run);

/* The k nearest candidates of each query, by blocks of the k-d order.
 * id, dist: column-major count x k, nearest first by (distance, row); missing: -1 and NAN.
 * k >= 1. */
ct_status ct_block_knn(const ct_block_index *index, const ct_queries *queries, int k, int *id,
                       double *dist, ct_stats *stats, const ct_run *run);

/* The same neighbours as rows only, in no particular order: k entries of set for each query,
 * missing ones -1 at its end. */
ct_status ct_block_sets(const ct_block_index *index, const ct_queries *queries, int k, int *set,
                        ct_stats *stats, const ct_run *run);

/* All candidates within radius (d <= radius) of each query, in two calls with the same arguments:
 * the first fills count[q], the second writes query q's at id + offset[q], dist + offset[q],
 * ordered by (distance, row). */
ct_status ct_block_within_count(const ct_block_index *index, const ct_queries *queries,
                                double radius, int *count, ct_stats *stats, const ct_run *run);
ct_status ct_block_within(const ct_block_index *index, const ct_queries *queries, double radius,
                          const size_t *offset, int *id, double *dist, ct_stats *stats,
                          const ct_run *run);

/* The same by the cover tree: any metric. queries->points only says that queries are new; their
 * distances come from distances->to. */
ct_status ct_tree_knn(const ct_tree *tree, const ct_distances *distances, const ct_queries *queries,
                      int k, int *id, double *dist, ct_stats *stats, const ct_run *run);
ct_status ct_tree_within_count(const ct_tree *tree, const ct_distances *distances,
                               const ct_queries *queries, double radius, int *count,
                               ct_stats *stats, const ct_run *run);
ct_status ct_tree_within(const ct_tree *tree, const ct_distances *distances,
                         const ct_queries *queries, double radius, const size_t *offset, int *id,
                         double *dist, ct_stats *stats, const ct_run *run);

/* ---- orderings ---- */

/* order: the first count entries of the greedy maximin permutation. order[0] = first; every next
 * point is the one whose distance to the chosen ones is largest, ties to the smaller row.
 * distance[j] (or NULL): that distance when order[j] was chosen, INFINITY for j = 0. count entries
 * each, 1 <= count <= n. Any metric but CT_FUNCTION. */
ct_status ct_order_maxmin(const ct_points *points, const ct_metric *metric, int first, int count,
                          int *order, double *distance, ct_stats *stats, const ct_run *run);

/* distance[row]: the distance of each point to the centre, which is the mean of the embedded
 * points; for angular and great circle brought back to length 1, or the first point where the mean
 * has no direction. n entries. Any metric but CT_FUNCTION. */
ct_status ct_centre_distance(const ct_points *points, const ct_metric *metric, double *distance,
                             const ct_run *run);

#endif
