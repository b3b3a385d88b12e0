test_that("Mahalanobis is Euclid where the covariance is the identity, and stats' own otherwise", {
  set.seed(15)
  x <- matrix(rnorm(300), 100)
  expect_same_neighbors(find_knn(x, k = 5, metric = metric_mahalanobis(diag(3))),
                        find_knn(x, k = 5))
  S <- crossprod(matrix(rnorm(9), 3)) + diag(3)
  nn <- find_knn(x, k = 99, metric = metric_mahalanobis(S))
  expect_equal(nn$distance[7, ], sort(sqrt(mahalanobis(x[-7, ], x[7, ], S))))
})

test_that("sphere and time equal brute force, and their orders and trees hold", {
  set.seed(16)
  for (kind in data_kinds) {
    x <- cbind(make_globe(kind, 80), runif(80, 0, 10))
    metric <- metric_sphere_time(c(km = 2000, days = 3))
    tree <- cover_tree(x, metric, threads = 2)
    tree_check(tree)
    expect_same_neighbors(find_knn(tree, k = 6), oracle_knn(metric, x, 6, own = 1:80))
    expect_setequal(vecchia_order(x, metric = metric), 1:80)
  }
})

test_that("sphere and time is what a covariance with longitude and latitude looks at", {
  set.seed(17)
  x <- cbind(lat = runif(200, -80, 80), lon = runif(200, -180, 180), time = runif(200, 0, 50))
  cov <- cov_exponential(lengthscale = c(0.2, 10), lonlat = TRUE)
  expect_identical(find_knn(x, k = 5,
                            metric = metric_sphere_time(c(km = 0.2, days = 10), radius = 1))$index,
                   find_knn(x, k = 5, metric = metric_correlation(cov))$index)
})

test_that("the wrong S, scale and number of columns are errors", {
  expect_error(metric_mahalanobis(matrix(1:4, 2)), "symmetric", class = "covertree_error_input")
  expect_error(metric_mahalanobis(matrix(1, 2, 2)), "positive definite",
               class = "covertree_error_input")
  expect_error(find_knn(faithful, k = 1, metric = metric_mahalanobis(diag(3))),
               class = "covertree_error_input")
  expect_error(metric_sphere_time(3), class = "covertree_error_input")
  expect_error(find_knn(faithful, k = 1, metric = metric_sphere_time()),
               class = "covertree_error_input")
})
