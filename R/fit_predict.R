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
#' @param seed `NULL`, or a seed for [set.seed()]; the state of R's random numbers is then put back.
#' @param noise `TRUE`: draws of observations, with noise of variance nugget; `FALSE`: of the
#'   process.
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
#' Draws at new places are given the data. Without `newdata`, `simulate()` draws new responses at
#' the observations' places from the fitted model, noise included, not given the data, as it does
#' for [lm()]: what a parametric bootstrap fits again.
#'
#' @return `predict()`: a vector, or with `interval` a matrix with columns `fit`, `lwr`, `upr`; with
#'   `se.fit = TRUE` a list of that (`fit`) and the standard errors of the process (`se.fit`). `NA`
#'   where `newdata` has missing values. `simulate()`: a matrix with a column for each draw, or
#'   without `newdata` such a data frame.
#' @seealso [cv()] for predictions of held-out observations.
#' @examples
#' cov <- cov_exponential(lonlat = TRUE)
#' fit <- vecchia_fit(log(mag) ~ depth, quakes, ~ long + lat, cov, m = 10)
#' new <- data.frame(long = c(180, 184), lat = c(-20, -24), depth = 300)
#' predict(fit, new, interval = "prediction")
#' simulate(fit, 3, seed = 1, newdata = new)
#' @export
predict.vecchia_fit <- function(object, newdata, coords = NULL, se.fit = FALSE,
                                interval = c("none", "confidence", "prediction"), level = 0.95,
                                m = object$settings$m, cond_on = c("obs", "all"), threads = NULL,
                                progress = NULL, ...) {
  check_fit(object)
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
    stop_input(c("{.arg newdata} must be a data frame.", x = "It is {describe(newdata)}."),
               call = call)
  }
  own <- if (is_named_coords(model$coords)) model$coords
  places <- fit_places(coords %||% own, newdata, environment(model$terms), call)
  terms <- stats::delete.response(model$terms)
  frame <- tryCatch(
    stats::model.frame(terms, newdata, na.action = stats::na.pass, xlev = model$xlevels),
    error = function(e) {
      stop_input(c("{.arg newdata} does not fit the formula.", x = "{conditionMessage(e)}"),
                 call = call)
    })
  n <- nrow(newdata)
  X <- stats::model.matrix(terms, frame, contrasts.arg = model$contrasts)
  offset <- (stats::model.offset(frame) %||% rep(0, n)) + own_offset(fit, newdata, call)
  if (nrow(X) != n) X <- matrix(1, n, 1)[, rep(1, ncol(X)), drop = FALSE] # an intercept alone
  kept <- which(is_complete(places) & stats::complete.cases(X) & !is.na(offset))
  bad <- kept[!is.finite(rowSums(X[kept, , drop = FALSE]) + offset[kept])]
  if (length(bad)) {
    stop_input("The mean must be finite at {.arg newdata}: in row {bad[1]} it is not.", call = call)
  }
  points <- fit$model$points[0, , drop = FALSE]
  if (length(kept)) {
    points <- read_points(take_rows(places, kept), "coords", call)
    points <- align_points(points, model$layout, list(cov = fit$cov), "coords", call)$x
  }
  list(points = points, X = unname(X[kept, , drop = FALSE]), offset = offset[kept], kept = kept,
       names = rownames(newdata))
}

# Whether coordinates are columns of the data, so that new data have them too.
is_named_coords <- function(coords) is.character(coords) || rlang::is_formula(coords)

# The offset that was an argument and not a term, as predict.lm() has it: the call's, in the new
# data.
own_offset <- function(fit, newdata, call) {
  if (is.null(fit$call$offset)) return(0)
  offset <- tryCatch(eval(fit$call$offset, newdata, environment(fit$model$terms)), error = identity)
  if (!is.numeric(offset) || !length(offset) %in% c(1L, nrow(newdata))) {
    stop_input(c("{.arg newdata} must have what the fit's {.arg offset} was made of.",
                 i = "Or make it a term of the formula, {.code offset()}."), call = call)
  }
  offset
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
  if (!length(new$kept)) {
    return(list(mean = spread_rows(numeric(), new), variance = spread_rows(numeric(), new)))
  }
  run <- run_settings(threads, progress)
  model <- observed_model(fit, run)
  order <- if (cond_on == "all") vecchia_order(new$points, metric = metric_correlation(fit$cov))
           else seq_len(nrow(new$points))
  factor <- new_factor(fit, model, new$points[order, , drop = FALSE], m, cond_on, run)
  X <- if (length(fit$beta)) new$X[order, , drop = FALSE]
  found <- process_predict(model, factor, observed_fit(fit), X, run)
  back <- order(order)
  list(mean = spread_rows(drop(found$mean)[back] + new$offset, new),
       variance = spread_rows(found$variance[back], new))
}

# The observations as the core takes them; errors of all kinds are noise there.
observed_model <- function(fit, run) {
  cov <- fit$cov
  cov$nugget <- 0
  process_model(fit$plan$sets, fit$plan$points, cov, error_variances(fit), run, fit$plan$inducing)
}

observed_fit <- function(fit) {
  list(y = fit$plan$y, X = if (length(fit$beta)) fit$plan$X, beta = fit$beta,
       beta_cov = fit$beta_cov)
}

# Variances of the observations' errors, in the plan's order.
error_variances <- function(fit) {
  plan <- fit$plan
  (plan$noise %||% 0) + fit$cov$nugget / (plan$weights %||% rep(1, length(plan$y)))
}

# What the observations say about new places, whose sets are chosen as the fit's were.
new_factor <- function(fit, model, points, m, cond_on, run) {
  there <- nrow(fit$plan$points) + if (cond_on == "all") nrow(points) - 1L else 0L
  settings <- replace(fit$settings, c("m", "threads", "progress"),
                      list(min(m, there), run$threads, run$progress))
  sets <- search_sets(fit$plan$points, fit$cov, fit$plan$inducing, settings, locs_pred = points,
                      cond_on = cond_on)
  observed <- if (!is.null(fit$plan$inducing)) process_factor(model, run)
  prediction_factor(model, points, sets, run, observed)
}

# The process at the observations' own places: y less what its noise is expected to be.
predict_observed <- function(fit, wanted) {
  factor <- fit_factor(fit)
  noise <- error_variances(fit)
  back <- order(fit$plan$order)
  rest <- trend_residual(fit)[fit$plan$order]
  mean <- (fit$plan$y - noise * solve(factor, rest))[back] + (fit$model$offset %||% 0)
  list(mean = restore_rows(fit, mean),
       variance = if (wanted) restore_rows(fit, observed_variance(fit, factor, noise)[back]))
}

# noise - noise^2 (S^-1 - S^-1 X H X' S^-1)_ii
observed_variance <- function(fit, factor, noise) {
  precision <- inverse_diagonal(factor)
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
  quietly(vecchia_factor(plan$sets, plan$points, cov, inducing = plan$inducing,
                         noise = error_variances(fit), threads = fit$settings$threads,
                         progress = FALSE))
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
  check_fit(object)
  if (!is.null(seed)) {
    old <- get0(".Random.seed", globalenv(), inherits = FALSE)
    on.exit(put_seed_back(old))
    set.seed(seed)
  }
  labels <- paste0("sim_", seq_len(nsim))
  if (missing(newdata)) return(draw_responses(object, labels))
  new <- new_places(object, newdata, coords)
  draws <- matrix(0, length(new$kept), nsim)
  if (nrow(draws)) draws <- draw_places(object, new, nsim, m, run_settings(threads, progress))
  if (noise) draws <- draws + sqrt(object$cov$nugget) * stats::rnorm(length(draws))
  colnames(draws) <- labels
  spread_rows(draws, new)
}

# Draws of the process at new places, given the observations.
draw_places <- function(object, new, nsim, m, run) {
  order <- vecchia_order(new$points, metric = metric_correlation(object$cov))
  model <- observed_model(object, run)
  factor <- new_factor(object, model, new$points[order, , drop = FALSE], m, "all", run)
  X <- if (length(object$beta)) new$X[order, , drop = FALSE]
  draws <- process_draw(model, factor, observed_fit(object), nsim, X, run)
  draws[order(order), , drop = FALSE] + new$offset
}

# Draws of responses at the observations' places, as a data frame, which simulate() returns of lm().
draw_responses <- function(object, labels) {
  trend <- object$model$y - trend_residual(object) + (object$model$offset %||% 0)
  draws <- as.matrix(stats::simulate(fit_factor(object), length(labels)))
  draws <- trend + draws[order(object$plan$order), , drop = FALSE]
  dimnames(draws) <- list(object$model$names, labels)
  as.data.frame(stats::naresid(object$model$dropped, draws))
}

put_seed_back <- function(seed) {
  if (is.null(seed)) rm(".Random.seed", envir = globalenv())
  else assign(".Random.seed", seed, envir = globalenv())
}
