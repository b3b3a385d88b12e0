#ifndef CT_SELECTION_KERNELS_H
#define CT_SELECTION_KERNELS_H

#include "run/simd.h"

/* The inner loops of selection, one set for every instruction set. All give the same bits. */

/* Keys are looked at in whole multiples of this, so room for them is rounded up. */
#define CT_SELECT_STEP 8

/* How many distances are ranked at most: a step and a place share an int. */
#define CT_RANKED 256

typedef struct {
  /* How many of count keys are <= limit; the entries up to the next multiple of 8 are INFINITY. */
  int (*count_keys)(const double *key, int count, double limit);

  /* The smallest and the largest of count > 0 numbers. */
  void (*range)(const double *number, int count, double *least, double *largest);

  /* Keeps those of count keys and slots that are <= limit, in order; returns their number. */
  int (*keep_keys)(double *key, int *slot, int count, double limit);

  /* place[i]: the rank of distance i among count <= CT_RANKED, as far as steps of the 2^23rd part
   * of their range tell them apart, by i else. place has CT_RANKED entries. */
  void (*rank)(const double *distance, int count, int *place);

  /* Square roots in place, of whole multiples of 8. */
  void (*roots)(double *value, int count);
} ct_selection_kernels;

const ct_selection_kernels *ct_selection_kernels_of(ct_simd simd);

extern const ct_selection_kernels ct_selection_base, ct_selection_avx2, ct_selection_avx512;

#endif
