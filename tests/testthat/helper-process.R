# Vecchia approximations by dense algebra in plain R, from the definitions in the documentation.

oracle_correlation <- function(cov, h) {
  nu <- cov$shape
  switch(cov$kind,
    exponential = exp(-h),
    gaussian = exp(-h^2 / 2),
    matern32 = , matern52 = , matern72 = , matern = {
      s <- sqrt(2 * nu) * h
      ifelse(h == 0, 1, 2^(1 - nu) / gamma(nu) * s^nu * besselK(s, nu))
    },
    powered = exp(-h^nu),
    wendland = pmax(1 - h, 0)^(2 * nu + 2) *
      switch(nu + 1, 1, 4 * h + 1, (35 * h^2 + 18 * h + 3) / 3))
}

# Rows divided by their lengthscales, the first two columns on the sphere where the covariance says
# so.
oracle_embedded <- function(cov, x) {
  if (!cov$lonlat) return(sweep(x, 2, rep_len(cov$lengthscale, ncol(x)), "/"))
  scale <- rep_len(cov$lengthscale, ncol(x) - 1)
  sphere <- sphere_rows(x[, 1:2]) / scale[1]
  cbind(sphere, sweep(x[, -(1:2), drop = FALSE], 2, scale[-1], "/"))
}

# Covariances of rows of x and z, without nugget.
oracle_covariance <- function(cov, x, z = x) {
  force(z)
  x <- oracle_embedded(cov, x)
  z <- oracle_embedded(cov, z)
  sq <- matrix(0, nrow(x), nrow(z))
  for (c in seq_len(ncol(x))) sq <- sq + outer(x[, c], z[, c], "-")^2
  cov$variance * oracle_correlation(cov, sqrt(sq))
}

# The low-rank part of rows of x by inducing points u, up to a rotation.
oracle_low_rank <- function(cov, x, u) {
  oracle_covariance(cov, x, u) %*% solve(chol(oracle_covariance(cov, u)))
}

# list(A, D): the full matrix of weights, and conditional variances, of a dense covariance matrix
# with noise on its diagonal.
oracle_weights <- function(K, index) {
  A <- matrix(0, nrow(K), nrow(K))
  D <- diag(K)
  for (i in seq_len(nrow(index))) {
    N <- index[i, ][!is.na(index[i, ])]
    if (!length(N)) next
    A[i, N] <- solve(K[N, N, drop = FALSE], K[N, i])
    D[i] <- K[i, i] - sum(A[i, N] * K[N, i])
  }
  list(A = A, D = D)
}

# The covariance matrix that an approximation stands for.
oracle_approximation <- function(K, index) {
  f <- oracle_weights(K, index)
  half <- solve(diag(nrow(K)) - f$A) %*% diag(sqrt(f$D))
  tcrossprod(half)
}

# Log-likelihood of y with covariance S and mean X beta: list(value, beta, beta_cov).
oracle_loglik <- function(y, S, X = NULL, method = "ML") {
  n <- length(y)
  P <- solve(S)
  log_det <- function(M) as.numeric(determinant(M)$modulus)
  if (is.null(X)) return(list(value = -0.5 * (n * log(2 * pi) + log_det(S) + sum(y * (P %*% y)))))
  info <- t(X) %*% P %*% X
  beta <- solve(info, t(X) %*% P %*% y)
  r <- y - X %*% beta
  value <- -0.5 * (n * log(2 * pi) + log_det(S) + sum(r * (P %*% r)))
  if (method == "REML") value <- value + 0.5 * (ncol(X) * log(2 * pi) - log_det(info))
  list(value = value, beta = drop(beta), beta_cov = solve(info))
}

# Every family, as functions of (variance, lengthscale, nugget, lonlat).
process_families <- list(
  exponential = cov_exponential, gaussian = cov_gaussian,
  matern32 = function(...) cov_matern(1.5, ...), matern52 = function(...) cov_matern(2.5, ...),
  matern72 = function(...) cov_matern(3.5, ...),
  powered = function(...) cov_powered_exponential(1.3, ...),
  matern_rough = function(...) cov_matern(0.4, ...),
  matern_smooth = function(...) cov_matern(2.2, ...),
  wendland0 = function(...) cov_wendland(0, ...), wendland1 = function(...) cov_wendland(1, ...),
  wendland2 = function(...) cov_wendland(2, ...))

# Layouts of places: list(locs, lengthscale, lonlat).
process_layouts <- function(n) {
  list(isotropic = list(locs = matrix(runif(2 * n), n), lengthscale = 0.3, lonlat = FALSE),
       ard = list(locs = matrix(runif(3 * n), n), lengthscale = c(0.3, 0.5, 0.9), lonlat = FALSE),
       line = list(locs = matrix(runif(n), n), lengthscale = 0.1, lonlat = FALSE),
       sphere = list(locs = make_globe("continuous", n), lengthscale = 0.5, lonlat = TRUE),
       sphere_time = list(locs = cbind(make_globe("continuous", n), runif(n)),
                          lengthscale = c(0.5, 0.7), lonlat = TRUE))
}

# In place of rnorm(): the numbers given, in turn.
normals_from <- function(numbers) {
  used <- 0
  function(n) {
    used <<- used + n
    numbers[used - n + seq_len(n)]
  }
}
