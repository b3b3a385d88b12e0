methods <- c("kmeans++", "maxmin", "cover_tree", "random")

test_that("there are m distinct points, reproducible from the seed, for any number of threads", {
  x <- matrix(runif(3000), ncol = 3)
  for (method in methods) {
    set.seed(1)
    u <- inducing_points(x, 40, method, threads = 1)
    set.seed(1)
    expect_identical(inducing_points(x, 40, method, threads = 2), u)
    expect_identical(dim(u), c(40L, 3L))
    expect_false(anyDuplicated(u) > 0)
    if (method != "kmeans++") expect_identical(nrow(merge(as.data.frame(u), as.data.frame(x))), 40L)
  }
})

test_that("duplicates in the data never become duplicates among the points", {
  x <- matrix(rep(c(1, 2, 5), each = 20), ncol = 1)
  for (method in methods) {
    expect_warning(u <- inducing_points(x, 10, method), "only 3 distinct",
                   class = "covertree_warning")
    expect_setequal(u[, 1], c(1, 2, 5))
  }
})

test_that("k-means++ ends where every centre is the mean of its points", {
  set.seed(2)
  x <- matrix(rnorm(800), ncol = 2)
  u <- inducing_points(x, 8, steps = 1000)
  nearest <- find_knn(u, x, k = 1)$index[, 1]
  means <- apply(x, 2, function(v) tapply(v, nearest, mean))
  expect_equal(unname(means), unname(u), tolerance = 1e-12)
})

test_that("more Lloyd steps do not fit worse", {
  set.seed(3)
  x <- matrix(runif(4000), ncol = 2)
  fit <- function(steps) {
    set.seed(4)
    sum(find_knn(inducing_points(x, 20, steps = steps), x, k = 1)$distance^2)
  }
  expect_lt(fit(10), fit(0))
})

test_that("the sphere has no edge at the date line, and lengthscales count", {
  set.seed(5)
  x <- cbind(lon = c(runif(50, 178, 180), runif(50, -180, -178)), lat = runif(100, -1, 1))
  u <- inducing_points(x, 1, cov = cov_exponential(lonlat = TRUE))
  expect_gt(abs(u[1, 1]), 178)
  stretched <- cbind(runif(200), runif(200, 0, 100))
  u <- inducing_points(stretched, 2, cov = cov_exponential(lengthscale = c(1, 1e6)), steps = 50)
  expect_gt(abs(diff(u[, 1])), 0.3)
})

test_that("a data frame keeps its columns", {
  expect_s3_class(inducing_points(quakes[, 1:3], 5), "data.frame")
  expect_named(inducing_points(quakes[, 1:3], 5), names(quakes)[1:3])
})

test_that("bad sizes are refused", {
  expect_error(inducing_points(matrix(1:4), 5), "4 points", class = "covertree_error_input")
  expect_error(inducing_points(matrix(c(1, NA)), 1), "Row 2", class = "covertree_error_input")
})
