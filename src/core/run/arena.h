#ifndef CT_ARENA_H
#define CT_ARENA_H

#include <stddef.h>

/* The caller's memory. The core asks for all it needs, on the calling thread and outside parallel
 * regions, and never gives anything back: the caller drops the whole arena when the call is over,
 * however it ends. So a poll that never returns (an R interrupt) leaks nothing.
 * alloc returns memory of any alignment, or NULL when there is none. */
typedef struct {
  void *(*alloc)(void *owner, size_t bytes);
  void *owner;
} ct_arena;

/* One cache line, and the widest vector register. */
#define CT_ALIGNMENT 64

/* count items of size bytes each, at a multiple of CT_ALIGNMENT, contents undefined; NULL without
 * memory or when the product overflows. alloc is asked for CT_ALIGNMENT bytes more than the items
 * take. */
void *ct_arena_get(const ct_arena *arena, size_t count, size_t size);

/* CT_NEW(p, arena, count): points p at count items of its own type, or returns CT_ERR_MEMORY. */
#define CT_NEW(pointer, arena, count)                                      \
  do {                                                                     \
    (pointer) = ct_arena_get((arena), (size_t)(count), sizeof *(pointer)); \
    if (!(pointer)) return CT_ERR_MEMORY;                                  \
  } while (0)

#endif
