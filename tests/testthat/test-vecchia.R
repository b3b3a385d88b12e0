test_that("conditioning sets hold exactly min(i - 1, m) earlier rows", {
  nn <- vecchia_neighbors(quakes[1:50, c("long", "lat")], m = 7)
  expect_identical(rowSums(!is.na(nn$index)), pmin(0:49, 7))
  expect_true(all(nn$index < row(nn$index), na.rm = TRUE))
})

test_that("sets of the first rows are padded", {
  nn <- vecchia_neighbors(cbind(1:3, 0), m = 2)
  expect_identical(nn$index, rbind(c(NA_integer_, NA), c(1L, NA), c(2L, 1L)))
})

test_that("the array is GpGp's on data without ties", {
  skip_if_not_installed("GpGp")
  skip_if_not_installed("fields") # which GpGp's brute force needs
  set.seed(21)
  locs <- matrix(runif(1000), ncol = 2)
  expect_identical(as_NNarray(vecchia_neighbors(locs, m = 12)),
                   GpGp::find_ordered_nn_brute(locs, 12), ignore_attr = TRUE)
})

test_that("GpGp fits with the array as it is", {
  skip_if_not_installed("GpGp")
  skip_if_not_installed("fields") # which GpGp's brute force needs
  set.seed(22)
  locs <- matrix(runif(400), ncol = 2)
  y <- rnorm(200)
  NN <- as_NNarray(vecchia_neighbors(locs, m = 10))
  parms <- c(1, 0.2, 0.5, 0.1)
  mine <- GpGp::vecchia_meanzero_loglik(parms, "matern_isotropic", y, locs, NN)$loglik
  theirs <- GpGp::vecchia_meanzero_loglik(parms, "matern_isotropic", y, locs,
                                          GpGp::find_ordered_nn_brute(locs, 10))$loglik
  expect_equal(mine, theirs, tolerance = 1e-12)
})

test_that("predictions condition on observations, or on earlier predictions too", {
  set.seed(23)
  locs <- matrix(runif(200), ncol = 2)
  pred <- matrix(runif(60), ncol = 2)
  m <- metric_euclidean()
  obs <- vecchia_neighbors(locs, m = 6, locs_pred = pred)
  expect_same_neighbors(obs, oracle_knn(m, locs, 6, pred))
  all <- vecchia_neighbors(locs, m = 6, locs_pred = pred, cond_on = "all")
  both <- rbind(locs, pred)
  expect_same_neighbors(all, oracle_knn(m, both, 6, pred, own = 100 + 1:30, limit = 100 + 0:29))
  expect_identical(as_NNarray(obs)[, 1], 101:130)
  expect_identical(rbind(as_NNarray(vecchia_neighbors(locs, m = 6)), as_NNarray(all)),
                   as_NNarray(vecchia_neighbors(both, m = 6)))
})

test_that("predictions work from an index and on the sphere", {
  set.seed(24)
  locs <- make_globe("continuous", 80)
  pred <- make_globe("continuous", 10)
  tree <- cover_tree(locs, metric_great_circle())
  for (cond_on in c("obs", "all")) {
    expect_identical(vecchia_neighbors(tree, m = 5, locs_pred = pred, cond_on = cond_on)$index,
                     vecchia_neighbors(locs, m = 5, metric = metric_great_circle(),
                                       locs_pred = pred, cond_on = cond_on)$index)
  }
})

test_that("a scale stretches the columns", {
  set.seed(25)
  x <- matrix(runif(150), ncol = 3)
  scale <- c(1, 2, 0.1)
  expect_identical(vecchia_neighbors(x, m = 4, metric = metric_euclidean(scale))$index,
                   vecchia_neighbors(sweep(x, 2, scale, "/"), m = 4)$index)
})

test_that("an array is refused where rows are not all rows' earlier neighbours", {
  x <- matrix(runif(40), ncol = 2)
  expect_error(as_NNarray(find_knn(x, k = 2)), class = "covertree_error_input")
  expect_error(as_NNarray(find_knn(x, rows = 3:9, k = 2, predecessors = TRUE)),
               class = "covertree_error_input")
  expect_identical(as_NNarray(find_knn(x, k = 2, predecessors = TRUE)),
                   as_NNarray(vecchia_neighbors(x, m = 2)))
})

test_that("sets hold no more than there is to condition on, which a warning says", {
  x <- matrix(runif(40), 20)
  expect_warning(nn <- vecchia_neighbors(x, m = 2147483647), "only 19 locations",
                 class = "covertree_warning")
  expect_same_neighbors(nn, vecchia_neighbors(x, m = 19))
  expect_silent(vecchia_neighbors(x, m = 19))
  new <- matrix(runif(6), 3)
  expect_warning(pred <- vecchia_neighbors(x, m = 25, locs_pred = new), "only 20",
                 class = "covertree_warning")
  expect_identical(dim(pred$index), c(3L, 20L))
  expect_warning(pred <- vecchia_neighbors(x, m = 25, locs_pred = new, cond_on = "all"), "only 22",
                 class = "covertree_warning")
  expect_identical(dim(pred$index), c(3L, 22L))
})

test_that("answers that no memory holds are a classed error before they are asked for", {
  expect_error(covertree:::check_answers(1e12, 1e6, "k"), "more than there is",
               class = "covertree_error_memory")
})
