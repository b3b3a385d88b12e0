skip_if_not_installed("ggplot2")

test_that("edges of some queries and of all are drawn, with the aspect of their latitude", {
  locs <- quakes[, c("long", "lat")]
  nn <- find_knn(locs, k = 4)
  some <- ggplot2::autoplot(nn, locs, rows = c(5, 90))
  expect_identical(nrow(some$layers[[2]]$data), 8L)
  expect_equal(some$layers[[2]]$data$x, rep(locs$long[c(5, 90)], each = 4))
  expect_equal(some$layers[[2]]$data$xend, locs$long[t(nn$index[c(5, 90), ])])
  expect_identical(nrow(ggplot2::autoplot(nn, locs)$layers[[2]]$data), 4000L)
  expect_equal(some$coordinates$ratio, 1 / cos(mean(range(locs$lat)) * pi / 180))
  expect_s3_class(ggplot2::autoplot(find_within(locs, radius = 1), locs), "ggplot")
})

test_that("distances by rank are quantiles", {
  nn <- find_knn(faithful, k = 5)
  p <- ggplot2::autoplot(nn, type = "distance")
  expect_equal(unname(p$data$median), unname(apply(nn$distance, 2, median)))
  expect_error(ggplot2::autoplot(nn), class = "covertree_error_input")
  expect_error(ggplot2::autoplot(find_knn(faithful, faithful, k = 2), faithful),
               class = "covertree_error_input")
})

test_that("pictures are as they were", {
  skip_if_not_installed("vdiffr")
  locs <- quakes[, c("long", "lat")]
  vdiffr::expect_doppelganger("edges of two queries",
                              ggplot2::autoplot(find_knn(locs, k = 20), locs, rows = c(5, 90)))
  vdiffr::expect_doppelganger("distance by rank",
                              ggplot2::autoplot(find_knn(locs, k = 20), type = "distance"))
})

test_that("base pictures of several sets, near and over another plot", {
  skip_if_not_installed("vdiffr")
  locs <- quakes[, c("long", "lat")]
  nn <- vecchia_neighbors(locs, m = 10)
  vdiffr::expect_doppelganger("two sets, zoomed",
                              function() plot(nn, locs, row = c(400, 900), zoom = TRUE))
  vdiffr::expect_doppelganger("a set over a plot", function() {
    plot(locs, col = "grey90")
    plot(nn, locs, row = 900, add = TRUE)
  })
})
