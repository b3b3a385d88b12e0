skip_if_not_installed("sf")

test_that("lines join queries and neighbours in the points' system", {
  places <- sf::st_as_sf(quakes[1:40, ], coords = c("long", "lat"), crs = 4326)
  nn <- find_knn(quakes[1:40, c("long", "lat")], k = 3, metric = metric_great_circle(6371.01))
  lines <- sf::st_as_sf(nn, places)
  expect_identical(sf::st_crs(lines), sf::st_crs(places))
  expect_identical(sf::st_drop_geometry(lines), as.data.frame(nn))
  withr::local_options(sf_use_s2 = TRUE)
  expect_equal(as.numeric(sf::st_length(lines)) / 1000, lines$distance, tolerance = 1e-6)
})

test_that("new queries and tables without a system work, missing queries are told", {
  near <- find_within(quakes[1:40, c("long", "lat")], query = cbind(long = 180, lat = -20),
                      radius = 3)
  lines <- sf::st_as_sf(near, quakes[1:40, c("lat", "long")], query = cbind(long = 180, lat = -20),
                        crs = 4326)
  expect_equal(nrow(lines), length(near$index[[1]]))
  expect_equal(unname(sf::st_coordinates(lines)[1, 1:2]), c(180, -20))
  expect_error(sf::st_as_sf(near, quakes[1:40, c("long", "lat")]), class = "covertree_error_input")
})
