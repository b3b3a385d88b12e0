#ifndef CT_TREE_QUERY_H
#define CT_TREE_QUERY_H

#include "tree.h"
#include "tree_answers.h"

/* One query's walk over the cover tree. */

/* Row or query point `ask`, among rows < limit other than `without` (-1: none). */
typedef struct {
  int ask;
  int is_new;
  int limit;
  int without;
} ct_question;

/* A subtree whose root's distance is known and whose children, from position child on, wait. */
typedef struct {
  double bound;    /* no descendant's computed distance is less */
  double distance; /* of the query and the node */
  int node;
  int child;
} ct_open_node;

enum { CT_TREE_BATCH = 256 }; /* distances asked for in one call, at most */

/* Scratch of one thread, and what it counted. */
typedef struct {
  const ct_tree *tree;
  const ct_distances *distances;
  double slack, absolute;  /* by how much bounds give way */
  int wanted;              /* distances that make a call worth its cost */
  ct_open_node *open;      /* a heap, least bound on top */
  int opened, capacity;
  int batch;
  int node[CT_TREE_BATCH], row[CT_TREE_BATCH];
  double least[CT_TREE_BATCH], distance[CT_TREE_BATCH];
  double evaluations, nodes;
} ct_walker;

ct_status ct_walker_make(ct_walker *walker, const ct_tree *tree, const ct_distances *distances,
                         const ct_run *run);

ct_status ct_walk(ct_walker *walker, const ct_question *question, ct_answers *answers);

#endif
