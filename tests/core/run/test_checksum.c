/* One number of many changed is always seen; threads and alignment never are. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "run/checksum.h"
#include "run_support.h"

#define BYTES 300000

static void fill(unsigned char *bytes, size_t count, test_random *random) {
  for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)test_below(random, 256);
}

static void test_one_change(unsigned char *bytes, size_t size, test_random *random) {
  for (int i = 0; i < 400; i++) {
    size_t count = (size_t)test_below(random, i % 4 ? 200 : (int)(BYTES / size)) + 1;
    size_t at = (size_t)test_below(random, (int)(count * size));
    unsigned char kept = bytes[at];
    uint64_t before = ct_checksum(bytes, count, size, 1);
    bytes[at] ^= (unsigned char)(1 << test_below(random, 8));
    CHECK(ct_checksum(bytes, count, size, 1) != before);
    bytes[at] = kept;
    CHECK(ct_checksum(bytes, count, size, 1) == before);
    CHECK(ct_checksum(bytes, count - 1, size, 1) != before);
  }
}

int main(void) {
  static unsigned char bytes[BYTES + 8], moved[BYTES + 8];
  test_random random = {5};
  fill(bytes, sizeof bytes, &random);
  for (size_t size = 1; size <= 8; size = size == 1 ? 4 : 2 * size) {
    test_one_change(bytes, size, &random);
    for (int threads = 1; threads <= 3; threads++)
      for (size_t shift = 0; shift < 3; shift++) {
        memcpy(moved + shift, bytes, BYTES);
        CHECK(ct_checksum(moved + shift, BYTES / size, size, threads) ==
              ct_checksum(bytes, BYTES / size, size, 1));
      }
  }
  unsigned one[4] = {1, 2, 3, 4}, two[4] = {2, 1, 3, 4};
  CHECK(ct_checksum(one, 4, 4, 1) != ct_checksum(two, 4, 4, 1));
  memset(bytes, 0, BYTES);
  CHECK(ct_checksum(bytes, 100, 8, 1) != ct_checksum(bytes, 101, 8, 1));
  CHECK(ct_checksum(bytes, 0, 8, 1) != ct_checksum(bytes, 1, 8, 1));
  return check_report();
}
