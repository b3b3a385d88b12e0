/* Passes over conditioning sets: tasks of consecutive sets are dealt to threads, each adds up its
 * own sums, and those are added in the order of tasks. */

#include "process/process.h"

#include <string.h>

#include "process/process_kernels.h"
#include "run/parallel.h"

/* Sets of a task: whole vectors of any width, and no more tasks than MOST_TASKS, whose sums are
 * kept. */
#define TASK 64
#define MOST_TASKS 1024

int ct_process_directions(const ct_process *process) {
  return process->groups + 1 + (process->noise != NULL) + ct_process_has_shape(process);
}

int ct_process_has_shape(const ct_process *process) {
  return process->covariance->kind == CT_COV_MATERN && !process->V;
}

ct_status ct_process_prepare(ct_process *prepared, const ct_process *process, int gradient,
                             const ct_run *run) {
  ct_matern *matern;
  *prepared = *process;
  if (process->covariance->kind != CT_COV_MATERN || process->matern) return CT_OK;
  CT_NEW(matern, &run->arena, 1);
  prepared->matern = matern;
  return ct_matern_new(matern, process->covariance, gradient,
                       gradient && ct_process_has_shape(process), run);
}

int ct_process_sum_count(const ct_process *process, int gradient) {
  int directions = gradient ? ct_process_directions(process) : 0;
  int products = process->values * (process->values + 1) / 2;
  return CT_SUMS_ALONE + products + directions * (1 + products) + directions * (directions + 1) / 2;
}

size_t ct_lane_work_at(const ct_process_pass *pass, int lanes, double *memory, ct_lane_work *work) {
  const ct_process *process = pass->process;
  size_t places = (size_t)process->sets.size + 1, values = (size_t)process->values;
  size_t directions = pass->gradient ? (size_t)ct_process_directions(process) : 0;
  size_t triangle = ct_triangle(process->sets.size), used = 0;
  struct {
    double **at;
    size_t vectors;
  } part[] = {{&work->x, places * (size_t)process->dim},
              {&work->noise, places},
              {&work->least, places},
              {&work->value, places * values},
              {&work->k, triangle},
              {&work->slope, pass->gradient ? triangle : 0},
              {&work->shape, pass->gradient && ct_process_has_shape(process) ? triangle : 0},
              {&work->weight, places},
              {&work->pull, places * directions},
              {&work->changed, directions},
              {&work->spare, places},
              {&work->solution, places},
              {&work->residual, values},
              {&work->change, values},
              {&work->sums, (size_t)ct_process_sum_count(process, pass->gradient)},
              {&work->low_rank, process->V ? (size_t)process->stride : 0}};
  for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
    if (memory) *part[i].at = memory + used;
    used += part[i].vectors * (size_t)lanes;
  }
  if (memory) work->row = (const double **)(memory + used);
  used += places + CT_GRAM_ROWS;
  if (memory) work->near = (int *)(memory + used);
  return used + places * (size_t)lanes;
}

typedef struct {
  const ct_process_pass *pass;
  const ct_process_kernels *kernels;
  int sets; /* of a task */
  double *memory;
  size_t memory_each;
  double *sums;
  int sums_each;
} rows_task;

static void do_rows(void *task, int item, int thread) {
  const rows_task *to = task;
  int count = to->pass->process->sets.count, from = item * to->sets;
  int end = count - from < to->sets ? count : from + to->sets;
  double *memory = to->memory + (size_t)thread * to->memory_each;
  double *sums = to->sums + (size_t)item * (size_t)to->sums_each;
  if (to->pass->adjoint) to->kernels->adjoint(to->pass, from, end, memory, sums);
  else to->kernels->rows(to->pass, from, end, memory, sums);
}

ct_status ct_process_run(const ct_process_pass *pass, double *sums, const ct_run *run) {
  const ct_process *process = pass->process;
  rows_task task = {.pass = pass, .kernels = ct_process_kernels_of(run->simd)};
  ct_lane_work unused;
  int count = process->sets.count, most = (count + MOST_TASKS - 1) / MOST_TASKS;
  task.sets = most <= TASK ? TASK : (most + TASK - 1) / TASK * TASK;
  int tasks = (count + task.sets - 1) / task.sets;
  task.memory_each = (ct_lane_work_at(pass, task.kernels->lanes, NULL, &unused) + 7) / 8 * 8;
  task.sums_each = ct_process_sum_count(process, pass->gradient);
  CT_NEW(task.memory, &run->arena, task.memory_each * (size_t)run->threads);
  CT_NEW(task.sums, &run->arena, (size_t)task.sums_each * (size_t)(tasks > 0 ? tasks : 1));
  CT_TRY(ct_rounds_run(do_rows, &task, tasks, 4, 0, 1, run));
  for (int s = 0; s < task.sums_each; s++) sums[s] = 0;
  for (int t = 0; t < tasks; t++)
    for (int s = 0; s < task.sums_each; s++)
      sums[s] += task.sums[(size_t)t * (size_t)task.sums_each + (size_t)s];
  return CT_OK;
}

ct_status ct_process_sums(const ct_process *process, int gradient, double *sums,
                          const ct_run *run) {
  ct_process prepared;
  ct_process_pass pass = {.process = &prepared, .gradient = gradient};
  CT_TRY(ct_process_prepare(&prepared, process, gradient, run));
  return ct_process_run(&pass, sums, run);
}

ct_status ct_process_factor(const ct_process *process, double *weight, double *variance,
                            double *dropped, const ct_run *run) {
  ct_process prepared;
  ct_process_pass pass = {.process = &prepared, .weight = weight, .variance = variance};
  double *sums;
  CT_TRY(ct_process_prepare(&prepared, process, 0, run));
  CT_NEW(sums, &run->arena, ct_process_sum_count(process, 0));
  CT_TRY(ct_process_run(&pass, sums, run));
  *dropped = sums[CT_SUM_DROPPED];
  return CT_OK;
}
