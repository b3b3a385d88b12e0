#include "metric/queries.h"

#include <string.h>

ct_asker ct_asker_of(const ct_residual *index, const ct_residual_queries *queries, int q) {
  ct_asker asker;
  asker.limit = queries->limit ? queries->limit[q] : index->n;
  if (queries->points) {
    asker.of = queries->points;
    asker.position = q;
    asker.row = -1;
  } else {
    asker.of = index;
    asker.row = queries->rows ? queries->rows[q] : q;
    asker.position = index->position[asker.row];
  }
  return asker;
}

ct_status ct_order_by_key(const int *key, int count, int keys, int *order, const ct_run *run) {
  int *start;
  CT_NEW(start, &run->arena, (size_t)keys + 1);
  memset(start, 0, ((size_t)keys + 1) * sizeof *start);
  for (int i = 0; i < count; i++) start[key[i] + 1]++;
  for (int k = 0; k < keys; k++) start[k + 1] += start[k];
  for (int i = 0; i < count; i++) order[start[key[i]]++] = i;
  return CT_OK;
}

ct_status ct_sort_queries(const ct_residual *index, const ct_residual_queries *queries,
                          const int **sorted, const ct_run *run) {
  int count = queries->count, *order, *position;
  CT_NEW(order, &run->arena, count);
  *sorted = order;
  for (int q = 0; q < count; q++) order[q] = q;
  if (queries->points) return CT_OK;
  CT_NEW(position, &run->arena, count);
  for (int q = 0; q < count; q++) position[q] = ct_query_position(index, queries, q);
  return ct_order_by_key(position, count, index->n, order, run);
}
