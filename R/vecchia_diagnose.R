#' Which order, and how many neighbours?
#'
#' Compares orders and sizes of conditioning sets for a covariance by how much of the process they
#' lose.
#'
#' @param locs Locations, one per row, in any order.
#' @param cov A covariance with a closed form, with the nugget: see [covariances].
#' @param m Sizes of the conditioning sets.
#' @param order Orders to compare: `method`s of [vecchia_order()].
#' @param dense Up to so many locations the comparison is with the exact process, whose covariance
#'   matrix is factored; with more it is with the best of the approximations.
#' @inheritParams find_knn
#'
#' @details
#' A Vecchia approximation gives observation `i` the conditional variance `D_i`. The
#' Kullback-Leibler divergence of the process from the approximation is `sum(log(D_i)) / 2` less the
#' same of the exact conditional variances, which is half the log-determinant of the covariance
#' matrix. Neighbours are those of the greatest correlation.
#'
#' @return A data frame of class `vecchia_diagnosis` with a row per order and size: `order`, `m`,
#'   `sd`, the geometric mean of the conditional standard deviations, and `divergence`, in nats per
#'   observation, from the exact process or from the best row. [print()] ends with the smallest size
#'   that loses less than 0.001 nats per observation; [plot()] draws divergence against size.
#' @source The comparison of orders by this divergence is that of J. Guinness (2018), Permutation
#'   and grouping methods for sharpening Gaussian process approximations, Technometrics 60,
#'   \doi{10.1080/00401706.2018.1437476}.
#' @seealso [vecchia_order()], [vecchia_neighbors()].
#' @examples
#' locs <- quakes[1:300, c("long", "lat")]
#' d <- vecchia_diagnose(locs, cov_matern(1.5, lengthscale = 3, nugget = 0.1), m = c(5, 10, 20))
#' d
#' plot(d)
#' @export
vecchia_diagnose <- function(locs, cov, m = c(5, 10, 20, 40),
                             order = c("maxmin", "middleout", "coordinate", "random"), dense = 2000,
                             threads = NULL, progress = NULL) {
  check_covariance(cov)
  order <- rlang::arg_match(order, multiple = TRUE)
  for (size in m) check_count(size, arg = "m")
  check_count(dense, min = 0)
  run <- run_settings(threads, progress)
  m <- sort(unique(as.integer(m)))
  locs <- as_places(locs, cov)
  half <- vapply(order, function(method) half_log_determinants(locs, cov, m, method, run),
                 numeric(length(m)))
  table <- data.frame(order = rep(order, each = length(m)), m = rep(m, length(order)),
                      half = c(half))
  exact <- nrow(locs) <= dense
  best <- if (exact) sum(log(diag(chol(unname(covariance(cov, locs)))))) else min(table$half)
  n <- nrow(locs)
  structure(data.frame(table[c("order", "m")], sd = exp(table$half / n),
                       divergence = pmax(table$half - best, 0) / n),
            class = c("vecchia_diagnosis", "data.frame"), exact = exact, locations = n)
}

# sum(log(D)) / 2 for each size, with sets that are the beginnings of the largest.
half_log_determinants <- function(locs, cov, m, method, run) {
  metric <- metric_correlation(replace(cov, "nugget", 0))
  places <- locs[vecchia_order(locs, method, metric = metric, threads = run$threads,
                               progress = run$progress), , drop = FALSE]
  sets <- vecchia_neighbors(places, m = min(max(m), nrow(places)), metric = metric,
                            threads = run$threads, progress = run$progress)$index
  vapply(m, function(size) {
    part <- sets[, seq_len(min(size, ncol(sets))), drop = FALSE]
    sum(log(factor_weights(process_model(part, places, cov, run = run), run)$variance)) / 2
  }, 0)
}

#' @export
print.vecchia_diagnosis <- function(x, ...) {
  against <- if (isTRUE(attr(x, "exact"))) "the exact process" else "the best of these"
  cat("<vecchia_diagnosis> ", count_of(attr(x, "locations"), "location"), ", divergence from ",
      against, " in nats per observation\n", sep = "")
  print(stats::xtabs(divergence ~ m + order, as.data.frame(x)), digits = 2, ...)
  good <- x[x$divergence < 0.001, ]
  if (nrow(good)) {
    good <- good[order(good$m, good$divergence), ][1, ]
    cat("# m = ", good$m, " in the order ", good$order,
        " loses less than 0.001 nats per observation\n", sep = "")
  } else {
    cat("# none loses less than 0.001 nats per observation\n")
  }
  invisible(x)
}

#' @export
plot.vecchia_diagnosis <- function(x, ...) {
  table <- tapply(x$divergence, list(x$m, factor(x$order, unique(x$order))), identity)
  floor <- min(table[table > 0], 1) / 2
  defaults <- list(type = "b", pch = 16, lty = 1, log = "xy", xlab = "m",
                   ylab = "divergence (nats per observation)",
                   col = grDevices::hcl.colors(max(ncol(table), 2), "Dark 3"))
  dots <- list(...)
  settings <- c(dots, defaults[setdiff(names(defaults), names(dots))])
  do.call(graphics::matplot, c(list(as.integer(rownames(table)), pmax(table, floor)), settings))
  graphics::legend("bottomleft", colnames(table), col = settings$col, lty = 1, pch = 16, bty = "n")
  invisible(x)
}
