/* The gradient by adjoints: a bar says how the negative log-likelihood changes with what it stands
 * over.
 *
 * Place i, with a = (-A, 1), z = V'a = sqrt(D) Z, e = sqrt(D) E, gets Zbar and Ebar (low_rank.h),
 * so
 *
 *   zbar = Zbar / sqrt(D),   ebar = Ebar / sqrt(D),
 *   Dbar = (responses - Zbar . Z - Ebar . E) / (2 D).
 *
 * z and e pull on A by -(V_N zbar + X_N ebar), X being the values; with w = C_NN^-1 (V_N zbar + X_N
 * ebar), a change dC of the set's covariances changes the likelihood by Dbar a'dC a - (a'dC)_N w:
 * the adjoint of C has rank two. As C = K - V V', the rows of V of the set get
 *
 *   a (zbar - 2 Dbar z + w'V_N)' + (w, 0) z',
 *
 * whose first bracket is kept for each place (`pull`), so that afterwards every place gathers what
 * the sets that hold it say: no two threads write one row, and the order of the sums is fixed.
 *
 * V = K_xu L'^-1: the adjoints of its rows are those of the covariances with the inducing points
 * times L (kbar = vbar L^-1), and that of L is minus the lower triangle of M = sum of kbar' v. */

#include "process/low_rank.h"

#include <math.h>
#include <string.h>

#include "process/process_kernels.h"
#include "run/parallel.h"

/* Sums of stride * stride numbers, each over a run of consecutive places; as many threads can work.
 */
#define SHARDS 32
/* Places of a shard between two polls. */
#define PIECE 256

static int shard_start(int n, int shard) {
  return (int)((long long)n * shard / SHARDS);
}

/* Places of shard in a piece: 0 when there are none left. */
static int piece_of(int n, int shard, int piece, int *from, int *to) {
  int end = shard_start(n, shard + 1);
  long long start = (long long)shard_start(n, shard) + (long long)piece * PIECE;
  if (start >= end) return 0;
  *from = (int)start;
  *to = end - *from < PIECE ? end : *from + PIECE;
  return 1;
}

static int pieces_of(int n) {
  int longest = n / SHARDS + 1;
  return (longest + PIECE - 1) / PIECE;
}

static void add_shards(double *shard, size_t each, double *out) {
  memcpy(out, shard, each * sizeof *out);
  for (int s = 1; s < SHARDS; s++)
    for (size_t k = 0; k < each; k++) out[k] += shard[(size_t)s * each + k];
}

typedef struct {
  const ct_process_kernels *kernels;
  const double *Z;
  int n, stride, piece;
  double *sums; /* of each shard */
} squaring;

static void square_piece(void *task, int shard, int thread) {
  const squaring *to = task;
  int from, end;
  size_t stride = (size_t)to->stride;
  (void)thread;
  if (!piece_of(to->n, shard, to->piece, &from, &end)) return;
  const double *Z = to->Z + (size_t)from * stride;
  to->kernels->cross(Z, Z, end - from, to->stride, to->sums + (size_t)shard * stride * stride);
}

static ct_status square(const ct_process *process, const double *Z, double *ZZ, const ct_run *run) {
  size_t each = (size_t)process->stride * (size_t)process->stride;
  squaring to = {.kernels = ct_process_kernels_of(run->simd),
                 .Z = Z,
                 .n = process->n,
                 .stride = process->stride};
  CT_NEW(to.sums, &run->arena, SHARDS * each);
  memset(to.sums, 0, SHARDS * each * sizeof *to.sums);
  for (; to.piece < pieces_of(to.n); to.piece++)
    CT_TRY(ct_rounds_run(square_piece, &to, SHARDS, 1, 1, 0, run));
  add_shards(to.sums, each, ZZ);
  return CT_OK;
}

ct_status ct_low_rank_forward(const ct_process *process, double *Z, double *E, double *variance,
                              double *ZZ, double *log_d, double *dropped, const ct_run *run) {
  ct_process prepared;
  ct_process_pass pass = {.process = &prepared, .variance = variance, .Z = Z, .E = E};
  double *sums;
  CT_TRY(ct_process_prepare(&prepared, process, 0, run));
  CT_NEW(sums, &run->arena, ct_process_sum_count(process, 0));
  CT_TRY(ct_process_run(&pass, sums, run));
  *log_d = sums[CT_SUM_LOG_D];
  *dropped = sums[CT_SUM_DROPPED];
  return square(process, Z, ZZ, run);
}

/* ---- gradient ---- */

/* Entries of sets by the place they hold. */
static ct_status find_children(const ct_sets *sets, int n, int **start, int **child,
                               const ct_run *run) {
  size_t entries = (size_t)sets->count * (size_t)sets->size;
  CT_NEW(*start, &run->arena, (size_t)n + 2);
  CT_NEW(*child, &run->arena, entries + 1);
  memset(*start, 0, ((size_t)n + 2) * sizeof **start);
  for (int a = 0; a < sets->size; a++)
    for (int i = 0; i < sets->count; i++) {
      int j = ct_sets_at(sets, i, a);
      if (j >= 0) (*start)[j + 2]++;
    }
  for (int j = 0; j < n; j++) (*start)[j + 2] += (*start)[j + 1];
  for (int a = 0; a < sets->size; a++)
    for (int i = 0; i < sets->count; i++) {
      int j = ct_sets_at(sets, i, a);
      if (j >= 0) (*child)[(*start)[j + 1]++] = a * sets->count + i;
    }
  return CT_OK;
}

/* Coordinates of the inducing points side by side, padded by the first, and rows of L^-1. */
static ct_status lay_out(ct_low_rank_gather *gather, const ct_inducing *inducing,
                         const ct_run *run) {
  const ct_process *process = gather->process;
  size_t stride = (size_t)process->stride, rank = (size_t)process->rank;
  size_t dim = (size_t)process->dim;
  double *u, *inverse;
  CT_NEW(u, &run->arena, dim * stride);
  CT_NEW(inverse, &run->arena, stride * stride);
  for (size_t c = 0; c < dim; c++)
    for (size_t a = 0; a < stride; a++)
      u[c * stride + a] = inducing->u[(a < rank ? a : 0) * dim + c];
  memset(inverse, 0, stride * stride * sizeof *inverse);
  for (size_t a = 0; a < rank; a++)
    for (size_t b = 0; b <= a; b++) inverse[a * stride + b] = inducing->inverse[a + b * rank];
  gather->u = u;
  gather->inverse = inverse;
  return CT_OK;
}

typedef struct {
  const ct_process_kernels *kernels;
  const ct_low_rank_gather *gather;
  int piece;
  double *M, *pulls; /* of each shard */
  double *memory;
  size_t memory_each;
} gathering;

static void gather_piece(void *task, int shard, int thread) {
  const gathering *to = task;
  const ct_process *process = to->gather->process;
  int from, end;
  size_t stride = (size_t)process->stride;
  if (!piece_of(process->n, shard, to->piece, &from, &end)) return;
  to->kernels->inducing(to->gather, from, end, to->memory + (size_t)thread * to->memory_each,
                        to->M + (size_t)shard * stride * stride,
                        to->pulls + shard * process->groups);
}

static ct_status gather_all(const ct_low_rank_gather *gather, double *M, double *pulls,
                            const ct_run *run) {
  const ct_process *process = gather->process;
  size_t stride = (size_t)process->stride, each = stride * stride;
  size_t groups = (size_t)process->groups;
  gathering to = {.kernels = ct_process_kernels_of(run->simd), .gather = gather};
  to.memory_each = (2 * (size_t)to.kernels->lanes + 2) * stride;
  CT_NEW(to.M, &run->arena, SHARDS * each);
  CT_NEW(to.pulls, &run->arena, SHARDS * groups);
  CT_NEW(to.memory, &run->arena, to.memory_each * (size_t)run->threads);
  memset(to.M, 0, SHARDS * each * sizeof *to.M);
  memset(to.pulls, 0, SHARDS * groups * sizeof *to.pulls);
  for (; to.piece < pieces_of(process->n); to.piece++)
    CT_TRY(ct_rounds_run(gather_piece, &to, SHARDS, 1, 1, 0, run));
  add_shards(to.M, each, M);
  add_shards(to.pulls, groups, pulls);
  return CT_OK;
}

ct_status ct_low_rank_gradient(const ct_process *process, const ct_inducing *inducing,
                               ct_low_rank_adjoint *adjoint, const double *variance, double *sums,
                               double *M, const ct_run *run) {
  ct_process prepared;
  ct_process_pass pass = {.process = &prepared, .gradient = 1, .adjoint = adjoint};
  ct_low_rank_gather gather = {.process = &prepared, .adjoint = adjoint};
  size_t n = (size_t)process->n, entries = n * (size_t)process->sets.size;
  double *all, *root, *pulls;
  int *start, *child;
  CT_TRY(ct_process_prepare(&prepared, process, 1, run));
  CT_NEW(all, &run->arena, ct_process_sum_count(process, 1));
  CT_NEW(root, &run->arena, n);
  CT_NEW(pulls, &run->arena, process->groups);
  CT_NEW(adjoint->pull, &run->arena, n * (size_t)process->stride);
  CT_NEW(adjoint->weight, &run->arena, entries + 1);
  CT_NEW(adjoint->solved, &run->arena, entries + 1);
  CT_TRY(ct_process_run(&pass, all, run));
  CT_TRY(find_children(&process->sets, process->n, &start, &child, run));
  CT_TRY(lay_out(&gather, inducing, run));
  for (size_t i = 0; i < n; i++) root[i] = sqrt(variance[i]);
  gather.start = start, gather.child = child, gather.root = root;
  CT_TRY(gather_all(&gather, M, pulls, run));
  for (int d = 0; d < ct_process_directions(process); d++)
    sums[d] = all[d] + (d < process->groups ? pulls[d] : 0);
  return CT_OK;
}

ct_status ct_low_rank_own(const ct_process *process, const ct_inducing *inducing,
                          const double *adjoint, double *sums, const ct_run *run) {
  const ct_process_kernels *kernels = ct_process_kernels_of(run->simd);
  ct_process prepared;
  ct_low_rank_gather gather = {.process = &prepared};
  size_t stride = (size_t)process->stride, rank = (size_t)process->rank;
  double *memory, *row;
  CT_TRY(ct_process_prepare(&prepared, process, 1, run));
  CT_NEW(memory, &run->arena, 2 * stride);
  CT_NEW(row, &run->arena, stride);
  CT_TRY(lay_out(&gather, inducing, run));
  memset(row, 0, stride * sizeof *row);
  for (size_t a = 0; a < rank; a++) {
    memcpy(row, adjoint + a * rank, rank * sizeof *row);
    kernels->pull(&gather, inducing->u + a * (size_t)process->dim, row, memory, sums);
  }
  return CT_OK;
}
