#' Correlation metrics
#'
#' Metrics of Gaussian processes: near means highly correlated. `metric_correlation()` takes the correlation of
#' a covariance function as it is; `metric_residual()` takes what is left of it after a low-rank part, made of inducing
#' points, has been subtracted.
#'
#' @param cov A covariance, such as `cov_matern(1.5, lengthscale = 0.2)`, see [covariances].
#' @param inducing Inducing points, one per row, with the columns of the data; see [inducing_points()].
#' @param V,p The user's own low-rank factor: a matrix with a row per data point, in the data's order, and the
#'   residual variances, a vector. New points bring theirs by [with_factor()].
#' @param jitter `NULL`, or the amount added to the diagonal of the inducing points' covariance, not negative. With
#'   `NULL` none is tried first, then `1e-10, 1e-9, ..., 1e-6` times its mean diagonal, with a warning.
#' @param nugget `TRUE`: residual variances include the covariance's nugget.
#'
#' @details
#' With covariance `k`, the inducing points' covariance matrix `K = L L'` and `V_i = L^-1 k(u, x_i)`,
#' \deqn{\rho_{ij} = \frac{k(x_i, x_j) - V_i \cdot V_j}{\sqrt{p_i p_j}}, \quad
#'   p_i = k(x_i, x_i) - |V_i|^2, \quad d_{ij} = \sqrt{1 - |\rho_{ij}|}.}
#' The distance is within 0..1 and obeys the triangle inequality. Covariances are those of the process, without the noise of
#' `cov`: so the distance between points with the same coordinates is 0. With `nugget = TRUE` the nugget is part of `p`,
#' but not of `k` between two points, whether or not their coordinates are the same: duplicates are then at distance
#' `sqrt(nugget / (p + nugget))`, and their observations count as two. A `p` of the user's own must then include the
#' nugget, and `p + rowSums(V^2)` be the variance and the nugget together. `metric_correlation()` never sees the nugget.
#'
#' A `V` of the user's own must leave a covariance: `k` minus `tcrossprod(V)` positive semidefinite up to rounding, as it
#' is for inducing points, eigenvectors, or any other observations of the process. Searches see in every point whether it
#' plainly is not, and then compare all pairs. The bounds of an own `V` rest on that word; those of inducing points are proved.
#'
#' A point with `p_i <= 1e-10 k(x_i, x_i)` is explained by the inducing points: its residual
#' correlation with every other point is 0 and its distance 1, from duplicates too (but 0 in the metric of a
#' [cov_function()]). Such points are counted in `stats$explained` and
#' warned about once. Among points at distance 1 the smaller rows come first.
#'
#' For `metric_correlation()`, nearest neighbours of most covariances are those of the (scaled) Euclidean
#' distance, and they are found by it; the distances reported are `sqrt(1 - |rho|)`.
#'
#' @return A list of class `covertree_metric`.
#' @source P. Gyger, R. Furrer, F. Sigrist (2025), Vecchia-inducing-points full-scale approximations for Gaussian processes;
#'   M. Kang, M. Katzfuss (2023), Correlation-based sparse inverse Cholesky factorization for fast Gaussian-process
#'   inference, Statistics and Computing 33, \doi{10.1007/s11222-023-10231-3}.
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
  check_covariance(cov)
  if (cov$kind == "function") return(function_metric(cov))
  new_metric("correlation", "correlation", cov = cov)
}

#' @rdname correlation_metrics
#' @export
metric_residual <- function(cov, inducing = NULL, V = NULL, p = NULL, jitter = NULL, nugget = FALSE) {
  check_covariance(cov)
  check_flag(nugget)
  own <- !is.null(V) || !is.null(p)
  if (own == !is.null(inducing)) {
    stop_input("{.fn metric_residual} needs either {.arg inducing} or both {.arg V} and {.arg p}.")
  }
  if (own) check_factor(V, p)
  if (!own) inducing <- as_points(inducing, list(cov = cov), arg = "inducing")
  if (!is.null(jitter)) check_number(jitter, min = 0, closed = TRUE)
  if (cov$kind == "function") {
    if (own || nugget) stop_input("A {.fn cov_function} takes {.arg inducing} and {.arg jitter} only.")
    return(function_metric(cov, inducing, jitter))
  }
  new_metric("residual", "residual correlation", cov = cov, inducing = inducing, V = V, p = p, jitter = jitter,
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
#' @return `points` as a matrix of class `covertree_points`, for the argument `query` of [find_knn()] and [find_within()] or
#'   `locs_pred` of [vecchia_neighbors()].
#' @examples
#' x <- matrix(runif(40), ncol = 2)
#' V <- matrix(runif(20, 0, 0.5), ncol = 1)
#' metric <- metric_residual(cov_exponential(), V = V, p = 1 - V[, 1]^2)
#' find_knn(x, query = with_factor(cbind(0.5, 0.5), V = matrix(0.3), p = 0.91), k = 2, metric = metric)
#' @export
with_factor <- function(points, V, p) {
  points <- as_points(points)
  check_factor(V, p)
  check_factor_rows(V, nrow(points))
  structure(points, V = V, p = as.double(p), class = c("covertree_points", class(points)))
}

check_factor <- function(V, p, call = rlang::caller_env()) {
  if (!is.numeric(V) || !is.matrix(V)) {
    stop_input(c("{.arg V} must be a numeric matrix with a row per point.", x = "It is {describe(V)}."), call = call)
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
  if (length(bad)) stop_input("{.arg p} must be finite: element {bad[1]} is {p[bad[1]]}.", call = call)
}

check_factor_rows <- function(V, n, call = rlang::caller_env()) {
  if (nrow(V) != n) {
    stop_input(c("{.arg V} must have a row per point.", x = "It has {nrow(V)}, there {?is/are} {n} point{?s}."), call = call)
  }
}

# p + |V|^2 must be the diagonal of the covariance: far off is an error, a little off a warning.
check_diagonal <- function(V, p, variance, call = rlang::caller_env()) {
  low <- which(p < -1e-8 * variance)
  if (length(low)) stop_input("{.arg p} must not be negative: element {low[1]} is {p[low[1]]}.", call = call)
  off <- abs(p + rowSums(V^2) - variance) / variance
  worst <- which.max(off)
  if (length(worst) && off[worst] > 1e-2) {
    stop_input(c("{.arg p} and {.arg V} do not fit the covariance: {.code p + rowSums(V^2)} must be its variance {variance}.",
                 x = "Row {worst} gives {p[worst] + sum(V[worst, ]^2)}."), call = call)
  }
  if (length(worst) && off[worst] > 1e-6) {
    cli::cli_warn(c("{.code p + rowSums(V^2)} differs from the covariance's variance {variance} by up to {signif(off[worst], 2)} of it.",
                    i = "Row {worst} is the worst."), class = "covertree_warning", call = call)
  }
}

is_correlation <- function(metric) metric$kind %in% c("correlation", "residual")

# The metric as the core takes it for given points: lengthscales that fit, inducing points factored.
fit_correlation <- function(metric, x, run, call = rlang::caller_env()) {
  metric$cov <- fit_covariance(metric$cov, x, call)
  if (is.null(metric$inducing)) return(metric)
  u <- metric$inducing
  if (ncol(u) != ncol(x)) {
    stop_input(c("{.arg inducing} must have as many columns as the points.",
                 x = "It has {ncol(u)}, they have {ncol(x)}."), call = call)
  }
  check_some_rows(u, arg = "inducing", call = call)
  check_values(u, metric, arg = "inducing", call = call)
  metric$u <- .Call(C_ffi_embed, u, metric$cov)
  factor <- .Call(C_ffi_factor, metric$cov, metric$u, metric$jitter %||% -1, run)
  if (is.null(factor$L)) {
    pair <- factor$pair
    stop_input(c("The covariance matrix of the inducing points is not positive definite, with no more jitter to try.",
                 x = "The closest two are rows {pair[1]} and {pair[2]} of {.arg inducing}.",
                 i = "Use fewer or more distant inducing points, a shorter lengthscale, or a larger {.arg jitter}."),
               kind = "factor", call = call)
  }
  if (is.null(metric$jitter) && factor$jitter > 0) {
    cli::cli_warn("Jitter {signif(factor$jitter, 2)} was added to the inducing points' covariance.", class = "covertree_warning", call = call)
  }
  metric$L <- factor$L
  metric$jitter_used <- factor$jitter
  metric
}

# A covariance with a lengthscale for every column (with lonlat: one for the sphere and one per further column).
fit_covariance <- function(cov, x, call) {
  want <- ncol(x) - (if (cov$lonlat) 1L else 0L)
  if (cov$lonlat && ncol(x) < 2) {
    stop_input("A covariance with {.code lonlat = TRUE} needs longitude and latitude, not {ncol(x)} column{?s}.", call = call)
  }
  if (!length(cov$lengthscale) %in% c(1L, want)) {
    stop_input(c("The covariance's {.arg lengthscale} must have one element or {want}.",
                 x = "It has {length(cov$lengthscale)}, the points have {ncol(x)} column{?s}."), call = call)
  }
  cov$lengthscale <- rep_len(as.double(cov$lengthscale), want)
  cov
}

# What the core will read of an index that may come from anywhere.
residual_fault <- function(tree, n) {
  part <- tree$residual
  cov <- tree$metric$cov
  if (!covariance_fits(cov, ncol(tree$x))) return("`metric$cov` is not a covariance that fits the points")
  if (tree$metric$kind == "residual" && !is_flag(tree$metric$nugget)) return("`metric$nugget` is not TRUE or FALSE")
  if (!is.double(part$embedded) || !identical(dim(part$embedded), c(n, ncol(tree$x) + isTRUE(cov$lonlat)))) {
    return("`residual$embedded` is not a matrix with a row per point")
  }
  if (any(.Call(C_ffi_check_points, part$embedded, metric_euclidean()) != 0)) {
    return("`residual$embedded` holds values that are no coordinates")
  }
  if (!is.double(part$p) || length(part$p) != n || anyNA(part$p) || any(part$p < 0)) {
    return("`residual$p` is not a residual variance per point")
  }
  rank <- part$rank
  if (!is.integer(rank) || length(rank) != 1 || is.na(rank) || rank < 0) return("`residual$rank` is not a whole number")
  if (rank > 0 && (!is.double(part$V) || !is.matrix(part$V) || ncol(part$V) != n || nrow(part$V) %% 8 != 0 || nrow(part$V) < rank)) {
    return("`residual$V` is not a padded row of the factor per point")
  }
  if (!is.null(tree$net) && (!is.list(tree$net) || is.null(names(tree$net)))) return("`net` is not a list of arrays")
  if (!is.null(tree$metric$L)) factor_fault(tree$metric, rank, ncol(part$embedded))
}

covariance_fits <- function(cov, columns) {
  scalar <- function(x, least) is.double(x) && length(x) == 1 && is.finite(x) && x >= least
  inherits(cov, "covertree_covariance") && is.character(cov$kind) && length(cov$kind) == 1 && cov$kind %in% .Call(C_ffi_covariance_kinds) &&
    is.double(cov$lengthscale) && length(cov$lengthscale) == columns - isTRUE(cov$lonlat) &&
    all(is.finite(cov$lengthscale) & cov$lengthscale > 0) && scalar(cov$variance, 1e-100) && scalar(cov$nugget, 0) &&
    is_flag(cov$lonlat) && (is.null(cov$shape) || scalar(cov$shape, 0) && cov$shape <= 100)
}

# The factor of the inducing points, which makes V and p of new points.
factor_fault <- function(metric, rank, columns) {
  if (!is.double(metric$L) || !identical(dim(metric$L), c(rank, rank))) {
    return("`metric$L` is not the factor of the inducing points")
  }
  if (!is.double(metric$u) || !identical(dim(metric$u), c(rank, columns))) {
    return("`metric$u` does not hold the inducing points")
  }
  jitter <- metric$jitter_used
  if (!is.double(jitter) || length(jitter) != 1 || !is.finite(jitter) || jitter < 0) {
    return("`metric$jitter_used` is not the jitter of the factor")
  }
  NULL
}

# Adds to an index what its correlation needs: embedded coordinates, their k-d order, V and p by position.
add_residual <- function(index, run, call = rlang::caller_env()) {
  metric <- index$metric
  embedded <- .Call(C_ffi_embed, index$x, metric$cov)
  blocks <- .Call(C_ffi_block_order, embedded, metric_euclidean(), run)
  index$blocks <- blocks$order
  part <- factor_rows(metric, embedded, index$blocks, metric$V, metric$p, run, call)
  index$residual <- part$residual
  index$stats <- add_stats(index$stats, add_stats(blocks$stats, part$stats))
  index$stats$explained <- .Call(C_ffi_explained, metric$cov, part$residual$p)
  warn_explained(index$stats$explained, nrow(index$x))
  index$metric$V <- index$metric$p <- NULL
  index
}

# The net of an exact search, kept where a trial says that searches gain by it (forced is for tests).
add_net <- function(index, net_bytes, run, forced = FALSE) {
  if (index$metric$kind != "residual" || identical(as.double(net_bytes), 0)) return(index)
  made <- .Call(C_ffi_net, index, as.double(net_bytes %||% 0), forced, run)
  index["net"] <- list(made$net)
  index$stats <- add_stats(index$stats, made$stats)
  index
}

# V and p of embedded points, position by position (order NULL: as they come): computed, the user's own, or none.
factor_rows <- function(metric, embedded, order, V, p, run, call) {
  n <- nrow(embedded)
  variance <- metric$cov$variance
  stats <- NULL
  if (!is.null(metric$L)) {
    made <- .Call(C_ffi_factor_apply, metric$cov, metric$L, metric$u, embedded, order, run)
    V <- made$V
    p <- made$p
    stats <- made$stats
    rank <- nrow(metric$u)
  } else if (!is.null(V)) {
    check_factor_rows(V, n, call)
    own <- p - if (metric$nugget) metric$cov$nugget else 0
    check_diagonal(V, own, variance, call)
    rank <- ncol(V)
    storage.mode(V) <- "double"
    V <- .Call(C_ffi_factor_pack, V, order)
    p <- pmax(own, 0)
    if (!is.null(order)) p <- p[order]
  } else {
    rank <- 0L
    p <- rep(variance, n)
  }
  if (metric$kind == "residual" && metric$nugget) p <- p + metric$cov$nugget
  list(residual = list(embedded = embedded, V = V, p = as.double(p), rank = as.integer(rank)), stats = stats)
}

warn_explained <- function(explained, n) {
  if (explained == 0) return(invisible())
  cli::cli_warn(c("{explained} of {n} point{?s} {?is/are} explained by the low-rank part: their residual variance is 0.",
                  i = "Their residual correlation with every other point is taken as 0."), class = "covertree_warning")
}

# What new query points bring along: embedded coordinates and their rows of the factor.
query_residual <- function(index, points, run, call) {
  metric <- index$metric
  V <- attr(points, "V")
  if (metric$kind == "residual" && is.null(metric$L) && is.null(V)) {
    stop_input(c("New points need their own rows of {.arg V} and {.arg p} in this metric.",
                 i = "Attach them by {.fn with_factor}."), call = call)
  }
  if (!is.null(metric$L) && !is.null(V)) {
    stop_input("New points must not bring {.arg V}: the metric computes it from the inducing points.", call = call)
  }
  if (!is.null(V) && ncol(V) != index$residual$rank) {
    stop_input("{.arg V} of new points must have {index$residual$rank} column{?s}, not {ncol(V)}.", call = call)
  }
  embedded <- .Call(C_ffi_embed, points, metric$cov)
  factor_rows(metric, embedded, NULL, V, attr(points, "p"), run, call)$residual
}

# Neighbours by plain correlation, from Euclidean ones. Correlation does not grow with distance, so the k best are among the
# `width` Euclidean nearest as soon as the worst of those is worse than the k-th best by more than rounding. Where it is not
# (ties, or no correlation left at all) more are asked for, and at last the scan of all pairs.
search_correlation <- function(index, queries, k, run) {
  width <- min(k + 8L, length(index))
  answer <- .Call(C_ffi_find_local, index, queries, width, width, run)
  open <- which(!settled(answer, k))
  answer <- first_columns(answer, k)
  while (length(open)) {
    width <- min(4L * width, length(index))
    part <- pick_queries(queries, open)
    last <- width > widest_local || width == length(index)
    again <- if (last) .Call(C_ffi_find_knn, index, part, k, "scan", run)
             else .Call(C_ffi_find_local, index, part, width, width, run)
    sure <- if (last) rep(TRUE, length(open)) else settled(again, k)
    again <- first_columns(again, k)
    answer$index[open[sure], ] <- again$index[sure, ]
    answer$distance[open[sure], ] <- again$distance[sure, ]
    answer$stats <- add_stats(answer$stats, again$stats)
    open <- open[!sure]
  }
  answer
}

# Beyond so many candidates a query, the blocked scan of all pairs is the cheaper way.
widest_local <- 2000L

# Rounding of 1 - |rho| without a low-rank part is below 4e-15; four of them stand between a seen and an unseen point.
settled <- function(answer, k) {
  last <- answer$distance[, ncol(answer$distance)]
  is.na(last) | answer$distance[, k]^2 + 2e-14 < last^2
}

first_columns <- function(answer, k) {
  for (part in c("index", "distance")) answer[[part]] <- answer[[part]][, seq_len(k), drop = FALSE]
  answer
}

# Some of the queries, by number.
pick_queries <- function(queries, which) {
  if (is.null(queries$points)) {
    queries$rows <- if (is.null(queries$rows)) which else queries$rows[which]
  } else {
    queries$points <- queries$points[which, , drop = FALSE]
    part <- queries$residual
    queries$residual <- list(embedded = part$embedded[which, , drop = FALSE], V = if (!is.null(part$V)) part$V[, which, drop = FALSE],
                             p = part$p[which], rank = part$rank)
  }
  queries$limit <- queries$limit[which]
  queries
}

#' Renew an index for another metric
#'
#' Keeps the topology of a tree and gives it another metric's annotation: what an optimiser needs when the parameters of a
#' covariance change. Cheaper than a new index; neighbours are those of a new index.
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
  rlang::check_dots_empty()
  check_index(object, rlang::current_env())
  run <- run_settings(threads, progress)
  index <- new_index(object$x, metric, arg = "object", run = run)
  index[c("tree", "order", "build")] <- object[c("tree", "order", "build")]
  index <- add_structure(index, run)
  index$annotated <- TRUE
  renewed <- .Call(C_ffi_tree_annotate, index, run)
  index$tree <- renewed$tree
  index$stats <- add_stats(index$stats, renewed$stats)
  if (is.null(object$net)) index else add_net(index, NULL, run)
}
