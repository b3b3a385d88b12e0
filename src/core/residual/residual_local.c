#include "metric/canonical.h"

#include "ct.h"
#include "residual/residual_rank.h"
#include "run/parallel.h"

/* Local search: the nearest in input space, by the blocks of the k-d order, are scored and ranked.
 *
 * The candidates of all queries would be larger than the index. So queries are taken in parts, in
 * the order of positions; the candidates of neighbours then stand side by side, too. */

/* What the candidates of a part may take. Each part makes its blocks of the points anew, so parts
 * should be few: 2^28 bytes are 2,000,000 queries with 30 candidates or 160,000 with 400. */
#define PART_BYTES (1 << 28)

typedef struct {
  const ct_block_index *space;
  const ct_queries *near;        /* the queries in input space */
  int *rows, *limit, *candidate; /* candidate: width a query */
  double *x;
} source;

static int part_size(int count, int width) {
  int most = (int)(PART_BYTES / ((double)width * sizeof(int))) + 1;
  int parts = count / most + (count % most > 0);
  return parts > 1 ? count / parts + 1 : count;
}

static ct_status new_source(source *s, int size, int width, const ct_run *run) {
  CT_NEW(s->rows, &run->arena, size);
  CT_NEW(s->limit, &run->arena, size);
  CT_NEW(s->candidate, &run->arena, (size_t)size * (size_t)width);
  CT_NEW(s->x, &run->arena,
         (size_t)size * (size_t)(s->near->points ? s->space->points->dim : 0) + 1);
  return CT_OK;
}

/* Candidates of queries query[0 .. count - 1]. */
static ct_status find_candidates(source *s, const int *query, int count, int width, ct_stats *stats,
                                 const ct_run *run) {
  const ct_queries *near = s->near;
  ct_points fresh = {s->x, count, s->space->points->dim};
  ct_queries part = {.count = count, .self = near->self};
  if (near->limit) part.limit = s->limit;
  if (near->points) part.points = &fresh;
  else part.rows = s->rows;
  for (int i = 0; i < count; i++) {
    int q = query[i];
    if (near->limit) s->limit[i] = near->limit[q];
    s->rows[i] = near->rows ? near->rows[q] : q;
    for (int c = 0; near->points && c < fresh.dim; c++)
      s->x[(size_t)i + (size_t)c * (size_t)count] = ct_points_at(near->points, q, c);
  }
  return ct_block_sets(s->space, &part, width, s->candidate, stats, run);
}

ct_status ct_residual_local(const ct_residual *index, const ct_residual_queries *queries,
                            const ct_block_index *space, const ct_queries *near, int width, int k,
                            int at_once, int *id, double *dist, ct_stats *stats,
                            const ct_run *run) {
  if (k < 1 || width < 1) return CT_ERR_DOMAIN;
  int count = queries->count, size = at_once > 0 ? at_once : part_size(count, width);
  source s = {.space = space, .near = near};
  ct_rank_job job = {.index = index,
                     .queries = queries,
                     .width = width,
                     .in_order = 1,
                     .step = (size_t)width,
                     .next = 1,
                     .k = k,
                     .id = id,
                     .dist = dist};
  const int *sorted;
  CT_TRY(ct_sort_queries(index, queries, &sorted, run));
  CT_TRY(new_source(&s, size, width, run));
  for (int first = 0; first < count; first += size) {
    int some = count - first < size ? count - first : size;
    double from = (double)first / count, to = (double)(first + some) / count;
    double middle = 0.5 * (from + to);
    /* the search for candidates is the first half of a part */
    ct_part part = {run, from, middle - from};
    ct_run searching = ct_run_part(&part);
    ct_stats of_space = {0};
    job.query = sorted + first, job.count = some, job.candidate = s.candidate;
    CT_TRY(find_candidates(&s, job.query, some, width, &of_space, &searching));
    for (int i = 0; i < CT_PHASES; i++) stats->seconds[i] += of_space.seconds[i];
    stats->nodes += of_space.nodes;
    double start = run->now();
    CT_TRY(ct_rank_queries(&job, middle, to - middle, stats, run));
    stats->seconds[CT_PHASE_SEARCH] += run->now() - start;
  }
  stats->queries += count;
  return CT_OK;
}
