#' Draw a fit
#'
#' @param x A result of [vecchia_fit()].
#' @param which What to draw: `"residuals"`, normalised residuals against the order and their
#'   quantiles against a normal distribution's; `"trace"`, the log-likelihood and the parameters
#'   during the fit; `"map"`, predictions on a grid with the observations' places; `"sets"`, some
#'   conditioning sets.
#' @param newdata For `"map"` where the mean has covariates: a data frame of places to predict at.
#' @param grid For `"map"`: the number of cells along the longer side.
#' @param columns Two columns of the coordinates to draw.
#' @param ... Further arguments of [plot()].
#' @return `x`, invisibly.
#' @examples
#' fit <- vecchia_fit(log(mag) ~ 1, quakes, ~ long + lat, cov_exponential(lonlat = TRUE), m = 10)
#' plot(fit)
#' plot(fit, "map")
#' @export
plot.vecchia_fit <- function(x, which = c("residuals", "trace", "map", "sets"), newdata = NULL,
                             grid = 80, columns = 1:2, ...) {
  check_fit(x)
  switch(match_choice(which),
    residuals = plot_fit_residuals(x, ...),
    trace = plot_fit_trace(x, ...),
    map = plot_fit_map(x, newdata, grid, columns, ...),
    sets = plot_fit_sets(x, columns, ...))
  invisible(x)
}

plot_fit_residuals <- function(x, ...) {
  old <- graphics::par(mfrow = c(1, 2))
  on.exit(graphics::par(old))
  r <- normalised_residual(x)[x$plan$order]
  graphics::plot(seq_along(r), r, pch = 16, cex = 0.4, col = "grey40", xlab = "place in the order",
                 ylab = "normalised residual", ...)
  graphics::abline(h = c(-1.96, 0, 1.96), lty = c(3, 1, 3), col = "#3b528b")
  stats::qqnorm(r, pch = 16, cex = 0.4, col = "grey40", main = "")
  graphics::abline(0, 1, col = "#3b528b")
}

plot_fit_trace <- function(x, ...) {
  trace <- x$trace
  free <- rownames(x$parameters)[x$parameters$status != "fixed"]
  old <- graphics::par(mfrow = c(1, 2))
  on.exit(graphics::par(old))
  full <- trace$round > 0
  graphics::plot(which(full), trace$loglik[full], type = "b", pch = 16, cex = 0.6,
                 xlab = "evaluation", ylab = "log-likelihood of all rows", ...)
  colours <- grDevices::hcl.colors(max(length(free), 2), "Dark 3")
  graphics::matplot(trace[free], type = "l", lty = 1, log = "y", col = colours,
                    xlab = "evaluation", ylab = "parameter")
  graphics::abline(v = which(diff(trace$round) != 0) + 0.5, lty = 3, col = "grey60")
  graphics::legend("topright", free, col = colours, lty = 1, bg = "white", cex = 0.8)
}

# Predictions as cells of a grid, or as points where the user says where; a degree of longitude is
# as wide as it is there.
plot_fit_map <- function(x, newdata, grid, columns, ...) {
  points <- x$model$points[, columns, drop = FALSE]
  own <- is.null(newdata)
  newdata <- newdata %||% map_places(x, points, grid)
  coords <- if (own && !is_named_coords(x$model$coords)) as.matrix(newdata)
  found <- predict.vecchia_fit(x, newdata, coords)
  at <- new_places(x, newdata, coords)
  found <- found[at$kept]
  at <- at$points[, columns, drop = FALSE]
  colours <- grDevices::hcl.colors(64, "viridis")
  steps <- seq(min(found), max(found), length.out = 65)
  labels <- colnames(points) %||% paste("column", columns)
  frame <- list(xlab = labels[1], ylab = labels[2],
                asp = if (x$cov$lonlat) 1 / cos(mean(points[, 2]) * pi / 180) else NA)
  if (own) {
    sides <- list(unique(at[, 1]), unique(at[, 2]))
    cells <- matrix(found, length(sides[[1]]))
    do.call(graphics::image, c(sides, list(cells, col = colours, breaks = steps), frame, list(...)))
  } else {
    shade <- colours[findInterval(found, steps, all.inside = TRUE)]
    do.call(graphics::plot, c(list(at[, 1], at[, 2], col = shade, pch = 15), frame, list(...)))
  }
  graphics::points(points, pch = 16, cex = 0.25, col = "#00000066")
  shown <- c(1, 17, 33, 49, 65)
  graphics::legend("topright", rev(format(steps[shown], digits = 3)), bg = "white", cex = 0.8,
                   fill = rev(colours[pmin(shown, 64)]), title = "mean")
}

map_places <- function(x, points, grid) {
  own <- attr(stats::delete.response(x$model$terms), "term.labels")
  names <- colnames(points) %||% c("x", "y")
  needed <- all.vars(stats::delete.response(x$model$terms))
  if (ncol(x$model$points) != 2 || length(setdiff(needed, names))) {
    stop_input(c("{.arg newdata} must be given: the fit needs more than two coordinates.",
                 x = if (length(own)) "The mean has terms {.val {own}}."))
  }
  side <- apply(points, 2, range)
  step <- max(side[2, ] - side[1, ]) / grid
  axes <- lapply(1:2, function(c) seq(side[1, c], side[2, c], by = step))
  stats::setNames(expand.grid(axes), names)
}

plot_fit_sets <- function(x, columns, ...) {
  sets <- structure(list(index = x$plan$sets, distance = x$plan$sets), predecessors = TRUE,
                    first = 1L, class = "covertree_neighbors")
  plot(sets, x$plan$points, row = ceiling(nrow(x$plan$sets) / 3), columns = columns, ...)
}
