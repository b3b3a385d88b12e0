brute <- function(x, y, k, period, metric, own = NULL, limit = rep(nrow(x), nrow(y))) {
  t(sapply(seq_len(nrow(y)), function(q) {
    d <- covertree:::periodic_distance(metric, matrix(y[q, ], nrow(x), ncol(x), byrow = TRUE), x,
                                       period)
    rows <- setdiff(seq_len(limit[q]), own[q])
    head(c(rows[order(d[rows], rows)], rep(NA, k)), k)
  }))
}

test_that("neighbours around the borders equal brute force", {
  set.seed(31)
  metrics <- list(metric_euclidean(), metric_euclidean(c(1, 2)), metric_manhattan(),
                  metric_maximum(), metric_minkowski(3))
  for (metric in metrics) for (kind in c("continuous", "duplicates", "tenths")) {
    x <- make_data(kind, 70, 2)
    fitted <- metric
    for (period in list(c(1, 1), c(1, Inf), c(Inf, 1))) {
      nn <- find_knn(x, k = 5, period = period, metric = metric)
      expect_identical(nn$index,
                       brute(covertree:::wrap(x, period), covertree:::wrap(x, period), 5, period,
                             fitted, own = 1:70))
    }
  }
})

test_that("hours of the day, predecessors and new points", {
  hours <- c(23.5, 0.2, 12, 11, 36)
  expect_identical(find_knn(hours, k = 1, period = 24)$index[, 1], c(2L, 1L, 5L, 3L, 3L))
  expect_equal(find_knn(hours, k = 1, period = 24)$distance[, 1], c(0.7, 0.7, 0, 1, 0))
  set.seed(32)
  x <- matrix(runif(80), 40)
  y <- matrix(runif(20, -3, 3), 10)
  p <- c(1, 1)
  expect_identical(find_knn(x, y, k = 3, period = 1)$index,
                   brute(x, covertree:::wrap(y, p), 3, p, metric_euclidean()))
  expect_identical(find_knn(x, k = 3, predecessors = TRUE, period = 1)$index,
                   rbind(NA, brute(x, x, 3, p, metric_euclidean(), limit = 0:39)[-1, ]))
})

test_that("distances are those of the nearest image", {
  set.seed(33)
  x <- matrix(runif(60), 30)
  nn <- find_knn(x, k = 4, period = 1)
  images <- do.call(rbind,
                    lapply(-1:1,
                           function(a) do.call(rbind,
                                               lapply(-1:1,
                                                      function(b) cbind(x[, 1] + a, x[, 2] + b)))))
  near <- find_knn(images, x, k = 5)
  expect_equal(nn$distance, near$distance[, -1])
})

test_that("metrics and periods that do not go together are errors", {
  expect_error(find_knn(faithful, k = 1, period = 3, metric = metric_angular()),
               class = "covertree_error_input")
  expect_error(find_knn(faithful, k = 1, period = -1), class = "covertree_error_input")
  expect_error(find_knn(faithful, k = 1, period = 1:3), class = "covertree_error_input")
})
