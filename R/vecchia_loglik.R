#' Likelihood of a Vecchia approximation
#'
#' The log-likelihood of a Gaussian process with a linear mean, where every observation is
#' conditioned on its set of earlier ones, with its gradient and its expected information.
#'
#' @param y Observations, in the order of `locs`; a matrix holds several responses at the same
#'   places, in columns, which are independent given the parameters.
#' @param sets Conditioning sets of all rows of `locs`: a result of [vecchia_neighbors()], its
#'   matrix of indices, or GpGp's array (see [as_NNarray()]).
#' @param locs Places, one per row, in the order of the approximation (see [vecchia_order()]).
#' @param cov A covariance with all its parameters, the nugget included: see [covariances].
#' @param inducing `NULL`, or inducing points, one per row, with the columns of `locs`, see
#'   [inducing_points()].
#' @param X `NULL` for mean zero, or a matrix of covariates with a row per place (a column of ones
#'   for an intercept), whose coefficients are profiled out.
#' @param gradient `TRUE`: the derivatives of the log-likelihood are wanted, too.
#' @param information `TRUE`: the expected (Fisher) information of the parameters is wanted, too.
#' @param method `"ML"`, or `"REML"` for the restricted likelihood, that of contrasts free of the
#'   mean.
#' @param noise `NULL`, or known error variances, one for each observation, beside the nugget.
#' @param weights `NULL`, or positive weights of the observations, instead of `noise`: the variance
#'   of an observation's error is the nugget divided by its weight.
#' @inheritParams find_knn
#'
#' @details
#' With `K` the covariance of all observations, the nugget and `noise` on its diagonal, and `N(i)`
#' the set of row `i`, the approximation takes `A_i = K_iN K_NN^-1` and `D_i = K_ii - A_i K_Ni`, and
#' as the log-density
#' \deqn{-\frac12 \sum_i \left( \log 2\pi + \log D_i + (r_i - A_i r_N)^2 / D_i \right),
#'   \quad r = y - X\beta}
#' with the coefficients of generalised least squares. `"REML"` subtracts half the log-determinant
#' of their information matrix and counts `n - ncol(X)` observations.
#'
#' The gradient is by the parameters as `cov` holds them: `variance`, `lengthscale` (`lengthscale1`,
#' `lengthscale2`, ... where there are several), `nugget`, and `nu` of a Matern without a closed
#' form (other than 1/2, 3/2, 5/2, 7/2). The information is that of the conditional distributions,
#' each set taken to have the covariance `K`; it does not depend on `y`. With `inducing` there is no
#' formula: it is minus the Hessian, by differences of the gradient.
#'
#' The general Matern is evaluated from tables made for its `nu`, within a relative 1e-12 of its
#' value where that is above `1e-10` of the variance.
#'
#' A neighbour that the others of its set determine up to rounding, such as a duplicate without
#' nugget, is left out of that set, and so is the nearest neighbour of an observation that its set
#' determines. They are counted in the attribute `dropped`, with a warning. Results are the same
#' bits for any number of threads.
#'
#' @return An object of class `logLik` (the sum over responses), with attributes `df` (parameters of
#'   `cov` and coefficients), `nobs`, `beta` (coefficients; a column for each response where `y` is
#'   a matrix), `beta_cov`, `dropped`, for a matrix `responses`, the log-likelihood of each, and as
#'   asked `gradient`, a named vector, and `information`, a named matrix.
#' @source A. V. Vecchia (1988), Estimation and model identification for continuous spatial
#'   processes, JRSS B 50, \doi{10.1111/j.2517-6161.1988.tb01729.x}; J. Guinness (2021), Gaussian
#'   process learning via Fisher scoring of Vecchia's approximation, Statistics and Computing 31,
#'   \doi{10.1007/s11222-021-09999-1}.
#' @examples
#' locs <- as.matrix(quakes[vecchia_order(quakes[, 1:2]), c("long", "lat")])
#' y <- quakes[vecchia_order(quakes[, 1:2]), "mag"]
#' sets <- vecchia_neighbors(locs, m = 10)
#' cov <- cov_exponential(variance = 0.05, lengthscale = 2, nugget = 0.1)
#' vecchia_loglik(y, sets, locs, cov, X = cbind(1, locs), gradient = TRUE)
#' @export
vecchia_loglik <- function(y, sets, locs, cov, inducing = NULL, X = NULL, gradient = FALSE,
                           information = FALSE,
                           method = c("ML", "REML"), noise = NULL, weights = NULL, threads = NULL,
                           progress = NULL) {
  method <- match_choice(method)
  check_flag(gradient)
  check_flag(information)
  run <- run_settings(threads, progress)
  model <- process_model(sets, locs, cov, noise, run, inducing)
  if (!is.null(weights)) model <- weigh_nugget(model, weights)
  if ((gradient || information) && cov$kind == "function") {
    stop_input(
      "A {.fn cov_function} has no parameters: no {.arg gradient} and no {.arg information}.")
  }
  basis <- mean_basis(y, X, nrow(model$locs))
  value <- process_loglik(model, basis, gradient, information, method, run)
  warn_dropped(attr(value, "dropped"))
  value
}

# The nugget divided by weights is noise; `weighed` keeps what the noise is proportional to.
weigh_nugget <- function(model, weights, call = rlang::caller_env()) {
  n <- nrow(model$locs)
  if (!is.null(model$noise)) {
    stop_input("Only one of {.arg weights} and {.arg noise} may be given.", call = call)
  }
  bad <- if (!is.numeric(weights) || length(weights) != n) 1L
         else which(!is.finite(weights) | weights <= 0)
  if (length(bad)) {
    stop_input(c("{.arg weights} must hold a positive number for each row of {.arg locs}.",
                 x = "It is {describe(weights)}; element {bad[1]} is {describe(weights[bad[1]])}."),
               call = call)
  }
  if (model$cov$nugget == 0) {
    stop_input("{.arg weights} need a covariance with a nugget above 0.", call = call)
  }
  model$noise <- model$cov$nugget / weights
  model$weighed <- model$cov$nugget
  model$cov$nugget <- 0
  model
}

# The likelihood of a checked model; gradient and information as vecchia_loglik() says.
process_loglik <- function(model, basis, gradient, information, method, run) {
  if (!is.null(model$metric))
    return(low_rank_loglik(model, basis, gradient, information, method, run))
  model$values <- basis$values
  sums <- process_sums(model, gradient || information, run)
  fit <- profile_mean(sums, basis, method)
  parts <- if (gradient || information) parameter_sums(sums, model, nrow(basis$values))
  new_loglik(fit, model, basis, sums$dropped,
             gradient = if (gradient) mean_gradient(parts, fit, basis, method),
             information = if (information) parts$information * length(basis$y_columns))
}

new_loglik <- function(fit, model, basis, dropped, gradient, information) {
  structure(sum(fit$loglik), class = "logLik",
            df = length(parameter_names(model)) + length(fit$beta),
            nobs = length(basis$y_columns) * nrow(basis$values), beta = fit$beta,
            beta_cov = fit$beta_cov, dropped = dropped,
            responses = if (length(fit$loglik) > 1) fit$loglik, gradient = gradient,
            information = information)
}

process_sums <- function(model, gradient, run) {
  if (model$cov$kind == "function") return(function_sums(model, run))
  .Call(C_ffi_process_sums, model, gradient, run)
}

# ---- the mean ----
#
# Least squares first: what is left of y, and an orthonormal basis Q of X, are the values that a
# pass sums over, so that neither a large mean nor badly scaled covariates cost digits. X = Q R;
# coefficients of Q are corrections.

mean_basis <- function(y, X, n, call = rlang::caller_env()) {
  Y <- check_responses(y, n, call)
  basis <- list(values = Y, y_columns = seq_len(ncol(Y)), vector = !is.matrix(y),
                labels = colnames(y))
  if (is.null(X)) return(basis)
  X <- check_covariates(X, n, call)
  decomposed <- qr(X)
  if (decomposed$rank < ncol(X)) {
    dependent <- decomposed$pivot[decomposed$rank + 1L]
    stop_input(c("The columns of {.arg X} must be linearly independent.",
                 x = "Column {dependent} is a combination of the others."), kind = "input",
               call = call)
  }
  basis$X_columns <- ncol(Y) + seq_len(ncol(X))
  basis$R <- qr.R(decomposed)
  basis$pivot <- decomposed$pivot
  basis$start <- qr.coef(decomposed, Y)
  basis$names <- colnames(X)
  basis$values <- unname(cbind(qr.resid(decomposed, Y), qr.Q(decomposed)))
  basis
}

check_responses <- function(y, n, call) {
  if (!is.numeric(y) || NROW(y) != n || NCOL(y) < 1 || length(dim(y)) > 2) {
    stop_input(c(
      "{.arg y} must hold a number for each row of {.arg locs}, or be a matrix with such columns.",
                 x = "{.arg locs} has {n} row{?s}, {.arg y} is {describe(y)}."), call = call)
  }
  Y <- matrix(as.double(y), n)
  if (!all(is.finite(Y))) {
    bad <- which(!is.finite(Y))[1]
    stop_input(c("{.arg y} must hold finite numbers only.", x = "Element {bad} is {Y[bad]}."),
               call = call)
  }
  Y
}

check_covariates <- function(X, n, call) {
  if (is.numeric(X) && is.null(dim(X))) X <- matrix(X, ncol = 1)
  if (!is.matrix(X) || !is.numeric(X) || nrow(X) != n) {
    stop_input(c("{.arg X} must be a numeric matrix with a row for each of {.arg locs}.",
                 x = "{.arg locs} has {n} row{?s}, {.arg X} is {describe(X)}."), call = call)
  }
  if (ncol(X) < 1 || ncol(X) >= n) {
    stop_input(c("{.arg X} must have fewer columns than rows, and at least one.",
                 x = "It has {ncol(X)}."), call = call)
  }
  bad <- which(!is.finite(X))
  if (length(bad)) {
    at <- arrayInd(bad[1], dim(X))
    stop_input("{.arg X} must be finite: row {at[1]}, column {at[2]} is {X[at]}.", call = call)
  }
  storage.mode(X) <- "double"
  X
}

# From the products of D^-1/2 B (y, Q): coefficients, their covariance, log-likelihoods. H is the
# covariance of Q's.
profile_mean <- function(sums, basis, method) {
  y <- basis$y_columns
  x <- basis$X_columns
  n <- nrow(basis$values)
  quad <- diag(sums$products)[y]
  fit <- list(weights = rbind(diag(length(y)), matrix(0, length(x), length(y))))
  lost <- 0
  log_det <- sums$log_d
  if (length(x)) {
    U <- chol(sums$products[x, x, drop = FALSE])
    half <- backsolve(U, sums$products[x, y, drop = FALSE], transpose = TRUE)
    quad <- quad - colSums(half^2)
    correction <- backsolve(U, half)
    fit$weights[x, ] <- -correction
    fit$H <- chol2inv(U)
    fit <- c(fit, coefficients_of(correction, fit$H, basis))
    if (method == "REML") {
      lost <- length(x)
      log_det <- log_det + 2 * sum(log(diag(U))) + 2 * sum(log(abs(diag(basis$R))))
    }
  }
  fit$quad <- quad
  fit$contrasts <- n - lost
  fit$loglik <- -0.5 * ((n - lost) * log(2 * pi) + log_det + quad)
  if (!is.null(basis$labels)) names(fit$loglik) <- basis$labels
  fit
}

# Coefficients of X, in its order of columns, from those of Q.
coefficients_of <- function(correction, H, basis) {
  inverse <- backsolve(basis$R, diag(ncol(basis$R)))
  p <- order(basis$pivot)
  beta <- basis$start + (inverse %*% correction)[p, , drop = FALSE]
  beta_cov <- (inverse %*% H %*% t(inverse))[p, p, drop = FALSE]
  dimnames(beta) <- list(basis$names, basis$labels)
  dimnames(beta_cov) <- list(basis$names, basis$names)
  list(beta = if (basis$vector) beta[, 1] else beta, beta_cov = beta_cov)
}

# ---- parameters ----

parameter_names <- function(model) {
  if (model$cov$kind == "function") return("nugget")
  scales <- length(model$group) - 1L
  c("variance", if (scales == 1) "lengthscale"
                else paste0("lengthscale", seq_len(scales)), "nugget",
    if (model$cov$kind == "matern") "nu")
}

# Derivatives by the parameters (rows) from those by scaling all variances at once and by the core's
# directions: log lengthscales, the nugget, the noise, nu (columns).
parameter_map <- function(model, directions) {
  cov <- model$cov
  scales <- length(model$group) - 1L
  names <- parameter_names(model)
  J <- matrix(0, length(names), 1L + directions, dimnames = list(names, NULL))
  J["variance", 1] <- 1 / cov$variance
  J["variance", 1L + scales + 1L] <- -cov$nugget / cov$variance
  noise <- 1L + scales + 2L
  if (!is.null(model$noise)) J["variance", noise] <- -1 / cov$variance
  for (g in seq_len(scales)) J[1L + g, 1L + g] <- 1 / lengthscale_of(model, g)
  if (is.null(model$weighed)) J["nugget", 1L + scales + 1L] <- 1
  else J["nugget", noise] <- 1 / model$weighed
  if (cov$kind == "matern" && is.null(model$V)) J["nu", 1L + directions] <- 1
  J
}

# Derivatives of log det D (d_log_d), of the products (d_products, an array) and the information, by
# the parameters. Scaling all variances changes products by their negative.
parameter_sums <- function(sums, model, n) {
  J <- parameter_map(model, length(sums$d_log_d))
  values <- nrow(sums$products)
  by_direction <- cbind(-as.vector(sums$products), matrix(sums$d_products, values^2))
  info <- rbind(c(n, sums$d_log_d) / 2, cbind(sums$d_log_d / 2, sums$information))
  list(d_log_d = drop(J %*% c(n, sums$d_log_d)), information = J %*% info %*% t(J),
       d_products = array(by_direction %*% t(J), c(values, values, nrow(J))))
}

# Lengthscale g of the gradient, after fit_covariance() has given every column its own.
lengthscale_of <- function(model, g) model$cov$lengthscale[g]

# The gradient of the log-likelihood: coefficients are at their best, so only the products move.
mean_gradient <- function(parts, fit, basis, method) {
  x <- basis$X_columns
  g <- length(basis$y_columns) * parts$d_log_d
  for (p in seq_along(g)) {
    d <- parts$d_products[, , p]
    g[p] <- g[p] + sum(fit$weights * (d %*% fit$weights))
    if (method == "REML" && length(x)) g[p] <- g[p] + length(basis$y_columns) * sum(fit$H * d[x, x])
  }
  -g / 2
}
