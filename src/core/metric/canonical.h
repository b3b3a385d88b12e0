#ifndef CT_CANONICAL_H
#define CT_CANONICAL_H

/* To be included first by every file of canonical arithmetic: all builds round alike. */
#include "run/rounding.h"

#endif
