#include "ffi.h"

/* The first count rows of the maximin order that begins with row first, counted from 1. */
SEXP ffi_order_maxmin(SEXP x, SEXP metric, SEXP first, SEXP count, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Ordering");
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  ct_stats stats = {0};
  int wanted = Rf_asInteger(count);
  SEXP order = PROTECT(Rf_allocVector(INTSXP, wanted));
  ffi_raise(ct_order_maxmin(&points, &core, Rf_asInteger(first) - 1, wanted, INTEGER(order), NULL,
                            &stats, &state.run));
  ffi_run_finish(&state);
  for (int j = 0; j < wanted; j++) INTEGER(order)[j]++;
  UNPROTECT(2);
  return order;
}

/* Rows along a Hilbert curve, counted from 1. */
SEXP ffi_order_hilbert(SEXP x, SEXP metric, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Ordering");
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  int *rank = ct_arena_get(&state.run.arena, (size_t)points.n, sizeof *rank);
  ffi_raise(ct_hilbert_rank(&points, &core, rank, &state.run));
  ffi_run_finish(&state);
  SEXP order = PROTECT(Rf_allocVector(INTSXP, points.n));
  for (int row = 0; row < points.n; row++) INTEGER(order)[rank[row]] = row + 1;
  UNPROTECT(2);
  return order;
}

/* Distances of all rows to their centre. */
SEXP ffi_centre_distance(SEXP x, SEXP metric, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Ordering");
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  SEXP distance = PROTECT(Rf_allocVector(REALSXP, points.n));
  ffi_raise(ct_centre_distance(&points, &core, REAL(distance), &state.run));
  ffi_run_finish(&state);
  UNPROTECT(2);
  return distance;
}

/* list(order, stats): the k-d order, rows counted from 1. */
SEXP ffi_block_order(SEXP x, SEXP metric, SEXP run) {
  ffi_run state;
  ffi_run_start(&state, run, "Building");
  ct_points points = ffi_points(x);
  ct_metric core = ffi_metric(metric);
  ct_stats stats = {0};
  SEXP order = PROTECT(Rf_allocVector(INTSXP, points.n));
  ffi_raise(ct_kd_order(&points, &core, INTEGER(order), &stats, &state.run));
  ffi_run_finish(&state);
  ffi_count_from_one(INTEGER(order), points.n);
  const char *names[] = {"order", "stats", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, order);
  SET_VECTOR_ELT(answer, 1, ffi_stats(&stats, &state.run));
  UNPROTECT(3);
  return answer;
}
