test_that("neighbours equal brute force for every metric, dimension, kind of data and k", {
  set.seed(1)
  for (d in 1:8) for (metric in all_metrics(d)) for (kind in data_kinds) {
    n <- sample(c(1, 2, 5, 33, 70, 130), 1)
    x <- data_for(metric, kind, n, d)
    tree <- cover_tree(x, metric, threads = 1)
    for (k in intersect(c(1, 7, n - 1), seq_len(n - 1))) {
      found <- find_knn(tree, k = k, threads = 2)
      expect_same_neighbors(found, oracle_knn(tree$metric, x, k, own = seq_len(n)))
    }
  }
})

test_that("predecessors are the nearest of the earlier rows", {
  set.seed(2)
  for (d in c(1, 2, 3, 5, 8)) for (metric in all_metrics(d)) for (kind in data_kinds) {
    n <- sample(c(2, 40, 150), 1)
    x <- data_for(metric, kind, n, d)
    tree <- cover_tree(x, metric, threads = 1)
    k <- min(n - 1, sample(c(1, 5, 20), 1))
    found <- find_knn(tree, k = k, predecessors = TRUE, threads = 2)
    expect_same_neighbors(found,
                          oracle_knn(tree$metric, x, k, own = seq_len(n), limit = seq_len(n) - 1))
  }
})

test_that("new points and max_index equal brute force", {
  set.seed(3)
  for (d in c(1, 2, 3, 6)) for (metric in all_metrics(d)) for (kind in data_kinds) {
    n <- sample(c(5, 90), 1)
    both <- data_for(metric, kind, n + 40, d)
    x <- both[seq_len(n), , drop = FALSE]
    query <- both[-seq_len(n), , drop = FALSE]
    tree <- cover_tree(x, metric, threads = 1)
    limit <- sample(0:n, 40, replace = TRUE)
    expect_same_neighbors(find_knn(tree, query, k = 4, threads = 2),
                          oracle_knn(tree$metric, x, 4, query))
    expect_same_neighbors(find_knn(tree, query, k = 4, max_index = limit, threads = 2),
                          oracle_knn(tree$metric, x, 4, query, limit = limit))
  }
})

test_that("tree and blocks, every kernel and every thread count give the same bits", {
  set.seed(4)
  on_coordinates <- function(metric) metric$kind != "function"
  for (d in c(1, 2, 3, 4, 5, 6, 7, 8, 9, 12)) for (metric in Filter(on_coordinates,
                                                                    all_metrics(d))) {
    x <- data_for(metric, sample(data_kinds, 1), 600, d)
    tree <- cover_tree(x, metric, order = sample(c("hilbert", "natural"), 1), threads = 1)
    queries <- covertree:::resolve_queries(tree, predecessors = d %% 2 == 0)
    run <- covertree:::run_settings(1, FALSE)
    one <- covertree:::search_knn(tree, queries, 9, run, "tree")
    for (simd in .Call(covertree:::C_ffi_simd)) for (threads in c(1, 2, 3, 7)) {
      run <- list(threads = threads, progress = FALSE, simd = simd)
      expect_same_neighbors(covertree:::search_knn(tree, queries, 9, run, "blocks"), one)
      expect_same_neighbors(covertree:::search_knn(tree, queries, 9, run, "tree"), one)
    }
  }
})

test_that("shards of rows make up the whole, in any order", {
  set.seed(5)
  x <- make_data("tenths", 500, 2)
  for (predecessors in c(FALSE, TRUE)) {
    whole <- find_knn(x, k = 6, predecessors = predecessors)
    shard <- sample(rep(1:3, length.out = 500))
    for (s in 1:3) {
      rows <- sample(which(shard == s))
      part <- find_knn(x, rows = rows, k = 6, predecessors = predecessors)
      expect_identical(part$index, whole$index[rows, ])
      expect_identical(part$distance, whole$distance[rows, ])
    }
  }
  expect_identical(dim(find_knn(x, rows = integer(), k = 3)$index), c(0L, 3L))
})

test_that("self is left out by row, not by distance", {
  x <- matrix(1, 5, 2)
  expect_identical(find_knn(x, k = 2)$index[4, ], c(1L, 2L))
  expect_identical(find_knn(x, k = 2, self = TRUE)$index[4, ], c(1L, 2L))
  expect_identical(find_knn(x, k = 5, self = TRUE)$index[4, ], 1:5)
  expect_identical(find_knn(x, k = 2, predecessors = TRUE)$index[2, ], c(1L, NA))
  expect_identical(find_knn(x, k = 2, predecessors = TRUE, self = TRUE)$index[2, ], 1:2)
})

test_that("ties at the k-th distance go to the smaller row", {
  x <- rbind(c(0, 0), c(1, 0), c(-1, 0), c(0, 1), c(0, -1))
  expect_identical(find_knn(x, rows = 1, k = 3)$index[1, ], 2:4)
})

test_that("order is by the distance reported, where roots of different squares agree", {
  x <- matrix(c(0, 0.1 * 3, 0.3, -0.3, 0.1 + 0.2), ncol = 1)
  found <- find_knn(x, rows = 1, k = 4)
  expect_same_neighbors(found, oracle_knn(metric_euclidean(), x, 4, x[1, , drop = FALSE], own = 1))
})

test_that("points come as matrix, data frame, tibble, integers, vector and sf", {
  x <- cbind(a = c(1, 4, 2, 8), b = c(3L, 1L, 2L, 2L))
  truth <- find_knn(x, k = 2)
  expect_identical(find_knn(as.data.frame(x), k = 2)$index, truth$index)
  storage.mode(x) <- "integer"
  expect_identical(find_knn(x, k = 2)$distance, truth$distance)
  expect_identical(find_knn(c(1, 4, 2, 8), k = 1)$index[, 1], c(3L, 3L, 1L, 2L))
  skip_if_not_installed("tibble")
  expect_identical(find_knn(tibble::as_tibble(x), k = 2)$index, truth$index)
})

test_that("sf points are read by their coordinates", {
  skip_if_not_installed("sf")
  x <- cbind(c(1, 4, 2, 8), c(3, 1, 2, 2))
  points <- sf::st_as_sf(as.data.frame(x), coords = 1:2)
  expect_identical(find_knn(points, k = 2)$index, find_knn(x, k = 2)$index)
})

test_that("row names of queries become row names of the result", {
  x <- rbind(a = c(1, 1), b = c(2, 1), c = c(5, 5))
  expect_identical(rownames(find_knn(x, k = 1)$index), c("a", "b", "c"))
  expect_identical(rownames(find_knn(x, rows = 3:2, k = 1)$distance), c("c", "b"))
  expect_null(rownames(find_knn(quakes[, 1:2], k = 1)$index))
})

test_that("longitude and latitude are told apart by name", {
  lonlat <- as.matrix(quakes[, c("long", "lat")])
  truth <- find_knn(unname(lonlat), k = 3, metric = metric_great_circle())
  expect_identical(find_knn(quakes[, c("lat", "long")], k = 3,
                            metric = metric_great_circle())$index, truth$index)
  expect_error(find_knn(quakes, k = 3, metric = metric_great_circle()), "depth.*left out",
               class = "covertree_error")
})

test_that("the result says what it is", {
  nn <- find_knn(matrix(as.double(1:20), 10), k = 3, threads = 1)
  expect_s3_class(nn, "covertree_neighbors")
  expect_type(nn$index, "integer")
  expect_true(attr(nn, "exact"))
  expect_setequal(names(attr(nn, "stats")),
                  c("queries", "evaluations", "products", "nodes", "seconds", "threads"))
  expect_identical(attr(nn, "stats")$queries, 10)
  expect_identical(dim(nn), c(10L, 3L))
})

test_that("peers agree on data without ties", {
  set.seed(6)
  x <- matrix(rnorm(3000), ncol = 3)
  y <- matrix(rnorm(300), ncol = 3)
  mine <- find_knn(x, y, k = 8)
  own <- find_knn(x, k = 8)
  skip_if_not_installed("FNN")
  expect_identical(mine$index, unclass(FNN::get.knnx(x, y, 8)$nn.index), ignore_attr = TRUE)
  skip_if_not_installed("RANN")
  expect_identical(mine$index, RANN::nn2(x, y, 8)$nn.idx)
  skip_if_not_installed("dbscan")
  expect_identical(own$index, unname(dbscan::kNN(x, 8)$id))
  expect_equal(own$distance, unname(dbscan::kNN(x, 8)$dist))
})
