/* The wanted-th key, against a sort. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/select.h"
#include "check.h"
#include "run_support.h"

#define MOST 600

/* Kinds of keys. */
enum { EVEN, WIDE, NEAR_ONE, FEW_VALUES, EQUAL, CLOSE, KINDS };

static double draw(test_random *random, int kind) {
  double u = test_uniform(random);
  if (kind == NEAR_ONE) return -1 + 1e-3 * u * u * u * u;
  if (kind == FEW_VALUES) return -0.25 * test_below(random, 5);
  if (kind == EQUAL) return -0.5;
  if (kind == CLOSE) return u < 0.5 ? -0.5 + 1e-15 * u : -u;
  return kind == WIDE ? 1e9 * (u - 0.3) : 2 * u - 1;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Exact, but for keys that lie close in numbers: there one of them. */
static void test_wanted(const ct_selection_kernels *kernels, int kind, int count,
                        test_random *random) {
  double key[MOST + CT_SELECT_STEP], given[MOST], sorted[MOST];
  for (int i = 0; i < count; i++) given[i] = draw(random, kind);
  memcpy(key, given, (size_t)count * sizeof *key);
  memcpy(sorted, given, (size_t)count * sizeof *key);
  qsort(sorted, (size_t)count, sizeof *sorted, compare);
  for (int wanted = 1; wanted <= count; wanted += 1 + count / 50) {
    double found = ct_wanted_key(kernels, key, count, wanted);
    double least = sorted[wanted - 1];
    CHECK(found >= least && found <= least + (kind == CLOSE ? 1e-13 : 0));
    CHECK(bsearch(&found, sorted, (size_t)count, sizeof *sorted, compare) != NULL);
  }
  CHECK(memcmp(key, given, (size_t)count * sizeof *key) == 0);
}

int main(void) {
  for (int simd = CT_SIMD_BASE; simd <= (int)ct_simd_best(); simd++) {
    const ct_selection_kernels *kernels = ct_selection_kernels_of((ct_simd)simd);
    test_random random = {17};
    for (int kind = 0; kind < KINDS; kind++)
      for (int count = 1; count <= MOST; count += 1 + count / 8)
        test_wanted(kernels, kind, count, &random);
  }
  return check_report();
}
