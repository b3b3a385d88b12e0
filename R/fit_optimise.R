# The likelihood of a plan as a function of the logarithms of free parameters, and its maximum.

# loglik of vecchia_loglik() at values of the parameters; the derivatives are by logarithms.
plan_loglik <- function(parameters, plan, value, settings, gradient = FALSE, information = FALSE) {
  cov <- covariance_at(parameters, value)
  X <- if (ncol(plan$X)) plan$X
  quietly(vecchia_loglik(plan$y, plan$sets, plan$points, cov, inducing = plan$inducing, X = X,
                         gradient = gradient, information = information, method = settings$method,
                         noise = plan$noise, weights = plan$weights, threads = settings$threads,
                         progress = FALSE))
}

# Derivatives by logarithms of the free parameters.
log_gradient <- function(parameters, value, loglik) {
  gradient <- attr(loglik, "gradient")
  drop(gradient %*% log_jacobian(parameters, value, names(gradient)))
}

log_information <- function(parameters, value, loglik) {
  information <- attr(loglik, "information")
  jacobian <- log_jacobian(parameters, value, rownames(information))
  crossprod(jacobian, information %*% jacobian)
}

# A list: value, convergence, message, trace (a row per evaluation), seconds. The expected
# information comes with the gradient at little cost and stands for the Hessian, as in Fisher
# scoring: variance and lengthscale lie on a ridge that secant steps follow in forty evaluations,
# these in eight. With inducing points it is made of differences, and steps are secant ones.
fit_optimise <- function(parameters, plan, settings, round) {
  scoring <- is.null(plan$inducing)
  control <- settings$control
  free <- parameters$free
  value_at <- function(u) replace(parameters$value, free, exp(u))
  rows <- list()
  last <- list(u = NULL)
  evaluate <- function(u) {
    if (identical(u, last$u)) return(last)
    loglik <- plan_loglik(parameters, plan, value_at(u), settings, TRUE, scoring)
    last <<- list(u = u, loglik = as.double(loglik),
                  gradient = log_gradient(parameters, value_at(u), loglik),
                  information = if (scoring) log_information(parameters, value_at(u), loglik))
    rows[[length(rows) + 1L]] <<- c(round = round, value_at(u), loglik = last$loglik)
    last
  }
  seconds <- seconds_of({
    found <- if (any(free)) {
      stats::nlminb(log(parameters$value[free]), function(u) -evaluate(u)$loglik,
                    function(u) -evaluate(u)$gradient,
                    if (scoring)
                      function(u) evaluate(u)$information, lower = log(parameters$lower[free]),
                    upper = log(parameters$upper[free]),
                    control = list(eval.max = 2 * control$iterations, rel.tol = control$tolerance,
                                   iter.max = control$iterations))
    }
  })
  value <- if (any(free)) value_at(found$par) else parameters$value
  list(value = value, convergence = found$convergence %||% 0L, message = found$message,
       trace = as.data.frame(do.call(rbind, rows)), seconds = seconds)
}

# Starting values from a coarse grid on the first thousand rows: a share of the nugget and a
# lengthscale as a share of the extent. Parameters that are fixed or given stay.
fit_start <- function(parameters, plan, settings) {
  first <- first_rows(plan, 1000, m = 10)
  open <- parameters$free & !parameters$given
  best <- list(loglik = -Inf)
  for (scale in c(0.02, 0.05, 0.1, 0.2, 0.5)) {
    for (share in c(0.01, 0.1, 0.5)) {
      value <- parameters$value
      start <- replace(value, parameters$is_scale, scale * parameters$extent)
      start[c("variance", "nugget")] <- parameters$spread * c(1 - share, share)
      if ("nu" %in% names(value)) start["nu"] <- value[["nu"]]
      value[open] <- start[open]
      loglik <- as.double(plan_loglik(parameters, first, value, settings))
      if (is.finite(loglik) && loglik > best$loglik) best <- list(loglik = loglik, value = value)
    }
  }
  if (!is.null(best$value)) parameters$value <- best$value
  parameters
}

# Likelihood, coefficients and errors at the maximum, and what there is to say of it.
fit_final <- function(parameters, plan, rounds, settings) {
  last <- rounds[[length(rounds)]]
  value <- last$value
  seconds <- c(plan$seconds, optimise = sum(vapply(rounds, `[[`, 0, "seconds")))
  seconds["errors"] <- seconds_of(
    loglik <- plan_loglik(parameters, plan, value, settings, gradient = TRUE, information = TRUE)
  )
  status <- parameter_status(parameters, value)
  gradient <- log_gradient(parameters, value, loglik)
  log_cov <- log_covariance(log_information(parameters, value, loglik), status[parameters$free])
  gain <- step_gain(gradient, log_cov)
  trace <- do.call(rbind, lapply(rounds, `[[`, "trace"))
  list(parameters = replace(parameters, "value", list(value)), plan = plan, loglik = loglik,
       log_cov = log_cov, status = status, trace = trace, rounds = max(trace$round, 0),
       seconds = seconds, gain = gain, converged = is.finite(gain) && gain < 0.01,
       message = last$message)
}

# By how much one more step would raise the log-likelihood, of those that are not at a bound: what
# the optimiser's own word is about depends on units and on n.
step_gain <- function(gradient, log_cov) {
  told <- !is.na(diagonal(log_cov))
  if (!any(told)) return(if (any(!is.finite(gradient))) NA_real_ else 0)
  sum(gradient[told] * (log_cov[told, told, drop = FALSE] %*% gradient[told])) / 2
}

parameter_status <- function(parameters, value) {
  status <- ifelse(parameters$free, "estimated", "fixed")
  near <- function(bound) parameters$free & abs(log(value / bound)) < 1e-3
  status[near(parameters$lower)] <- "lower bound"
  status[near(parameters$upper)] <- "upper bound"
  stats::setNames(status, names(value))
}

# The inverse of the information of what was estimated; at a bound there is no error.
log_covariance <- function(information, status) {
  inverse <- NA_real_ * information
  told <- status == "estimated"
  if (!any(told)) return(inverse)
  part <- tryCatch(chol2inv(chol(information[told, told, drop = FALSE])), error = function(e) NULL)
  if (!is.null(part)) inverse[told, told] <- part
  inverse
}
