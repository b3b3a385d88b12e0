/* How a call runs: memory, clock, polls, the progress bar, and what it counted. */

#include "ffi.h"

#include <cli/progress.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A huge page. Less memory than a few of them is not worth a system call. */
#define HUGE_PAGE ((uintptr_t)1 << 21)
#define HUGE_PAGES 2

void ffi_expect_use(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  uintptr_t first = ((uintptr_t)memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  uintptr_t last = ((uintptr_t)memory + bytes) & ~(HUGE_PAGE - 1);
  if (last >= first + HUGE_PAGES * HUGE_PAGE) madvise((void *)first, last - first, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

/* The least page there is: a larger one is touched more often than it needs. */
#define PAGE 4096

void ffi_expect_answers(void *memory, size_t bytes, const ct_run *run) {
  char *first = memory;
  R_xlen_t pages = (R_xlen_t)(bytes / PAGE);
  ffi_expect_use(memory, bytes);
  if (run->threads == 1 || bytes < HUGE_PAGES * HUGE_PAGE) return;
#pragma omp parallel for num_threads(run->threads) schedule(static)
  for (R_xlen_t i = 0; i < pages; i++) first[i * PAGE] = 0;
}

static void *scratch(void *owner, size_t bytes) {
  (void)owner;
  void *memory = R_alloc(bytes, 1);
  ffi_expect_use(memory, bytes);
  return memory;
}

/* Leaves by a jump when the user has interrupted: all memory is R's, so nothing is lost. */
static int poll(void *owner, double done) {
  ffi_run *state = owner;
  R_CheckUserInterrupt();
  if (state->bar != R_NilValue && CLI_SHOULD_TICK)
    cli_progress_set(state->bar, state->total * (done < 1 ? done : 1));
  return 0;
}

static ct_simd simd_of(SEXP name) {
  ct_simd best = ct_simd_best();
  if (name == R_NilValue) return best;
  for (int i = 0; i < (int)best; i++)
    if (strcmp(ct_simd_name((ct_simd)i), CHAR(STRING_ELT(name, 0))) == 0) return (ct_simd)i;
  return best;
}

/* cli's functions are there once its namespace is loaded, which the package imports from. */
static SEXP bar_of(double total, const char *doing) {
  const char *names[] = {"name", ""};
  SEXP config = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(config, 0, Rf_mkString(doing));
  SEXP bar = cli_progress_bar(total, config);
  UNPROTECT(1);
  return bar;
}

void ffi_run_start(ffi_run *state, SEXP run, const char *doing) {
  state->total = 1000;
  state->bar = R_NilValue;
  if (Rf_asLogical(ffi_list_get(run, "progress")) == TRUE) state->bar = bar_of(state->total, doing);
  PROTECT(state->bar);
  state->run = (ct_run){.arena = {scratch, NULL},
                        .threads = Rf_asInteger(ffi_list_get(run, "threads")),
                        .simd = simd_of(ffi_list_get(run, "simd")),
                        .now = now,
                        .poll = poll,
                        .owner = state};
}

void ffi_run_finish(ffi_run *state) {
  if (state->bar != R_NilValue) cli_progress_done(state->bar);
}

static SEXP seconds_of(const ct_stats *stats) {
  int used = 0;
  for (int i = 0; i < CT_PHASES; i++) used += stats->seconds[i] > 0;
  SEXP seconds = PROTECT(Rf_allocVector(REALSXP, used));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, used));
  for (int i = 0, j = 0; i < CT_PHASES; i++) {
    if (!(stats->seconds[i] > 0)) continue;
    REAL(seconds)[j] = stats->seconds[i];
    SET_STRING_ELT(names, j++, Rf_mkChar(ct_phase_name((ct_phase)i)));
  }
  Rf_setAttrib(seconds, R_NamesSymbol, names);
  UNPROTECT(2);
  return seconds;
}

SEXP ffi_stats(const ct_stats *stats, const ct_run *run) {
  const char *names[] = {"queries", "evaluations", "products", "nodes", "seconds", "threads", ""};
  SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(list, 0, Rf_ScalarReal(stats->queries));
  SET_VECTOR_ELT(list, 1, Rf_ScalarReal(stats->evaluations));
  SET_VECTOR_ELT(list, 2, Rf_ScalarReal(stats->products));
  SET_VECTOR_ELT(list, 3, Rf_ScalarReal(stats->nodes));
  SET_VECTOR_ELT(list, 4, seconds_of(stats));
  SET_VECTOR_ELT(list, 5, Rf_ScalarInteger(run->threads));
  UNPROTECT(1);
  return list;
}
