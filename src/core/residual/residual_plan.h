#ifndef CT_RESIDUAL_PLAN_H
#define CT_RESIDUAL_PLAN_H

#include "residual/residual_search.h"
#include "screened/screened.h"
#include "two_frame/net.h"
#include "two_frame/two_frame.h"

/* Whether a net may pay at all, judged by sizes alone. */
int ct_plan_worth_a_net(const ct_residual_plan *plan, const ct_residual *index,
                        const ct_residual_queries *queries, int k);

/* Most balls that a net may have. */
int ct_plan_most_balls(const ct_residual_plan *plan, const ct_residual *index,
                       const ct_residual_queries *queries);

/* Most entries of the table of a net. */
double ct_plan_most_entries(const ct_residual_plan *plan, const ct_residual *index,
                            const ct_net *net);

/* Most coarse frames that a net may have. */
int ct_plan_most_coarse(const ct_residual_plan *plan, const ct_net *net);

/* Predecessors of rows below it are too few among the points of every ball: the scan answers them.
 */
int ct_plan_small_limit(const ct_residual_plan *plan, const ct_residual *index, int k);

/* Whether a screened search may pay, judged by sizes and residual variances alone. */
int ct_plan_worth_columns(const ct_residual_plan *plan, const ct_residual *index,
                          const ct_residual_queries *queries, int k);

/* What is known of a screened search before it is paid for: seconds on one thread. */
typedef struct {
  ct_screened *screened; /* NULL: there can be none */
  double seconds;        /* INFINITY: as well */
  double scan;           /* what a scan would take */
} ct_columns;

/* Whether a screened search is so cheap that no net need be tried, or cheaper than the scan. */
int ct_plan_columns_clear(const ct_columns *columns);
int ct_plan_columns_pay(const ct_columns *columns);

/* Measures the scan by scanning a few queries, which are answered then (state), and asks a probe
 * of the other. */
ct_status ct_plan_columns(ct_columns *columns, const ct_screened_task *task, unsigned char *state,
                          ct_stats *stats, const ct_run *run);

/* A trial of a built net on the queries of a few balls: fills the parts of the table that they
 * need, answers them (state), and compares what all would cost with what the scan costs, and
 * with rival, in seconds on one thread. *pays: whether to go on. asking: the net's members, or the
 * new points. */
ct_status ct_plan_trial(ct_net *net, ct_members *asking, ct_table_work *work,
                        const ct_residual_queries *queries, int k, unsigned char *state, int *id,
                        double *dist, double rival, int *pays, double done, ct_stats *stats,
                        const ct_run *run);

#endif
