#include "run/parallel.h"

#include <math.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* A poll every 60 ms: well below the half second in which an interrupt must be answered, and long
 * against the cost of a parallel region and of threads that wait for the last item. */
#define ROUND_SECONDS 0.06

int ct_thread_number(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

static void do_round(ct_round_item work, void *task, int from, int to, int chunk,
                     const ct_run *run) {
  (void)run, (void)chunk;
#pragma omp parallel for num_threads(run->threads) schedule(dynamic, chunk) if (to - from > 1)
  for (int item = from; item < to; item++) work(task, item, ct_thread_number());
}

/* A round that took next to no time says little about the next one's. */
#define LARGEST_GROWTH 16

/* The next round's size, from the last one's size and seconds. */
static double next_size(double size, double seconds) {
  return size * fmin(ROUND_SECONDS / fmax(seconds, 1e-9), LARGEST_GROWTH);
}

/* A short round is dealt in smaller runs, so that every thread gets some of it. */
static int share_of(int items, int chunk, int threads) {
  int fair = items / (4 * threads);
  return fair < 1 ? 1 : fair < chunk ? fair : chunk;
}

static int poll_part(void *owner, double done) {
  const ct_part *part = owner;
  return part->whole->poll(part->whole->owner, part->done + part->share * done);
}

ct_run ct_run_part(ct_part *part) {
  ct_run run = *part->whole;
  run.poll = poll_part, run.owner = part;
  return run;
}

ct_status ct_rounds_run(ct_round_item work, void *task, int count, int chunk, double done,
                        double share, const ct_run *run) {
  double smallest = run->threads, size = smallest; /* items may be dear: begin with one a thread */
  for (int from = 0; from < count;) {
    double start = run->now();
    int to = size < count - from ? from + (int)size : count;
    do_round(work, task, from, to, share_of(to - from, chunk, run->threads), run);
    if (run->poll(run->owner, done + share * to / count)) return CT_ERR_INTERRUPTED;
    size = next_size(to - from, run->now() - start);
    if (size < smallest) size = smallest;
    from = to;
  }
  return CT_OK;
}
