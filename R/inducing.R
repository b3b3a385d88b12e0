#' Inducing points
#'
#' Chooses or makes `m` points that stand for all, as the low-rank part of [metric_residual()] needs
#' them.
#'
#' @param x Points, as [cover_tree()] takes them.
#' @param m Number of inducing points, at most the number of points.
#' @param method `"kmeans++"`: centres of clusters, seeded far from each other and moved by `steps`
#'   Lloyd steps; `"maxmin"`: data points, each the farthest from those before; `"cover_tree"`: data
#'   points, the coarsest nodes of a cover tree; `"random"`: data points at random.
#' @param cov `NULL`, or a covariance whose lengthscales (and `lonlat`) say what near means: see
#'   [covariances]. With `NULL`, distances are Euclidean in the columns as they are, or on the
#'   sphere for sf points in longitude and latitude.
#' @param steps Largest number of Lloyd steps of `"kmeans++"`.
#' @inheritParams cover_tree
#'
#' @details
#' No two of the points are the same; where `x` has fewer than `m` distinct points there are fewer,
#' with a warning. `"kmeans++"` and `"random"` draw from R's random numbers, so [set.seed()] makes
#' them reproducible; the number of threads changes nothing. With a covariance on longitude and
#' latitude, centres are means on the sphere.
#'
#' @return Points as `x` holds them: a data frame keeps its columns and their units, sf points
#'   become sf points of the same reference system, everything else becomes a matrix.
#' @source D. Arthur, S. Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA.
#' @examples
#' set.seed(1)
#' u <- inducing_points(quakes[, c("long", "lat")], m = 12)
#' plot(quakes$long, quakes$lat, pch = 16, cex = 0.4, col = "grey")
#' points(u, pch = 3, lwd = 2)
#' @export
inducing_points <- function(x, m = 200, method = c("kmeans++", "maxmin", "cover_tree", "random"),
                            cov = NULL,
                            steps = 10, threads = NULL, progress = NULL) {
  check_given(x)
  method <- match_choice(method)
  check_count(steps, min = 0)
  run <- run_settings(threads, progress)
  if (!is.null(cov)) check_covariance(cov)
  read <- read_points(x)
  metric <- resolve_metric(if (!is.null(cov)) metric_correlation(cov), read, "x")
  placed <- place_points(read, metric, "x", rlang::current_env())
  points <- placed$x
  check_some_rows(points, arg = "x")
  check_count(m, max = nrow(points), limit = paste("there are", nrow(points), "points"))
  if (is.null(cov)) cov <- cov_exponential(lonlat = is_lonlat(metric))
  cov <- fit_covariance(cov, points, rlang::current_env())
  check_values(points, metric_correlation(cov), arg = "x")
  space <- .Call(C_ffi_embed, points, cov)
  if (method == "kmeans++") {
    centres <- .Call(C_ffi_kmeans, space, stats::runif(m), as.integer(steps), run)
    chosen <- unembed(centres, cov, ncol(points))
    chosen <- chosen[!duplicated(chosen), , drop = FALSE]
    colnames(chosen) <- colnames(points)
  } else {
    rows <- switch(method, maxmin = maxmin_rows(space, m, run),
                   cover_tree = coarsest_rows(space, m, run),
                   random = sample_rows(space, m))
    chosen <- points[rows, , drop = FALSE]
  }
  if (nrow(chosen) < m) {
    cli::cli_warn("There are only {nrow(chosen)} distinct inducing points.",
                  class = "covertree_warning")
  }
  like_points(given_points(list(x = chosen, layout = placed$layout)), x)
}

# Read points as `x` held them: an sf object as points of its CRS, a data frame with its units.
like_points <- function(points, x) {
  chosen <- points$x
  if (is_spatial(x)) {
    return(sf::st_as_sf(as.data.frame(chosen), coords = colnames(chosen),
                        crs = points$crs$wkt %||% NA))
  }
  if (!is.data.frame(x)) return(chosen)
  frame <- as.data.frame(chosen)
  for (j in which(nzchar(points$unit %||% ""))) {
    frame[[j]] <- units::set_units(frame[[j]], points$unit[j], mode = "standard")
  }
  frame
}

# Coordinates whose embedding is given, or nearest to it on the sphere.
unembed <- function(space, cov, columns) {
  if (!cov$lonlat) return(sweep(space, 2, cov$lengthscale, "*"))
  u <- space[, 1:3, drop = FALSE]
  lonlat <- cbind(atan2(u[, 2], u[, 1]), atan2(u[, 3], sqrt(u[, 1]^2 + u[, 2]^2))) * 180 / pi
  rest <- seq_len(columns - 2)
  cbind(lonlat, sweep(space[, 3 + rest, drop = FALSE], 2, cov$lengthscale[1 + rest], "*"))
}

maxmin_rows <- function(space, m, run) {
  first <- order_by_maxmin(space, metric_euclidean(), m, run)
  first[!duplicated(space[first, , drop = FALSE])]
}

# The coarsest nodes of a tree: whole levels from the top, and of the last one the first rows.
coarsest_rows <- function(space, m, run) {
  tree <- add_tree(structure(list(x = space, metric = metric_euclidean(), order = "natural",
                                  build = "metric")), run)$tree
  distinct <- which(tree$level != level_duplicate | seq_along(tree$level) == 1)
  from_top <- distinct[order(-tree$level[distinct], tree$point[distinct])]
  tree$point[utils::head(from_top, m)]
}

sample_rows <- function(space, m) {
  rows <- sample.int(nrow(space))
  utils::head(rows[!duplicated(space[rows, , drop = FALSE])], m)
}
