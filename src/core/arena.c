#include "arena.h"

#include <stdint.h>

/* One cache line, and the widest vector register. */
#define CT_ALIGNMENT 64

void *ct_arena_get(const ct_arena *arena, size_t count, size_t size) {
  if (size && count > (SIZE_MAX - CT_ALIGNMENT) / size) return NULL;
  char *raw = arena->alloc(arena->owner, count * size + CT_ALIGNMENT);
  if (!raw) return NULL;
  return raw + (CT_ALIGNMENT - (uintptr_t)raw % CT_ALIGNMENT) % CT_ALIGNMENT;
}
