#include "metric/canonical.h"

#include "order/farthest.h"

/* Greedy maximin: the point farthest from the chosen ones is chosen next; see farthest.c. */

/* Seconds between polls, and the number of evaluations after which the clock is worth reading. */
#define POLL_SECONDS 0.08
#define POLL_EVALUATIONS 65536

typedef struct {
  double seconds, evaluations;
} last_poll;

static ct_status poll_sometimes(const ct_farthest *f, last_poll *last, double done,
                                const ct_run *run) {
  if (ct_farthest_evaluations(f) < last->evaluations + POLL_EVALUATIONS) return CT_OK;
  last->evaluations = ct_farthest_evaluations(f);
  double now = run->now();
  if (now < last->seconds + POLL_SECONDS) return CT_OK;
  last->seconds = now;
  return run->poll(run->owner, done) ? CT_ERR_INTERRUPTED : CT_OK;
}

/* While the points are put in k-d order nothing is done yet. */
static int poll_unstarted(void *owner, double done) {
  const ct_run *outer = owner;
  (void)done;
  return outer->poll(outer->owner, 0);
}

static int slot_of(const ct_farthest *f, int row) {
  int slot = 0;
  while (ct_farthest_row(f, slot) != row) slot++;
  return slot;
}

/* All points left are duplicates of chosen ones: they follow by row. */
static ct_status append_duplicates(const ct_farthest *f, int n, int done, int count, int *order,
                                   double *distance, const ct_run *run) {
  char *left;
  CT_NEW(left, &run->arena, n);
  for (int slot = 0; slot < n; slot++)
    left[ct_farthest_row(f, slot)] = ct_farthest_distance(f, slot) >= 0;
  for (int row = 0; row < n && done < count; row++) {
    if (!left[row]) continue;
    if (distance) distance[done] = 0;
    order[done++] = row;
  }
  return CT_OK;
}

static ct_status choose(ct_farthest *f, int n, int first, int count, int *order, double *distance,
                        const ct_run *run) {
  last_poll last = {run->now(), 0};
  int slot = slot_of(f, first);
  for (int done = 0; done < count; done++) {
    if (done > 0) slot = ct_farthest_next(f);
    double far = ct_farthest_distance(f, slot);
    if (far == 0) return append_duplicates(f, n, done, count, order, distance, run);
    order[done] = ct_farthest_row(f, slot);
    if (distance) distance[done] = far;
    ct_farthest_choose(f, slot);
    CT_TRY(poll_sometimes(f, &last, (double)done / count, run));
  }
  return CT_OK;
}

ct_status ct_order_maxmin(const ct_points *points, const ct_metric *metric, int first, int count,
                          int *order, double *distance, ct_stats *stats, const ct_run *run) {
  if (metric->kind == CT_FUNCTION || first < 0 || first >= points->n) return CT_ERR_DOMAIN;
  if (count < 1 || count > points->n) return CT_ERR_DOMAIN;
  ct_farthest *f;
  ct_run outer = *run, preparing = *run;
  preparing.poll = poll_unstarted;
  preparing.owner = &outer;
  CT_TRY(ct_farthest_new(points, metric, &f, stats, &preparing));
  double start = run->now();
  CT_TRY(choose(f, points->n, first, count, order, distance, run));
  stats->evaluations += ct_farthest_evaluations(f);
  stats->nodes += ct_farthest_nodes(f);
  stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  return CT_OK;
}
