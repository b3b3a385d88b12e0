test_that("covariances are the formula's", {
  set.seed(41)
  x <- matrix(runif(20), 10, dimnames = list(letters[1:10], NULL))
  h <- as.matrix(dist(sweep(x, 2, c(0.3, 0.5), "/")))
  K <- covariance(cov_exponential(variance = 2, lengthscale = c(0.3, 0.5), nugget = 0.1), x)
  expect_equal(K, 2 * exp(-h) + diag(0.1, 10))
  expect_equal(covariance(cov_gaussian(lengthscale = c(0.3, 0.5)), x[1:3, ], x),
               exp(-h^2 / 2)[1:3, ])
})

test_that("residual correlations are what searches use", {
  set.seed(42)
  x <- matrix(runif(80), 40)
  for (metric in list(metric_correlation(cov_matern(1.5, lengthscale = 0.3)),
                      metric_residual(cov_matern(1.5, lengthscale = 0.3, nugget = 0.2),
                                      inducing_points(x, 6), nugget = TRUE))) {
    nn <- find_knn(x, k = 39, metric = metric)
    rho <- residual_correlation(metric, x)
    from <- rep(1:40, 39)
    expect_equal(c(nn$distance), sqrt(1 - abs(rho[cbind(from, c(nn$index))])), tolerance = 1e-6)
    expect_equal(residual_correlation(metric, x[1:2, ], x)[, 3:40], rho[1:2, 3:40])
  }
  expect_error(residual_correlation(metric_euclidean(), x), class = "covertree_error_input")
})
