#include "residual_search.h"

ct_status ct_residual_knn(const ct_residual *index, const ct_residual_queries *queries, int k,
                          const ct_residual_plan *plan, int *used, int *id, double *dist, ct_stats *stats,
                          const ct_run *run) {
  (void)plan;
  *used = 1;
  return ct_residual_scan(index, queries, k, id, dist, stats, run);
}
