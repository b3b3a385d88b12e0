some_points <- function(n, d = 3) {
  set.seed(8)
  matrix(rnorm(n * d), n)
}

test_that("lists of FNN and RANN are theirs", {
  x <- some_points(80)
  y <- some_points(20) + 0.1
  if (requireNamespace("FNN", quietly = TRUE)) {
    expect_equal(as_knn_list(find_knn(x, k = 4), "FNN"), FNN::get.knn(x, k = 4))
    expect_equal(as_knn_list(find_knn(x, y, k = 4), "FNN"), FNN::get.knnx(x, y, k = 4),
                 ignore_attr = TRUE)
  }
  skip_if_not_installed("RANN")
  expect_equal(as_knn_list(find_knn(x, k = 4), "RANN"), RANN::nn2(x, k = 5))
  expect_equal(as_knn_list(find_knn(x, k = 5, self = TRUE), "RANN"), RANN::nn2(x, k = 5))
  expect_equal(as_knn_list(find_knn(x, y, k = 4), "RANN"), RANN::nn2(x, y, k = 4))
})

test_that("self comes first among duplicates, too", {
  x <- rbind(c(1, 1), c(1, 1), c(1, 1), c(2, 2))
  for (self in c(FALSE, TRUE)) {
    near <- as_knn_list(find_knn(x, k = 2 + self, self = self), "uwot")
    expect_identical(near$idx, rbind(c(1L, 2L, 3L), c(2L, 1L, 3L), c(3L, 1L, 2L), c(4L, 1L, 2L)))
    expect_identical(near$dist[1:3, ], matrix(0, 3, 3))
  }
  expect_identical(unname(as_knn_list(find_knn(x, k = 2, self = TRUE), "FNN")$nn.index),
                   matrix(c(2L, 1L, 1L, 1L), ncol = 1))
})

test_that("uwot embeds our neighbours as its own", {
  skip_if_not_installed("uwot")
  skip_on_cran()
  x <- some_points(120, 4)
  near <- as_knn_list(find_knn(x, k = 9), "uwot")
  embed <- function(...) {
    set.seed(1)
    uwot::umap(..., n_epochs = 20, n_threads = 1, n_sgd_threads = 1, init = "pca")
  }
  own <- embed(x, n_neighbors = 10, nn_method = "fnn", ret_nn = TRUE)
  expect_equal(near$idx, own$nn$euclidean$idx, ignore_attr = TRUE)
  expect_equal(embed(x, nn_method = near), own$embedding, tolerance = 1e-4)
})

test_that("Rtsne takes our neighbours", {
  skip_if_not_installed("Rtsne")
  skip_on_cran()
  near <- as_knn_list(find_knn(some_points(100), k = 30), "Rtsne")
  expect_identical(names(near), c("index", "distance"))
  fit <- do.call(Rtsne::Rtsne_neighbors, c(near, perplexity = 10, max_iter = 20))
  expect_identical(dim(fit$Y), c(100L, 2L))
})
