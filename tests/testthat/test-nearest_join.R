test_that("each row gets the columns of its nearest rows", {
  x <- data.frame(name = c("a", "b", "c"), u = c(0, 1, 9), v = 0)
  y <- data.frame(name = c("p", "q"), u = c(0.1, 2), v = 0, size = 1:2)
  j <- nearest_join(x, y, coords = ~ u + v)
  expect_identical(names(j), c("name", "u", "v", "name.y", "u.y", "v.y", "size", "distance"))
  expect_identical(j$name.y, c("p", "p", "q"))
  expect_equal(j$distance, c(0.1, 0.9, 7))
  expect_identical(nearest_join(x, y, k = 2, coords = c("u", "v"))$name.y,
                   c("p", "q", "p", "q", "q", "p"))
})

test_that("rows beyond the radius stay with NA, or go", {
  x <- data.frame(u = c(5, 0, 9))
  y <- data.frame(u = c(0.1, 8.5), size = 1:2)
  expect_identical(nearest_join(x, y, radius = 1, coords = "u")$size, c(NA, 1L, 2L))
  expect_identical(nearest_join(x, y, radius = 1, coords = "u", unmatched = FALSE)$size, 1:2)
  expect_error(nearest_join(x, y), "coords", class = "covertree_error_input")
})

test_that("sf points join in metres, as sf does", {
  skip_if_not_installed("sf")
  set.seed(52)
  make <- function(n) sf::st_as_sf(data.frame(id = seq_len(n), lon = runif(n, -10, 10),
                                              lat = runif(n, 40, 60)), coords = c("lon", "lat"),
                                            crs = 4326)
  x <- make(15)
  y <- make(20)
  j <- nearest_join(x, y)
  expect_s3_class(j, "sf")
  expect_identical(j$id.y, sf::st_nearest_feature(x, y))
  expect_equal(j$distance, as.numeric(sf::st_distance(x, y[j$id.y, ], by_element = TRUE)),
               tolerance = 1e-4)
  expect_error(nearest_join(x, sf::st_transform(y, 3857)), class = "covertree_error_input")
})
