#ifndef CT_RESIDUAL_SEARCH_H
#define CT_RESIDUAL_SEARCH_H

#include "ct.h"
#include "two_frame/net.h"
#include "metric/queries.h"
#include "metric/residual.h"

/* Ways of an exact search. */
typedef enum {
  CT_METHOD_CHOSEN, /* by estimated cost */
  CT_METHOD_SCAN,
  CT_METHOD_FRAMES,  /* two_frame.c */
  CT_METHOD_SCREENED /* screened.c */
} ct_method;

/* How an exact search is to be done; all fields have defaults from ct_residual_plan_default(). */
typedef struct {
  ct_method method;
  double net_radius;  /* of the net, in d; <= 0: chosen */
  int frame;          /* centres per frame: 8 or 16; 0: chosen */
  int coarse;         /* coarse frames (net_coarse.c): 0: chosen, 1: never, 2: wherever possible */
  double net_bytes;   /* most memory that a net with its table may take; <= 0: twice that of V */
  int fewest_early;   /* rows worth an index for queries that want no later ones; <= 0: chosen */
  const ct_net *kept; /* a net of the index with its table, from ct_residual_net(); NULL: none */
} ct_residual_plan;

void ct_residual_plan_default(ct_residual_plan *plan);

/* The k nearest candidates of each query by (sqrt(t), row), t as ct_residual_t() gives it.
 * id, dist: column-major count x k; missing: -1 and NAN. Exact: the same bits by either method.
 *
 * Chooses between scan and the two-frame search (which makes its net and tables in the arena),
 * answers, and says in *used which method was taken. Positions of the index are best in
 * k-d order. */
ct_status ct_residual_knn(const ct_residual *index, const ct_residual_queries *queries, int k,
                          const ct_residual_plan *plan, int *used, int *id, double *dist,
                          ct_stats *stats, const ct_run *run);

/* The same for queries which[0 .. count - 1] alone, by the scan: blocked products of every query
 * with every candidate, at most 1.0 a pair. done, share: of the caller's progress. */
ct_status ct_residual_scan(const ct_residual *index, const ct_residual_queries *queries,
                           const int *which, int count, int k, int *id, double *dist, double done,
                           double share, ct_stats *stats, const ct_run *run);

/* A net with its table for many searches of an index. *built: 0 when searches of all rows would not
 * gain by it, as far as a trial tells; then there is none to keep. */
ct_status ct_residual_net(const ct_residual *index, const ct_residual_plan *plan, ct_net *net,
                          int *built, ct_stats *stats, const ct_run *run);

/* Local search: the k best by (sqrt(t), row) of the width nearest in input space, which
 * ct_block_sets() finds among the points of space for the queries near: the same as
 * `queries`, number by number. at_once: queries whose candidates stand in memory together, 4 width
 * bytes each; <= 0: chosen. evaluations counts canonical scores only. */
ct_status ct_residual_local(const ct_residual *index, const ct_residual_queries *queries,
                            const ct_block_index *space, const ct_queries *near, int width, int k,
                            int at_once, int *id, double *dist, ct_stats *stats, const ct_run *run);

/* The k best of given candidates. candidate: column-major count x width rows, -1 for none (what
 * ct_block_knn() returns in input space). Only candidates count; limits and self were the
 * candidates' matter. */
ct_status ct_residual_rank(const ct_residual *index, const ct_residual_queries *queries,
                           const int *candidate, int width, int k, int *id, double *dist,
                           ct_stats *stats, const ct_run *run);

/* All candidates with sqrt(t) <= radius, count then fill, as ct_block_within(). */
ct_status ct_residual_within_count(const ct_residual *index, const ct_residual_queries *queries,
                                   double radius, int *count, ct_stats *stats, const ct_run *run);
ct_status ct_residual_within(const ct_residual *index, const ct_residual_queries *queries,
                             double radius, const size_t *offset, int *id, double *dist,
                             ct_stats *stats, const ct_run *run);

#endif
