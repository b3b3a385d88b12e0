#ifndef CT_PARALLEL_H
#define CT_PARALLEL_H

#include "run/run.h"
#include "run/status.h"

/* Does items 0 .. count - 1 of a task on all threads, in rounds after which the calling thread
 * polls. Items are handed out in runs of chunk; thread is below run->threads and tells scratch
 * apart. The poll reports shares of the work that grow from done to done + share. */
typedef void (*ct_round_item)(void *task, int item, int thread);

ct_status ct_rounds_run(ct_round_item work, void *task, int count, int chunk, double done,
                        double share, const ct_run *run);

/* The calling thread's number in its region, below run->threads: for scratch per thread. */
int ct_thread_number(void);

/* A part of a call, whose progress from 0 to 1 is the whole's from done to done + share. */
typedef struct {
  const ct_run *whole;
  double done, share;
} ct_part;

/* How a part runs; borrows it. */
ct_run ct_run_part(ct_part *part);

#endif
