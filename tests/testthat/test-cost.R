# Counts, not times: an exact search costs at most little more than measuring all pairs, whatever
# the data.

cost_of <- function(nn, n) {
  stats <- attr(nn, "stats")
  (stats$evaluations + stats$products) / stats$queries / n
}

hard_data <- function(n) {
  list(
    places = cbind(sample(0:3, n, replace = TRUE), sample(0:3, n, replace = TRUE)) / 4 + 0.1,
    one_place = matrix(0.3, n, 2),
    half_in_one = rbind(matrix(runif(n), ncol = 2), matrix(0.3, n / 2, 2))[sample(n), ],
    crumbs = matrix(rnorm(2 * n, sd = 1e-7), ncol = 2) + sample(0:3, n, replace = TRUE) / 4,
    ten_columns = matrix(runif(10 * n), ncol = 10)
  )
}

test_that("no data make an exact search cost more than 1.1 times all pairs", {
  skip_on_cran()
  set.seed(91)
  n <- 4400
  covariances <- list(cov_matern(0.1, lengthscale = 0.3), cov_matern(1.5, lengthscale = 0.3),
                      cov_gaussian(lengthscale = 4))
  data <- hard_data(n)
  for (name in names(data)) for (cov in covariances) {
    x <- data[[name]]
    metric <- metric_residual(cov, matrix(runif(30 * ncol(x)), 30), jitter = 1e-8)
    rows <- sample(n, 100)
    quiet <- function(expr) suppressWarnings(expr, classes = "covertree_warning")
    tree <- quiet(cover_tree(x, metric))
    costs <- c(all = cost_of(quiet(find_knn(x, k = 20, metric = metric)), n),
               some = cost_of(find_knn(tree, rows = rows, k = 20), n),
               new = cost_of(find_knn(tree, x[rows, ] + 1e-3, k = 20), n),
               more = cost_of(find_knn(tree, rows = rows, k = 200), n),
               most = cost_of(find_knn(tree, rows = rows, k = n - 1), n))
    expect_true(all(costs <= 1.1),
                label = paste(c(name, format(cov), names(costs), format(costs)), collapse = " "))
  }
})
