#ifndef CT_RESIDUAL_CORRELATION_H
#define CT_RESIDUAL_CORRELATION_H

#include "residual/residual_search.h"

/* Plain correlation, without a low-rank part: nearest by (scaled distance, row), where the scaled
 * distance is the Euclidean one of embedded coordinates; reported as d = sqrt(1 - |rho|).
 *
 * Every covariance falls with the scaled distance. So this is the order of |rho| as far as doubles
 * can tell, and where they cannot (|rho| has vanished, or rounds to 1) the one that it would have.
 * A Wendland function is 0 from distance 1 on: there the order of scaled distances goes on. */

typedef struct {
  const ct_residual *index;          /* of rank 0; its coordinates in k-d order */
  const ct_block_index *space;       /* the same coordinates, Euclidean */
  const ct_queries *near;            /* who asks, in embedded coordinates, and */
  const ct_residual_queries *asking; /* the same, number by number */
} ct_correlation;

/* The k nearest candidates of each query. id, dist: as ct_block_knn() has them. */
ct_status ct_correlation_knn(const ct_correlation *search, int k, int *id, double *dist,
                             ct_stats *stats, const ct_run *run);

/* All candidates with d <= radius, in two calls: the first fills count[q] with how many may be so
 * near, as far as scaled distances tell, the second writes them, at id + offset[q] and dist +
 * offset[q], and sets count[q] to how many are. */
ct_status ct_correlation_within_count(const ct_correlation *search, double radius, int *count,
                                      ct_stats *stats, const ct_run *run);
ct_status ct_correlation_within(const ct_correlation *search, double radius, const size_t *offset,
                                int *count, int *id, double *dist, ct_stats *stats,
                                const ct_run *run);

#endif
