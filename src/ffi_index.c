/* An index of R, read once per call: its parts by exact names, and what searches need of them, made
 * when it is first asked for. Where the index is sealed, all this hangs on the seal and serves
 * later calls; else it goes with the call.
 *
 * An index may come from anywhere: nothing is dereferenced before it is known to be in range. */

#include "ffi.h"

#include <string.h>

/* ---- memory that lives as long as the seal ---- */

static void *lasting_block(void *owner, size_t bytes) {
  SEXP room = owner;
  SEXP block = PROTECT(Rf_allocVector(RAWSXP, (R_xlen_t)bytes));
  SET_VECTOR_ELT(room, FFI_ROOM_BLOCKS, Rf_cons(block, VECTOR_ELT(room, FFI_ROOM_BLOCKS)));
  UNPROTECT(1);
  ffi_expect_use(RAW(block), bytes);
  return RAW(block);
}

/* A run whose memory lives as long as the view. What an interrupted one has left is dropped. */
static ct_run lasting(ffi_index *index, const ct_run *run) {
  ct_run own = *run;
  if (index->room == R_NilValue) return own;
  SET_VECTOR_ELT(index->room, FFI_ROOM_BLOCKS, index->whole);
  own.arena = (ct_arena){lasting_block, index->room};
  return own;
}

static void finish(ffi_index *index) {
  if (index->room != R_NilValue) index->whole = VECTOR_ELT(index->room, FFI_ROOM_BLOCKS);
}

/* ---- the parts ---- */

static void read_parts(ffi_index *index, SEXP list) {
  index->part.x = ffi_list_get(list, "x");
  index->part.metric = ffi_list_get(list, "metric");
  index->part.lifted = ffi_list_get(list, "lifted");
  index->part.tree = ffi_list_get(list, "tree");
  index->part.blocks = ffi_list_get(list, "blocks");
  index->part.residual = ffi_list_get(list, "residual");
  index->part.net = ffi_list_get(list, "net");
  index->points = ffi_points(index->part.x);
}

ffi_index *ffi_index_open(SEXP list, const ct_run *run) {
  SEXP room = ffi_seal_room(list);
  if (room != R_NilValue && VECTOR_ELT(room, FFI_ROOM_VIEW) != R_NilValue)
    return (ffi_index *)RAW(VECTOR_ELT(room, FFI_ROOM_VIEW));
  ffi_index *index;
  if (room == R_NilValue) {
    index = ct_arena_get(&run->arena, 1, sizeof *index);
  } else {
    SET_VECTOR_ELT(room, FFI_ROOM_VIEW, Rf_allocVector(RAWSXP, (R_xlen_t)sizeof *index));
    index = (ffi_index *)RAW(VECTOR_ELT(room, FFI_ROOM_VIEW));
  }
  memset(index, 0, sizeof *index);
  index->room = room;
  index->whole = R_NilValue;
  read_parts(index, list);
  return index;
}

/* ---- what searches need ---- */

/* The k-d order counted from 0, known to be a permutation. */
static const int *order_of(ffi_index *index, const ct_run *run) {
  if (index->space.order) return index->space.order;
  ct_run own = lasting(index, run);
  SEXP blocks = index->part.blocks;
  int n = index->points.n, *order = ffi_rows(blocks, &own);
  if (Rf_xlength(blocks) != n) ffi_raise(CT_ERR_INDEX);
  char *seen = R_alloc((size_t)n, 1);
  memset(seen, 0, (size_t)n);
  for (int i = 0; i < n; i++) {
    if (order[i] < 0 || order[i] >= n || seen[order[i]]) ffi_raise(CT_ERR_INDEX);
    seen[order[i]] = 1;
  }
  finish(index);
  return index->space.order = order;
}

const ct_block_index *ffi_index_space(ffi_index *index, ct_stats *stats, const ct_run *run) {
  order_of(index, run);
  if (!index->space.points) {
    SEXP residual = index->part.residual;
    int plain = residual == R_NilValue;
    index->coordinates = plain ? index->points : ffi_points(ffi_list_get(residual, "embedded"));
    index->metric =
        plain ? ffi_metric(index->part.metric) : (ct_metric){.kind = CT_EUCLIDEAN, .radius = 1};
    index->space.metric = &index->metric;
    index->space.points = &index->coordinates;
  }
  if (index->room != R_NilValue && !index->space.blocks) {
    ct_run own = lasting(index, run);
    ffi_raise(ct_blocks_prepare(&index->space, stats, &own));
    finish(index);
  }
  return &index->space;
}

const ct_residual *ffi_index_residual(ffi_index *index, const ct_run *run) {
  if (index->residual.n) return &index->residual;
  const int *order = order_of(index, run);
  ct_run own = lasting(index, run);
  index->covariance = ffi_covariance_view(ffi_list_get(index->part.metric, "cov"));
  ct_residual view =
      ffi_residual_view(index->part.residual, index->part.metric, &index->covariance, order, &own);
  finish(index);
  index->residual = view;
  return &index->residual;
}

const ct_net *ffi_index_net(ffi_index *index, const ct_run *run) {
  if (index->net || index->part.net == R_NilValue) return index->net;
  const ct_residual *residual = ffi_index_residual(index, run);
  ct_run own = lasting(index, run);
  const ct_net *net = ffi_net_view(index->part.net, residual, &own);
  finish(index);
  return index->net = net;
}

/* Its shape verified: CT_ERR_INDEX where a walk might leave the arrays. */
const ct_tree *ffi_index_tree(ffi_index *index, const ct_run *run) {
  if (index->tree.n) return &index->tree;
  ct_run own = lasting(index, run);
  ct_tree tree = ffi_tree(index->part.tree, &own);
  ct_tree_fault fault = {NULL, -1};
  ffi_raise(ct_tree_check(&tree, NULL, 0, &fault, run));
  if (fault.broken) ffi_raise(CT_ERR_INDEX);
  finish(index);
  index->tree = tree;
  return &index->tree;
}
