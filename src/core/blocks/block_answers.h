#ifndef CT_BLOCK_ANSWERS_H
#define CT_BLOCK_ANSWERS_H

#include <stddef.h>

#include "run/run.h"
#include "run/status.h"

/* The matrices of neighbours, filled query by query in any order and column-major in the end. While
 * they are filled a query's neighbours stand together; ct_block_answers_finish() transposes in
 * place. block_answers.c says why. */
typedef struct {
  int *id; /* the caller's, queries x k */
  double *dist;
  size_t queries, k;
  size_t panel; /* queries in a panel: 2^panel_bits */
  int panel_bits;
  size_t panels; /* the queries behind the last one go to their columns at once */
} ct_block_answers;

void ct_block_answers_start(ct_block_answers *answers, int *id, double *dist, int queries, int k);

/* Says that query q is answered next, so that its place is in the cache when it is written: that
 * saves a sixth of the time of a search. */
void ct_block_answers_prefetch(const ct_block_answers *answers, int q);

/* The k neighbours of query q; found of them are there, the others are written as -1 and NAN. */
void ct_block_answers_write(const ct_block_answers *answers, int q, const int *row,
                            const double *distance, int found);

/* Progress is reported from done to done + share. */
ct_status ct_block_answers_finish(const ct_block_answers *answers, double done, double share,
                                  const ct_run *run);

#endif
