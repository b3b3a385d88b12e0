#' What conditioning sets are worth
#'
#' The Kullback-Leibler divergence of a process from its Vecchia approximation, or the difference of
#' the divergences of two approximations.
#'
#' @param a,b Results of [vecchia_factor()] for the same places, covariance and noise. Without `b`,
#'   the divergence of `a` from the truth.
#' @param locs The places of the factors, in their order. Needed where the divergence takes dense
#'   matrices, which are for up to 5,000 places.
#' @param ... Must be empty.
#'
#' @details
#' With the conditional variances `D` of a factor and the covariance matrix `K`, nugget and noise on
#' its diagonal, the divergence without inducing points is half of `sum(log(D)) - log(det(K))`. The
#' determinant is the same for all sets and orders of the same places, so that two factors differ by
#' `sum(log(D_a) - log(D_b)) / 2`: no dense matrix is needed, and the number of places may be large.
#' The orders may differ. Below zero, `a` is the better.
#'
#' With inducing points the same difference holds for the joint distribution of the observations and
#' the process at the inducing points, which must be those of both factors. The divergence of the
#' observations alone, half of `tr(S^-1 K) - n + log(det(S)) - log(det(K))` with the factor's matrix
#' `S`, is never larger than the joint one and takes dense matrices: give `locs`.
#'
#' | factors | without `locs` | with `locs` |
#' |---|---|---|
#' | `a` | - | divergence, observations |
#' | `a`, `b`, no inducing points | difference, observations | the same |
#' | `a`, `b`, equal inducing points | difference, jointly | difference, observations |
#' | `a`, `b`, other inducing points, or one without | - | difference, observations |
#'
#' @return A number of class `vecchia_kl`, in nats, with the attributes `difference` (`TRUE` for
#'   that of `a` less that of `b`), `of` (`"observations"` or `"joint"`) and `places`, their number.
#'   [print()] says which it is.
#' @source The comparison of approximations by this divergence is that of J. Guinness (2018),
#'   Permutation and grouping methods for sharpening Gaussian process approximations, Technometrics
#'   60, \doi{10.1080/00401706.2018.1437476}.
#' @seealso [vecchia_diagnose()] compares orders and sizes of sets.
#' @examples
#' locs <- as.matrix(quakes[vecchia_order(quakes[, 1:2]), c("long", "lat")])
#' cov <- cov_matern(1.5, lengthscale = 3, nugget = 0.01)
#' nearest <- vecchia_factor(vecchia_neighbors(locs, m = 10), locs, cov)
#' telling <- vecchia_neighbors(locs, m = 10, select = "conditional", cov = cov)
#' telling <- vecchia_factor(telling, locs, cov)
#' vecchia_kl(telling, nearest)
#' vecchia_kl(telling, locs = locs)
#' @export
vecchia_kl <- function(a, b = NULL, locs = NULL, ...) {
  rlang::check_dots_empty()
  check_factor_object(a)
  if (is.null(b) && is.null(locs)) {
    stop_input(c("{.arg locs} must be given: the divergence from the truth takes dense matrices.",
                 i = "Two factors, {.arg a} and {.arg b}, are compared without."))
  }
  if (!is.null(b)) check_comparable(a, b)
  joint <- !is.null(a$low_rank) || !is.null(b$low_rank)
  if (is.null(b) || (joint && !is.null(locs))) return(dense_kl(a, b, locs))
  if (joint) check_same_inducing(a, b)
  new_kl(half_log_d(a) - half_log_d(b), a, difference = TRUE,
         of = if (joint) "joint" else "observations")
}

half_log_d <- function(factor) sum(log(factor$variance)) / 2

new_kl <- function(value, factor, difference, of) {
  structure(value, difference = difference, of = of, places = nrow(factor), class = "vecchia_kl")
}

# ---- what can be compared ----

check_comparable <- function(a, b, call = rlang::caller_env()) {
  check_factor_object(b, arg = "b", call = call)
  if (nrow(a) != nrow(b)) {
    stop_input(c("{.arg a} and {.arg b} must be factors for the same places.",
                 x = "{.arg a} has {nrow(a)}, {.arg b} has {nrow(b)}."), call = call)
  }
  if (!identical(a$cov, b$cov)) {
    stop_input(c("{.arg a} and {.arg b} must have the same covariance.",
                 x = "{.arg a} has {format(a$cov)}, {.arg b} has {format(b$cov)}."), call = call)
  }
  if (!identical(sort(a$noise), sort(b$noise))) {
    stop_input("{.arg a} and {.arg b} must have the same {.arg noise}.", call = call)
  }
}

check_same_inducing <- function(a, b, call = rlang::caller_env()) {
  if (!identical(a$low_rank$inducing, b$low_rank$inducing)) {
    stop_input(c("Without {.arg locs}, {.arg a} and {.arg b} must have the same inducing points.",
                 i = "With {.arg locs}, dense matrices compare the observations alone."),
               call = call)
  }
}

# ---- dense ----

# The divergence of the observations alone, of a or of a less that of b.
dense_kl <- function(a, b, locs, call = rlang::caller_env()) {
  root <- dense_root(a, locs, call)
  value <- divergence_from(root, a)
  if (!is.null(b)) value <- value - divergence_from(root, b)
  new_kl(value, a, difference = !is.null(b), of = "observations")
}

# The upper triangular root of the covariance matrix of the observations.
dense_root <- function(factor, locs, call) {
  check_small(factor, call = call)
  locs <- as_points(locs, list(cov = factor$cov), arg = "locs", call = call)
  if (nrow(locs) != nrow(factor)) {
    stop_input(c("{.arg locs} must have a row for each place of the factor.",
                 x = "The factor has {nrow(factor)}, {.arg locs} has {nrow(locs)}."), call = call)
  }
  K <- unname(covariance(factor$cov, locs))
  if (!is.null(factor$noise)) diag(K) <- diag(K) + factor$noise
  tryCatch(chol(K), error = function(e) {
    stop_input(c("The covariance matrix of the places must be positive definite.",
                 x = "By rounding it is not.", i = "A nugget helps."), call = call)
  })
}

# The trace of S^-1 K is the number of places where weights are the truth's own conditional ones,
# which they are without inducing points.
divergence_from <- function(root, factor) {
  n <- nrow(factor)
  trace <- if (is.null(factor$low_rank)) n else sum(whiten(factor, t(root))^2)
  log_det <- as.numeric(determinant(factor)$modulus)
  (trace - n + log_det) / 2 - sum(log(diag(root)))
}

# ---- methods ----

#' @export
format.vecchia_kl <- function(x, ...) {
  value <- as.numeric(x)
  what <- if (attr(x, "difference")) "divergence of a less that of b" else "divergence of a"
  of <- c(observations = "observations", joint = "observations and inducing points jointly")
  paste0("<vecchia_kl> ", format(value, digits = 4), " nats (",
         format(value / attr(x, "places"), digits = 2), " a place), ", what, ", ",
         of[[attr(x, "of")]])
}

#' @export
print.vecchia_kl <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}
