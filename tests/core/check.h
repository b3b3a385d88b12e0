#ifndef CHECK_H
#define CHECK_H

/* The whole test framework. CHECK counts a condition and reports where a false one stands;
 * `return check_report();` at the end of main prints the counts as the last line. */

#include <stdio.h>

static long check_passed, check_failed;

/* A broken invariant can fail a million times: only the first failures are printed. */
#define CHECK_SHOWN 20

static inline int check_that(int holds, const char *condition, const char *file, int line) {
  if (holds) {
    check_passed++;
  } else if (++check_failed <= CHECK_SHOWN) {
    printf("%s:%d: failed: %s\n", file, line, condition);
  }
  return holds;
}

/* True when the condition holds, so that a test can add what it knows about the failure. */
#define CHECK(condition) check_that((condition) != 0, #condition, __FILE__, __LINE__)

static inline int check_report(void) {
  printf("%ld passed, %ld failed\n", check_passed, check_failed);
  return check_failed > 0;
}

#endif
