skip_if_not_installed("dbscan")

test_that("dbscan clusters our neighbours within a radius as its own", {
  set.seed(6)
  x <- rbind(matrix(rnorm(100, sd = 0.2), 50), matrix(rnorm(100, 2, sd = 0.3), 50))
  ours <- as_dbscan(find_within(x, radius = 0.25))
  own <- dbscan::frNN(x, eps = 0.25)
  expect_equal(ours$id, own$id, ignore_attr = TRUE)
  expect_equal(ours$dist, own$dist, ignore_attr = TRUE)
  expect_identical(dbscan::dbscan(ours, minPts = 5)$cluster,
                   dbscan::dbscan(x, eps = 0.25, minPts = 5)$cluster)
  expect_identical(dbscan::comps(ours), dbscan::comps(own))
  expect_output(print(ours), "frNN|neighbors")
})

test_that("functions of the k nearest run on ours", {
  set.seed(7)
  x <- matrix(rnorm(120), 60, dimnames = list(paste0("p", 1:60), NULL))
  ours <- as_dbscan(find_knn(x, k = 6))
  own <- dbscan::kNN(x, k = 6)
  expect_equal(unclass(ours)[c("id", "dist", "k")], unclass(own)[c("id", "dist", "k")],
               ignore_attr = TRUE)
  expect_equal(dbscan::sNN(ours, k = 6)$shared, dbscan::sNN(own, k = 6)$shared, ignore_attr = TRUE)
  expect_equal(dbscan::jpclust(ours, k = 6, kt = 3)$cluster,
               dbscan::jpclust(own, k = 6, kt = 3)$cluster, ignore_attr = TRUE)
  expect_equal(dbscan::adjacencylist(ours), dbscan::adjacencylist(own), ignore_attr = TRUE)
  expect_equal(dbscan::kNN(ours, k = 2)$id, dbscan::kNN(own, k = 2)$id, ignore_attr = TRUE)
})

test_that("rows with fewer neighbours are an error", {
  expect_error(as_dbscan(vecchia_neighbors(faithful, m = 3)), class = "covertree_error_input")
})
