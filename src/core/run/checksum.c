/* Items are taken in chunks, which threads may share, and a chunk in eight chains, because a step
 * waits for the one before it: a product takes as long as eight of them side by side. */

#include "run/checksum.h"

#include <string.h>

#define ODD UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio */
#define TURN 29
#define CHAINS 8
#define CHUNK ((size_t)1 << 16) /* bytes */

/* Fewer chunks are left to the calling thread. */
#define PARALLEL_CHUNKS 64

uint64_t ct_checksum_word(uint64_t sum, uint64_t word) {
  return ((sum << TURN | sum >> (64 - TURN)) ^ word) * ODD;
}

/* Eight bytes, as numbers of four where they are such. */
static inline uint64_t word_at(const char *from, size_t size) {
  uint64_t word;
  uint32_t half[2];
  if (size == 4) {
    memcpy(half, from, sizeof half);
    return (uint64_t)half[1] << 32 | half[0];
  }
  memcpy(&word, from, sizeof word);
  return word;
}

static uint64_t chunk_sum(const char *from, size_t bytes, size_t size) {
  uint64_t chain[CHAINS], sum = bytes;
  size_t at = 0;
  for (int c = 0; c < CHAINS; c++) chain[c] = ODD + (uint64_t)c;
  for (; at + CHAINS * 8 <= bytes; at += CHAINS * 8)
    for (int c = 0; c < CHAINS; c++)
      chain[c] = ct_checksum_word(chain[c], word_at(from + at + 8 * c, size));
  for (int c = 0; c < CHAINS; c++) sum = ct_checksum_word(sum, chain[c]);
  for (; at + 8 <= bytes; at += 8) sum = ct_checksum_word(sum, word_at(from + at, size));
  char rest[8] = {0};
  memcpy(rest, from + at, bytes - at);
  return ct_checksum_word(sum, word_at(rest, size));
}

/* Sums of so many chunks are held at a time. */
#define HELD 256

uint64_t ct_checksum(const void *items, size_t count, size_t size, int threads) {
  const char *from = items;
  size_t bytes = count * size, chunks = bytes / CHUNK + (bytes % CHUNK > 0);
  uint64_t part[HELD], sum = count;
  for (size_t first = 0; first < chunks; first += HELD) {
    int held = chunks - first < HELD ? (int)(chunks - first) : HELD;
    (void)threads;
#pragma omp parallel for num_threads(threads) schedule(static) if (held > PARALLEL_CHUNKS)
    for (int i = 0; i < held; i++) {
      size_t at = (first + (size_t)i) * CHUNK;
      part[i] = chunk_sum(from + at, bytes - at < CHUNK ? bytes - at : CHUNK, size);
    }
    for (int i = 0; i < held; i++) sum = ct_checksum_word(sum, part[i]);
  }
  return sum;
}
