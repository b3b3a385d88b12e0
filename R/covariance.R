#' Covariance functions
#'
#' Stationary covariances of Gaussian processes, for [metric_correlation()] and [metric_residual()].
#' They are small lists, evaluated in C and in threads.
#'
#' @param nu,power,q Shape: smoothness of the Matern family, within 0..100; power of the distance,
#'   above 0, at most 2; smoothness of the Wendland functions, 0, 1 or 2.
#' @param variance Variance `k(x, x)` of the process without its nugget, within 1e-100..1e100.
#' @param lengthscale Divisors of the coordinates: one for all columns, or one per column
#'   (anisotropy, ARD, space-time). With `lonlat = TRUE` the first is for the sphere, and every
#'   further column has its own.
#' @param nugget Variance of the noise (not a share of `variance`), not negative. Distances of
#'   metrics do not see it unless asked to.
#' @param lonlat `TRUE`: two columns are longitude and latitude in degrees, and the distance on the
#'   sphere is the chord between points of the unit sphere. They are those with names such as `lon`
#'   and `lat`, as for [metric_great_circle()], or else the first two; the other columns follow in
#'   their order.
#' @param f A function `f(A, B)` of two matrices of points in rows, which returns the matrix of
#'   their covariances, a row for each row of `A`. It runs on the calling thread: make it
#'   vectorised. Variances and the low-rank part of indexed points are computed once and kept with
#'   an index.
#'
#' @details
#' With `h` the Euclidean distance of two points after every column was divided by its lengthscale,
#' the covariance is `variance` times
#' * `exp(-h)` for `cov_exponential()`,
#' * `2^(1 - nu) / gamma(nu) * s^nu * besselK(s, nu)` with `s = sqrt(2 * nu) * h` for
#'   `cov_matern()`, in closed form for `nu` of 1/2 (the exponential), 3/2, 5/2 and 7/2:
#'   `(1 + s) * exp(-s)`, and so on,
#' * `exp(-h^2 / 2)` for `cov_gaussian()`,
#' * `exp(-h^power)` for `cov_powered_exponential()`,
#' * `(1 - h)^2`, `(1 - h)^4 * (4 * h + 1)` or `(1 - h)^6 * (35 * h^2 + 18 * h + 3) / 3` for
#'   `cov_wendland()` with `q` of 0, 1 or 2, and 0 from `h = 1` on. In more than three dimensions
#'   these are no covariances.
#'
#' Other packages define lengthscales otherwise; [as_covariance()] converts their parameters.
#'
#' @return A list of class `covertree_covariance`.
#' @source C. E. Rasmussen, C. K. I. Williams (2006), Gaussian Processes for Machine Learning,
#'   chapter 4; H. Wendland (1995), Piecewise polynomial, positive definite and compactly supported
#'   radial functions of minimal degree, Advances in Computational Mathematics 4,
#'   \doi{10.1007/BF02123482}.
#' @examples
#' cov_matern(1.5, variance = 2, lengthscale = c(0.2, 0.2, 30), nugget = 0.1)
#'
#' # degrees and days: 0.1 is a tenth of the earth's radius
#' cov_exponential(lengthscale = c(0.1, 30), lonlat = TRUE)
#'
#' # any covariance, here one that is not stationary
#' brownian <- cov_function(function(A, B) outer(A[, 1], B[, 1], pmin))
#' find_knn(cbind(1:9), k = 2, metric = metric_correlation(brownian))
#' @name covariances
NULL

new_covariance <- function(kind, label, variance, lengthscale, nugget, lonlat, shape = NULL,
                           call = rlang::caller_env()) {
  check_number(variance, min = 1e-100, closed = TRUE, max = 1e100, arg = "variance", call = call)
  check_scale(lengthscale, arg = "lengthscale", call = call)
  check_number(nugget, min = 0, closed = TRUE, arg = "nugget", call = call)
  check_flag(lonlat, arg = "lonlat", call = call)
  structure(list(kind = kind, label = label, variance = as.double(variance),
                 lengthscale = as_scale(lengthscale),
                 nugget = as.double(nugget), shape = if (!is.null(shape)) as.double(shape),
                 lonlat = lonlat),
            class = "covertree_covariance")
}

#' @rdname covariances
#' @export
cov_exponential <- function(variance = 1, lengthscale = 1, nugget = 0, lonlat = FALSE) {
  new_covariance("exponential", "exponential", variance, lengthscale, nugget, lonlat)
}

#' @rdname covariances
#' @export
cov_matern <- function(nu = 1.5, variance = 1, lengthscale = 1, nugget = 0, lonlat = FALSE) {
  check_number(nu, min = 0, max = 100)
  kind <- switch(as.character(nu), "0.5" = "exponential", "1.5" = "matern32", "2.5" = "matern52",
                 "3.5" = "matern72",
                 "matern")
  new_covariance(kind, paste0("Matern (nu = ", format(nu), ")"), variance, lengthscale, nugget,
                 lonlat, shape = nu)
}

#' @rdname covariances
#' @export
cov_gaussian <- function(variance = 1, lengthscale = 1, nugget = 0, lonlat = FALSE) {
  new_covariance("gaussian", "Gaussian", variance, lengthscale, nugget, lonlat)
}

#' @rdname covariances
#' @export
cov_powered_exponential <- function(power, variance = 1, lengthscale = 1, nugget = 0,
                                    lonlat = FALSE) {
  check_given(power)
  check_number(power, min = 0, max = 2)
  new_covariance("powered", paste0("powered exponential (power = ", format(power), ")"), variance,
                 lengthscale,
                 nugget, lonlat, shape = power)
}

#' @rdname covariances
#' @export
cov_wendland <- function(q = 1, variance = 1, lengthscale = 1, nugget = 0, lonlat = FALSE) {
  check_count(q, min = 0, max = 2)
  new_covariance("wendland", paste0("Wendland (q = ", q, ")"), variance, lengthscale, nugget,
                 lonlat, shape = q)
}

#' @rdname covariances
#' @export
cov_function <- function(f, nugget = 0) {
  check_given(f)
  if (!is.function(f)) stop_input(c("{.arg f} must be a function.", x = "It is {describe(f)}."))
  check_number(nugget, min = 0, closed = TRUE)
  structure(list(kind = "function", label = "user-defined", f = f, nugget = as.double(nugget),
                 lonlat = FALSE),
            class = "covertree_covariance")
}

check_covariance <- function(cov, arg = rlang::caller_arg(cov), call = rlang::caller_env()) {
  if (!inherits(cov, "covertree_covariance")) {
    stop_input(
      c("{.arg {arg}} must be a covariance, such as {.code cov_matern(1.5, lengthscale = 0.2)}.",
        x = "It is {describe(cov)}."), call = call)
  }
  fault <- covariance_fault(cov)
  if (!is.null(fault)) {
    stop_input(c("{.arg {arg}} is not as a covariance is made: {fault}.",
                 i = "Make it anew by its function, see {.topic covertree::covariances}."),
               call = call)
  }
}

# What the kinds of covariances hold, as metric_parts says it of metrics.
covariance_parts <- local({
  kind <- function(shape) {
    list(variance = function(x) is_within(x, 1e-100, 1e100),
         lengthscale = function(x) all_positive(x),
         nugget = function(x) is_within(x, 0), shape = shape, lonlat = function(x) is_flag(x))
  }
  smooth <- kind(function(x) is.null(x) || is_within(x, 0, 100))
  list(exponential = smooth, gaussian = smooth, matern32 = smooth, matern52 = smooth,
       matern72 = smooth,
       matern = kind(function(x) is_within(x, 0, 100) && x > 0),
       powered = kind(function(x) is_within(x, 0, 2) && x > 0),
       wendland = kind(function(x) is_within(x, 0, 2) && x == round(x)),
       `function` = list(f = is.function, nugget = function(x) is_within(x, 0),
                         lonlat = function(x) is_flag(x)))
})

covariance_fault <- function(cov) object_fault(cov, "covertree_covariance", covariance_parts)

#' @export
format.covertree_covariance <- function(x, ...) {
  check_covariance(x)
  detail <- if (x$kind != "function") {
    c(if (x$variance != 1) paste("variance", format(x$variance, digits = 4)),
      paste("lengthscale", paste(vapply(x$lengthscale, format, "", digits = 4), collapse = ", ")))
  }
  detail <- c(detail, if (x$nugget > 0) paste("nugget", format(x$nugget, digits = 4)),
              if (x$lonlat) "longitude and latitude")
  paste(c(paste(x$label, "covariance"), detail), collapse = ", ")
}

#' @export
print.covertree_covariance <- function(x, ...) {
  cat("<covertree_covariance> ", format(x), "\n", sep = "")
  invisible(x)
}

# ---- parameters of other packages ----

#' Covariances from the parameters of GpGp and GPBoost
#'
#' Takes the covariance parameters of a fitted model as they are and returns the covariance they
#' stand for.
#'
#' @param covparms A fitted model of GpGp (`fit_model()`), which brings its name, too; or
#'   parameters: `covparms` of a GpGp fit, or `cov_pars` of GPBoost (a vector, or the matrix that
#'   `get_cov_pars()` returns with standard deviations, of which the first row counts).
#' @param covfun_name Name of the covariance: GpGp's `covfun_name` or GPBoost's `cov_function`.
#' @param shape GPBoost's `cov_fct_shape`, for `"matern"`, `"matern_ard"`, `"matern_space_time"` and
#'   `"powered_exponential"`.
#' @param columns Number of columns of the points, for space-time covariances; three are two of
#'   space and one of time.
#'
#' @details
#' GpGp's names that are understood are `exponential_*` and `matern_*` with endings `isotropic`,
#' `scaledim`, `spacetime`, `sphere` and `spheretime`, and `matern15_*`, `matern25_*`, `matern35_*`
#' and `matern45_*` with `isotropic` and `scaledim`. Their nugget is a share of the variance, and
#' their Matern distance lacks the factor `sqrt(2 * nu)`; both are converted. Space-time points have
#' time in the last column, as in GpGp.
#'
#' GPBoost's are `exponential`, `gaussian`, `matern`, `powered_exponential`, `gaussian_ard`,
#' `matern_ard` and `matern_space_time`, with parameters in the order error variance (only for
#' Gaussian likelihoods), variance, ranges. Its Gaussian covariance is `exp(-(d / range)^2)`, and
#' its space-time points have time in the *first* column.
#'
#' @return A covariance, see [covariances].
#' @examples
#' as_covariance(c(2, 0.3, 0.8, 0.05), "matern_isotropic")           # GpGp
#' as_covariance(c(0.1, 2, 0.3), "matern", shape = 1.5)              # GPBoost
#' @export
as_covariance <- function(covparms, covfun_name, shape = NULL, columns = 3) {
  check_given(covparms)
  if (inherits(covparms, "GpGp_fit"))
    return(as_covariance(covparms$covparms, covparms$covfun_name, columns = ncol(covparms$locs)))
  check_given(covfun_name)
  if (!rlang::is_string(covfun_name)) {
    stop_input(c("{.arg covfun_name} must be the name of a covariance.",
                 x = "It is {describe(covfun_name)}."))
  }
  if (is.matrix(covparms)) covparms <- covparms[1, ]
  bad <- if (is.numeric(covparms) && length(covparms)) which(!is.finite(covparms)) else 1L
  if (length(bad)) {
    stop_input(c("{.arg covparms} must be finite numbers.",
                 x = "Element {bad[1]} is {describe(unname(covparms[bad[1]]))}."))
  }
  check_count(columns, min = 2)
  if (covfun_name %in% names(gpgp_covariances)) return(from_gpgp(covparms, covfun_name, columns))
  if (covfun_name %in% names(gpboost_covariances))
    return(from_gpboost(covparms, covfun_name, shape, columns))
  stop_input(c("{.arg covfun_name} {.val {covfun_name}} cannot be converted.",
               i = "GpGp's that can are {.val {names(gpgp_covariances)}}.",
               i = "GPBoost's that can are {.val {names(gpboost_covariances)}}."))
}

# Smoothness of each GpGp covariance: NA where it is a parameter, before the nugget.
gpgp_covariances <- c(
  exponential_isotropic = 0.5, exponential_scaledim = 0.5, exponential_spacetime = 0.5,
  exponential_sphere = 0.5,
  exponential_spheretime = 0.5, matern_isotropic = NA, matern_scaledim = NA, matern_spacetime = NA,
  matern_sphere = NA,
  matern_spheretime = NA, matern15_isotropic = 1.5, matern15_scaledim = 1.5,
  matern25_isotropic = 2.5,
  matern25_scaledim = 2.5, matern35_isotropic = 3.5, matern35_scaledim = 3.5,
  matern45_isotropic = 4.5,
  matern45_scaledim = 4.5)

# variance, ranges, smoothness if it is free, nugget as a share of the variance; Matern of d /
# range.
from_gpgp <- function(parms, name, columns, call = rlang::caller_env()) {
  nu <- gpgp_covariances[[name]]
  free <- is.na(nu)
  layout <- sub(".*_", "", name)
  ranges <- length(parms) - 2L - free
  want <- switch(layout, isotropic = , sphere = 1L, spacetime = , spheretime = 2L, max(ranges, 1L))
  if (ranges != want) {
    stop_input(c("{.arg covparms} of {.val {name}} must have {2 + free + want} element{?s}.",
                 x = "It has {length(parms)}."), call = call)
  }
  if (free) nu <- parms[[length(parms) - 1L]]
  range <- unname(parms[1L + seq_len(ranges)])
  if (layout == "spacetime") range <- c(rep(range[1], columns - 1L), range[2])
  variance <- parms[[1]]
  family <- if (startsWith(name, "exponential")) cov_exponential
            else function(...) cov_matern(nu, ...)
  # the exponential's d / range needs no factor: 2 nu = 1
  family(variance, range * sqrt(2 * nu), variance * parms[[length(parms)]],
         lonlat = layout %in% c("sphere", "spheretime"))
}

gpboost_covariances <- list(
  exponential = function(nu, ...) cov_exponential(...),
  gaussian = function(nu, variance, range, nugget) cov_gaussian(variance, range / sqrt(2), nugget),
  matern = function(nu, ...) cov_matern(nu, ...),
  powered_exponential = function(nu, ...) cov_powered_exponential(nu, ...),
  gaussian_ard = function(nu, variance, range, nugget) cov_gaussian(variance, range / sqrt(2),
                                                                    nugget),
  matern_ard = function(nu, ...) cov_matern(nu, ...),
  matern_space_time = function(nu, ...) cov_matern(nu, ...))

# error variance (Gaussian likelihoods only), variance, ranges. With one range per column only names
# tell whether there is an error variance; without names there is, as in GPBoost's own examples.
from_gpboost <- function(parms, name, shape, columns, call = rlang::caller_env()) {
  if (grepl("matern|powered", name)) {
    if (is.null(shape)) stop_input("{.val {name}} of GPBoost needs its {.arg shape}.", call = call)
    check_number(shape, min = 0, call = call)
  }
  ard <- endsWith(name, "_ard")
  ranges <- if (ard) NA else if (name == "matern_space_time") 2L else 1L
  noise <- if (ard) is.null(names(parms)) || grepl("error", names(parms)[1], ignore.case = TRUE)
           else length(parms) == ranges + 2L
  if (ard) ranges <- length(parms) - 1L - noise
  if (ranges < 1 || length(parms) != ranges + 1L + noise) {
    stop_input(
      c("{.arg covparms} of {.val {name}} must be error variance, variance and {ranges} range{?s}.",
        x = "It has {length(parms)} element{?s}."), call = call)
  }
  range <- unname(parms[1L + noise + seq_len(ranges)])
  if (name == "matern_space_time") range <- c(range[1], rep(range[2], columns - 1L))
  gpboost_covariances[[name]](shape, variance = parms[[1L + noise]], range,
                              nugget = if (noise) parms[[1]] else 0)
}

# ---- covariances that are R functions ----

# f(A, B) as promised: a finite matrix with a row per row of A.
call_covariance <- function(cov, A, B) {
  K <- cov$f(A, B)
  if (is.null(dim(K)) && (nrow(A) == 1 || nrow(B) == 1)) K <- matrix(K, nrow(A), nrow(B))
  if (!is.numeric(K) || !identical(dim(K), c(nrow(A), nrow(B))) || !all(is.finite(K))) {
    stop_input(c(
      "The function given to {.fn cov_function} must return a finite {nrow(A)} x {nrow(B)} matrix.",
                 x = "It returned {describe(K)}."), kind = "metric", call = NULL)
  }
  K
}

# k(x, x) of each row: a square matrix of a few rows at a time.
call_variance <- function(cov, x) {
  blocks <- split(seq_len(nrow(x)), (seq_len(nrow(x)) - 1L) %/% 64L)
  unlist(lapply(unname(blocks),
                function(i) diag(call_covariance(cov, x[i, , drop = FALSE], x[i, , drop = FALSE]))))
}

# The metric of an R function's correlation, or of what inducing points leave of it: a
# metric_function() of points that carry their variance and their row of V behind their coordinates,
# so that f is asked for those once a point, by lift(). Points with the same coordinates are at
# distance 0.
function_metric <- function(cov, inducing = NULL, jitter = NULL, call = rlang::caller_env()) {
  kept <- inducing
  if (!is.null(inducing)) inducing <- bare_matrix(inducing)
  L <- if (!is.null(inducing)) factor_function(cov, inducing, jitter, call)
  rank <- NROW(L)
  metric <- metric_function(function(a, B) {
    x <- seq_len(length(a) - 1L - rank)
    v <- length(x) + 1L + seq_len(rank)
    k <- c(a[length(x) + 1L], B[, length(x) + 1L])
    p <- pmax(k - c(sum(a[v]^2), rowSums(B[, v, drop = FALSE]^2)), 0)
    C <- drop(call_covariance(cov, t(a[x]), B[, x, drop = FALSE])) -
      drop(B[, v, drop = FALSE] %*% a[v])
    rho <- C / sqrt(p[1] * p[-1])
    rho[p[1] <= 1e-10 * k[1] | p[-1] <= 1e-10 * k[-1]] <- 0
    same <- rowSums(B[, x, drop = FALSE] != rep(a[x], each = nrow(B))) == 0
    ifelse(same, 0, sqrt(1 - pmin(abs(rho), 1)))
  })
  metric$lift <- function(x) {
    x <- unname(x)
    cbind(x, call_variance(cov, x), if (rank) t(forwardsolve(L, call_covariance(cov, inducing, x))))
  }
  metric$made_of <- if (rank) list(cov = cov, jitter = jitter)
  metric$inducing <- kept
  metric
}

# The transposed Cholesky factor of K_uu; jitter as in metric_residual().
factor_function <- function(cov, inducing, jitter, call) {
  K <- call_covariance(cov, inducing, inducing)
  ladder <- if (is.null(jitter)) c(0, mean(diag(K)) * 10^(-10:-6)) else jitter
  for (extra in ladder) {
    R <- tryCatch(chol(K + diag(extra, nrow(K))), error = function(e) NULL)
    if (!is.null(R)) return(t(R))
  }
  pair <- arrayInd(which.max(stats::cov2cor(K) - diag(2, nrow(K))), dim(K))
  stop_input(
    c("The inducing points' covariance is not positive definite, with no more jitter to try.",
      x = "Rows {min(pair)} and {max(pair)} of {.arg inducing} are most correlated."),
    kind = "factor", call = call)
}

# A covariance with a lengthscale for every column (with lonlat: one for the sphere and one per
# further column).
fit_covariance <- function(cov, x, call) {
  want <- ncol(x) - (if (cov$lonlat) 1L else 0L)
  if (cov$lonlat && ncol(x) < 2) {
    stop_input(
      "With {.code lonlat = TRUE} there must be longitude and latitude, not {ncol(x)} column{?s}.",
      call = call)
  }
  if (!length(cov$lengthscale) %in% c(1L, want)) {
    stop_input(c("The covariance's {.arg lengthscale} must have one element or {want}.",
                 x = "It has {length(cov$lengthscale)}, the points have {ncol(x)} column{?s}."),
               call = call)
  }
  cov$lengthscale <- fit_scale(cov$lengthscale, x, want, "lengthscale", call, sphere = cov$lonlat)
  cov
}
