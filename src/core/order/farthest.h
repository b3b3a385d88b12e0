#ifndef CT_FARTHEST_H
#define CT_FARTHEST_H

#include "ct.h"

/* Points, some of them chosen, and how far every other is from the chosen: which is farthest?
 * A point is known by its *slot*, 0 .. n-1, its place in k-d order. All memory is the arena's. */
typedef struct ct_farthest ct_farthest;

/* None is chosen, all are infinitely far. Any metric but CT_FUNCTION. Borrows points and metric. */
ct_status ct_farthest_new(const ct_points *points, const ct_metric *metric, ct_farthest **farthest,
                          ct_stats *stats, const ct_run *run);

/* Chooses the point in a slot, which must not be chosen yet, nor at distance 0 of the chosen. */
void ct_farthest_choose(ct_farthest *f, int slot);

/* The slot of the point farthest from the chosen, ties to the smaller row. One must be left. */
int ct_farthest_next(const ct_farthest *f);

/* The canonical distance of the point in a slot to the chosen ones; -1 if it is chosen. */
double ct_farthest_distance(const ct_farthest *f, int slot);

int ct_farthest_row(const ct_farthest *f, int slot);

/* So far: points compared with a newly chosen one, and boxes. */
double ct_farthest_evaluations(const ct_farthest *f);
double ct_farthest_nodes(const ct_farthest *f);

#endif
