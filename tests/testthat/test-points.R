refused <- function(object, regexp) expect_error(object, regexp, class = "covertree_error")

# k nearest other rows by dist(), the brute force of R itself.
dist_knn <- function(x, k) {
  D <- as.matrix(stats::dist(unname(x)))
  diag(D) <- Inf
  unname(t(apply(D, 1, order))[, seq_len(k), drop = FALSE])
}

test_that("integer64 columns count with their values, not their bits", {
  skip_if_not_installed("bit64")
  frame <- data.frame(e = bit64::as.integer64(c(500000, 500400, 500090, 500100)),
                      n = c(10, 400, 20, 90))
  expect_identical(find_knn(frame, k = 2)$index, dist_knn(cbind(as.numeric(frame$e), frame$n), 2))
  expect_equal(find_knn(bit64::as.integer64(c(1, 100, 3)), k = 1)$distance[, 1], c(2, 97, 2))
  refused(cover_tree(bit64::as.integer64("9007199254740993")), "2\\^53")
  refused(cover_tree(bit64::as.integer64(c(1, NA))), "Row 2, column 1")
})

test_that("matrix and data frame columns of a data frame count with all their columns", {
  set.seed(1)
  xy <- matrix(runif(40), 20, dimnames = list(NULL, c("X", "Y")))
  frame <- data.frame(row = 1:20)
  frame$xy <- xy
  expect_identical(find_knn(frame["xy"], k = 3)$index, dist_knn(xy, 3))
  expect_identical(find_knn(frame, k = 3)$index, dist_knn(cbind(1:20, xy), 3))
  frame$xy <- as.data.frame(xy)
  expect_identical(find_knn(frame["xy"], k = 3)$index, dist_knn(xy, 3))
  frame$xy <- unname(xy)
  expect_identical(cover_tree(frame)$layout$names, c("row", "xy.1", "xy.2"))
})

test_that("classes that look numeric and are not are refused by name, with advice", {
  x <- matrix(rnorm(20), 10)
  refused(find_knn(dist(x), k = 2), "holds distances")
  days <- as.Date("2020-01-01") + 0:9
  for (verb in list(cover_tree, function(x) find_knn(x, k = 2), vecchia_neighbors, vecchia_order,
                    inducing_points,
                    function(x) with_factor(x, matrix(0, 10), rep(1, 10)),
                    function(y) find_knn(x, query = y, k = 1),
                    function(y) vecchia_neighbors(x, locs_pred = y),
                    function(y) metric_residual(cov_exponential(), y))) {
    refused(verb(data.frame(a = 1:10, day = days)), "day.*not numeric")
  }
  columns <- list(as.POSIXct(days), diff(as.POSIXct(c(days, days[1]))), factor(1:10), letters[1:10],
                  as.list(1:10),
                  rep(TRUE, 10), complex(10), structure(as.double(1:10), class = "shoe_size"),
                  structure(as.double(1:10), class = c("haven_labelled", "vctrs_vctr", "double")))
  for (column in columns) {
    frame <- data.frame(a = 1:10)
    frame$b <- column
    refused(cover_tree(frame), "Column b is not numeric")
    if (!is.list(column)) refused(cover_tree(column), "must hold numbers")
  }
  refused(cover_tree(difftime(days[2], days)), "units = \"days\"")
})

test_that("ordinary classes of numbers are taken", {
  x <- matrix(as.double(c(1, 4, 2, 8, 3, 1, 2, 2)), 4)
  truth <- dist_knn(x, 2)
  expect_identical(find_knn(ts(x), k = 2)$index, truth)
  expect_identical(find_knn(as.data.frame(I(x)), k = 2)$index, truth)
  expect_null(attr(cover_tree(ts(x))$x, "tsp"))
  skip_if_not_installed("Matrix")
  expect_identical(find_knn(Matrix::Matrix(x), k = 2)$index, truth)
  expect_identical(find_knn(Matrix::Matrix(x * (x > 1), sparse = TRUE), k = 2)$index,
                   dist_knn(x * (x > 1), 2))
})

test_that("columns with units are converted to one unit, which results carry", {
  skip_if_not_installed("units")
  m <- function(v) units::set_units(v, "m", mode = "standard")
  km <- function(v) units::set_units(v, "km", mode = "standard")
  frame <- data.frame(x = m(c(0, 0, 500)), y = km(c(0, 1, 0)))
  truth <- cbind(c(0, 0, 500), c(0, 1000, 0))
  nn <- find_knn(frame, k = 2)
  expect_identical(nn$index, dist_knn(truth, 2))
  expect_equal(nn$distance[1, ], c(500, 1000))
  expect_identical(attr(nn, "unit"), "m")
  expect_match(format(nn), "Euclidean distance in m")
  tree <- cover_tree(frame)
  expect_equal(find_knn(tree, query = data.frame(x = km(0.4), y = m(0)), k = 1)$distance[1], 100)
  expect_equal(find_knn(tree, query = cbind(400, 0), k = 1)$distance[1], 100)
  refused(find_knn(tree, query = data.frame(x = units::set_units(1, "s"), y = m(0)), k = 1),
          "Column 1 is in s")
  refused(find_knn(truth, query = frame, k = 1), "no unit")
  mixed <- data.frame(frame, t = units::set_units(1:3, "s"))
  refused(find_knn(mixed, k = 1), "scale")
  refused(vecchia_order(data.frame(x = m(1:3), y = 1:3)), "scale")
  scaled <- find_knn(mixed, k = 1, metric = metric_euclidean(scale = c(1, 1, 10)))
  expect_identical(scaled$index,
                   find_knn(cbind(truth, 1:3), k = 1,
                            metric = metric_euclidean(scale = c(1, 1, 10)))$index)
  expect_null(attr(scaled, "unit"))
  radians <- data.frame(lon = units::set_units(c(0, pi / 2), "rad"),
                        lat = units::set_units(c(0, 0), "rad"))
  expect_equal(find_knn(radians, k = 1, metric = metric_great_circle(1))$distance[, 1],
               c(pi, pi) / 2)
  refused(find_knn(frame, k = 1, metric = metric_great_circle()), "degrees")
  refused(metric_euclidean(scale = km(1:2)), "positive")
  u <- inducing_points(frame, 2)
  expect_identical(units::deparse_unit(u$y), "m")
})

test_that("a radius with a unit is converted to that of the distances", {
  skip_if_not_installed("units")
  frame <- data.frame(x = units::set_units(c(0, 300, 900), "m"),
                      y = units::set_units(c(0, 0, 0), "m"))
  km <- units::set_units(0.4, "km")
  expect_identical(lengths(find_within(frame, radius = km)$index), c(1L, 1L, 0L))
  expect_identical(lengths(find_within(cbind(c(0, 0.001), 0), radius = km,
                                       metric = metric_great_circle())$index), c(1L, 1L))
  refused(find_within(cbind(1:3), radius = km), "no unit")
})

test_that("degrees over a bound by rounding are at the bound", {
  x <- cbind(c(0, 90, 180), c(90 + 1.4e-14, 89, -90 - 1.4e-14))
  expect_identical(find_knn(x, k = 2, metric = metric_great_circle())$distance,
                   find_knn(pmax(pmin(x, 180), -90) - c(0, 0, 0, x[1, 2] - 90, 0, 0), k = 2,
                            metric = metric_great_circle())$distance)
  expect_identical(find_knn(x[2, , drop = FALSE], query = x[c(1, 3), ], k = 1,
                            metric = metric_great_circle())$distance[1],
                   find_knn(cbind(90, 89), query = cbind(0, 90), k = 1,
                            metric = metric_great_circle())$distance[1])
  refused(cover_tree(cbind(0, 90.001), metric_great_circle()), "latitudes within")
})
