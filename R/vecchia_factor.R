#' Sparse factor of a Vecchia approximation
#'
#' The covariance matrix of a Vecchia approximation by its sparse factor: what each place's set of
#' earlier places says about it.
#'
#' @inheritParams vecchia_loglik
#' @param x,object,a A factor.
#' @param b,z A vector or a matrix with a row for each place. Without `b`, `solve()` returns the
#'   inverse as a dense matrix.
#' @param transpose `TRUE`: multiply by the transposed matrix.
#' @param logarithm `TRUE`: the logarithm of the determinant.
#' @param nsim Number of draws.
#' @param seed `NULL`, or a seed for [set.seed()].
#' @param ... Ignored.
#'
#' @details
#' With the sets `N(i)` and `K` the covariance, nugget and `noise` on its diagonal, row `i` has the
#' weights `A_i = K_iN K_NN^-1` and the conditional variance `D_i = K_ii - A_i K_Ni`. With
#' `B = I - A`, unit lower triangular, the matrix is `S = B^-1 D B^-T`. `whiten()` multiplies by
#' `S^(-1/2) = D^(-1/2) B`, `colour()` by `S^(1/2) = B^-1 D^(1/2)`; `solve()` by `S^-1`.
#'
#' With inducing points `K` is what they leave, `K - V V'` of [metric_residual()], noise on its
#' diagonal, and `S = V V' + B^-1 D B^-T`. With `Z = D^(-1/2) B V` its root is
#' `B^-1 D^(1/2) (I + Z Z')^(1/2)`.
#'
#' `simulate()` draws from the normal distribution with mean zero and this covariance; it uses R's
#' random numbers. `as.matrix()` is for small numbers of places: up to 5,000.
#'
#' @return `vecchia_factor()` returns a list of class `vecchia_factor`: `index` (the sets),
#'   `weights` (as the index lies, 0 where there is no neighbour), `variance` (conditional
#'   variances), `cov` and `noise`, with inducing points `low_rank` (`V` and `Z`, the eigenvalues
#'   and vectors of `Z'Z`, and the points), and `dropped`, the number of neighbours left out as
#'   [vecchia_loglik()] says.
#'   `solve()`, `whiten()`, `colour()` return a vector or matrix as they were given; `simulate()` a
#'   matrix with a column for each draw; `determinant()` what it returns for matrices.
#' @seealso [as_Linv()] for GpGp's array, [as_sparse()] for a sparse matrix.
#' @examples
#' locs <- as.matrix(quakes[vecchia_order(quakes[, 1:2]), c("long", "lat")])
#' cov <- cov_exponential(lengthscale = 2, nugget = 0.1)
#' factor <- vecchia_factor(vecchia_neighbors(locs, m = 10), locs, cov)
#' factor
#' determinant(factor)
#' y <- simulate(factor, seed = 1)
#' sum(y * solve(factor, y))
#' @export
vecchia_factor <- function(sets, locs, cov, inducing = NULL, noise = NULL, threads = NULL,
                           progress = NULL) {
  run <- run_settings(threads, progress)
  model <- process_model(sets, locs, cov, noise, run, inducing)
  factor <- process_factor(model, run)
  warn_dropped(factor$dropped)
  factor
}

# The factor of a checked model.
process_factor <- function(model, run) {
  if (!is.null(model$metric)) model <- add_low_rank(model, run)
  made <- factor_weights(model, run)
  factor <- structure(list(index = model$index, weights = made$weights, variance = made$variance,
                           dropped = made$dropped, cov = model$cov, noise = model$noise,
                           low_rank = NULL),
                      class = "vecchia_factor")
  if (!is.null(model$metric)) factor$low_rank <- low_rank_part(factor, model, run)
  factor
}

# list(weights, variance, dropped) of the model's sets.
factor_weights <- function(model, run) {
  if (model$cov$kind == "function") return(function_weights(model))
  model$values <- matrix(0, nrow(model$locs), 0)
  .Call(C_ffi_process_factor, model, run)
}

# ---- matrices ----

# A product with B = I - A or a relative of it (see weights.h), vectors staying vectors.
weights_product <- function(factor, product, x, run = run_settings(NULL, FALSE)) {
  .Call(C_ffi_weights, factor$index, factor$first %||% 1L, factor$weights, product, x, run)
}

# Columns for a factor: a double matrix with a row for each place.
factor_columns <- function(x, factor, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  n <- length(factor$variance)
  if (!is.numeric(x) || NROW(x) != n || length(dim(x)) > 2) {
    stop_input(c("{.arg {arg}} must be a numeric vector or matrix with a row for each place.",
                 x = "The factor has {n} place{?s}, {.arg {arg}} is {describe(x)}."), call = call)
  }
  matrix(as.double(x), n)
}

as_given <- function(columns, x) {
  if (is.null(dim(x))) drop(columns) else columns
}

#' @rdname vecchia_factor
#' @export
whiten <- function(x, z, transpose = FALSE) {
  check_factor_object(x)
  check_flag(transpose)
  columns <- factor_columns(z, x)
  root <- sqrt(x$variance)
  out <- if (transpose) {
    weights_product(x, "B'", rank_part(x, columns, -0.5) / root)
  } else {
    rank_part(x, weights_product(x, "B", columns) / root, -0.5)
  }
  as_given(out, z)
}

#' @rdname vecchia_factor
#' @export
colour <- function(x, z, transpose = FALSE) {
  check_factor_object(x)
  check_flag(transpose)
  columns <- factor_columns(z, x)
  root <- sqrt(x$variance)
  out <- if (transpose) {
    rank_part(x, weights_product(x, "B'^-1", columns) * root, 0.5)
  } else {
    weights_product(x, "B^-1", rank_part(x, columns, 0.5) * root)
  }
  as_given(out, z)
}

# x times (I + Z Z')^power, which is the identity without a low-rank part.
rank_part <- function(factor, x, power) {
  part <- factor$low_rank
  if (is.null(part)) return(x)
  gain <- expm1(power * log1p(part$values)) / part$values
  gain[part$values == 0] <- power
  rotated <- part$Z %*% part$vectors
  x + rotated %*% (gain * crossprod(rotated, x))
}

#' @rdname vecchia_factor
#' @export
solve.vecchia_factor <- function(a, b, ...) {
  check_factor_object(a)
  if (missing(b)) {
    check_small(a)
    b <- diag(nrow(a))
  }
  whiten(a, whiten(a, b), transpose = TRUE)
}

#' @rdname vecchia_factor
#' @export
determinant.vecchia_factor <- function(x, logarithm = TRUE, ...) {
  check_factor_object(x)
  check_flag(logarithm)
  value <- sum(log(x$variance)) + sum(log1p(x$low_rank$values %||% 0))
  value <- structure(if (logarithm) value else exp(value), logarithm = logarithm)
  structure(list(modulus = value, sign = 1L), class = "det")
}

#' @exportS3Method
dim.vecchia_factor <- function(x) rep(length(x$variance), 2)

#' @rdname vecchia_factor
#' @export
as.matrix.vecchia_factor <- function(x, ...) {
  check_factor_object(x)
  check_small(x)
  tcrossprod(colour(x, diag(nrow(x))))
}

check_small <- function(x, call = rlang::caller_env()) {
  if (nrow(x) > 5000) {
    stop_input("A dense matrix of {nrow(x)} places is too large: at most 5000.", call = call)
  }
}

#' @rdname vecchia_factor
#' @export
simulate.vecchia_factor <- function(object, nsim = 1, seed = NULL, ...) {
  check_factor_object(object)
  check_count(nsim)
  if (!is.null(seed)) set.seed(seed)
  n <- nrow(object)
  colour(object, matrix(stats::rnorm(n * nsim), n))
}

#' @export
format.vecchia_factor <- function(x, ...) {
  check_factor_object(x)
  paste0("<vecchia_factor> ", count_of(nrow(x), "place"), " x ",
         count_of(ncol(x$index), "neighbour"),
         if (!is.null(x$low_rank)) paste0(", ", count_of(ncol(x$low_rank$Z), "inducing point")),
         ", ", format(x$cov))
}

#' @export
print.vecchia_factor <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  if (x$dropped) cat("# ", count_of(x$dropped, "neighbour"), " left out\n", sep = "")
  invisible(x)
}

#' @rdname vecchia_factor
#' @export
summary.vecchia_factor <- function(object, ...) {
  check_factor_object(object)
  structure(list(title = format(object), variance = summary(object$variance),
                 neighbours = mean(rowSums(!is.na(object$index))),
                 log_determinant = as.numeric(determinant(object)$modulus),
                 dropped = object$dropped),
            class = "summary.vecchia_factor")
}

#' @export
print.summary.vecchia_factor <- function(x, ...) {
  cat(x$title, "\n  conditional variances:\n", sep = "")
  print(x$variance)
  cat("  ", format(x$neighbours, digits = 4), " neighbours a place, ", x$dropped, " left out\n",
      "  log-determinant ", format(x$log_determinant), "\n", sep = "")
  invisible(x)
}

# ---- interchange ----

#' GpGp's array of a factor
#'
#' The inverse Cholesky factor of a Vecchia approximation as GpGp keeps it.
#'
#' @param factor A result of [vecchia_factor()], without inducing points.
#' @return A matrix with a row per place and one column more than its sets have. Entry `[i, j]`
#'   belongs to row `i` and column `NNarray[i, j]` of the inverse factor, `NNarray` being
#'   [as_NNarray()] of the sets: `1 / sqrt(D_i)` first, then `-A_ij / sqrt(D_i)`, 0 where there is
#'   no neighbour.
#' @seealso `GpGp::Linv_mult()`, `GpGp::L_mult()`, `GpGp::fast_Gp_sim_Linv()`, which take it.
#' @examples
#' locs <- matrix(runif(40), ncol = 2)
#' as_Linv(vecchia_factor(vecchia_neighbors(locs, m = 3), locs, cov_exponential()))[1:5, ]
#' @export
as_Linv <- function(factor) {
  check_factor_object(factor)
  if (!is.null(factor$low_rank)) {
    stop_input("{.arg factor} must be without inducing points: the array has no room for theirs.")
  }
  cbind(1, -factor$weights) / sqrt(factor$variance)
}
