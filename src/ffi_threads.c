#include "ffi.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#ifndef _WIN32
#include <pthread.h>
#endif

/* OpenMP's pool of threads does not survive a fork: a child that opens a parallel region after its
 * parent did hangs. The handler notes that this process is a child; ffi_threads() then answers 1.
 * It does not see the fork of a process that loads the package only afterwards, whose parent may
 * have opened regions of another package: R tells of that when it loads. */
static int forked = 0;

#ifndef _WIN32
static void note_fork(void) {
  forked = 1;
}
#endif

void ffi_threads_init(void) {
#ifndef _WIN32
  pthread_atfork(NULL, NULL, note_fork);
#endif
}

SEXP ffi_note_fork(void) {
  forked = 1;
  return R_NilValue;
}

static int processors(void) {
#ifdef _OPENMP
  return omp_get_num_procs();
#else
  return 1;
#endif
}

SEXP ffi_processors(void) {
  return Rf_ScalarInteger(processors());
}

/* The threads that a request gets: no more than there are processors, one in a forked child. */
SEXP ffi_threads(SEXP requested) {
  int threads = Rf_asInteger(requested);
  if (threads > processors()) threads = processors();
  return Rf_ScalarInteger(forked ? 1 : threads);
}

SEXP ffi_simd(void) {
  int best = (int)ct_simd_best();
  SEXP names = PROTECT(Rf_allocVector(STRSXP, best + 1));
  for (int i = 0; i <= best; i++) SET_STRING_ELT(names, i, Rf_mkChar(ct_simd_name((ct_simd)i)));
  UNPROTECT(1);
  return names;
}
