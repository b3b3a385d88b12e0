#ifndef CT_CHECKSUM_H
#define CT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* A checksum against accidents and edits, not against an adversary. It is a chain of steps
 * `sum -> (rotated sum ^ word) * odd`, each of which is one-to-one in the sum and in the word. So
 * arrays of one length that differ in a single word never have the same sum, and others do with
 * chance 2^-64. */

/* The sum with one more word in it. */
uint64_t ct_checksum_word(uint64_t sum, uint64_t word);

/* The sum of count items of 8, 4 or 1 bytes. It depends on the values of items of 8 and 4 bytes,
 * and on nothing else: not on threads, alignment or the order of bytes in a number. */
uint64_t ct_checksum(const void *items, size_t count, size_t size, int threads);

#endif
