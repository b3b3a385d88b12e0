test_that("neighbours of another group, or of the own, equal brute force", {
  set.seed(21)
  x <- make_data("duplicates", 80, 2)
  g <- sample(c("a", "b", "c"), 80, TRUE)
  for (same in c(FALSE, TRUE)) for (predecessors in c(FALSE, TRUE)) {
    found <- find_knn(x, k = 4, groups = g, same_group = same, predecessors = predecessors)
    for (i in 1:80) {
      rows <- setdiff(which((g == g[i]) == same), i)
      if (predecessors) rows <- rows[rows < i]
      d <- oracle_distance(metric_euclidean(), x[i, ], x[rows, , drop = FALSE])
      best <- head(order(d, rows), 4)
      expect_identical(found$index[i, ], c(rows[best], rep(NA_integer_, 4 - length(best))))
      expect_identical(found$distance[i, seq_along(best)], d[best])
    }
  }
})

test_that("new points bring their groups, and groups hold for correlations", {
  set.seed(22)
  x <- matrix(runif(120), 60)
  y <- matrix(runif(20), 10)
  g <- rep(1:2, 30)
  asked <- rep(1:2, 5)
  found <- find_knn(x, y, k = 3, groups = g, query_groups = asked)
  odd <- find_knn(x[g == 2, ], y[asked == 1, ], k = 3)
  expect_identical(found$index[asked == 1, ], matrix(which(g == 2)[odd$index], ncol = 3))
  metric <- metric_residual(cov_exponential(lengthscale = 0.4), inducing_points(x, 8))
  whole <- find_knn(x, k = 59, metric = metric)$index
  other <- t(sapply(1:60, function(i) head(whole[i, g[whole[i, ]] != g[i]], 3)))
  expect_identical(find_knn(x, k = 3, groups = g, metric = metric)$index, other)
})

test_that("wrong groups are errors", {
  expect_error(find_knn(faithful, k = 1, groups = 1:3), class = "covertree_error_input")
  expect_error(find_knn(faithful, faithful, k = 1, groups = rep(1, 272)), "query_groups",
               class = "covertree_error_input")
})

test_that("a radius leaves the nearer neighbours only", {
  set.seed(23)
  x <- matrix(runif(200), 100)
  for (metric in list(metric_euclidean(),
                      metric_residual(cov_exponential(lengthscale = 0.2), matrix(runif(10), 5)))) {
    whole <- find_knn(x, k = 6, metric = metric)
    radius <- median(whole$distance)
    found <- find_knn(x, k = 6, radius = radius, metric = metric)
    expect_identical(found$index, ifelse(whole$distance <= radius, whole$index, NA))
    expect_identical(is.na(found$distance), is.na(found$index))
  }
})
