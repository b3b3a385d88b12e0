#' Predict at new places
#'
#' Means, standard errors and intervals of a fitted Gaussian process at new places, and draws from
#' it given the data.
#'
#' @param object A result of [vecchia_fit()].
#' @param newdata A data frame with the covariates and coordinates of the new places; or an sf data
#'   frame. Missing: the observations' own places, see Details.
#' @param coords The new places, where the fit's own were given as points and not by name.
#' @param se.fit `TRUE`: standard errors too.
#' @param interval `"confidence"`: limits for the process without noise; `"prediction"`: for a new
#'   observation, whose noise has the nugget as its variance.
#' @param level Probability of the interval.
#' @param m Size of the conditioning sets, by default the fit's.
#' @param cond_on What a new place conditions on, see [vecchia_neighbors()].
#' @param nsim Number of draws.
#' @param seed `NULL`, or a seed for [set.seed()].
#' @param noise `TRUE`: draws of observations, with noise of variance nugget; `FALSE`: of the process.
#' @param ... Not used.
#' @inheritParams cover_tree
#'
#' @details
#' The parameters of the covariance are taken as known; the coefficients of the mean are not, and
#' standard errors count them. Without `newdata` predictions are those of the process at the
#' observations' places given all observations, which are also the [fitted()] values.
#'
#' With `cond_on = "all"` new places are put into a maximin order and condition on earlier ones too,
#' as draws always do. That helps where new places are denser than observations; standard errors
#' then take time of the order of the square of the number of places.
#'
#' @return `predict()`: a vector, or with `interval` a matrix with columns `fit`, `lwr`, `upr`; with
#'   `se.fit = TRUE` a list of that (`fit`) and the standard errors of the process (`se.fit`). `NA`
#'   where `newdata` has missing values. `simulate()`: a matrix with a column for each draw.
#' @seealso [cv()] for predictions of held-out observations.
#' @examples
#' fit <- vecchia_fit(log(mag) ~ depth, quakes, ~ long + lat, cov_exponential(lonlat = TRUE), m = 10)
#' new <- data.frame(long = c(180, 184), lat = c(-20, -24), depth = 300)
#' predict(fit, new, interval = "prediction")
#' simulate(fit, 3, seed = 1, newdata = new)
#' @export
predict.vecchia_fit <- function(object, newdata, coords = NULL, se.fit = FALSE,
                                interval = c("none", "confidence", "prediction"), level = 0.95,
                                m = object$settings$m, cond_on = c("obs", "all"), threads = NULL,
                                progress = NULL, ...) {
  rlang::check_dots_empty()
  interval <- match_choice(interval)
  cond_on <- match_choice(cond_on)
  check_flag(se.fit)
  check_number(level, min = 0, max = 1)
  check_count(m)
  new <- if (missing(newdata)) NULL else new_places(object, newdata, coords)
  wanted <- se.fit || interval != "none"
  found <- if (is.null(new)) predict_observed(object, wanted)
           else predict_places(object, new, m, cond_on, wanted, threads, progress)
  shape_prediction(found, object$cov$nugget, se.fit, interval, level)
}

shape_prediction <- function(found, nugget, se.fit, interval, level) {
  fit <- found$mean
  if (interval != "none") {
    sd <- sqrt(found$variance + if (interval == "prediction") nugget else 0)
    half <- stats::qnorm((1 + level) / 2) * sd
    fit <- cbind(fit = fit, lwr = fit - half, upr = fit + half)
  }
  if (se.fit) list(fit = fit, se.fit = sqrt(found$variance)) else fit
}

# ---- what new data say ----

# list(points, X, offset, kept, names): complete places, and which rows of newdata they are.
new_places <- function(fit, newdata, coords, call = rlang::caller_env()) {
  model <- fit$model
  if (inherits(newdata, "sf")) {
    coords <- coords %||% sf::st_geometry(newdata)
    newdata <- sf::st_drop_geometry(newdata)
  }
  if (!is.data.frame(newdata)) {
    stop_input(c("{.arg newdata} must be a data frame.", x = "It is {describe(newdata)}."), call = call)
  }
  own <- if (is.character(model$coords) || rlang::is_formula(model$coords)) model$coords
  places <- fit_places(coords %||% own, newdata, environment(model$terms), call)
  terms <- stats::delete.response(model$terms)
  frame <- tryCatch(
    stats::model.frame(terms, newdata, na.action = stats::na.pass, xlev = model$xlevels),
    error = function(e) {
      stop_input(c("{.arg newdata} does not fit the formula.", x = "{conditionMessage(e)}"), call = call)
    })
  n <- nrow(newdata)
  X <- stats::model.matrix(terms, frame, contrasts.arg = model$contrasts)
  offset <- stats::model.offset(frame) %||% rep(0, n)
  if (nrow(X) != n) X <- matrix(1, n, 1)[, rep(1, ncol(X)), drop = FALSE] # an intercept alone
  kept <- which(is_complete(places) & stats::complete.cases(X) & !is.na(offset))
  points <- as_points(take_rows(places, kept), list(cov = fit$cov), arg = "coords", call = call)
  check_columns(points, list(x = model$points), arg = "coords", call = call)
  list(points = points, X = unname(X[kept, , drop = FALSE]), offset = offset[kept], kept = kept,
       names = rownames(newdata))
}

# Values at the complete places among all rows of newdata.
spread_rows <- function(x, new) {
  n <- length(new$names)
  out <- if (is.matrix(x)) matrix(NA_real_, n, ncol(x), dimnames = list(new$names, colnames(x)))
         else stats::setNames(rep(NA_real_, n), new$names)
  if (is.matrix(x)) out[new$kept, ] <- x else out[new$kept] <- x
  out
}

# ---- predictions ----

predict_places <- function(fit, new, m, cond_on, wanted, threads, progress) {
  joint <- joint_weights(fit, new, m, cond_on, threads, progress)
  mean <- new$offset[joint$order] + joint$X %*% fit$beta + joint_mean(joint)
  found <- list(mean = spread_rows(drop(mean)[order(joint$order)], new))
  if (wanted) found$variance <- spread_rows(joint_variance(joint, fit)[order(joint$order)], new)
  found
}

# Rows of the factor of new places after the observations', the process without noise there. A list:
# order (of the new places), index, weights, variance, and what is left of y and of X.
joint_weights <- function(fit, new, m, cond_on, threads, progress) {
  plan <- fit$plan
  run <- run_settings(threads, progress)
  order <- if (cond_on == "all") vecchia_order(new$points, metric = metric_correlation(fit$cov))
           else seq_len(nrow(new$points))
  points <- new$points[order, , drop = FALSE]
  sets <- vecchia_neighbors(plan$points, min(m, nrow(plan$points)), metric_correlation(fit$cov),
                            locs_pred = points, cond_on = cond_on, threads = threads,
                            progress = progress)
  noise <- c(error_variances(fit), numeric(nrow(points)))
  cov <- fit$cov
  cov$nugget <- 0
  model <- list(cov = fit_covariance(cov, points, NULL), index = sets$index,
                locs = rbind(unname(plan$points), unname(points)),
                first = nrow(plan$points) + 1L, noise = noise, group = c(0L, ncol(points)))
  made <- factor_weights(model, run)
  rest <- plan$y - if (length(fit$beta)) drop(plan$X %*% fit$beta) else 0
  c(made[c("weights", "variance")],
    list(order = order, index = sets$index, n = nrow(plan$points), rest = rest, own_X = plan$X,
         X = new$X[order, , drop = FALSE]))
}

# Variances of the observations' errors, in the plan's order.
error_variances <- function(fit) {
  plan <- fit$plan
  (plan$noise %||% 0) + fit$cov$nugget / (plan$weights %||% rep(1, length(plan$y)))
}

# A_po x, for a vector or matrix x with a row per observation: neighbours that are observations.
from_observations <- function(joint, x) {
  x <- as.matrix(x)
  index <- joint$index
  weights <- joint$weights
  weights[is.na(index) | index > joint$n] <- 0
  index[weights == 0] <- 1L
  out <- matrix(0, nrow(index), ncol(x))
  for (j in seq_len(ncol(index))) out <- out + weights[, j] * x[index[, j], , drop = FALSE]
  out
}

# x := B_pp^-1 x or B_pp'^-1 x among the new places.
among_new <- function(joint, product, x) {
  index <- joint$index - joint$n
  weights <- joint$weights
  outside <- is.na(index) | index < 1
  if (all(outside)) return(x)
  index[outside] <- NA
  weights[outside] <- 0
  weights_product(list(index = index, weights = weights), product, x)
}

joint_mean <- function(joint) among_new(joint, "B^-1", from_observations(joint, joint$rest))

# D with what earlier new places leave open, and what the mean's coefficients do.
joint_variance <- function(joint, fit) {
  variance <- joint$variance
  if (any(joint$index > joint$n, na.rm = TRUE)) variance <- joint_diagonal(joint)
  if (!length(fit$beta)) return(variance)
  open <- joint$X - among_new(joint, "B^-1", from_observations(joint, joint$own_X))
  variance + rowSums((open %*% fit$beta_cov) * open)
}

# The diagonal of B_pp^-1 D B_pp'^-1, a few rows at a time.
joint_diagonal <- function(joint) {
  n <- nrow(joint$index)
  root <- sqrt(joint$variance)
  blocks <- split(seq_len(n), (seq_len(n) - 1L) %/% 256L)
  unlist(lapply(unname(blocks), function(rows) {
    unit <- matrix(0, n, length(rows))
    unit[cbind(rows, seq_along(rows))] <- 1
    colSums((among_new(joint, "B'^-1", unit) * root)^2)
  }))
}

# The process at the observations' own places: y less what noise is expected to be.
predict_observed <- function(fit, wanted) {
  factor <- fit_factor(fit)
  noise <- error_variances(fit)
  order <- fit$plan$order
  rest <- trend_residual(fit)[order]
  mean <- numeric(length(order))
  mean[order] <- fit$plan$y - noise * solve(factor, rest)
  found <- list(mean = restore_rows(fit, mean + (fit$model$offset %||% 0)))
  if (wanted) {
    variance <- numeric(length(order))
    variance[order] <- observed_variance(fit, factor, noise)
    found$variance <- restore_rows(fit, variance)
  }
  found
}

# noise - noise^2 (Sigma^-1 - Sigma^-1 X H X' Sigma^-1)_ii
observed_variance <- function(fit, factor, noise) {
  precision <- precision_diagonal(factor)
  if (length(fit$beta)) {
    half <- solve(factor, fit$plan$X)
    precision <- precision - rowSums((half %*% fit$beta_cov) * half)
  }
  pmax(noise - noise^2 * precision, 0)
}

fit_factor <- function(fit) {
  cov <- fit$cov
  cov$nugget <- 0
  plan <- fit$plan
  vecchia_factor(plan$sets, plan$points, cov, inducing = plan$inducing, noise = error_variances(fit),
                 threads = fit$settings$threads, progress = FALSE)
}

# The diagonal of a factor's inverse: of B'D^-1 B, less the low-rank part's share.
precision_diagonal <- function(factor) {
  n <- length(factor$variance)
  there <- which(!is.na(factor$index))
  share <- factor$weights[there]^2 / factor$variance[row(factor$index)[there]]
  diagonal <- 1 / factor$variance
  sums <- rowsum(share, factor$index[there])
  rows <- as.integer(rownames(sums))
  diagonal[rows] <- diagonal[rows] + sums[, 1]
  part <- factor$low_rank
  if (is.null(part)) return(diagonal)
  rotated <- weights_product(factor, "B'", part$Z %*% part$vectors / sqrt(factor$variance))
  diagonal - rowSums(rotated^2 %*% diag(1 / (1 + part$values), length(part$values)))
}

# ---- draws ----

#' @rdname predict.vecchia_fit
#' @export
simulate.vecchia_fit <- function(object, nsim = 1, seed = NULL, newdata, coords = NULL,
                                 noise = FALSE, m = object$settings$m, threads = NULL,
                                 progress = NULL, ...) {
  rlang::check_dots_empty()
  check_count(nsim)
  check_flag(noise)
  if (!is.null(seed)) set.seed(seed)
  new <- new_places(object, newdata, coords)
  joint <- joint_weights(object, new, m, "all", threads, progress)
  count <- nrow(joint$index)
  z <- matrix(stats::rnorm(count * nsim), count) * sqrt(joint$variance)
  draws <- among_new(joint, "B^-1", drop(from_observations(joint, joint$rest)) + z) +
    new$offset[joint$order]
  draws <- draws + draw_mean(object, joint, nsim)
  if (noise) draws <- draws + sqrt(object$cov$nugget) * stats::rnorm(length(draws))
  draws <- draws[order(joint$order), , drop = FALSE]
  colnames(draws) <- paste0("sim_", seq_len(nsim))
  spread_rows(draws, new)
}

# The mean at its estimate, and how draws of its coefficients move what new places are expected to be.
draw_mean <- function(fit, joint, nsim) {
  k <- length(fit$beta)
  if (!k) return(0)
  open <- joint$X - among_new(joint, "B^-1", from_observations(joint, joint$own_X))
  moved <- crossprod(chol(fit$beta_cov), matrix(stats::rnorm(k * nsim), k))
  drop(joint$X %*% fit$beta) + open %*% moved
}
