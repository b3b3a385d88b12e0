#include "process/sets.h"

#include "run/parallel.h"

/* Sets of an item: few enough that their part of a column stays in the cache. */
#define CHUNK 1024

typedef struct {
  const ct_sets *sets;
  unsigned char *broken; /* by item */
} check;

static int breaks(const ct_sets *sets, int i, int a) {
  return ct_sets_at(sets, i, a) >= sets->first + i;
}

static int end_of(const ct_sets *sets, int item) {
  int from = item * CHUNK;
  return sets->count - from < CHUNK ? sets->count : from + CHUNK;
}

static void check_item(void *task, int item, int thread) {
  const check *to = task;
  int broken = 0, end = end_of(to->sets, item);
  (void)thread;
  for (int a = 0; a < to->sets->size; a++)
    for (int i = item * CHUNK; i < end; i++) broken |= breaks(to->sets, i, a);
  to->broken[item] = (unsigned char)broken;
}

static ct_status name_first(const ct_sets *sets, int item, int *set, int *column) {
  int end = end_of(sets, item);
  for (*set = item * CHUNK; *set < end; ++*set)
    for (*column = 0; *column < sets->size; ++*column)
      if (breaks(sets, *set, *column)) return CT_ERR_DOMAIN;
  return CT_OK;
}

ct_status ct_sets_check(const ct_sets *sets, int *set, int *column, const ct_run *run) {
  int items = (int)(((long long)sets->count + CHUNK - 1) / CHUNK);
  check to = {.sets = sets};
  CT_NEW(to.broken, &run->arena, items + 1);
  CT_TRY(ct_rounds_run(check_item, &to, items, 8, 0, 0, run));
  for (int item = 0; item < items; item++)
    if (to.broken[item]) return name_first(sets, item, set, column);
  return CT_OK;
}

void ct_sets_renumber(const ct_sets *sets, const int *order, const int *rank, int *out,
                      const ct_run *run) {
  (void)run;
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (int a = 0; a < sets->size; a++) {
    int *column = out + (size_t)a * (size_t)sets->count;
    for (int i = 0; i < sets->count; i++) {
      int j = ct_sets_at(sets, order[i], a);
      column[i] = j < 0 ? sets->origin - 1 : rank[j] + sets->origin;
    }
  }
}
