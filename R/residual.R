#' Correlation metrics
#'
#' Metrics of Gaussian processes: near means highly correlated. `metric_correlation()` takes the
#' correlation of a covariance function as it is; `metric_residual()` takes what is left of it after
#' a low-rank part, made of inducing points, has been subtracted.
#'
#' @param cov A covariance, such as `cov_matern(1.5, lengthscale = 0.2)`, see [covariances].
#' @param inducing Inducing points, one per row, with the columns of the data; see
#'   [inducing_points()].
#' @param V,p The user's own low-rank factor: a matrix with a row per data point, in the data's
#'   order, and the residual variances, a vector. New points bring theirs by [with_factor()].
#' @param jitter `NULL`, or the amount added to the diagonal of the inducing points' covariance, not
#'   negative. With `NULL` none is tried first, then `1e-10, 1e-9, ..., 1e-6` times its mean
#'   diagonal, with a warning.
#' @param nugget `TRUE`: residual variances include the covariance's nugget.
#'
#' @details
#' With covariance `k`, the inducing points' covariance matrix `K = L L'` and
#' `V_i = L^-1 k(u, x_i)`,
#' \deqn{\rho_{ij} = \frac{k(x_i, x_j) - V_i \cdot V_j}{\sqrt{p_i p_j}}, \quad
#'   p_i = k(x_i, x_i) - |V_i|^2, \quad d_{ij} = \sqrt{1 - |\rho_{ij}|}.}
#' The distance is within 0..1 and obeys the triangle inequality. Covariances are those of the
#' process, without the noise of `cov`: so the distance between points with the same coordinates is
#' 0. With `nugget = TRUE` the nugget is part of `p`, but not of `k` between two points, whether or
#' not their coordinates are the same: duplicates are then at distance
#' `sqrt(nugget / (p + nugget))`, and their observations count as two. A `p` of the user's own must
#' then include the nugget, and `p + rowSums(V^2)` be the variance and the nugget together.
#' `metric_correlation()` never sees the nugget.
#'
#' A `V` of the user's own must leave a covariance: `k` minus `tcrossprod(V)` positive semidefinite
#' up to rounding, as it is for inducing points, eigenvectors, or any other observations of the
#' process. Searches see in every point whether it plainly is not, and then compare all pairs. The
#' bounds of an own `V` rest on that word; those of inducing points are proved.
#'
#' A point with `p_i <= 1e-10 k(x_i, x_i)` is explained by the inducing points: its residual
#' correlation with every other point is 0 and its distance 1, from duplicates too (but 0 in the
#' metric of a [cov_function()]). Such points are counted in `stats$explained` and
#' warned about once. In `metric_residual()`, the smaller rows come first among points at distance
#' 1: where no residual correlation is left, a neighbour tells nothing.
#'
#' In `metric_correlation()`, neighbours are ordered by the Euclidean distance of the scaled
#' coordinates (those divided by the lengthscales, with `lonlat = TRUE` of chords) and then by row,
#' while the distances reported are `sqrt(1 - |rho|)`. Covariances fall with the scaled distance. So
#' this is the order of correlation as far as numbers tell it, up to their last bits, and the right
#' one where they no longer do: with short lengthscales the correlation of most points is 0 to all
#' digits, and their distance 1. Beyond the range of [cov_wendland()], too, scaled distances decide.
#' A [cov_function()] promises nothing of the kind, and is ordered by distance and row.
#'
#' @return A list of class `covertree_metric`.
#' @source P. Gyger, R. Furrer, F. Sigrist (2025), Vecchia-inducing-points full-scale approximations
#'   for Gaussian processes; M. Kang, M. Katzfuss (2023), Correlation-based sparse inverse Cholesky
#'   factorization for fast Gaussian-process inference, Statistics and Computing 33,
#'   \doi{10.1007/s11222-023-10231-3}.
#' @examples
#' set.seed(1)
#' x <- matrix(runif(2000), ncol = 2)
#' cov <- cov_matern(1.5, lengthscale = 0.2)
#' metric <- metric_residual(cov, inducing_points(x, 50))
#' nn <- vecchia_neighbors(x, m = 10, metric = metric)
#' mean(neighbor_recall(vecchia_neighbors(x, m = 10), nn)[-(1:10)]) # Euclid misses some
#' @name correlation_metrics
NULL

#' @rdname correlation_metrics
#' @export
metric_correlation <- function(cov) {
  check_given(cov)
  check_covariance(cov)
  if (cov$kind == "function") return(function_metric(cov))
  new_metric("correlation", "correlation", cov = cov)
}

#' @rdname correlation_metrics
#' @export
metric_residual <- function(cov, inducing = NULL, V = NULL, p = NULL, jitter = NULL,
                            nugget = FALSE) {
  check_given(cov)
  check_covariance(cov)
  check_flag(nugget)
  own <- !is.null(V) || !is.null(p)
  if (own == !is.null(inducing)) {
    stop_input("{.fn metric_residual} needs either {.arg inducing} or both {.arg V} and {.arg p}.")
  }
  if (own) check_factor(V, p)
  if (!own) inducing <- pack_points(read_points(inducing, arg = "inducing"))
  if (!is.null(jitter)) check_number(jitter, min = 0, closed = TRUE)
  if (cov$kind == "function") {
    if (own || nugget)
      stop_input("A {.fn cov_function} takes {.arg inducing} and {.arg jitter} only.")
    return(function_metric(cov, inducing, jitter))
  }
  new_metric("residual", "residual correlation", cov = cov, inducing = inducing, V = V, p = p,
             jitter = jitter,
             nugget = nugget)
}

#' New points with their own factor
#'
#' Attaches rows of a low-rank factor to new points, for searches in an index built with
#' `metric_residual(cov, V = , p = )`, which cannot compute them.
#'
#' @param points Points, as [cover_tree()] takes them.
#' @param V A matrix with a row per point and the columns of the index's `V`.
#' @param p Residual variances of the points.
#' @return `points` as a matrix of class `covertree_points`, for the argument `query` of
#'   [find_knn()] and [find_within()] or `locs_pred` of [vecchia_neighbors()].
#' @examples
#' x <- matrix(runif(40), ncol = 2)
#' V <- matrix(runif(20, 0, 0.5), ncol = 1)
#' metric <- metric_residual(cov_exponential(), V = V, p = 1 - V[, 1]^2)
#' find_knn(x, query = with_factor(cbind(0.5, 0.5), V = matrix(0.3), p = 0.91), k = 2, metric =
#' metric)
#' @export
with_factor <- function(points, V, p) {
  check_given(points)
  check_given(V)
  check_given(p)
  points <- read_points(points)
  check_factor(V, p)
  check_factor_rows(V, nrow(points$x))
  points$V <- V
  points$p <- as.double(p)
  pack_points(points)
}

check_factor <- function(V, p, call = rlang::caller_env()) {
  if (!is.numeric(V) || !is.matrix(V)) {
    stop_input(c("{.arg V} must be a numeric matrix with a row per point.",
                 x = "It is {describe(V)}."), call = call)
  }
  if (!is.numeric(p) || length(p) != nrow(V)) {
    stop_input(c("{.arg p} must hold a number for each row of {.arg V}.",
                 x = "{.arg V} has {nrow(V)} row{?s}, {.arg p} is {describe(p)}."), call = call)
  }
  bad <- which(!is.finite(V))
  if (length(bad)) {
    at <- arrayInd(bad[1], dim(V))
    stop_input("{.arg V} must be finite: row {at[1]}, column {at[2]} is {V[at]}.", call = call)
  }
  bad <- which(!is.finite(p))
  if (length(bad))
    stop_input("{.arg p} must be finite: element {bad[1]} is {p[bad[1]]}.", call = call)
}

check_factor_rows <- function(V, n, call = rlang::caller_env()) {
  if (nrow(V) != n) {
    stop_input(c("{.arg V} must have a row per point.",
                 x = "It has {nrow(V)}, there {?is/are} {n} point{?s}."), call = call)
  }
}

# p + |V|^2 must be the diagonal of the covariance: far off is an error, a little off a warning.
check_diagonal <- function(V, p, variance, call = rlang::caller_env()) {
  low <- which(p < -1e-8 * variance)
  if (length(low))
    stop_input("{.arg p} must not be negative: element {low[1]} is {p[low[1]]}.", call = call)
  off <- abs(p + rowSums(V^2) - variance) / variance
  worst <- which.max(off)
  if (length(worst) && off[worst] > 1e-2) {
    stop_input(
      c(paste("{.arg p} and {.arg V} do not fit the covariance:",
              "{.code p + rowSums(V^2)} must be its variance {variance}."),
        x = "Row {worst} gives {p[worst] + sum(V[worst, ]^2)}."), call = call)
  }
  if (length(worst) && off[worst] > 1e-6) {
    cli::cli_warn(
      c(paste("{.code p + rowSums(V^2)} differs from the covariance's variance {variance}",
              "by up to {signif(off[worst], 2)} of it."),
        i = "Row {worst} is the worst."), class = "covertree_warning", call = call)
  }
}

# Inducing points in the columns and units of the points that they stand for.
align_inducing <- function(metric, layout, call) {
  given <- read_points(metric$inducing, arg = "inducing")
  aligned <- align_points(given, layout, metric, "inducing", call)
  if (metric$kind == "function" && !identical(bare_matrix(aligned$x), bare_matrix(given$x))) {
    return(function_metric(metric$made_of$cov, pack_points(aligned), metric$made_of$jitter, call))
  }
  metric$inducing <- pack_points(aligned)
  metric
}

# The metric as the core takes it for given points: lengthscales that fit, inducing points factored.
fit_correlation <- function(metric, x, run, call = rlang::caller_env()) {
  metric$cov <- fit_covariance(metric$cov, x, call)
  if (is.null(metric$inducing)) return(metric)
  u <- bare_matrix(metric$inducing)
  check_some_rows(u, arg = "inducing", call = call)
  check_values(u, metric, arg = "inducing", call = call)
  metric$u <- .Call(C_ffi_embed, u, metric$cov)
  factor <- .Call(C_ffi_factor, metric$cov, metric$u, metric$jitter %||% -1, run)
  if (is.null(factor$L)) {
    pair <- factor$pair
    stop_input(
      c("The inducing points' covariance is not positive definite, with no more jitter to try.",
        x = "The closest two are rows {pair[1]} and {pair[2]} of {.arg inducing}.",
        i = "Use fewer ones, a shorter lengthscale, or a larger {.arg jitter}."),
      kind = "factor", call = call)
  }
  if (is.null(metric$jitter) && factor$jitter > 0) {
    cli::cli_warn("Jitter {signif(factor$jitter, 2)} was added to the inducing points' covariance.",
                  class = "covertree_warning", call = call)
  }
  metric$L <- factor$L
  metric$jitter_used <- factor$jitter
  metric
}
