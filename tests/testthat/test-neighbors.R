test_that("results print, shrink and are summarised", {
  local_reproducible_output(width = 90)
  nn <- vecchia_neighbors(quakes[1:20, c("long", "lat")], m = 3)
  expect_snapshot(nn)
  expect_snapshot(find_within(quakes[1:20, c("long", "lat")], radius = 2))
  expect_identical(nn[5:6]$index, nn$index[5:6, ])
  expect_output(print(summary(nn)), "distances a query")
})

test_that("recall is the share of true neighbours found", {
  truth <- rbind(c(1L, 2L), c(3L, NA), c(NA, NA))
  found <- rbind(c(2L, 9L), c(3L, 4L), c(NA, NA))
  expect_identical(neighbor_recall(found, truth), c(0.5, 1, 1))
  expect_error(neighbor_recall(found[1:2, ], truth), class = "covertree_error_input")
})

test_that("pictures are drawn", {
  withr::local_pdf(withr::local_tempfile(fileext = ".pdf"))
  locs <- quakes[, c("long", "lat")]
  expect_silent(plot(vecchia_neighbors(locs, m = 5), locs, row = 100))
  expect_silent(plot(cover_tree(locs)))
  expect_silent(plot(cover_tree(locs$long)))
})

test_that("head and tail take queries, whose printed numbers stay true", {
  nn <- find_knn(quakes[, 1:2], k = 3)
  expect_identical(head(nn, 4)$index, nn$index[1:4, ])
  expect_identical(tail(nn, 2)$index, nn$index[999:1000, ])
  expect_identical(head(nn, -990)$distance, nn$distance[1:10, ])
  expect_match(capture.output(print(tail(nn, 2)))[4], "^999 ")
  expect_match(capture.output(print(find_knn(quakes[, 1:2], rows = c(70, 90), k = 3)))[4], "^70 ")
})

test_that("results print where the decimal mark is a comma and warnings are errors", {
  withr::local_options(OutDec = ",", warn = 2)
  x <- matrix(seq(0, 1, length.out = 4000), ncol = 2)
  expect_output(print(find_knn(x, k = 2)), "2,000 queries")
  expect_output(print(find_within(x, radius = 0.01)), "2,000 queries")
  expect_output(print(summary(cover_tree(x))), "2,000 points")
})

test_that("plots of predictions need their places, and at least one row", {
  x <- matrix(runif(40), ncol = 2)
  nn <- vecchia_neighbors(x, m = 3, locs_pred = x[1:4, ] + 0.1, cond_on = "all")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_error(plot(nn, x), "query", class = "covertree_error")
  expect_error(plot(nn, x, row = integer(), query = x[1:4, ]), "at least one",
               class = "covertree_error")
  expect_identical(plot(nn, x, row = 1:2, query = x[1:4, ] + 0.1), nn)
  expect_identical(plot(nn, x, query = x[1:4, ] + 0.1), nn)
})

test_that("an index is not bound to points", {
  x <- matrix(runif(40), ncol = 2)
  expect_error(rbind(cover_tree(x), x), "cannot be bound", class = "covertree_error")
})
