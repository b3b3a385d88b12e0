#ifndef CT_WEIGHTS_H
#define CT_WEIGHTS_H

#include "process/sets.h"

/* Products with the sparse triangular matrices of a factor, whose rows are weights on sets. With A
 * the matrix of weights, zero but in the columns of a row's set, and B = I - A: */
typedef enum {
  CT_WEIGHTS_B,            /* x := B x */
  CT_WEIGHTS_B_INVERSE,    /* x := B^-1 x: x_i + A_i x_N, place after place */
  CT_WEIGHTS_B_TRANSPOSED, /* x := B' x */
  CT_WEIGHTS_B_INVERSE_TRANSPOSED,
  CT_WEIGHTS_ADD_TRANSPOSED /* x := (I + A') x */
} ct_weights_product;

/* x: columns of rows numbers, one for each place; places before sets->first have no set: they are
 * read and, by transposed products, written. weight: as the sets lie, anything where there is no
 * neighbour. In place; columns are dealt to threads. Every neighbour comes before its place. */
ct_status ct_weights_apply(const ct_sets *sets, const double *weight, ct_weights_product product,
                           double *x, int rows, int columns, const ct_run *run);

#endif
