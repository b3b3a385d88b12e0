#ifndef CT_SHORTLIST_H
#define CT_SHORTLIST_H

#include "metric/queries.h"
#include "run/selection_kernels.h"

/* The candidates of one query that may still be among its k nearest. A candidate enters with bounds
 * low <= |rho| <= high on its canonical correlation; its canonical distance is computed only when
 * bounds no longer decide. least is a proved lower bound of the k-th largest |rho|: whoever is
 * below it need not enter, and whoever falls below it later is dropped when the list is full. */

/* At |rho| <= 2^-54 the canonical t = 1 - |rho| rounds to 1: such candidates are all alike, at
 * distance 1, and need no list (ct_shortlist_write fills up with them by row). */
#define CT_RHO_NULL 0x1p-54

/* Distances that differ by less than the rounding of the root count as equal: bounds must not
 * separate them. So a candidate whose t is known has 1 - t and this much less, and more, for
 * bounds. */
#define CT_T_ROUNDING 1e-15

typedef struct {
  double low;
  double high;
  double dist; /* canonical, or -1 while unknown */
  int position;
  int twin; /* of the entry before it, whose distance it takes over */
} ct_shortlist_entry;

typedef struct {
  ct_shortlist_entry *entry;
  int count;
  int capacity; /* at least 2 k + 1 */
  double least;
} ct_shortlist;

/* What one thread needs to turn candidates into distances. */
typedef struct {
  const ct_residual *index;
  ct_simd simd;
  const ct_selection_kernels *select;
  int k;
  int capacity;       /* of the lists, and of the arrays below */
  double evaluations; /* counted, without twins */
  int *position;
  double *t;
  double *value;       /* and room for CT_SELECT_STEP more, as in */
  double *dist;        /* the distances of a list, and */
  int *row;            /* its rows, */
  double *sorted_dist; /* and the same sorted: CT_RANKED */
  int *sorted_row;
  double *work; /* of ct_residual_t() */
  int *mark;    /* one per row, see ct_shortlist_write(); 0 at first */
  int marks;
} ct_scorer;

ct_status ct_scorer_new(ct_scorer *scorer, const ct_residual *index, int k, int capacity,
                        const ct_run *run);

void ct_shortlist_start(ct_shortlist *list);

/* A query that may find its own row finds it first, at distance 0, also when it is explained. */
void ct_shortlist_add_self(ct_shortlist *list, const ct_residual_queries *queries,
                           const ct_asker *asker, ct_scorer *scorer);

/* Adds a candidate whose high is not below list->least. */
void ct_shortlist_add(ct_shortlist *list, const ct_shortlist_entry *candidate,
                      const ct_asker *asker, ct_scorer *scorer);

/* Raises least to the k-th largest low and drops whoever is below. */
void ct_shortlist_reduce(ct_shortlist *list, ct_scorer *scorer);

/* Computes the distances that are still unknown. */
void ct_shortlist_score(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer);

/* The same for candidates without a lower bound (low < 0) only. */
void ct_shortlist_score_unbounded(ct_shortlist *list, const ct_asker *asker, ct_scorer *scorer);

/* Scores, orders, and writes query q's k nearest (column-major, step entries from one to the next).
 * Where fewer than k are nearer than 1, the smallest rows of all other candidates follow at
 * distance 1. */
void ct_shortlist_write(ct_shortlist *list, const ct_asker *asker, int self, ct_scorer *scorer,
                        int *id, double *dist, size_t step);

/* The k-th largest of count values (1 <= k <= count), or one of masses that are all but equal to it
 * and no larger. The values come back negated, and there is room for CT_SELECT_STEP more. */
double ct_kth_largest(const ct_selection_kernels *kernels, double *value, int count, int k);

#endif
