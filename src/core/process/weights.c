/* All products run in place: whatever a step reads of x is either not yet changed (B from the last
 * place, B' from the first) or final (their inverses, the other way round). */

#include "process/weights.h"

#include "run/parallel.h"

typedef struct {
  const ct_sets *sets;
  const double *weight;
  ct_weights_product product;
  double *x;
  int rows;
} application;

static void gather(const application *to, double *x, int i, double sign) {
  const ct_sets *sets = to->sets;
  double sum = 0;
  for (int a = 0; a < sets->size; a++) {
    int j = ct_sets_at(sets, i, a);
    if (j >= 0) sum += to->weight[(size_t)i + (size_t)a * (size_t)sets->count] * x[j];
  }
  x[sets->first + i] += sign * sum;
}

static void scatter(const application *to, double *x, int i, double sign) {
  const ct_sets *sets = to->sets;
  double own = sign * x[sets->first + i];
  for (int a = 0; a < sets->size; a++) {
    int j = ct_sets_at(sets, i, a);
    if (j >= 0) x[j] += to->weight[(size_t)i + (size_t)a * (size_t)sets->count] * own;
  }
}

static void apply_to_column(void *task, int item, int thread) {
  const application *to = task;
  double *x = to->x + (size_t)item * (size_t)to->rows;
  int count = to->sets->count;
  (void)thread;
  switch (to->product) {
    case CT_WEIGHTS_B:
      for (int i = count - 1; i >= 0; i--) gather(to, x, i, -1);
      return;
    case CT_WEIGHTS_B_INVERSE:
      for (int i = 0; i < count; i++) gather(to, x, i, 1);
      return;
    case CT_WEIGHTS_B_TRANSPOSED:
      for (int i = 0; i < count; i++) scatter(to, x, i, -1);
      return;
    case CT_WEIGHTS_B_INVERSE_TRANSPOSED:
      for (int i = count - 1; i >= 0; i--) scatter(to, x, i, 1);
      return;
    case CT_WEIGHTS_ADD_TRANSPOSED:
      for (int i = 0; i < count; i++) scatter(to, x, i, 1);
  }
}

ct_status ct_weights_apply(const ct_sets *sets, const double *weight, ct_weights_product product,
                           double *x, int rows, int columns, const ct_run *run) {
  application to = {sets, weight, product, x, rows};
  return ct_rounds_run(apply_to_column, &to, columns, 1, 0, 1, run);
}
