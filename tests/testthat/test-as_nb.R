skip_if_not_installed("spdep")

points_of <- function(n) {
  set.seed(5)
  cbind(runif(n), runif(n))
}

test_that("neighbour lists are spdep's own", {
  x <- points_of(60)
  own <- spdep::knn2nb(spdep::knearneigh(x, k = 4))
  expect_equal(as_nb(find_knn(x, k = 4)), own, ignore_attr = TRUE)
  within <- spdep::dnearneigh(x, 0, 0.1)
  expect_equal(as_nb(find_within(x, radius = 0.1)), within, ignore_attr = TRUE)
  expect_equal(Filter(length, attr(as_nb(find_within(x, radius = 0.1)), "distance")),
               Filter(length, spdep::nbdists(within, x)), ignore_attr = TRUE)
})

test_that("Moran's I with our weights is spdep's", {
  x <- points_of(80)
  y <- rnorm(80)
  d <- spdep::knn2nb(spdep::knearneigh(x, k = 5))
  own <- spdep::nb2listw(d, glist = lapply(spdep::nbdists(d, x), function(d) 1 / d))
  expect_equal(spdep::moran.test(y,
                                 as_listw(find_knn(x, k = 5),
                                          weights = function(d) 1 / d))$estimate,
               spdep::moran.test(y, own)$estimate)
  expect_equal(spdep::moran.test(y, as_listw(find_knn(x, k = 5, self = FALSE)))$statistic,
               spdep::moran.test(y, spdep::nb2listw(d))$statistic)
})

test_that("symmetry is told, and self is left out", {
  x <- points_of(30)
  expect_true(attr(as_nb(find_within(x, radius = 0.2)), "sym"))
  expect_false(attr(as_nb(find_knn(x, k = 1)), "sym"))
  expect_equal(as_nb(find_knn(x, k = 4, self = TRUE)), as_nb(find_knn(x, k = 3)),
               ignore_attr = TRUE)
})

test_that("weights of duplicates and results for some rows are errors", {
  expect_error(as_listw(find_knn(rbind(c(1, 1), c(1, 1), c(2, 2)), k = 1),
                        weights = function(d) 1 / d), "duplicates",
               class = "covertree_error_input")
  expect_error(as_nb(find_knn(points_of(10), rows = 1:3, k = 1)), class = "covertree_error_input")
})
