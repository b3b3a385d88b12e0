#include "metric/set_distances.h"

#include <math.h>

#include "run/parallel.h"

/* Sets of a task: enough to be worth handing out. */
#define TASK 64

typedef struct {
  const ct_distances *distances;
  const ct_row_sets *sets;
  double *dist;
  int *rows;   /* k a thread */
  double *out; /* k a thread */
  ct_status failed;
} job;

static ct_status measure(const job *job, int q, int *rows, double *out) {
  const ct_row_sets *sets = job->sets;
  const ct_distances *d = job->distances;
  size_t count = (size_t)sets->count;
  int held = 0;
  for (; held < sets->k; held++) {
    rows[held] = sets->id[(size_t)q + (size_t)held * count];
    if (rows[held] < 0) break;
  }
  if (sets->new_points) CT_TRY(d->to(d->self, q, rows, held, out));
  else CT_TRY(d->between(d->self, sets->row ? sets->row[q] : q, rows, held, out));
  for (int j = 0; j < sets->k; j++)
    job->dist[(size_t)q + (size_t)j * count] = j < held ? out[j] : NAN;
  return CT_OK;
}

static void do_task(void *task, int item, int thread) {
  job *job = task;
  size_t at = (size_t)thread * (size_t)job->sets->k;
  int from = item * TASK, rest = job->sets->count - from, count = rest < TASK ? rest : TASK;
  for (int q = from; q < from + count; q++) {
    ct_status status = measure(job, q, job->rows + at, job->out + at);
    if (status == CT_OK) continue;
#pragma omp atomic write
    job->failed = status;
  }
}

ct_status ct_set_distances(const ct_distances *distances, const ct_row_sets *sets, double *dist,
                           const ct_run *run) {
  ct_run own = *run;
  if (!distances->parallel) own.threads = 1;
  job job = {.distances = distances, .sets = sets, .dist = dist, .failed = CT_OK};
  CT_NEW(job.rows, &run->arena, (size_t)own.threads * (size_t)sets->k);
  CT_NEW(job.out, &run->arena, (size_t)own.threads * (size_t)sets->k);
  CT_TRY(
      ct_rounds_run(do_task, &job, sets->count / TASK + (sets->count % TASK > 0), 1, 0, 1, &own));
  return job.failed;
}
