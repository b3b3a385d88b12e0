#include "ffi.h"

#include "two_frame/net_store.h"

#include <string.h>

/* The factor of inducing points: list(L, jitter, pair). L is NULL when there is none, and pair then
 * holds the two closest points, counted from 1. u: embedded, a row per point. */
SEXP ffi_factor(SEXP cov, SEXP u, SEXP jitter, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Factoring");
  ct_covariance core = ffi_covariance_view(cov);
  ct_points points = ffi_points(u);
  double *packed = ffi_row_major(&points, NULL, &state.run);
  const char *names[] = {"L", "jitter", "pair", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, points.n, points.n));
  SET_VECTOR_ELT(answer, 2, Rf_allocVector(INTSXP, 2));
  double used = 0;
  int *pair = INTEGER(VECTOR_ELT(answer, 2));
  ct_stats stats = {0};
  ct_status status =
      ct_factor_cholesky(&core, packed, points.n, points.dim, Rf_asReal(jitter),
                         REAL(VECTOR_ELT(answer, 0)), &used, pair, &stats, &state.run);
  if (status == CT_ERR_FACTOR) {
    SET_VECTOR_ELT(answer, 0, R_NilValue);
    pair[0]++, pair[1]++;
  } else {
    ffi_raise(status);
  }
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 1, Rf_ScalarReal(used));
  UNPROTECT(2);
  return answer;
}

/* list(V, p, stats) of points at positions: column pos of V, entry pos of p belong to row
 * order[pos]. x, u: embedded; order: rows counted from 1, or NULL for the rows as they come. */
SEXP ffi_factor_apply(SEXP cov, SEXP L, SEXP u, SEXP x, SEXP order, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Factoring");
  ct_covariance core = ffi_covariance_view(cov);
  ct_points points = ffi_points(x), inducing = ffi_points(u);
  double *packed = ffi_row_major(&points, ffi_rows(order, &state.run), &state.run);
  double *packed_u = ffi_row_major(&inducing, NULL, &state.run);
  const char *names[] = {"V", "p", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(REALSXP, ct_residual_stride(inducing.n), points.n));
  SET_VECTOR_ELT(answer, 1, Rf_allocVector(REALSXP, points.n));
  ffi_expect_use(REAL(VECTOR_ELT(answer, 0)),
                 (size_t)Rf_xlength(VECTOR_ELT(answer, 0)) * sizeof(double));
  ct_stats stats = {0};
  ffi_raise(ct_factor_apply(&core, REAL(L), packed_u, inducing.n, packed, points.n, points.dim,
                            REAL(VECTOR_ELT(answer, 0)), REAL(VECTOR_ELT(answer, 1)), &stats,
                            &state.run));
  ffi_run_finish(&state);
  SET_VECTOR_ELT(answer, 2, ffi_stats(&stats, &state.run));
  UNPROTECT(2);
  return answer;
}

/* The user's own V, a row per point, as the core wants it: padded columns in the order of
 * positions. */
SEXP ffi_factor_pack(SEXP V, SEXP order) {
  int n = Rf_nrows(V), rank = Rf_ncols(V), stride = ct_residual_stride(rank);
  SEXP packed = PROTECT(Rf_allocMatrix(REALSXP, stride, n));
  for (int pos = 0; pos < n; pos++) {
    int row = order == R_NilValue ? pos : INTEGER(order)[pos] - 1;
    double *out = REAL(packed) + (size_t)pos * (size_t)stride;
    for (int c = 0; c < rank; c++) out[c] = REAL(V)[(size_t)row + (size_t)c * (size_t)n];
    for (int c = rank; c < stride; c++) out[c] = 0;
  }
  UNPROTECT(1);
  return packed;
}

double *ffi_row_major(const ct_points *points, const int *order, const ct_run *run) {
  size_t dim = (size_t)points->dim;
  double *packed = ct_arena_get(&run->arena, (size_t)points->n * dim, sizeof *packed);
  for (int pos = 0; pos < points->n; pos++) {
    int row = order ? order[pos] : pos;
    for (size_t c = 0; c < dim; c++)
      packed[(size_t)pos * dim + c] = ct_points_at(points, row, (int)c);
  }
  return packed;
}

static int *inverse(const int *order, int n, const ct_run *run) {
  int *position = ct_arena_get(&run->arena, (size_t)n, sizeof *position);
  for (int pos = 0; pos < n; pos++) position[order[pos]] = pos;
  return position;
}

static int *identity(int n, const ct_run *run) {
  int *order = ct_arena_get(&run->arena, (size_t)n, sizeof *order);
  for (int i = 0; i < n; i++) order[i] = i;
  return order;
}

/* NULL where V is the user's own. */
static const ct_factor *factor_of(SEXP metric, const ct_run *run) {
  SEXP L = ffi_list_get(metric, "L");
  if (L == R_NilValue) return NULL;
  ct_factor *factor = ct_arena_get(&run->arena, 1, sizeof *factor);
  ct_points inducing = ffi_points(ffi_list_get(metric, "u"));
  *factor = (ct_factor){.L = REAL(L),
                        .jitter = Rf_asReal(ffi_list_get(metric, "jitter_used")),
                        .u = ffi_row_major(&inducing, NULL, run)};
  return factor;
}

ct_residual ffi_residual_view(SEXP part, SEXP metric, const ct_covariance *covariance,
                              const int *order, const ct_run *run) {
  ct_points points = ffi_points(ffi_list_get(part, "embedded"));
  SEXP V = ffi_list_get(part, "V");
  const int *row = order ? order : identity(points.n, run);
  double *scale = ct_arena_get(&run->arena, (size_t)points.n, sizeof *scale);
  double *p = REAL(ffi_list_get(part, "p"));
  ct_residual_scale(covariance, p, points.n, scale);
  return (ct_residual){.covariance = covariance,
                       .factor = factor_of(metric, run),
                       .n = points.n,
                       .dim = points.dim,
                       .rank = Rf_asInteger(ffi_list_get(part, "rank")),
                       .stride = V == R_NilValue ? 0 : Rf_nrows(V),
                       .x = ffi_row_major(&points, row, run),
                       .V = V == R_NilValue ? NULL : REAL(V),
                       .p = p,
                       .scale = scale,
                       .row = row,
                       .position = inverse(row, points.n, run)};
}

/* The number of points that the inducing points explain. */
SEXP ffi_explained(SEXP cov, SEXP p) {
  ct_covariance core = ffi_covariance_view(cov);
  int n = (int)Rf_xlength(p);
  double *scale = (double *)R_alloc((size_t)n, sizeof *scale);
  return Rf_ScalarInteger(ct_residual_scale(&core, REAL(p), n, scale));
}

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
SEXP ffi_net(SEXP index, SEXP bytes, SEXP forced, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  SEXP metric = ffi_list_get(index, "metric");
  ct_covariance cov = ffi_covariance_view(ffi_list_get(metric, "cov"));
  const int *order = ffi_block_rows(index, &state.run);
  ct_residual residual =
      ffi_residual_view(ffi_list_get(index, "residual"), metric, &cov, order, &state.run);
  ct_residual_plan plan;
  ct_net net;
  ct_stats stats = {0};
  block_arena blocks = {.blocks = R_NilValue};
  int built = 0;
  PROTECT_WITH_INDEX(blocks.blocks, &blocks.at);
  state.run.arena = (ct_arena){new_block, &blocks};
  ct_residual_plan_default(&plan);
  plan.net_bytes = Rf_asReal(bytes);
  if (Rf_asLogical(forced) == TRUE) plan.method = 2;
  ffi_raise(ct_residual_net(&residual, &plan, &net, &built, &stats, &state.run));
  ffi_run_finish(&state);
  const char *names[] = {"net", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  if (built) SET_VECTOR_ELT(answer, 0, net_to_list(&net, &blocks));
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}
