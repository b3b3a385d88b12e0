test_that("a sparse matrix holds each query's neighbours in its row", {
  skip_if_not_installed("Matrix")
  set.seed(2)
  x <- matrix(runif(60), 30, dimnames = list(paste0("p", 1:30), NULL))
  nn <- find_knn(x, k = 4)
  A <- as_sparse(nn)
  D <- as.matrix(dist(x))
  expect_identical(dim(A), c(30L, 30L))
  expect_identical(dimnames(A), dimnames(D))
  for (i in 1:30) expect_equal(A[i, nn$index[i, ]], D[i, nn$index[i, ]])
  expect_identical(sum(as_sparse(nn, values = "connectivity")), 120)
  expect_equal(sum(as_sparse(find_within(x, radius = 0.2), values = function(d) d^2)),
               sum(D[D <= 0.2]^2))
  expect_identical(dim(as_sparse(find_knn(x, rows = 3:5, k = 2))), c(3L, 30L))
  expect_identical(dim(as_sparse(vecchia_neighbors(x, m = 2, locs_pred = x[1:2, ]))), c(2L, 32L))
})

test_that("zero distances of duplicates are stored", {
  skip_if_not_installed("Matrix")
  A <- as_sparse(find_knn(matrix(c(1, 1, 2), ncol = 1), k = 1))
  expect_length(A@x, 3)
  expect_identical(Matrix::nnzero(A), 1L)
})

test_that("what has no sparse form, and wrong values, are errors", {
  nn <- find_knn(faithful, k = 2)
  expect_error(as_sparse(1), class = "covertree_error_input")
  skip_if_not_installed("Matrix")
  expect_error(as_sparse(nn, values = function(d) d[1]), class = "covertree_error_input")
  expect_error(as_sparse(nn, values = "size"))
})

test_that("a missing package is an error with its install line", {
  expect_error(covertree:::need_package("no.such.package", "for this test"),
               "install.packages(\"no.such.package\")",
               fixed = TRUE, class = "covertree_error_package")
})
