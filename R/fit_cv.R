#' Cross-validate a fit
#'
#' Predicts observations from others, at the fit's parameters, and says how good the predictions
#' are.
#'
#' @param object A result of [vecchia_fit()].
#' @param folds `"loo"`: each observation from all others, exactly, from the factor; a number: of
#'   folds made here; or a vector that names the fold of each observation.
#' @param by How folds are made: `"rows"`, dealt along a Hilbert curve through the places, so that
#'   every region is in each; `"blocks"`, compact regions, runs of the curve.
#' @param m,threads,progress As in [predict.vecchia_fit()].
#' @param ... Not used.
#'
#' @details
#' The covariance stays as it was fitted; the coefficients of the mean are estimated from the other
#' folds alone (with `"loo"`, from all). Scores are of the predictive normal distribution of the
#' observation, its noise included: `rmse` and `mae` of the mean, `crps` (the continuous ranked
#' probability score) and `log_score` (minus the log density), both better where smaller, and
#' `coverage` of the intervals of 95 %.
#'
#' Folds do not depend on random numbers.
#'
#' @return A data frame of class `vecchia_cv` with a row per observation: `observed`, `mean`, `sd`,
#'   `fold`; `summary()` is a named vector of the scores.
#' @source T. Gneiting, A. E. Raftery (2007), Strictly proper scoring rules, prediction, and
#'   estimation, JASA 102, \doi{10.1198/016214506000001437}.
#' @examples
#' cov <- cov_exponential(lonlat = TRUE)
#' fit <- vecchia_fit(log(mag) ~ depth, quakes, ~ long + lat, cov, m = 10)
#' summary(cv(fit, "loo"))
#' summary(cv(fit, 5, by = "blocks"))
#' @export
cv <- function(object, ...) UseMethod("cv")

#' @rdname cv
#' @export
cv.vecchia_fit <- function(object, folds = 10, by = c("rows", "blocks"), m = object$settings$m,
                           threads = NULL, progress = NULL, ...) {
  rlang::check_dots_empty()
  by <- match_choice(by)
  check_fit(object)
  n <- nobs.vecchia_fit(object)
  if (identical(folds, "loo")) return(new_cv(object, leave_one_out(object), seq_len(n)))
  fold <- fold_of(object, folds, by)
  found <- list(mean = numeric(n), variance = numeric(n))
  for (one in unique(fold)) {
    out <- which(fold == one)
    part <- predict_fold(object, out, m, threads, progress)
    found$mean[out] <- part$mean
    found$variance[out] <- part$variance
  }
  new_cv(object, found, fold)
}

# The fold of each row of the data.
fold_of <- function(object, folds, by, call = rlang::caller_env()) {
  n <- nobs.vecchia_fit(object)
  if (length(folds) == n) {
    fold <- match(folds, unique(folds))
    if (anyNA(folds) || max(fold) < 2) {
      stop_input("{.arg folds} must name at least two folds, and one for each row.", call = call)
    }
    return(fold)
  }
  check_count(folds, min = 2, max = n, limit = paste("there are", n, "observations"), call = call)
  along <- vecchia_order(object$model$points, "hilbert", metric = metric_correlation(object$cov))
  number <- seq_len(n) - 1
  fold <- integer(n)
  fold[along] <- 1L + as.integer(if (by == "rows") number %% folds else (number * folds) %/% n)
  fold
}

# The held-out rows from the others: their sets anew, coefficients from what is left.
predict_fold <- function(object, out, m, threads, progress) {
  run <- run_settings(threads, progress)
  place <- object$plan$order %in% out
  training <- training_fit(object, !place, threads)
  model <- observed_model(training, run)
  points <- object$model$points[out, , drop = FALSE]
  factor <- new_factor(training, model, points, m, "obs", run)
  X <- if (length(object$beta)) object$model$X[out, , drop = FALSE]
  found <- process_predict(model, factor, observed_fit(training), X, run)
  noise <- error_variances(object)[order(object$plan$order)][out]
  list(mean = drop(found$mean) + (object$model$offset[out] %||% 0),
       variance = found$variance + noise)
}

# The fit on some places of its order, at the same covariance, with their own sets and coefficients.
training_fit <- function(object, kept, threads) {
  plan <- object$plan
  for (part in c("y", "noise", "weights")) plan[[part]] <- plan[[part]][kept]
  plan$points <- plan$points[kept, , drop = FALSE]
  plan$X <- plan$X[kept, , drop = FALSE]
  settings <- object$settings
  settings$progress <- FALSE
  plan$sets <- fit_sets(plan$points, object$cov, plan$inducing, settings)$index
  object$plan <- plan
  if (length(object$beta)) {
    cov <- object$cov
    cov$nugget <- 0
    loglik <- quietly(vecchia_loglik(plan$y, plan$sets, plan$points, cov, inducing = plan$inducing,
                                     X = plan$X, noise = error_variances(object),
                                     threads = threads, progress = FALSE))
    object$beta[] <- attr(loglik, "beta")
    object$beta_cov[] <- attr(loglik, "beta_cov")
  }
  object
}

# Each observation given all others, noise included, in the data's order.
leave_one_out <- function(object) {
  rest <- trend_residual(object)
  back <- order(object$plan$order)
  found <- process_leave_one_out(fit_factor(object), rest[object$plan$order])
  trend <- object$model$y - rest + (object$model$offset %||% 0)
  list(mean = trend + drop(found$mean)[back], variance = found$variance[back])
}

new_cv <- function(object, found, fold) {
  observed <- object$model$y + (object$model$offset %||% 0)
  structure(data.frame(observed = unname(observed), mean = unname(found$mean),
                       sd = sqrt(unname(found$variance)), fold = fold,
                       row.names = object$model$names),
            class = c("vecchia_cv", "data.frame"))
}

#' @export
summary.vecchia_cv <- function(object, ...) {
  check_cv(object)
  error <- object$observed - object$mean
  z <- error / object$sd
  crps <- object$sd * (z * (2 * stats::pnorm(z) - 1) + 2 * stats::dnorm(z) - 1 / sqrt(pi))
  c(rmse = sqrt(mean(error^2)), mae = mean(abs(error)), crps = mean(crps),
    log_score = -mean(stats::dnorm(error, 0, object$sd, log = TRUE)),
    coverage = mean(abs(z) <= stats::qnorm(0.975)))
}

#' @export
print.vecchia_cv <- function(x, digits = 4, ...) {
  check_cv(x)
  cat("<vecchia_cv> ", count_of(nrow(x), "observation"), ", ",
      count_of(length(unique(x$fold)), "fold"), "\n", sep = "")
  print(summary.vecchia_cv(x), digits = digits)
  invisible(x)
}
