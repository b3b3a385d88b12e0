#include "metric/canonical.h"

#include "blocks/block_search.h"

#include "run/select.h"

/* Blocks of queries that a thread takes at a time: some 0.1 ms of work. */
#define CHUNK 4

/* Queries of a class drop the rows that they need not from borrowed blocks, which takes a copy,
 * where they are at least this share of the leaves. */
#define COPY_SHARE 8

ct_status ct_blocks_prepare(ct_block_index *index, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  ct_blocks *blocks;
  CT_NEW(blocks, &run->arena, 1);
  CT_TRY(ct_blocks_make(index->points, index->metric, index->order, blocks, run));
  index->blocks = blocks;
  stats->seconds[CT_PHASE_BLOCKS] += run->now() - start;
  return CT_OK;
}

ct_status ct_block_search_start(const ct_block_index *index, const ct_queries *queries,
                                ct_block_search *search, ct_stats *stats, const ct_run *run) {
  double start = run->now();
  search->borrowed = index->blocks != NULL;
  if (search->borrowed) {
    search->blocks = *index->blocks;
    search->blocks.kernels = ct_kernels_for(run->simd, search->blocks.key, search->blocks.dim);
    search->blocks.select = ct_selection_kernels_of(run->simd);
  } else {
    CT_TRY(ct_blocks_make(index->points, index->metric, index->order, &search->blocks, run));
  }
  CT_TRY(
      ct_query_list_make(index->points, index->metric, index->order, queries, &search->list, run));
  stats->seconds[CT_PHASE_BLOCKS] += run->now() - start;
  return CT_OK;
}

/* Drops rows that the queries of a class and of those before it need not: for speed only. */
static ct_status narrow(ct_block_search *search, int class, const ct_run *run) {
  if (search->borrowed) {
    if (search->list.begin[search->list.first[class + 1]] < search->blocks.leaves / COPY_SHARE)
      return CT_OK;
    ct_blocks lent = search->blocks;
    CT_TRY(ct_blocks_copy(&lent, &search->blocks, run));
    search->borrowed = 0;
  }
  ct_blocks_keep_below(&search->blocks, CT_FIRST_PREFIX << class, run);
  return CT_OK;
}

ct_status ct_block_search_run(ct_block_search *search, ct_round_item work, void *task, double share,
                              ct_stats *stats, const ct_run *run) {
  const ct_query_list *list = &search->list;
  double total = list->first[list->classes], done = 0;
  for (int c = list->classes - 1; c >= 0; c--) {
    int count = list->first[c + 1] - list->first[c];
    if (count == 0) continue;
    search->first = list->first[c];
    double start = run->now();
    if (c < list->classes - 1) CT_TRY(narrow(search, c, run));
    double built = run->now();
    CT_TRY(ct_rounds_run(work, task, count, CHUNK, share * done, share * count / total, run));
    done += count / total;
    stats->seconds[CT_PHASE_BLOCKS] += built - start;
    stats->seconds[CT_PHASE_SEARCH] += run->now() - built;
  }
  stats->queries += list->queries->count;
  return CT_OK;
}

ct_status ct_block_worker_make(ct_block_worker *worker, const ct_block_search *search, int wanted,
                               int together, const ct_run *run) {
  size_t size = ct_candidates_size(&search->blocks, wanted);
  CT_TRY(ct_query_block_make(&worker->block, search->blocks.dim, run));
  CT_TRY(ct_leaf_list_make(&worker->list, &search->blocks, run));
  CT_NEW(worker->candidates, &run->arena, together);
  CT_TRY(ct_candidates_make(worker->candidates, together, &search->blocks, wanted, run));
  CT_NEW(worker->distance, &run->arena, size);
  CT_NEW(worker->row, &run->arena, size);
  CT_NEW(worker->sorted_distance, &run->arena, CT_RANKED);
  CT_NEW(worker->sorted_row, &run->arena, CT_RANKED);
  worker->together = together;
  worker->boxes = 0;
  return CT_OK;
}

void ct_block_worker_load(ct_block_worker *worker, const ct_block_search *search, int number) {
  ct_query_block_load(&worker->block, &search->blocks, &search->list, search->first + number);
}

void ct_block_worker_list(ct_block_worker *worker, const ct_block_search *search, const double *low,
                          const double *high, const ct_walk *walk) {
  worker->boxes += ct_leaf_list_fill(&worker->list, &search->blocks, low, high, walk);
}

void ct_block_worker_count(const ct_block_worker *worker, ct_stats *stats) {
  stats->nodes += (double)worker->boxes;
  for (int i = 0; i < worker->together; i++) {
    stats->evaluations += (double)worker->candidates[i].points;
    stats->nodes += (double)worker->candidates[i].boxes;
  }
}
