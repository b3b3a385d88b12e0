# What broom's verbs make of a fit; registered when broom, or what it takes its generics from, is
# there.

#' @exportS3Method generics::tidy
tidy.vecchia_fit <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  check_fit(x)
  values <- covariance_values(x)
  table <- data.frame(
    term = c(names(x$beta), names(values)),
    component = rep(c("mean", "covariance"), c(length(x$beta), length(values))),
    estimate = c(x$beta, values),
    std.error = c(sqrt(diagonal(x$beta_cov)), x$parameters[names(values), "std.error"]),
    row.names = NULL)
  if (conf.int) {
    limits <- confint.vecchia_fit(x, level = conf.level)
    table$conf.low <- unname(limits[, 1])
    table$conf.high <- unname(limits[, 2])
  }
  as_tibble_if_there(table)
}

#' @exportS3Method generics::glance
glance.vecchia_fit <- function(x, ...) {
  check_fit(x)
  as_tibble_if_there(data.frame(
    logLik = as.double(x$logLik), AIC = stats::AIC(x$logLik), BIC = stats::BIC(x$logLik),
    nobs = length(x$model$y), df = attr(x$logLik, "df"), m = ncol(x$plan$sets),
    inducing = NROW(x$plan$inducing), converged = x$converged))
}

#' @exportS3Method generics::augment
augment.vecchia_fit <- function(x, data = NULL, newdata = NULL, ...) {
  check_fit(x)
  if (!is.null(newdata)) {
    found <- predict.vecchia_fit(x, newdata, se.fit = TRUE)
    return(as_tibble_if_there(cbind(newdata, .fitted = found$fit, .se.fit = found$se.fit)))
  }
  if (is.null(data)) {
    stop_input("{.arg data} or {.arg newdata} must be given: a fit does not keep its data.")
  }
  as_tibble_if_there(cbind(data, .fitted = fitted.vecchia_fit(x),
                           .resid = residuals.vecchia_fit(x)))
}

as_tibble_if_there <- function(x) {
  if (rlang::is_installed("tibble")) tibble::as_tibble(x) else x
}
