test_that("all neighbours within a radius equal brute force", {
  set.seed(11)
  for (d in c(1, 2, 3, 7)) for (metric in all_metrics(d)) for (kind in data_kinds) {
    n <- sample(c(1, 30, 120), 1)
    x <- data_for(metric, kind, n, d)
    tree <- cover_tree(x, metric, threads = 1)
    some <- oracle_knn(tree$metric, x, 1, x[1, , drop = FALSE], own = 1)$distance[1]
    radius <- if (is.na(some)) 1 else 1.5 * some
    found <- find_within(tree, radius = radius, threads = 2)
    truth <- oracle_within(tree$metric, x, radius, own = seq_len(n))
    expect_identical(found$index, truth$index)
    expect_identical(found$distance, truth$distance)
  }
})

test_that("points at exactly the radius belong to it", {
  x <- matrix(c(0, 0.1, 0.2, 0.3, 0.1 + 0.2), ncol = 1)
  expect_identical(find_within(x, rows = 1, radius = 0.3)$index, list(c(2L, 3L, 4L)))
  expect_identical(find_within(x, rows = 1, radius = 0.1 + 0.2)$index, list(c(2L, 3L, 4L, 5L)))
  expect_identical(find_within(matrix(1, 4), rows = 2, radius = 0)$index, list(c(1L, 3L, 4L)))
})

test_that("predecessors, new points and max_index hold for a radius too", {
  set.seed(12)
  x <- make_data("tenths", 80, 2)
  y <- make_data("tenths", 20, 2)
  m <- metric_euclidean()
  expect_identical(find_within(x, radius = 0.3, predecessors = TRUE)$index,
                   oracle_within(m, x, 0.3, own = 1:80, limit = 0:79)$index)
  limit <- sample(0:80, 20)
  expect_identical(find_within(x, y, radius = 0.3, max_index = limit)$index, oracle_within(m, x, 0.3, y, limit = limit)$index)
})

test_that("the flat form holds the same with offsets", {
  x <- quakes[1:200, 1:2]
  ragged <- find_within(x, radius = 1)
  flat <- find_within(x, radius = 1, flat = TRUE)
  expect_identical(flat$index, unlist(ragged$index))
  expect_identical(diff(flat$offset), as.double(lengths(ragged$index)))
})

test_that("names of queries name the lists", {
  x <- rbind(a = c(1, 1), b = c(2, 1), c = c(5, 5))
  expect_identical(find_within(x, radius = 1)$index, list(a = 2L, b = 1L, c = integer()))
})
