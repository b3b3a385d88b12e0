#ifndef CT_SELECT_GRAM_H
#define CT_SELECT_GRAM_H

#include "metric/canonical_kernels.h"
#include "metric/residual.h"

/* Residual covariances among the candidates of some rows that are near each other, who share most
 * of them: k - V V' of all pairs of members, as one product by blocks. Each entry is k less the
 * products of V, one after the other, whoever the other members are; entries (i, j) and (j, i) have
 * the same bits. */
typedef struct {
  const ct_residual *points;
  const ct_canonical_kernels *kernels;
  ct_simd simd;
  int count, most;
  int *member;    /* positions */
  int *number;    /* of each position: 1 + its number as a member, 0 for others */
  double *matrix; /* most * most, filled by ct_gram_fill() */
  double *lines;  /* V of members in strips: entry q of member s + r at s * rank + q * strip + r */
  double *panel;  /* V of a panel of members, entry q of member i at q * panel + i, and a tile */
  double *sides;  /* coordinates of a panel, coordinate c of member i at c * panel + i */
  double *u;      /* coordinates of a strip */
  double *work;
} ct_gram;

/* Room for at least so many members; most is set to the number there is room for. */
ct_status ct_gram_new(ct_gram *gram, const ct_residual *points, int members, const ct_run *run);

/* Whether so many positions still fit; those that are members already take no room. */
int ct_gram_fits(const ct_gram *gram, const int *position, int count);

void ct_gram_add(ct_gram *gram, const int *position, int count);

void ct_gram_fill(ct_gram *gram);

/* No members any more. */
void ct_gram_clear(ct_gram *gram);

#endif
