#ifndef CT_THREAD_NUMBER_H
#define CT_THREAD_NUMBER_H

#ifdef _OPENMP
#include <omp.h>
#endif

/* The calling thread's number in its region, below run->threads: for scratch per thread. */
static inline int thread_number(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

#endif
