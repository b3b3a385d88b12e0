#' Renew an index for another metric
#'
#' Keeps the topology of a tree and gives it another metric's annotation when the parameters of a
#' covariance change. It takes fewer distances than a new index, but about as long where the factor
#' and the net of [metric_residual()], which are made anew, are most of the work: a new
#' [cover_tree()] does as well. Neighbours are those of a new index.
#'
#' @param object An index from [cover_tree()].
#' @param metric The new metric.
#' @param ... Not used.
#' @inheritParams cover_tree
#' @return An index like `object`, with the new metric.
#' @examples
#' x <- matrix(runif(2000), ncol = 2)
#' u <- inducing_points(x, 20)
#' tree <- cover_tree(x, metric_residual(cov_matern(1.5, lengthscale = 0.2), u))
#' tree <- update(tree, metric_residual(cov_matern(1.5, lengthscale = 0.3), u))
#' @export
update.cover_tree <- function(object, metric, ..., threads = NULL, progress = NULL) {
  check_given(metric)
  if (...length())
    stop_input(
      "{.arg ...} must be empty: an index is updated by a metric, {.arg threads}, {.arg progress}.")
  check_index(object, rlang::current_env())
  run <- run_settings(threads, progress)
  index <- new_index(given_points(object), metric, arg = "object", run = run)
  index[c("tree", "order", "build")] <- object[c("tree", "order", "build")]
  index <- add_structure(index, run)
  index$annotated <- TRUE
  renewed <- .Call(C_ffi_tree_annotate, index, run)
  index$tree <- renewed$tree
  index$stats <- add_stats(index$stats, renewed$stats)
  if (!is.null(object$net)) index <- add_net(index, NULL, run)
  seal_index(index, run)
}
