#' Predict with a fit of GpGp
#'
#' Means and standard deviations at new places from a model that `GpGp::fit_model()` has fitted:
#' GpGp itself has means and draws.
#'
#' @param fit A fit of `GpGp::fit_model()`, with a covariance that [as_covariance()] takes and that
#'   has a closed form.
#' @param locs_pred New places, one per row, with the columns of `fit$locs`.
#' @param X_pred Covariates at the new places; `NULL`: an intercept, where the fit has nothing else.
#' @param m Size of the conditioning sets.
#' @param cond_on What predictions condition on, see [vecchia_neighbors()].
#' @inheritParams find_knn
#' @return A data frame with a row per new place: `mean`; `sd`, the standard deviation of the
#'   process there, with what estimating the mean's coefficients adds, without the nugget; and
#'   `sd_new`, that of a new observation, with the nugget.
#' @seealso [vecchia_fit()] for fits of this package and their [predict()] method.
#' @examplesIf rlang::is_installed(c("GpGp", "fields"))
#' locs <- as.matrix(quakes[1:300, c("long", "lat")])
#' fit <- GpGp::fit_model(quakes$mag[1:300], locs, covfun_name = "exponential_isotropic",
#'                        m_seq = 10, silent = TRUE)
#' predict_gpgp(fit, cbind(c(180, 182), c(-20, -25)))
#' @export
predict_gpgp <- function(fit, locs_pred, X_pred = NULL, m = 60, cond_on = c("obs", "all"),
                         threads = NULL, progress = NULL) {
  if (!inherits(fit, "GpGp_fit")) {
    stop_input(c("{.arg fit} must be a fit of {.fn GpGp::fit_model}.",
                 x = "It is {describe(fit)}."))
  }
  cond_on <- rlang::arg_match(cond_on)
  run <- run_settings(threads, progress)
  cov <- as_covariance(fit)
  locs <- unname(as.matrix(fit$locs))
  new <- unname(as_points(locs_pred, list(kind = "correlation", cov = cov)))
  X_pred <- covariates_at(X_pred, fit, nrow(new))
  nugget <- cov$nugget
  process <- replace(cov, "nugget", 0)
  near <- function(...) vecchia_neighbors(locs, ..., metric = metric_correlation(process),
                                          threads = run$threads, progress = run$progress)
  model <- process_model(near(m = 1), locs, process, rep(nugget, nrow(locs)), run)
  order <- if (cond_on == "all") vecchia_order(new, metric = metric_correlation(process))
           else seq_len(nrow(new))
  new <- new[order, , drop = FALSE]
  sets <- near(m = min(m, nrow(locs)), locs_pred = new, cond_on = cond_on)
  mean <- list(y = fit$y, X = as.matrix(fit$X), beta = fit$betahat, beta_cov = fit$betacov)
  found <- process_predict(model, prediction_factor(model, new, sets, run), mean,
                           X_pred[order, , drop = FALSE], run)
  back <- order(order)
  variance <- pmax(found$variance[back], 0)
  data.frame(mean = drop(found$mean)[back], sd = sqrt(variance), sd_new = sqrt(variance + nugget))
}

covariates_at <- function(X_pred, fit, count, call = rlang::caller_env()) {
  columns <- NCOL(fit$X)
  if (is.null(X_pred) && columns == 1 && all(fit$X == 1)) return(matrix(1, count, 1))
  X_pred <- if (!is.null(X_pred)) as.matrix(X_pred)
  if (!is.numeric(X_pred) || nrow(X_pred) != count || ncol(X_pred) != columns) {
    stop_input(
      c("{.arg X_pred} must have a row per new place and {columns} column{?s}, as in the fit.",
        x = "It is {describe(X_pred)}."), call = call)
  }
  unname(X_pred)
}
