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
