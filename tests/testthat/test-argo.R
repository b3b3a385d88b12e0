# A data set of practice: places on the sphere and days, 32,436 of them, some of them twice.

argo_profiles <- function() {
  argo <- GpGp::argo2016
  cbind(lon = argo$lon %% 360, lat = argo$lat,
        day = argo$day - min(argo$day))[sample(length(argo$lon)), ]
}

# rho of some rows with all, by the formula of the man page and R's own linear algebra.
plain_correlation <- function(x, rows, u, lengthscale) {
  embed <- function(x) {
    angle <- x[, 1:2] * pi / 180
    cbind(cbind(cos(angle[, 1]) * cos(angle[, 2]), sin(angle[, 1]) * cos(angle[, 2]),
                sin(angle[, 2])) / lengthscale[1],
          x[, 3] / lengthscale[2])
  }
  k <- function(a, b) {
    sq <- 0
    for (c in 1:4) sq <- sq + outer(a[, c], b[, c], "-")^2
    s <- sqrt(3 * sq)
    (1 + s) * exp(-s)
  }
  z <- embed(x)
  v <- embed(u)
  V <- forwardsolve(t(chol(k(v, v))), k(v, z))
  p <- 1 - colSums(V^2)
  (k(z[rows, ], z) - crossprod(V[, rows], V)) / sqrt(outer(p[rows], p))
}

test_that("exact neighbours of argo floats are those of all pairs, and Euclid misses a sixth", {
  skip_if_not_installed("GpGp")
  set.seed(81)
  x <- argo_profiles()
  lengthscale <- c(0.1, 60)
  cov <- cov_matern(1.5, lengthscale = lengthscale, lonlat = TRUE)
  u <- inducing_points(x, m = 200, cov = cov)
  tree <- cover_tree(x, metric_residual(cov, u))
  expect_false(is.null(tree$net))
  rows <- sample(nrow(x), 500)
  searches <- list(all = rep(nrow(x), 500), earlier = rows - 1L)
  misses <- c()
  for (name in names(searches)) {
    found <- find_knn(tree, rows = rows, k = 30, predecessors = name == "earlier")
    expect_same_neighbors(found, brute_force(tree, 30, rows, searches[[name]]))
    near <- find_knn(x, rows = rows, k = 30, predecessors = name == "earlier",
                     metric = metric_correlation(cov))
    misses[name] <- 1 - mean(neighbor_recall(near, found))
  }
  expect_gt(misses[["all"]], 0.12)
  expect_lt(misses[["all"]], 0.18)
  expect_gt(misses[["earlier"]], 0.15)
  expect_lt(misses[["earlier"]], 0.21)
})

test_that("residual correlations of argo floats are those of the formula", {
  skip_if_not_installed("GpGp")
  set.seed(82)
  x <- argo_profiles()
  cov <- cov_matern(1.5, lengthscale = c(0.1, 60), lonlat = TRUE)
  u <- inducing_points(x, m = 200, cov = cov)
  tree <- cover_tree(x, metric_residual(cov, u, jitter = 0))
  rows <- sort(sample(nrow(x), 60))
  found <- find_knn(tree, rows = rows, k = 30)
  rho <- plain_correlation(x, rows, u, c(0.1, 60))
  rho[cbind(seq_along(rows), rows)] <- 0
  expect_equal(1 - found$distance^2,
               t(apply(abs(rho), 1, function(r) sort(r, decreasing = TRUE)[1:30])),
               tolerance = 1e-8)
  expect_equal(1 - found$distance^2,
               matrix(abs(rho)[cbind(seq_along(rows), c(found$index))], length(rows)),
               tolerance = 1e-8)
})
