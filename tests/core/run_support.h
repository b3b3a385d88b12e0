#ifndef RUN_SUPPORT_H
#define RUN_SUPPORT_H

/* What a test hands to the core: memory that can run out, a clock, a poll that can say stop.
 * Needs _POSIX_C_SOURCE >= 200112L, which the Makefile defines. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/run.h"

typedef struct {
  void **block; /* every block handed out */
  int blocks;
  int capacity;
  int fail_at;   /* the allocation that fails, counted from 0; negative: none */
  size_t bytes;  /* handed out so far */
  int polls;     /* times poll was called */
  int stop_at;   /* the poll that asks to stop, counted from 0; negative: none */
  double done;   /* what the last poll reported */
  int backwards; /* whether a poll reported less than the one before, or left 0..1 */
} test_host;

/* ct_arena_get() asks for 64 bytes more than it needs and aligns to 64. Memory that starts one byte
 * after a multiple of 64 leaves one byte of that behind the array, so that the address sanitizer
 * sees almost every access past the end; filled with a pattern, so that nobody relies on zeros. */
static inline void *test_alloc(void *owner, size_t bytes) {
  test_host *host = owner;
  void *block = NULL;
  if (host->blocks == host->fail_at) return NULL;
  if (host->blocks == host->capacity) {
    host->capacity = 2 * host->capacity + 64;
    void **longer = realloc(host->block, (size_t)host->capacity * sizeof *longer);
    if (!longer) return NULL;
    host->block = longer;
  }
  if (posix_memalign(&block, 64, bytes + 1)) return NULL;
  if (bytes < (size_t)1 << 24) memset(block, 0xA5, bytes + 1);
  host->block[host->blocks++] = block;
  host->bytes += bytes;
  return (char *)block + 1;
}

static inline int test_poll(void *owner, double done) {
  test_host *host = owner;
  if (!(done >= host->done && done <= 1)) host->backwards = 1;
  host->done = done;
  return host->polls++ == host->stop_at;
}

static inline double test_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void test_host_start(test_host *host) {
  memset(host, 0, sizeof *host);
  host->fail_at = host->stop_at = -1;
}

/* Gives all memory back; counters start anew, fail_at and stop_at stay. */
static inline void test_host_reset(test_host *host) {
  for (int i = 0; i < host->blocks; i++) free(host->block[i]);
  host->blocks = host->polls = host->backwards = 0;
  host->bytes = 0;
  host->done = 0;
}

static inline void test_host_end(test_host *host) {
  test_host_reset(host);
  free(host->block);
  test_host_start(host);
}

static inline ct_run test_run(test_host *host, int threads, ct_simd simd) {
  ct_run run;
  run.arena.alloc = test_alloc;
  run.arena.owner = host;
  run.threads = threads;
  run.simd = simd;
  run.now = test_now;
  run.poll = test_poll;
  run.owner = host;
  return run;
}

/* ---- reproducible numbers (splitmix64); one generator a test, seeded by it ---- */

typedef struct {
  uint64_t state;
} test_random;

static inline uint64_t test_bits(test_random *random) {
  uint64_t z = random->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* Uniform on (0, 1). */
static inline double test_uniform(test_random *random) {
  return ((double)(test_bits(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* Uniform on 0 .. bound - 1. */
static inline int test_below(test_random *random, int bound) {
  return (int)(test_uniform(random) * bound);
}

#endif
