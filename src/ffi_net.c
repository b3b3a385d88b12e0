#include "ffi.h"

#include "two_frame/net_store.h"

#include <string.h>

/* ---- a net kept with the index: list(numbers, and its arrays as raw vectors by name) ---- */

/* Large blocks of the core's memory are raw vectors, so that those which hold an array of the net
 * can stay as they are: a copy of all would double the memory that an index takes while it is
 * made. */
typedef struct {
  SEXP blocks; /* pairlist */
  PROTECT_INDEX at;
} block_arena;

#define BLOCK_BYTES ((size_t)1 << 16)

static void *new_block(void *owner, size_t bytes) {
  block_arena *arena = owner;
  if (bytes < BLOCK_BYTES) return R_alloc(bytes, 1);
  SEXP block = PROTECT(Rf_allocVector(RAWSXP, (R_xlen_t)bytes));
  REPROTECT(arena->blocks = Rf_cons(block, arena->blocks), arena->at);
  UNPROTECT(1);
  ffi_expect_use(RAW(block), bytes);
  return RAW(block);
}

/* Whether a vector is one of bytes, or the block that ct_arena_get() got for so many. */
static int holds(SEXP raw, size_t bytes) {
  size_t length = (size_t)Rf_xlength(raw);
  return length == bytes || length == bytes + CT_ALIGNMENT;
}

/* bytes at memory as a raw vector: the block that holds them, moved to its start, or a copy. */
static SEXP raw_of(const block_arena *arena, const char *memory, size_t bytes) {
  for (SEXP at = arena->blocks; at != R_NilValue; at = CDR(at)) {
    SEXP block = CAR(at);
    const char *start = (const char *)RAW(block);
    if (memory < start || memory >= start + Rf_xlength(block) || !holds(block, bytes)) continue;
    memmove(RAW(block), memory, bytes);
    memset(RAW(block) + bytes, 0, (size_t)Rf_xlength(block) - bytes);
    return block;
  }
  SEXP copy = Rf_allocVector(RAWSXP, (R_xlen_t)bytes);
  if (bytes) memcpy(RAW(copy), memory, bytes);
  return copy;
}

static SEXP net_to_list(ct_net *net, const block_arena *arena) {
  ct_net_array arrays[CT_NET_ARRAYS];
  ct_net_arrays(net, arrays);
  SEXP list = PROTECT(Rf_allocVector(VECSXP, CT_NET_ARRAYS + 1));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, CT_NET_ARRAYS + 1));
  SET_STRING_ELT(names, 0, Rf_mkChar("numbers"));
  SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, CT_NET_NUMBERS));
  ct_net_numbers(net, REAL(VECTOR_ELT(list, 0)));
  for (int i = 0; i < CT_NET_ARRAYS; i++) {
    SET_STRING_ELT(names, i + 1, Rf_mkChar(arrays[i].name));
    SET_VECTOR_ELT(list, i + 1, raw_of(arena, *arrays[i].data, arrays[i].bytes));
  }
  Rf_setAttrib(list, R_NamesSymbol, names);
  UNPROTECT(2);
  return list;
}

const ct_net *ffi_net_view(SEXP list, const ct_residual *index, const ct_run *run) {
  if (list == R_NilValue) return NULL;
  ct_net *net = ct_arena_get(&run->arena, 1, sizeof *net);
  ct_net_array arrays[CT_NET_ARRAYS];
  SEXP numbers = ffi_list_get(list, "numbers");
  if (TYPEOF(list) != VECSXP || TYPEOF(numbers) != REALSXP ||
      Rf_xlength(numbers) != CT_NET_NUMBERS || !ct_net_of_numbers(net, REAL(numbers), index, run))
    ffi_raise(CT_ERR_INDEX);
  ct_net_arrays(net, arrays);
  for (int i = 0; i < CT_NET_ARRAYS; i++) {
    SEXP raw = ffi_list_get(list, arrays[i].name);
    if (TYPEOF(raw) != RAWSXP || !holds(raw, arrays[i].bytes)) ffi_raise(CT_ERR_INDEX);
    *arrays[i].data = arrays[i].bytes ? RAW(raw) : NULL;
  }
  char *seen = ct_arena_get(&run->arena, (size_t)index->n, 1);
  if (!ct_net_in_range(net, seen)) ffi_raise(CT_ERR_INDEX);
  return net;
}

/* list(net, stats): net is NULL where searches would not gain by one, unless forced.
 * bytes: most memory of it, 0 for the default. */
SEXP ffi_net(SEXP list, SEXP bytes, SEXP forced, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ffi_index *index = ffi_index_open(list, &state.run);
  const ct_residual *residual = ffi_index_residual(index, &state.run);
  ct_residual_plan plan;
  ct_net net;
  ct_stats stats = {0};
  block_arena blocks = {.blocks = R_NilValue};
  int built = 0;
  PROTECT_WITH_INDEX(blocks.blocks, &blocks.at);
  state.run.arena = (ct_arena){new_block, &blocks};
  ct_residual_plan_default(&plan);
  plan.net_bytes = Rf_asReal(bytes);
  if (Rf_asLogical(forced) == TRUE) plan.method = CT_METHOD_FRAMES;
  ffi_raise(ct_residual_net(residual, &plan, &net, &built, &stats, &state.run));
  ffi_run_finish(&state);
  const char *names[] = {"net", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  if (built) SET_VECTOR_ELT(answer, 0, net_to_list(&net, &blocks));
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}
