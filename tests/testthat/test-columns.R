refused <- function(object, regexp) expect_error(object, regexp, class = "covertree_error")

test_that("columns of a query are matched by name in any order", {
  set.seed(4)
  x <- data.frame(east = runif(50), north = runif(50) * 5, t = runif(50))
  y <- data.frame(east = runif(9), north = runif(9) * 5, t = runif(9))
  truth <- find_knn(unname(as.matrix(x)), unname(as.matrix(y)), k = 4)
  tree <- cover_tree(x)
  for (query in list(y, y[3:1], as.matrix(y[c(2, 3, 1)]), unname(as.matrix(y)),
                     setNames(y, c("East", "NORTH", "T"))[c(3, 1, 2)])) {
    found <- find_knn(tree, query, k = 4)
    expect_identical(found$index, truth$index)
    expect_identical(found$distance, truth$distance)
  }
  within <- find_within(tree, y[3:1], radius = 0.5)
  expect_identical(within$index,
                   find_within(unname(as.matrix(x)), unname(as.matrix(y)), radius = 0.5)$index)
  for (rule in c("obs", "all")) {
    expect_identical(vecchia_neighbors(x, m = 5, locs_pred = y[3:1], cond_on = rule)$index,
                     vecchia_neighbors(unname(as.matrix(x)), m = 5,
                                       locs_pred = unname(as.matrix(y)), cond_on = rule)$index)
  }
  refused(find_knn(tree, data.frame(north = 0.1, east = 0.9, time = 0), k = 1), "time")
  refused(find_knn(tree, data.frame(y[1:2, ], id = 1:2), k = 1), "as many columns")
  refused(find_knn(tree, y[1:2], k = 1), "as many columns")
})

test_that("names of longitude and latitude are understood in any order, case and company", {
  lonlat <- cbind(c(20, 22, 20), c(60, 60, 61.5))
  truth <- find_knn(lonlat, k = 2, metric = metric_great_circle())
  pairs <- list(c("decimalLatitude", "decimalLongitude"), c("Lat", "Lon"),
                c("LATITUDE", "LONGITUDE"), c("lat_dd", "lon_dd"),
                c("start_lat", "start_lng"), c("lat.deg", "lon.deg"), c("y_wgs84", "x_wgs84"),
                c("y", "x"),
                c("DecimalLatitude", "DecimalLongitude"), c("latitude", "x"))
  for (names in pairs[-10]) {
    x <- setNames(as.data.frame(lonlat[, 2:1]), names)
    expect_identical(find_knn(x, k = 2, metric = metric_great_circle())$distance, truth$distance)
    expect_identical(find_knn(x[2:1], k = 2, metric = metric_great_circle())$distance,
                     truth$distance)
  }
  for (names in c(pairs[10],
                  list(c("reclat", "reclong"), c("northing", "easting"), c("phi", "lambda")))) {
    refused(find_knn(setNames(as.data.frame(lonlat[, 2:1]), names), k = 1,
                     metric = metric_great_circle()), "not understood")
  }
  expect_identical(find_knn(setNames(as.data.frame(lonlat), c("a", "b")), k = 2,
                            metric = metric_great_circle())$distance,
                   truth$distance)
})

test_that("an index of latitude, longitude takes unnamed points in its own order", {
  x <- data.frame(lat = c(48.9, 52.5, 40.4), lon = c(2.3, 13.4, -3.7))
  tree <- cover_tree(x, metric_great_circle())
  expect_identical(colnames(tree$x), c("lon", "lat"))
  found <- find_knn(tree, query = rbind(c(48.9, 2.3)), k = 1)
  expect_identical(c(found$index, found$distance), c(1, 0))
  expect_identical(find_knn(tree, query = cbind(longitude = 13.4, latitude = 52.5), k = 1)$index[1],
                   2L)
  expect_identical(update(tree, metric_euclidean())$layout$names, c("lat", "lon"))
  expect_identical(find_knn(update(tree, metric_euclidean()), query = cbind(40.4, -3.7),
                            k = 1)$distance[1], 0)
})

test_that("the great circle refuses further columns, covariances on the sphere take them", {
  x <- data.frame(day = 1:3, lat = c(48.9, 52.5, 40.4), lon = c(2.3, 13.4, -3.7))
  refused(cover_tree(x, metric_great_circle()), "day.*metric_correlation")
  refused(find_knn(x[3:2], query = x, k = 1, metric = metric_great_circle()), "as many columns")
  refused(cover_tree(x[1], metric_great_circle()), "two columns")
  cov <- cov_exponential(lengthscale = c(0.1, 30), lonlat = TRUE)
  expect_identical(cover_tree(x, metric_correlation(cov))$layout$order, c(3L, 2L, 1L))
})

test_that("scales and lengthscales are matched by name", {
  set.seed(31)
  x <- data.frame(lon = runif(50), lat = runif(50), day = runif(50, 0, 3000))
  want <- find_knn(x, k = 3, metric = metric_euclidean(scale = c(1, 2, 1000)))
  for (scale in list(c(day = 1000, lon = 1, lat = 2), c(Day = 1000, latitude = 2, longitude = 1))) {
    expect_identical(find_knn(x, k = 3, metric = metric_euclidean(scale = scale))$index, want$index)
    expect_identical(vecchia_order(x, metric = metric_euclidean(scale = scale)),
                     vecchia_order(x, metric = metric_euclidean(scale = c(1, 2, 1000))))
    cov <- cov_exponential(lengthscale = scale)
    expect_identical(find_knn(x, k = 3, metric = metric_correlation(cov))$index, want$index)
  }
  refused(cover_tree(x, metric_euclidean(scale = c(day = 1, lon = 1, height = 1))), "height")
  refused(cover_tree(x, metric_correlation(cov_exponential(lengthscale = c(a = 1, b = 1, c = 1)))),
          "names")
  want <- find_knn(x, k = 3,
                   metric = metric_correlation(cov_exponential(lengthscale = c(0.1, 30),
                                                               lonlat = TRUE)))
  named <- cov_exponential(lengthscale = c(day = 30, sphere = 0.1), lonlat = TRUE)
  expect_identical(find_knn(x[3:1], k = 3, metric = metric_correlation(named))$index, want$index)
  wrong <- cov_exponential(lengthscale = c(day = 30, hour = 0.1), lonlat = TRUE)
  refused(find_knn(x, k = 3, metric = metric_correlation(wrong)), "names")
})

test_that("inducing points are matched by name, and by position without", {
  set.seed(30)
  x <- data.frame(east = runif(300), north = runif(300) * 5)
  u <- inducing_points(x, 20)
  cov <- cov_matern(1.5, lengthscale = c(0.2, 1))
  want <- find_knn(x, k = 3, metric = metric_residual(cov, u))
  expect_identical(find_knn(x, k = 3, metric = metric_residual(cov, u[, 2:1]))$index, want$index)
  refused(cover_tree(x, metric_residual(cov, setNames(u, c("east", "south")))), "south")
  f <- cov_function(function(A,
                             B) exp(-abs(outer(A[, 1], B[, 1], "-")) -
                                    abs(outer(A[, 2], B[, 2], "-")) / 3))
  expect_identical(find_knn(x, k = 3, metric = metric_residual(f, u[, 2:1]))$index,
                   find_knn(x, k = 3, metric = metric_residual(f, u))$index)

  places <- data.frame(lat = runif(60, 40, 60), lon = runif(60, -10, 10))
  v <- places[seq(1, 60, 6), ] + 0.05
  cov <- cov_exponential(lengthscale = 0.1, lonlat = TRUE)
  want <- find_knn(unname(as.matrix(places[2:1])), k = 3,
                   metric = metric_residual(cov, unname(as.matrix(v[2:1]))))
  for (inducing in list(v, v[2:1], unname(as.matrix(v)))) {
    metric <- metric_residual(cov, inducing)
    expect_identical(unname(find_knn(places, k = 3, metric = metric)$index), want$index)
    tree <- cover_tree(places, metric)
    expect_identical(find_knn(update(tree, metric), k = 3)$index, want$index)
    expect_identical(vecchia_neighbors(tree, m = 3, locs_pred = places[1:5, ] + 0.1,
                                       cond_on = "all")$distance,
                     vecchia_neighbors(unname(as.matrix(places[2:1])), m = 3,
                                       locs_pred = unname(as.matrix(places[1:5, 2:1])) + 0.1,
                                       cond_on = "all",
                                       metric = metric_residual(cov,
                                                                unname(
                                                                  as.matrix(v[2:1]))))$distance,
                     ignore_attr = TRUE)
  }
})

test_that("a factor of the user's own stays with points whose columns are reordered", {
  set.seed(35)
  x <- data.frame(lat = runif(40, 40, 60), lon = runif(40, -10, 10))
  V <- matrix(runif(40, 0, 0.5), 40)
  p <- 1 - V[, 1]^2
  metric <- metric_residual(cov_exponential(lengthscale = 0.1, lonlat = TRUE), V = V, p = p)
  new <- x[1:2, ] + 0.1
  bare <- function(frame) unname(as.matrix(frame[, c("lon", "lat")]))
  factor <- function(points) with_factor(points, V = V[1:2, , drop = FALSE], p = p[1:2])
  plain <- find_knn(bare(x), query = factor(bare(new)), k = 2, metric = metric)
  for (columns in list(1:2, 2:1)) {
    expect_identical(unname(find_knn(x, query = factor(new[columns]), k = 2,
                                     metric = metric)$index), plain$index)
    for (rule in c("obs", "all")) {
      expect_identical(unname(vecchia_neighbors(x, m = 2, metric = metric,
                                                locs_pred = factor(new[columns]),
                                                cond_on = rule)$index),
                       vecchia_neighbors(bare(x), m = 2, metric = metric,
                                         locs_pred = factor(bare(new)), cond_on = rule)$index)
    }
  }
})

test_that("case is aside in every locale", {
  skip_on_cran()
  old <- Sys.getlocale("LC_CTYPE")
  set <- suppressWarnings(Sys.setlocale("LC_CTYPE", "tr_TR.UTF-8"))
  skip_if(set == "", "no Turkish locale")
  on.exit(Sys.setlocale("LC_CTYPE", old))
  expect_identical(covertree:::lonlat_columns(c("LATITUDE", "LONGITUDE")), 2:1)
})
