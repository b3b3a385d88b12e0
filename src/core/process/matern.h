#ifndef CT_MATERN_H
#define CT_MATERN_H

#include "metric/covariance.h"
#include "run/run.h"

/* Tables of the Matern correlation of one smoothness nu, for the lanes of a pass: functions of
 * x = 2 nu h^2 on [2^LOW, 2^HIGH), cut at each power of two and into 2^CUTS equal parts between,
 * each a polynomial of degree 7 in t, from -1 to 1 across its part, lowest power first.
 *
 *   value  c(h)          relative error at most 1e-12 where c > 1e-10, absolute 1e-22 below
 *   slope  -h c'(h)      likewise
 *   shape  d c / d nu    by a central difference, relative to its size about 1e-9
 *
 * Below 2^LOW they go on as 1 - c does near 0: like x^min(nu, 1). */
#define CT_MATERN_LOW (-40)
#define CT_MATERN_HIGH 18
#define CT_MATERN_CUTS 5
#define CT_MATERN_TERMS 8
#define CT_MATERN_PARTS ((CT_MATERN_HIGH - CT_MATERN_LOW) << CT_MATERN_CUTS)

typedef struct {
  const double *value, *slope, *shape; /* CT_MATERN_PARTS * CT_MATERN_TERMS each */
} ct_matern;

/* slope, shape: whether those are wanted; what is not is NULL. */
ct_status ct_matern_new(ct_matern *matern, const ct_covariance *covariance, int slope, int shape,
                        const ct_run *run);

#endif
