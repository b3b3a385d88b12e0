refused <- function(object, regexp) expect_error(object, regexp, class = "covertree_error")

lonlat_points <- function(...) {
  frame <- data.frame(lon = c(20, 22, 20), lat = c(70, 70, 71.2))
  sf::st_as_sf(frame, coords = c("lon", "lat"), crs = 4326)
}

test_that("longitude and latitude of sf points are on the sphere, said once", {
  skip_if_not_installed("sf")
  points <- lonlat_points()
  rlang::reset_message_verbosity("covertree_lonlat")
  expect_message(nn <- find_knn(points, k = 1), "great-circle", class = "covertree_message")
  expect_silent(find_knn(points, k = 1))
  expect_identical(nn$index[, 1], c(2L, 1L, 1L))
  truth <- as.numeric(sf::st_distance(points[1, ], points[2, ]))
  expect_equal(nn$distance[1, 1], truth, tolerance = 1e-5)
  expect_identical(attr(nn, "unit"), "m")
  expect_warning(planar <- find_knn(points, k = 1, metric = metric_euclidean()), "plane",
                 class = "covertree_warning")
  expect_identical(planar$index[1, 1], 3L)
  refused(find_knn(sf::st_transform(points, 32633), k = 1, metric = metric_great_circle()), "UTM")
})

test_that("another reference system is an error that names both", {
  skip_if_not_installed("sf")
  points <- suppressMessages(lonlat_points())
  utm <- sf::st_transform(points, 32633)
  tree <- cover_tree(utm)
  expect_identical(tree$metric$unit, "m")
  refused(find_knn(tree, query = points, k = 1), "WGS 84 \\(EPSG:4326\\).*UTM")
  refused(vecchia_neighbors(utm, m = 1, locs_pred = sf::st_transform(points, 3857)), "UTM")
  refused(cover_tree(utm, metric_residual(cov_exponential(lengthscale = 1e5), points)), "UTM")
  expect_identical(find_knn(tree, query = utm, k = 1)$index[, 1], 1:3)
  u <- inducing_points(utm, 2, method = "maxmin")
  expect_s3_class(u, "sf")
  expect_identical(sf::st_crs(u)$wkt, sf::st_crs(utm)$wkt)
})

test_that("measures are no coordinates, heights are or are refused", {
  skip_if_not_installed("sf")
  m <- rbind(c(0, 0, 900), c(1, 0, 0), c(3, 0, 890), c(7, 0, 10))
  as <- function(dim) sf::st_sfc(lapply(1:4, function(i) sf::st_point(m[i, ], dim = dim)))
  expect_message(xym <- find_knn(as("XYM"), k = 1), "measure")
  expect_identical(xym$index[, 1], c(2L, 1L, 2L, 3L))
  expect_identical(find_knn(as("XYZ"), k = 1)$index[, 1], c(3L, 4L, 1L, 2L))
  refused(find_knn(as("XYZ"), k = 1, metric = metric_great_circle()), "Z.*left out")
  refused(find_knn(sf::st_set_crs(as("XYZ"), 4326), k = 1), "st_zm")
})

test_that("mixed geometries of points are taken, empty points refused by row", {
  skip_if_not_installed("sf")
  points <- sf::st_sfc(sf::st_point(c(1, 3)), sf::st_point(c(4, 1)), sf::st_point(c(2, 2)))
  truth <- find_knn(rbind(c(1, 3), c(4, 1), c(2, 2)), k = 2)
  expect_identical(find_knn(sf::st_cast(points, "GEOMETRY"), k = 2)$index, truth$index)
  refused(cover_tree(sf::st_sfc(sf::st_point(c(1, 3)), sf::st_point())), "Row 2 is empty")
  refused(cover_tree(sf::st_sfc(sf::st_linestring(diag(2)))), "POINT")
  expect_identical(dim(find_knn(truth$distance[, 1, drop = FALSE], k = 1)), c(3L, 1L))
})

test_that("points of sp and terra are read with their reference system", {
  skip_if_not_installed("sf")
  x <- cbind(c(1, 4, 2), c(3, 1, 2))
  truth <- find_knn(x, k = 2)
  skip_if_not_installed("sp")
  expect_identical(find_knn(sp::SpatialPoints(x), k = 2)$index, truth$index)
  skip_if_not_installed("terra")
  expect_identical(find_knn(terra::vect(x, crs = "EPSG:32633"), k = 2)$index, truth$index)
})
