# The greedy order by all pairs of points.
oracle_maxmin <- function(metric, x, first) {
  n <- nrow(x)
  order <- integer(n)
  far <- rep(Inf, n)
  next_row <- first
  for (j in seq_len(n)) {
    order[j] <- next_row
    far <- pmin(far, oracle_distance(metric, x[next_row, ], x))
    far[next_row] <- -1
    next_row <- which.max(far)
  }
  order
}

coordinate_metrics <- function(d) Filter(function(m) m$kind != "function", all_metrics(d))

test_that("maxmin takes the location farthest from those before, ties by row, for every metric", {
  set.seed(51)
  for (kind in data_kinds) for (d in c(1, 2,
                                       4)) for (metric in coordinate_metrics(d)) for (n in c(1, 2,
                                           40, 130)) {
    x <- data_for(metric, kind, n, d)
    order <- vecchia_order(x, metric = metric)
    expect_type(order, "integer")
    expect_identical(order, oracle_maxmin(metric, x, order[1]))
  }
})

test_that("maxmin begins nearest to the mean, which the metric's scale stretches", {
  set.seed(52)
  x <- matrix(rexp(600), ncol = 2)
  to_mean <- function(x) rowSums(sweep(x, 2, colMeans(x))^2)
  expect_identical(vecchia_order(x)[1], which.min(to_mean(x)))
  expect_identical(vecchia_order(x, metric = metric_euclidean(c(1, 20)))[1],
                   which.min(to_mean(x %*% diag(c(1, 1 / 20)))))
  grid <- as.matrix(expand.grid(1:6, 1:6))
  expect_identical(vecchia_order(grid)[1], 15L)
})

test_that("duplicates come last, by row", {
  x <- rbind(cbind(1:5, 1), cbind(5:1, 1))[c(1:3, 6:10, 4:5), ]
  expect_identical(tail(vecchia_order(x), 5), which(duplicated(x)))
})

test_that("a part of a maximin order is its beginning", {
  set.seed(53)
  x <- matrix(runif(400), ncol = 2)
  expect_identical(order_by_maxmin(x, metric_euclidean(), 30, run_settings(1, FALSE)),
                   vecchia_order(x)[1:30])
})

test_that("middleout orders by the distance to the centre, ties by row", {
  set.seed(54)
  x <- matrix(runif(400), ncol = 2)
  expect_identical(vecchia_order(x, "middleout"), order(rowSums(sweep(x, 2, colMeans(x))^2)))
  expect_identical(vecchia_order(x, "middleout", metric = metric_manhattan()),
                   order(rowSums(abs(sweep(x, 2, colMeans(x))))))
  grid <- as.matrix(expand.grid(1:4, 1:4))
  expect_identical(vecchia_order(grid, "middleout")[1:4], c(6L, 7L, 10L, 11L))
})

test_that("the centre on the sphere knows no date line, and may be missing", {
  x <- cbind(lon = c(170, -170, 180, 160), lat = 0)
  expect_identical(vecchia_order(x, "middleout", metric = metric_great_circle())[1], 3L)
  expect_identical(vecchia_order(x, metric = metric_great_circle())[1], 3L)
  sides <- cbind(c(0, 180, 90, -90), 0)
  expect_identical(vecchia_order(sides, "middleout", metric = metric_great_circle())[1], 1L)
  set.seed(55)
  globe <- make_globe("continuous", 200)
  u <- sphere_rows(globe)
  expect_identical(vecchia_order(globe, "middleout", metric = metric_great_circle()),
                   order(-drop(u %*% colMeans(u))))
})

test_that("coordinate orders by a sum of columns, as GpGp does", {
  set.seed(56)
  x <- matrix(sample(30, 300, replace = TRUE), ncol = 3, dimnames = list(NULL, c("a", "b", "c")))
  expect_identical(vecchia_order(x, "coordinate"), order(rowSums(x)))
  expect_identical(vecchia_order(x, "coordinate", coordinate = 2), order(x[, 2]))
  expect_identical(vecchia_order(x, "coordinate", coordinate = c("c", "a")),
                   order(x[, "c"] + x[, "a"]))
  skip_if_not_installed("GpGp")
  expect_identical(vecchia_order(x, "coordinate", coordinate = c(1, 3)),
                   GpGp::order_coordinate(x, c(1, 3)))
})

test_that("random draws from R's generator, the others do not", {
  x <- matrix(runif(60), ncol = 2)
  set.seed(57)
  order <- vecchia_order(x, "random")
  set.seed(57)
  expect_identical(order, sample.int(30))
  before <- .Random.seed
  for (method in c("maxmin", "hilbert", "coordinate", "middleout")) vecchia_order(x, method)
  expect_identical(.Random.seed, before)
})

test_that("hilbert leads through neighbours", {
  set.seed(58)
  x <- matrix(runif(4000), ncol = 2)
  order <- vecchia_order(x, "hilbert")
  expect_identical(sort(order), 1:2000)
  expect_lt(mean(sqrt(rowSums(diff(x[order, ])^2))), 2 / sqrt(2000))
  globe <- make_globe("continuous", 500)
  expect_identical(sort(vecchia_order(globe, "hilbert", metric = metric_great_circle())), 1:500)
})

test_that("orders are permutations that no number of threads changes", {
  set.seed(59)
  x <- matrix(rnorm(2e5), ncol = 2)
  for (method in c("maxmin", "hilbert", "middleout")) {
    order <- vecchia_order(x, method, threads = 1)
    expect_identical(sort(order), seq_len(nrow(x)))
    expect_identical(vecchia_order(x, method, threads = 2), order)
  }
})

test_that("a covariance's lengthscales stretch the coordinates", {
  set.seed(60)
  x <- matrix(runif(300), ncol = 2)
  scaled <- vecchia_order(x, metric = metric_euclidean(c(1, 5)))
  expect_identical(vecchia_order(x,
                                 metric = metric_correlation(cov_exponential(lengthscale = c(1,
                                     5)))), scaled)
})

test_that("data frames and geographic columns are understood", {
  expect_identical(vecchia_order(quakes[, c("lat", "long")], metric = metric_great_circle()),
                   vecchia_order(as.matrix(quakes[, c("long", "lat")]),
                                 metric = metric_great_circle()))
  expect_identical(vecchia_order(c(0, 10, 4, 5)), vecchia_order(cbind(c(0, 10, 4, 5))))
})

test_that("what cannot be ordered is refused", {
  x <- matrix(runif(20), ncol = 2)
  fails <- function(...) expect_error(vecchia_order(...), class = "covertree_error_input")
  fails(x, metric = metric_function(function(a, B) abs(a[1] - B[, 1])))
  fails(x, coordinate = 1)
  fails(x, "coordinate", coordinate = 3)
  fails(x, "coordinate", coordinate = "lat")
  fails(x, "coordinate", coordinate = 0)
  fails(x, "coordinate", coordinate = TRUE)
  fails(x, "coordinate", coordinate = integer(0))
  fails(x[0, ])
  fails(x, metric = "euclidean")
  fails(x, metric = metric_euclidean(c(1, 2, 3)))
  for (method in c("maxmin", "hilbert", "random", "coordinate", "middleout")) fails(rbind(x, NA),
      method)
  fails(cbind(10, 95), metric = metric_great_circle())
  expect_error(vecchia_order(x, "nearest"), "method")
})

test_that("messages name the argument and what is wrong with it", {
  x <- cbind(a = 1:4, b = 0)
  expect_snapshot(error = TRUE, {
    vecchia_order(x, metric = metric_function(function(a, B) abs(a[1] - B[, 1])))
    vecchia_order(x, "random", coordinate = "a")
    vecchia_order(x, "coordinate", coordinate = c("a", "c"))
    vecchia_order(x, "coordinate", coordinate = TRUE)
    vecchia_order(rbind(x, c(1, Inf)))
  })
})
