#' Fit a Gaussian process by a Vecchia approximation
#'
#' Estimates a linear mean and the parameters of a covariance by maximum likelihood: orders the
#' places, finds their conditioning sets, and maximises [vecchia_loglik()].
#'
#' @param formula A formula of the mean, as [lm()] takes it: factors, `poly()`, `offset()` and
#'   interactions are fine; `y ~ 1` is a constant mean and `y ~ 0` none.
#' @param data A data frame with the variables of the formula and the coordinates, or an sf data
#'   frame of points.
#' @param coords The coordinates: a one-sided formula such as `~ lon + lat`, names of columns of
#'   `data`, or points with a row for each row of `data`, as [cover_tree()] takes them. Points of
#'   an sf data frame need none.
#' @param cov The family of the covariance, see [covariances]. Its parameters are estimated but
#'   those named in `fixed`; where `start` is `NULL` their values only matter if they are fixed.
#' @param m Size of the conditioning sets.
#' @param inducing `0`: a Vecchia approximation; a number: of inducing points, made by
#'   [inducing_points()], whose low-rank part is subtracted first (VIF); or points.
#' @param select,candidates How conditioning sets are chosen, see [vecchia_neighbors()].
#' @param order A method of [vecchia_order()], or a permutation of the rows of `data`.
#' @param scales Which columns share a lengthscale: `"one"` for all, `"each"` for one per column,
#'   or a named list of groups of columns, such as `list(space = c("x", "y"), time = "day")`. With a
#'   covariance on longitude and latitude these two always share one, and `"each"` is the default.
#' @param fixed Parameters that are not estimated: names, at the values that `cov` has, or a named
#'   vector of values, as in `c(nugget = 0)`. Names are `"variance"`, `"nugget"`, `"nu"` and those
#'   of the lengthscales: `"lengthscale"`, or `"lengthscale.x"` and so on.
#' @param start `NULL`: starting values are found from the data; or a named vector of some of them.
#' @param weights `NULL`, or positive weights of the observations: the variance of the noise of an
#'   observation is the nugget divided by its weight. A column of `data`, as in [lm()].
#' @param noise `NULL`, or known variances of the errors of the observations, beside the nugget, and
#'   instead of weights. A column of `data`.
#' @param subset,na.action,offset As in [lm()]. Rows with missing values are dropped before
#'   anything else, and counted.
#' @param method `"ML"`, or `"REML"` (restricted likelihood).
#' @param control A list of settings: `renew`, by how much the ratio of two lengthscales may move
#'   before sets are chosen anew (default 0.1); `rounds`, how often that may happen (5);
#'   `iterations`, largest number of iterations of the optimiser a round (100); `tolerance`, its
#'   relative tolerance (`1e-9`); `warm`, the number of rows whose fit gives starting values (5000).
#' @inheritParams cover_tree
#'
#' @details
#' Parameters are sought on the log scale by [stats::nlminb()] with exact gradients; sets stay as
#' they are meanwhile, and are chosen anew where several lengthscales have moved against each other.
#' Bounds: a lengthscale within 1e-4 and 100 times the extent of the data, the nugget at least 1e-8
#' and the variance at most 1e4 times the variance of the data about a straight fit. An estimate at
#' a bound says that the data do not tell it; that is stated in `$notes` and when printing, and it
#' has no standard error.
#'
#' A fit has converged where one more step would raise the log-likelihood by less than 0.01.
#' Standard errors come from the expected information (for VIF from differences of the gradient), on
#' the log scale, at the sets of the last round.
#'
#' @return A list of class `vecchia_fit`, with methods for `print()`, `summary()`, `coef()`,
#'   `vcov()`, `confint()`, `logLik()`, `AIC()`, `BIC()`, `nobs()`, `fitted()`, `residuals()`,
#'   [`predict()`][predict.vecchia_fit], [`simulate()`][simulate.vecchia_fit], `update()`, `plot()`,
#'   [cv()], and `tidy()` and `glance()` of broom. Its parts are
#'   * `cov`: the covariance with its estimates,
#'   * `beta`, `beta_cov`: coefficients of the mean and their covariance,
#'   * `parameters`: a data frame of the covariance's parameters: `estimate`, `std.error` (of the
#'     parameter), `log.error` (of its logarithm), `status` (`"estimated"`, `"fixed"`, or the
#'     bound),
#'   * `logLik`, `order`, `sets`, `trace` (a row per evaluation), `seconds` (per phase), `notes`.
#' @section Errors:
#' Class `covertree_error`: fewer than two observations, a response without variation, collinear
#' columns of the mean, parameters that do not exist.
#' @source J. Guinness (2021), Gaussian process learning via Fisher scoring of Vecchia's
#'   approximation, Statistics and Computing 31, \doi{10.1007/s11222-021-09999-1}.
#' @seealso [vecchia_loglik()] for the likelihood by itself, `vignette("fit")`.
#' @examples
#' cov <- cov_exponential(lonlat = TRUE)
#' fit <- vecchia_fit(log(mag) ~ depth, quakes, ~ long + lat, cov, m = 10)
#' summary(fit)
#' new <- data.frame(long = c(180, 184), lat = c(-20, -24), depth = 300)
#' predict(fit, new, se.fit = TRUE)
#' @export
vecchia_fit <- function(formula, data, coords = NULL, cov = cov_matern(1.5), m = 30, inducing = 0,
                        select = c("nearest", "conditional"), candidates = 4, order = "maxmin",
                        scales = NULL, fixed = "nu", start = NULL, weights = NULL, noise = NULL,
                        subset = NULL, na.action = stats::na.omit, offset = NULL,
                        method = c("ML", "REML"), control = list(), threads = NULL,
                        progress = NULL) {
  begun <- proc.time()[["elapsed"]]
  matched <- match.call()
  settings <- list(m = m, inducing = inducing, select = match_choice(select), order = order,
                   candidates = candidates, method = match_choice(method),
                   control = fit_control(control), threads = threads, progress = progress)
  check_covariance(cov)
  check_count(m)
  model <- fit_model(matched, parent.frame(), cov)
  parameters <- fit_parameters(cov, model, scales, fixed, start)
  found <- fit_rounds(model, parameters, settings)
  found$seconds["total"] <- proc.time()[["elapsed"]] - begun
  new_fit(matched, model, found, settings)
}

# What the optimiser may do, see the man page.
fit_control <- function(control, call = rlang::caller_env()) {
  known <- list(renew = 0.1, rounds = 5, iterations = 100, tolerance = 1e-9, warm = 5000)
  if (!is.list(control) || !all(rlang::names2(control) %in% names(known))) {
    stop_input(c("{.arg control} must be a list with names among {.val {names(known)}}.",
                 x = "It is {describe(control)}."), call = call)
  }
  control <- utils::modifyList(known, control)
  for (name in names(known)) {
    check_number(control[[name]], min = 0, arg = paste0("control$", name), call = call)
  }
  control
}

# ---- rounds: sets chosen, likelihood maximised, until scales no longer move the sets ----

fit_rounds <- function(model, parameters, settings) {
  plan <- fit_plan(model, parameters, parameters$value, settings)
  parameters <- fit_start(parameters, plan, settings)
  first <- first_rows(plan, settings$control$warm)
  rounds <- list()
  if (length(first$y) < length(plan$y)) {
    rounds[[1]] <- fit_optimise(parameters, first, settings, round = 0)
    parameters$value <- rounds[[1]]$value
  }
  for (round in seq_len(settings$control$rounds)) {
    if (scales_moved(parameters, plan$value) > settings$control$renew) {
      seconds <- plan$seconds
      plan <- fit_plan(model, parameters, parameters$value, settings)
      plan$seconds <- plan$seconds + seconds
    }
    ended <- fit_optimise(parameters, plan, settings, round)
    parameters$value <- ended$value
    rounds <- c(rounds, list(ended))
    if (scales_moved(parameters, plan$value) <= settings$control$renew) break
  }
  fit_final(parameters, plan, rounds, settings)
}

# By how much the ratios of lengthscales differ from others', the largest on the log scale.
scales_moved <- function(parameters, from) {
  is_scale <- parameters$is_scale
  if (sum(is_scale) < 2) return(0)
  diff(range(log(parameters$value[is_scale] / from[is_scale])))
}

# Order and sets of all rows at some parameters, and the data in that order.
fit_plan <- function(model, parameters, value, settings) {
  cov <- covariance_at(parameters, value)
  ordering <- seconds_of(order <- fit_order(model$points, cov, settings))
  points <- model$points[order, , drop = FALSE]
  searching <- seconds_of({
    inducing <- fit_inducing(points, model$layout, cov, settings)
    sets <- fit_sets(points, cov, inducing, settings)$index # distances are as large again
  })
  list(order = order, points = points, inducing = inducing, sets = sets, value = value,
       y = model$y[order], X = model$X[order, , drop = FALSE], noise = model$noise[order],
       weights = model$weights[order], seconds = c(order = ordering, sets = searching))
}

fit_order <- function(points, cov, settings, call = rlang::caller_env(3)) {
  order <- settings$order
  if (rlang::is_string(order)) {
    return(vecchia_order(points, order, metric = metric_correlation(cov),
                         threads = settings$threads, progress = FALSE))
  }
  if (!is.numeric(order) || !setequal(order, seq_len(nrow(points))) ||
        length(order) != nrow(points)) {
    stop_input(c("{.arg order} must be a method of {.fn vecchia_order} or a permutation.",
                 i = "Rows with missing values do not count: there are {nrow(points)}."),
               call = call)
  }
  as.integer(order)
}

fit_inducing <- function(points, layout, cov, settings, call = rlang::caller_env(3)) {
  inducing <- settings$inducing
  if (!is.numeric(inducing) || length(inducing) != 1 || !is.null(dim(inducing))) {
    given <- read_points(inducing, "inducing", call)
    return(align_points(given, layout, list(cov = cov), "inducing", call)$x)
  }
  check_count(inducing, min = 0, max = nrow(points), arg = "inducing", call = call,
              limit = paste("there are", nrow(points), "observations"))
  if (inducing == 0) return(NULL)
  inducing_points(points, inducing, "maxmin", cov = cov, threads = settings$threads)
}

fit_sets <- function(points, cov, inducing, settings) {
  search_sets(points, cov, inducing, replace(settings, "m", min(settings$m, nrow(points) - 1)))
}

# Conditioning sets of earlier rows, or of new places (locs_pred).
search_sets <- function(points, cov, inducing, settings, ...) {
  metric <- if (is.null(inducing)) metric_correlation(cov) else metric_residual(cov, inducing)
  quietly(vecchia_neighbors(points, m = settings$m, metric = metric, ..., select = settings$select,
                            candidates = settings$candidates, threads = settings$threads,
                            progress = settings$progress))
}

# Without the warnings of single searches and factors: a fit says in its notes what was left out,
# and that inducing points lie at observations is as it should be.
quietly <- function(expression) suppressWarnings(expression, classes = "covertree_warning")

# Seconds that an expression takes; what it assigns stays.
seconds_of <- function(expression) {
  begun <- proc.time()[["elapsed"]]
  force(expression)
  proc.time()[["elapsed"]] - begun
}

# The first rows of a plan are a plan: sets hold earlier rows only.
first_rows <- function(plan, n, m = Inf) {
  rows <- seq_len(min(n, length(plan$y)))
  plan$sets <- plan$sets[rows, seq_len(min(m, ncol(plan$sets))), drop = FALSE]
  plan$points <- plan$points[rows, , drop = FALSE]
  plan$X <- plan$X[rows, , drop = FALSE]
  for (part in c("y", "noise", "weights")) plan[[part]] <- plan[[part]][rows]
  plan
}
