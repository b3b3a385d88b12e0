#ifndef CT_TREE_SEARCH_H
#define CT_TREE_SEARCH_H

#include "tree/tree.h"
#include "tree/tree_answers.h"

/* One query's search of the cover tree; tree_search.c explains it. tree_batch.c asks for many. */

/* What a search derives from a tree once, for all queries. */
typedef struct {
  const ct_tree *tree;
  const ct_distances *distances;
  int *position;          /* of each row */
  int *parent;            /* of each position; -1 */
  int *after;             /* the next sibling's position; of a duplicate, past all its fellows */
  double slack, absolute; /* by how much bounds give way */
} ct_search_plan;

/* Indexed row or query point `ask`, among rows < limit other than `without` (-1: none). */
typedef struct {
  int ask;
  int is_new;
  int limit;
  int without;
} ct_question;

/* A node whose distance is known and whose children, from position child on, wait. */
typedef struct {
  double bound;    /* no descendant's computed distance is less */
  double distance; /* of the query and the node */
  int node;
  int child;
} ct_open_node;

enum {
  CT_SEARCH_BATCH = 256,  /* distances asked for in one call, at most */
  CT_SEARCH_WINDOW = 1024 /* positions in the window around an indexed query, at most */
};

/* Scratch of one thread, and what it counted. */
typedef struct {
  const ct_search_plan *plan;
  ct_open_node *open; /* a heap, the least bound on top */
  int opened, capacity;
  int batch; /* nodes that wait for their distance */
  int node[CT_SEARCH_BATCH], row[CT_SEARCH_BATCH];
  double least[CT_SEARCH_BATCH]; /* bound of each node's subtree; INFINITY: not to be opened */
  double distance[CT_SEARCH_BATCH];
  int at;                         /* position of an indexed query, -1 of a new one */
  int low, high;                  /* the window: positions low .. high - 1 */
  double known[CT_SEARCH_WINDOW]; /* distances of its rows < limit */
  double evaluations, nodes;
} ct_tree_searcher;

ct_status ct_search_plan_make(ct_search_plan *plan, const ct_tree *tree,
                              const ct_distances *distances, const ct_run *run);

/* All memory that a search needs; nothing is allocated in ct_search_tree(). */
ct_status ct_tree_searcher_make(ct_tree_searcher *searcher, const ct_search_plan *plan,
                                const ct_run *run);

ct_status ct_search_tree(ct_tree_searcher *searcher, const ct_question *question,
                         ct_tree_answers *answers);

#endif
