#' Evaluate a covariance, or a correlation that is searched by
#'
#' What the searches use, as matrices: for checks, plots and small problems.
#'
#' @param cov A covariance, see [covariances].
#' @param metric A metric made by [metric_correlation()] or [metric_residual()].
#' @param a,b Points, one per row, as [cover_tree()] takes them. `b = NULL`: the same as `a`.
#' @return A matrix with a row per point of `a` and a column per point of `b`. `covariance()`:
#'   without the nugget, unless a point is met with itself (`b = NULL`), where the diagonal has it.
#'   `residual_correlation()`: the signed correlation of the process, for [metric_residual()] after
#'   the low-rank part is subtracted. Its distance is `sqrt(1 - abs(.))`.
#' @family metrics
#' @examples
#' x <- as.matrix(quakes[1:5, c("long", "lat")])
#' covariance(cov_matern(1.5, lengthscale = 3, nugget = 0.1), x)
#' residual_correlation(metric_residual(cov_matern(1.5, lengthscale = 3), x[1:2, ]), x[3:5, ])
#' @name evaluate
NULL

#' @rdname evaluate
#' @export
covariance <- function(cov, a, b = NULL) {
  check_covariance(cov)
  value <- covariance_matrix(cov, as_places(a, cov), as_places(b %||% a, cov))
  if (is.null(b)) diag(value) <- diag(value) + cov$nugget
  value
}

#' @rdname evaluate
#' @export
residual_correlation <- function(metric, a, b = NULL) {
  check_metric(metric)
  if (!is_correlation(metric) || !is.null(metric$V)) {
    stop_input(c("{.arg metric} must be a correlation without a factor of one's own.",
                 x = "It is {describe(metric)}."))
  }
  cov <- metric$cov
  a <- as_places(a, cov)
  same <- is.null(b)
  b <- if (same) a else as_places(b, cov)
  c <- covariance_matrix(cov, a, b)
  p <- list(rep(cov$variance, nrow(a)), rep(cov$variance, nrow(b)))
  if (metric$kind == "residual") {
    u <- as_places(metric$inducing, cov)
    R <- stable_chol(covariance_matrix(cov, u, u))
    Va <- backsolve(R, covariance_matrix(cov, u, a), transpose = TRUE)
    Vb <- backsolve(R, covariance_matrix(cov, u, b), transpose = TRUE)
    c <- c - crossprod(Va, Vb)
    p <- list(p[[1]] - colSums(Va^2), p[[2]] - colSums(Vb^2))
  }
  if (isTRUE(metric$nugget)) p <- lapply(p, `+`, cov$nugget)
  explained <- lapply(p, function(v) v <= 1e-10 * cov$variance)
  rho <- c / sqrt(outer(pmax(p[[1]], 0), pmax(p[[2]], 0)))
  rho[explained[[1]], ] <- 0
  rho[, explained[[2]]] <- 0
  rho <- pmin(pmax(rho, -1), 1)
  if (same) diag(rho) <- 1
  rho
}

as_places <- function(x, cov, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  as_points(x, list(kind = "correlation", cov = cov), arg = arg, call = call)
}

covariance_matrix <- function(cov, a, b, call = rlang::caller_env()) {
  if (cov$kind == "function") return(call_covariance(cov, a, b))
  value <- .Call(C_ffi_covariance, fit_covariance(cov, a, call), a, b)
  dimnames(value) <- if (!is.null(rownames(a)) ||
                         !is.null(rownames(b))) list(rownames(a), rownames(b))
  value
}

# The least jitter that the factor takes, as in searches.
stable_chol <- function(K) {
  for (jitter in mean(diag(K)) * c(0, 10^(-10:-6))) {
    R <- tryCatch(chol(K + diag(jitter, nrow(K))), error = function(e) NULL)
    if (!is.null(R)) return(R)
  }
  stop_input("Inducing points must be apart: their covariance has no Cholesky factor.",
             kind = "factor")
}
