#include "ffi.h"

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

/* clang-format off */
#define ENTRY(name, arguments) {#name, (DL_FUNC)(void (*)(void))&name, arguments}

static const R_CallMethodDef entries[] = {
    ENTRY(ffi_block_order, 3),
    ENTRY(ffi_centre_distance, 3),
    ENTRY(ffi_check_points, 2),
    ENTRY(ffi_checksum, 2),
    ENTRY(ffi_covariance, 3),
    ENTRY(ffi_covariance_check, 2),
    ENTRY(ffi_covariance_kinds, 0),
    ENTRY(ffi_distance, 4),
    ENTRY(ffi_embed, 2),
    ENTRY(ffi_explained, 2),
    ENTRY(ffi_factor, 4),
    ENTRY(ffi_factor_apply, 6),
    ENTRY(ffi_factor_pack, 2),
    ENTRY(ffi_find_knn, 5),
    ENTRY(ffi_find_local, 5),
    ENTRY(ffi_count_within, 5),
    ENTRY(ffi_find_within, 7),
    ENTRY(ffi_kmeans, 4),
    ENTRY(ffi_low_rank_forward, 2),
    ENTRY(ffi_low_rank_gradient, 4),
    ENTRY(ffi_low_rank_own, 4),
    ENTRY(ffi_net, 4),
    ENTRY(ffi_note_fork, 0),
    ENTRY(ffi_order_hilbert, 3),
    ENTRY(ffi_order_maxmin, 5),
    ENTRY(ffi_process_factor, 2),
    ENTRY(ffi_process_sums, 3),
    ENTRY(ffi_processors, 0),
    ENTRY(ffi_seal, 2),
    ENTRY(ffi_seal_holds, 1),
    ENTRY(ffi_select_dense, 4),
    ENTRY(ffi_select_sets, 6),
    ENTRY(ffi_set_distances, 4),
    ENTRY(ffi_sets_check, 3),
    ENTRY(ffi_sets_renumber, 3),
    ENTRY(ffi_simd, 0),
    ENTRY(ffi_threads, 1),
    ENTRY(ffi_tree_annotate, 2),
    ENTRY(ffi_tree_build, 4),
    ENTRY(ffi_tree_check, 3),
    ENTRY(ffi_weights, 6),
    {NULL, NULL, 0}};
/* clang-format on */

attribute_visible void R_init_covertree(DllInfo *dll) {
  R_registerRoutines(dll, NULL, entries, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
  ffi_threads_init();
  ffi_seal_init(dll);
}
