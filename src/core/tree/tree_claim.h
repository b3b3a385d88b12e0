#ifndef CT_TREE_CLAIM_H
#define CT_TREE_CLAIM_H

#include "ct.h"
#include "tree/tree_support.h"

/* How a tree's build finds new centres and the rows nearest to them; tree_build.c has the whole. */

/* A build. The tree's own arrays serve as scratch until a point is settled. */
typedef struct {
  const ct_distances *distances;
  const int *rank;
  ct_tree *tree;
  int n;
  double *nearest; /* while a set is divided: to the nearest centre so far (tree->radius) */
  int *owner;      /* and that centre's number: 0 the old one, 1 .. the new (tree->level) */
  int *row;        /* where a run is partitioned into */
  double *distance;
  int *centre;   /* centre[s + j - 1]: position of new centre j of the set at s */
  int *sequence; /* sequence[s ..]: the new centres' numbers by rank */
  int *slot;     /* slot[s + j - 1]: next free place of new centre j's part */
  double *half;  /* half[s + j]: half the distance of the newest centre to centre j */
  double slack, absolute;
  int team_rows; /* a run so long is divided by all threads together */
} ct_tree_builder;

/* Who divides: the calling thread, alone (pace, team 1) or with a team, or a thread of a region. */
typedef struct {
  ct_pace *pace; /* NULL within a region */
  double done;   /* what it reports */
  int team;
  double evaluations;
} ct_tree_worker;

/* Distances computed in one call: 8 KB, within the first-level cache. */
#define CT_CLAIM_CHUNK 1024

/* Compares the later rows of the set at start, from centre's to end, with new centre number j. */
ct_status ct_tree_claim_rows(const ct_tree_builder *b, int start, int centre, int j, int end,
                             ct_tree_worker *w);

/* Finds the new centres of the set start .. end - 1: whoever is the lowest row farther than reach
 * from all so far. Leaves every row's nearest centre and distance in owner and nearest. */
ct_status ct_tree_choose_centres(const ct_tree_builder *b, int start, int end, double reach,
                                 int *centres, ct_tree_worker *w);

#endif
