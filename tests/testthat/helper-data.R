expect_input_error <- function(object, regexp = NULL) {
  expect_error(object, regexp, class = "covertree_error")
}

# Kinds of data that searches find hard, as matrices of n points in d columns.
data_kinds <- c("continuous", "grid", "tenths", "duplicates", "constant")

make_data <- function(kind, n, d) {
  x <- matrix(runif(n * d), n, d)
  if (kind == "grid") x[] <- sample(0:4, n * d, replace = TRUE)
  if (kind == "tenths") x[] <- sample(0:9, n * d, replace = TRUE) * 0.1
  if (kind == "duplicates") x <- x[sample(ceiling(0.7 * n), n, replace = TRUE), , drop = FALSE]
  if (kind == "constant") x[, d] <- 0.3
  x
}

# Longitudes and latitudes, with poles, the date line and antipodes among them.
make_globe <- function(kind, n) {
  lon <- runif(n, -180, 180)
  lat <- asin(runif(n, -1, 1)) * 180 / pi
  if (kind %in% c("grid", "tenths")) {
    lon <- sample(seq(-180, 180, 30), n, replace = TRUE)
    lat <- sample(seq(-90, 90, 30), n, replace = TRUE)
  }
  if (kind == "constant") lat[] <- 90 - 1e-3
  x <- cbind(lon, lat)
  if (kind == "duplicates") x <- x[sample(ceiling(0.7 * n), n, replace = TRUE), , drop = FALSE]
  unname(x)
}

all_metrics <- function(d) {
  list(
    metric_euclidean(), metric_euclidean(scale = seq(0.5, 2, length.out = d)), metric_manhattan(),
    metric_maximum(), metric_minkowski(3), metric_minkowski(1.5), metric_angular(),
    metric_great_circle(),
    metric_mahalanobis(0.5^abs(outer(1:d, 1:d, "-")) * outer(1:d, 1:d)),
    metric_function(function(a, B) {
      s <- 0
      for (c in seq_along(a)) s <- s + abs(a[c] - B[, c])
      s
    })
  )
}

data_for <- function(metric, kind, n, d) {
  if (metric$kind == "great_circle") return(make_globe(kind, n))
  x <- make_data(kind, n, d)
  if (metric$kind == "angular") x[rowSums(abs(x)) == 0, ] <- 1
  x
}
