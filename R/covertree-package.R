#' covertree: exact nearest neighbours and Vecchia conditioning sets
#'
#' Nearest neighbours, exactly and in parallel, in ordinary metrics, and the conditioning sets of
#' Vecchia approximations to Gaussian processes. Begin with [find_knn()] for nearest neighbours,
#' [find_within()] for all neighbours within a radius and [vecchia_neighbors()] for conditioning
#' sets; [cover_tree()] keeps an index for many calls.
#'
#' # What is promised
#'
#' * **Exact.** Every search returns the true nearest neighbours, ordered by distance and, where
#'   distances are equal, by row number.
#' * **One right answer.** Results are bit for bit the same for any number of threads, any split of
#'   the queries over calls or machines, any order of the index and any processor.
#' * **Self is excluded by row**, never by distance: a duplicate of a point is its neighbour at
#'   distance 0.
#' * **Missing is `NA`**, in indices and distances alike.
#' * **The index is data**: a list of plain vectors that survives [saveRDS()], forks and clusters,
#'   and that is verified before use.
#' * **Polite.** Calls use no more threads than asked, leave the random seed alone, and can be
#'   interrupted at any time. Bad input is an error of class `covertree_error`, which names the
#'   argument and the offending row or value.
#'
#' # Threads
#'
#' Every function takes `threads`. `NULL`, the default, means the option `covertree.threads` if it
#' is set; otherwise the least of the environment variables `OMP_NUM_THREADS` and `OMP_THREAD_LIMIT`
#' and the option `mc.cores`, as far as they are set, and 2 where a package check limits cores by
#' `_R_CHECK_LIMIT_CORES_`; otherwise half the processors. In a forked child (such as
#' [parallel::mclapply()] makes) there is always one thread.
#'
#' # Progress
#'
#' With `progress = TRUE` a long call shows a bar; `NULL` means the option `covertree.progress` if
#' set and otherwise a bar in interactive sessions.
#'
#' @keywords internal
#' @importFrom cli cli_abort
#' @importFrom stats coef confint fitted formula logLik nobs predict residuals simulate update vcov
#' @useDynLib covertree, .registration = TRUE, .fixes = "C_"
"_PACKAGE"
