#' Orderings for a Vecchia approximation
#'
#' Orders locations, so that each can condition on those before it.
#'
#' @param locs Locations, one per row, as [cover_tree()] takes points.
#' @param method How to order:
#'   * `"maxmin"`: every next location is the one farthest from all before it; the first is the one
#'     nearest to the centre;
#'   * `"hilbert"`: along a Hilbert curve, so that neighbours in the order are near each other;
#'   * `"random"`: at random;
#'   * `"coordinate"`: by increasing sum of the coordinates;
#'   * `"middleout"`: by increasing distance to the centre.
#' @param metric What "far" and "near" mean, see [metrics]; `NULL` as in [cover_tree()]. With
#'   [metric_correlation()] and [metric_residual()] it is distance in the coordinates divided by the
#'   covariance's lengthscales. `"coordinate"` and `"random"` take no notice of it.
#' @param coordinate For `"coordinate"`: names or numbers of the columns to sum, as they are;
#'   `NULL`: all of them.
#' @inheritParams cover_tree
#'
#' @details
#' The maximin order is the exact greedy one, not an approximation. It takes time of the order of
#' `n * log(n)`.
#'
#' The centre is the mean of the locations; with [metric_euclidean()]'s `scale`, of the scaled ones.
#' With [metric_great_circle()] and [metric_angular()] it is the direction of the mean of the unit
#' vectors, or the first location where the mean has none, as when locations lie evenly on all
#' sides.
#'
#' Wherever two locations tie, the smaller row comes first, and duplicates come last in a maximin
#' order, by row. So all orders but the random one are determined by the locations alone, for any
#' number of threads. The random one is `sample.int(n)`: [set.seed()] makes it reproducible.
#'
#' `"maxmin"`, `"hilbert"` and `"middleout"` need coordinates: [metric_function()] is an error.
#'
#' @return A permutation of the row numbers, an integer vector: `locs[order, ]` are the ordered
#'   locations.
#' @seealso [vecchia_neighbors()] for conditioning sets of the ordered locations.
#' @source J. Guinness (2018), Permutation and grouping methods for sharpening Gaussian process
#'   approximations, Technometrics 60, \doi{10.1080/00401706.2018.1437476}; F. Schaefer, M.
#'   Katzfuss, H. Owhadi (2021), Sparse Cholesky factorization by Kullback-Leibler minimization,
#'   SIAM Journal on Scientific Computing 43, \doi{10.1137/20M1336254}. The first location of a
#'   maximin order is the one that GPvecchia's `order_maxmin_exact()` takes; `"coordinate"` and
#'   `"middleout"` agree with GpGp's `order_coordinate()` and `order_middleout()`.
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' order <- vecchia_order(locs, metric = metric_great_circle())
#' nn <- vecchia_neighbors(locs[order, ], m = 10, metric = metric_great_circle())
#'
#' # the first fifty of a maximin order cover the region evenly
#' plot(locs, pch = 16, cex = 0.4, col = "grey")
#' points(locs[order[1:50], ], pch = 16)
#' @export
vecchia_order <- function(locs,
                          method = c("maxmin", "hilbert", "random", "coordinate", "middleout"),
                          metric = NULL, coordinate = NULL, threads = NULL, progress = NULL) {
  check_given(locs)
  method <- match_choice(method)
  if (!is.null(metric)) check_metric(metric)
  run <- run_settings(threads, progress)
  read <- read_points(locs)
  check_some_rows(read$x, arg = "locs")
  if (!is.null(coordinate) && method != "coordinate") {
    stop_input("{.arg coordinate} must be given with {.code method = \"coordinate\"} only.")
  }
  if (method %in% c("random", "coordinate")) {
    check_values(read$x, metric_maximum(), arg = "locs")
    return(if (method == "random") sample.int(nrow(read$x))
           else order_by_coordinate(read$x, coordinate))
  }
  space <- order_space(read, resolve_metric(metric, read, "locs"), method, run)
  switch(method,
    maxmin = order_by_maxmin(space$x, space$metric, nrow(space$x), run),
    hilbert = .Call(C_ffi_order_hilbert, space$x, space$metric, run),
    middleout = order(.Call(C_ffi_centre_distance, space$x, space$metric, run))
  )
}

# Points and a metric on their coordinates: for correlations, the coordinates that the covariance
# looks at.
order_space <- function(read, metric, method, run, call = rlang::caller_env()) {
  if (metric$kind == "function") {
    stop_input(c("{.code method = \"{method}\"} needs a metric on coordinates.",
                 x = "{.arg metric} is made by {.fn metric_function}."), call = call)
  }
  placed <- place_points(read, metric, "locs", call)
  points <- placed$x
  if (is_correlation(metric)) {
    metric$cov <- fit_covariance(metric$cov, points, call)
    check_values(points, metric, arg = "locs", call = call)
    return(list(x = .Call(C_ffi_embed, points, metric$cov), metric = metric_euclidean()))
  }
  metric <- fit_metric(metric, points, run, call)
  distance_unit(metric, placed$layout$unit, "locs", call)
  check_values(points, metric, arg = "locs", call = call)
  list(x = points, metric = metric)
}

# The first rows of a maximin order, so many of them.
order_by_maxmin <- function(x, metric, count, run) {
  quiet <- replace(run, "progress", FALSE)
  first <- which.min(.Call(C_ffi_centre_distance, x, metric, quiet))
  .Call(C_ffi_order_maxmin, x, metric, first, as.integer(count), run)
}

order_by_coordinate <- function(points, coordinate, call = rlang::caller_env()) {
  columns <- match_columns(points, coordinate, call)
  order(rowSums(points[, columns, drop = FALSE]))
}

# Numbers of columns that are given by name or number; NULL: all.
match_columns <- function(points, coordinate, call) {
  if (is.null(coordinate)) return(seq_len(ncol(points)))
  columns <- if (is.character(coordinate)) match(coordinate, colnames(points)) else coordinate
  bad <- if (is.numeric(columns)) which(!columns %in% seq_len(ncol(points))) else seq_along(columns)
  if (length(bad) || !length(columns)) {
    stop_input(
      c("{.arg coordinate} must name columns of {.arg locs} or be within 1..{ncol(points)}.",
        x = "It is {describe(coordinate[bad])}."), call = call)
  }
  columns
}
