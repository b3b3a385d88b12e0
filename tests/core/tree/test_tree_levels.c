/* Levels of a cover tree at the ends of the floating-point range and around every reach. */

#include "check.h"
#include "run_support.h"
#include "tree/tree_support.h"

#include <math.h>

static void test_levels(void) {
  CHECK(ct_level_of(1, 0) == -1 && ct_level_of(2, 0) == 0 && ct_level_of(1.5, 0) == 0);
  CHECK(ct_level_of(nextafter(1, 2), 0) == 0 && ct_level_of(nextafter(1, 0), 0) == -1);
  for (int e = -1074; e <= 1023; e++) {
    CHECK(ct_level_of(ldexp(1, e), 0) == e - 1);
    if (e > -1074) CHECK(ct_level_of(ldexp(1.5, e), 0) == e);
  }
  CHECK(ct_level_reach(-1075, 0) == 0 && ct_level_reach(1024, 0) == INFINITY);
  CHECK(ct_level_reach(3, 0) == 8 && ct_level_reach(CT_LEVEL_DUPLICATE, 0) == 0);
}

/* Bounded distances: reach(l) < d <= reach(l + 1) at and around every reach, and in between. */
static void check_bounded_level(double d) {
  int level = ct_level_of(d, 1);
  CHECK(ct_level_reach(level, 1) < d && d <= ct_level_reach(level + 1, 1));
}

static void test_bounded_levels(void) {
  test_random random = {8};
  for (int level = -1074; level < CT_LEVEL_WHOLE; level++) {
    double reach = ct_level_reach(level, 1);
    CHECK(reach < ct_level_reach(level + 1, 1));
    check_bounded_level(reach);
    check_bounded_level(nextafter(reach, 1));
    if (level > -1074) check_bounded_level(nextafter(reach, 0));
  }
  for (int i = 0; i < 1000; i++) check_bounded_level(test_uniform(&random));
  CHECK(ct_level_reach(CT_LEVEL_WHOLE, 1) == 1 && ct_level_reach(2000, 1) == 1);
  CHECK(ct_level_of(5e-324, 1) == ct_level_of(5e-324, 0) &&
        ct_level_of(1e-20, 1) == ct_level_of(1e-20, 0));
}

int main(void) {
  test_levels();
  test_bounded_levels();
  return check_report();
}
