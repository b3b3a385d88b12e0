#include "run/arena.h"

#include <stdint.h>

void *ct_arena_get(const ct_arena *arena, size_t count, size_t size) {
  if (size && count > (SIZE_MAX - CT_ALIGNMENT) / size) return NULL;
  char *raw = arena->alloc(arena->owner, count * size + CT_ALIGNMENT);
  if (!raw) return NULL;
  return raw + (CT_ALIGNMENT - (uintptr_t)raw % CT_ALIGNMENT) % CT_ALIGNMENT;
}
