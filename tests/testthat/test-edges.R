named <- function(n, d = 2) matrix(runif(n * d), n, d,
                                   dimnames = list(paste0("p", seq_len(n)), NULL))

test_that("a table of edges says who, to whom, at which rank and how far", {
  set.seed(1)
  x <- named(30)
  nn <- find_knn(x, k = 4)
  e <- as.data.frame(nn)
  expect_identical(matrix(e$to, ncol = 4, byrow = TRUE), unname(nn$index))
  expect_identical(matrix(e$distance, ncol = 4, byrow = TRUE), unname(nn$distance))
  expect_identical(e$rank, rep(1:4, 30))
  expect_identical(e$from_name, paste0("p", e$from))
  expect_identical(e$to_name, paste0("p", e$to))
  expect_null(as.data.frame(find_knn(unname(x), k = 2))$to_name)
})

test_that("missing neighbours have no edge, and queries keep their numbers", {
  x <- named(20)
  e <- as.data.frame(vecchia_neighbors(x, m = 3))
  expect_identical(as.integer(table(factor(e$from, 1:20))), pmin(0:19, 3L))
  expect_identical(unique(as.data.frame(find_knn(x, rows = c(7, 3), k = 2))$from), c(7L, 3L))
  expect_identical(unique(as.data.frame(find_knn(x, query = x[4:6, ], k = 2))$from), 1:3)
  expect_identical(unique(as.data.frame(vecchia_neighbors(x, m = 2,
                                                          locs_pred = x[1:2, ] + 0.1))$from), 21:22)
})

test_that("ragged and flat results within a radius give one table", {
  x <- named(40)
  ragged <- as.data.frame(find_within(x, radius = 0.2))
  expect_identical(ragged, as.data.frame(find_within(x, radius = 0.2, flat = TRUE)))
  D <- as.matrix(dist(x))
  diag(D) <- Inf
  expect_identical(nrow(ragged), sum(D <= 0.2))
  expect_equal(ragged$distance, D[cbind(ragged$from, ragged$to)])
  expect_identical(nrow(as.data.frame(find_within(x, radius = 0))), 0L)
})

test_that("tibbles hold the same", {
  skip_if_not_installed("tibble")
  nn <- find_knn(named(10), k = 2)
  expect_s3_class(tibble::as_tibble(nn), "tbl_df")
  expect_identical(as.data.frame(tibble::as_tibble(nn)), as.data.frame(nn))
})
