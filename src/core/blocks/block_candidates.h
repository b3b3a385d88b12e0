#ifndef CT_BLOCK_CANDIDATES_H
#define CT_BLOCK_CANDIDATES_H

#include "blocks/blocks.h"
#include "run/select.h"

/* The candidates of one query while it is searched: an unordered buffer of keys and slots.
 * Everything whose key does not exceed bound is appended; when the buffer is full it is cut down to
 * little more than the wanted nearest ones, and the bound with it. So a survivor costs an append
 * and a share of a cut, not a place in a sorted list. */

typedef struct ct_candidates {
  const double *point; /* the query, embedded */
  double *key;
  int *slot;
  int count;
  int wanted;     /* how many nearest ones must not be lost */
  int full;       /* a count above this is relieved */
  int limit;      /* rows from here on are no candidates; INT_MAX: all are */
  double bound;   /* keys above it belong to no wanted neighbour; finite */
  double tie_key; /* at keys from here on, rows above tie_row belong to none; INFINITY: unknown */
  int tie_row;
  double share; /* where among the keys a cut is first looked for */
  long points;  /* keys computed so far */
  long boxes;   /* boxes tested so far */
  /* Makes room in a full buffer: ct_candidates_cut() unless someone else takes the candidates. */
  void (*relieve)(struct ct_candidates *candidates, const ct_blocks *blocks);
  void *owner;
  /* scratch of distances that the key does not give, and of a cut by (distance, row) */
  double *other;
  ct_measured *item;
} ct_candidates;

/* Kernels write whole vectors: so many entries behind the last one must exist. */
#define CT_CANDIDATES_PADDING 16

/* Room for several queries at once, of one thread: they share their scratch. */
ct_status ct_candidates_make(ct_candidates *candidates, int queries, const ct_blocks *blocks,
                             int wanted, const ct_run *run);

/* Entries of an array that takes all candidates of a query. */
size_t ct_candidates_size(const ct_blocks *blocks, int wanted);

/* Begins a query. */
void ct_candidates_start(ct_candidates *candidates, const double *point, int limit, double bound);

/* Cuts to at least the wanted candidates, if there are so many, and few more. */
void ct_candidates_cut(ct_candidates *candidates, const ct_blocks *blocks);

/* Rows and distances, as they are reported, of all candidates. */
void ct_candidates_measure(ct_candidates *candidates, const ct_blocks *blocks, double *distance,
                           int *row);

#endif
