#ifndef CT_BLOCK_SEARCH_H
#define CT_BLOCK_SEARCH_H

#include "blocks/block_candidates.h"
#include "blocks/block_list.h"
#include "blocks/block_queries.h"
#include "blocks/blocks.h"
#include "ct.h"
#include "run/parallel.h"

/* What the searches for the k nearest and within a radius share: the blocks, the queries, and the
 * order of work. Classes of queries are done from the last to the first, so that each drops those
 * rows from the blocks that only the one before needed. */
typedef struct {
  ct_blocks blocks;
  ct_query_list list;
  int first;    /* block of the class at work */
  int borrowed; /* whether the blocks must stay as they are */
} ct_block_search;

ct_status ct_block_search_start(const ct_block_index *index, const ct_queries *queries,
                                ct_block_search *search, ct_stats *stats, const ct_run *run);

/* Calls work(task, number, thread) for every block of queries. Progress ends at share. */
ct_status ct_block_search_run(ct_block_search *search, ct_round_item work, void *task, double share,
                              ct_stats *stats, const ct_run *run);

/* What one thread works with. */
typedef struct {
  ct_query_block block;
  ct_leaf_list list;
  ct_candidates *candidates;          /* of one query, or of all of a block */
  int together;                       /* how many */
  double *distance, *sorted_distance; /* of all candidates; of CT_RANKED */
  int *row, *sorted_row;
  long boxes;
} ct_block_worker;

ct_status ct_block_worker_make(ct_block_worker *worker, const ct_block_search *search, int wanted,
                               int together, const ct_run *run);

/* Loads block number of the class at work. */
void ct_block_worker_load(ct_block_worker *worker, const ct_block_search *search, int number);

/* Lists the leaves that the walk leaves over for the box low..high. */
void ct_block_worker_list(ct_block_worker *worker, const ct_block_search *search, const double *low,
                          const double *high, const ct_walk *walk);

void ct_block_worker_count(const ct_block_worker *worker, ct_stats *stats);

#endif
