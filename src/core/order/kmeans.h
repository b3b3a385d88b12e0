#ifndef CT_KMEANS_H
#define CT_KMEANS_H

#include "run/run.h"
#include "run/status.h"

/* k-means++ seeding and Lloyd steps, for inducing points. x: n * dim, a point after the other.
 * Deterministic for any thread count: sums run over rows in order.
 *
 * uniform: m numbers within [0, 1), the only randomness. Every seed but the first is drawn with
 * probability proportional to its squared distance to the seeds before it, so points at distance 0
 * are never drawn. steps: at most so many Lloyd steps; fewer when nothing changes. centre: m * dim;
 * *count: how many there are, fewer than m when there are fewer distinct points. */
ct_status ct_kmeans(const double *x, int n, int dim, int m, int steps, const double *uniform,
                    double *centre, int *count, ct_stats *stats, const ct_run *run);

#endif
