/* Predecessors of early rows, apart. The k nearest of the first few points are far, whichever net
 * is laid over all points: balls are small beside such distances, and no bound rejects much. So
 * queries that only want rows below a share of all get an index of these rows to themselves, in
 * which their neighbours are as near as those of late rows in the whole; and its earliest the same
 * again. */

#include "residual/residual_knn.h"
#include "run/parallel.h"

#include <string.h>

/* Rows below n / EARLY, where these, and the queries that want no others, are enough to be worth a
 * copy. */
#define EARLY 8
#define FEWEST_EARLY 16384

static int is_early(const ct_residual_queries *queries, int q, int cut) {
  int row = queries->rows ? queries->rows[q] : q;
  return row < cut && queries->limit[q] <= cut;
}

int ct_early_rows(const ct_residual_plan *plan, const ct_residual *index,
                  const ct_residual_queries *queries) {
  int cut = index->n / EARLY, fewest = plan->fewest_early > 0 ? plan->fewest_early : FEWEST_EARLY;
  int early = 0;
  if (plan->method == CT_METHOD_SCAN || !queries->limit || queries->points || cut < fewest)
    return 0;
  for (int q = 0; q < queries->count; q++) early += is_early(queries, q, cut);
  return early >= cut / 2 ? cut : 0;
}

/* The first cut rows, in the order of their positions. */
static ct_status copy_rows(const ct_residual *index, int cut, ct_residual *part,
                           const ct_run *run) {
  size_t dim = (size_t)index->dim, stride = (size_t)index->stride, rows = (size_t)cut;
  double *x, *V = NULL, *p, *scale;
  int *row, *position, kept = 0;
  CT_NEW(x, &run->arena, rows * dim);
  CT_NEW(p, &run->arena, rows);
  CT_NEW(scale, &run->arena, rows);
  CT_NEW(row, &run->arena, rows);
  CT_NEW(position, &run->arena, rows);
  if (index->V) CT_NEW(V, &run->arena, rows * stride);
  for (int i = 0; i < index->n; i++) {
    size_t from = (size_t)i, to = (size_t)kept;
    if (index->row[i] >= cut) continue;
    memcpy(x + to * dim, index->x + from * dim, dim * sizeof *x);
    if (V) memcpy(V + to * stride, index->V + from * stride, stride * sizeof *V);
    p[to] = index->p[from];
    scale[to] = index->scale[from];
    row[to] = index->row[from];
    position[row[to]] = kept++;
  }
  *part = *index;
  part->n = cut;
  part->x = x;
  part->V = V;
  part->p = p;
  part->scale = scale;
  part->row = row;
  part->position = position;
  return CT_OK;
}

/* Those of the queries that are early (or those that are not); which[j]: their numbers. */
static ct_status pick(const ct_residual_queries *queries, int cut, int early,
                      ct_residual_queries *to, int **which, const ct_run *run) {
  int *rows, *limit;
  CT_NEW(*which, &run->arena, queries->count);
  CT_NEW(rows, &run->arena, queries->count);
  CT_NEW(limit, &run->arena, queries->count);
  *to = *queries;
  to->count = 0;
  to->rows = rows;
  to->limit = limit;
  for (int q = 0; q < queries->count; q++) {
    if (is_early(queries, q, cut) != early) continue;
    (*which)[to->count] = q;
    rows[to->count] = queries->rows ? queries->rows[q] : q;
    limit[to->count++] = queries->limit[q];
  }
  return CT_OK;
}

static ct_status search_part(const ct_residual *index, const ct_residual_queries *queries,
                             const ct_residual_queries *part, const int *which, int k,
                             const ct_residual_plan *plan, int *used, int *id, double *dist,
                             ct_stats *stats, const ct_run *run) {
  size_t count = (size_t)part->count, all = (size_t)queries->count;
  int *part_id;
  double *part_dist;
  if (part->count == 0) return CT_OK;
  CT_NEW(part_id, &run->arena, count * (size_t)k);
  CT_NEW(part_dist, &run->arena, count * (size_t)k);
  CT_TRY(ct_residual_knn(index, part, k, plan, used, part_id, part_dist, stats, run));
  for (size_t j = 0; j < (size_t)k; j++)
    for (size_t q = 0; q < count; q++) {
      id[(size_t)which[q] + j * all] = part_id[q + j * count];
      dist[(size_t)which[q] + j * all] = part_dist[q + j * count];
    }
  return CT_OK;
}

ct_status ct_early_search(const ct_residual *index, const ct_residual_queries *queries, int cut,
                          int k, const ct_residual_plan *plan, int *used, int *id, double *dist,
                          ct_stats *stats, const ct_run *run) {
  ct_residual first;
  ct_residual_queries early, late;
  ct_residual_plan bare = *plan, rest = *plan;
  int *which, ignored;
  ct_part part = {run, 0, 1. / EARLY};
  ct_run own = ct_run_part(&part);
  bare.kept = NULL;
  rest.fewest_early = index->n;
  CT_TRY(copy_rows(index, cut, &first, run));
  CT_TRY(pick(queries, cut, 1, &early, &which, run));
  CT_TRY(search_part(&first, queries, &early, which, k, &bare, &ignored, id, dist, stats, &own));
  part.done = 1. / EARLY;
  part.share = 1 - 1. / EARLY;
  CT_TRY(pick(queries, cut, 0, &late, &which, run));
  return search_part(index, queries, &late, which, k, &rest, used, id, dist, stats, &own);
}
