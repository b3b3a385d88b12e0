#ifndef CT_POINTS_H
#define CT_POINTS_H

#include <stddef.h>

/* A borrowed view of n points as R holds a matrix: coordinate c of point i is x[i + c * n]. */
typedef struct {
  const double *x;
  int n;
  int dim;
} ct_points;

static inline double ct_points_at(const ct_points *points, int i, int c) {
  return points->x[(size_t)i + (size_t)c * (size_t)points->n];
}

#endif
