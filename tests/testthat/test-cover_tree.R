test_that("trees keep their invariants for every metric and kind of data", {
  set.seed(41)
  for (d in c(1, 2, 3,
              5)) for (metric in all_metrics(d)) for (kind in data_kinds) for (order in c("hilbert",
                  "natural")) {
    x <- data_for(metric, kind, sample(c(1, 2, 60, 200), 1), d)
    expect_silent(tree_check(cover_tree(x, metric, order = order, threads = 2)))
  }
})

test_that("the tree is the same for every number of threads", {
  set.seed(42)
  x <- matrix(rnorm(60000), ncol = 3)
  one <- cover_tree(x, threads = 1)
  for (threads in c(2, 3, 7)) {
    more <- covertree:::add_tree(one, list(threads = threads, progress = FALSE))
    expect_identical(more$tree, one$tree)
  }
})

test_that("an index survives a file and another process", {
  x <- matrix(rnorm(2000), ncol = 2)
  tree <- cover_tree(x, metric_euclidean(scale = c(1, 3)))
  file <- withr::local_tempfile()
  saveRDS(tree, file)
  expect_identical(readRDS(file), tree)
  script <- sprintf(
    "library(covertree); saveRDS(find_knn(readRDS('%s'), k = 4, threads = 1), '%s.out')", file,
    file)
  status <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(script)),
                    env = paste0("R_LIBS=", paste(.libPaths(), collapse = ":")))
  expect_identical(status, 0L)
  expect_identical(readRDS(paste0(file, ".out"))$index, find_knn(tree, k = 4)$index)
})

test_that("hard shapes of 100,000 points and a million build in seconds, answer and stay small", {
  n <- 1e5
  set.seed(44)
  shapes <- list(
    same = matrix(1, n, 2),
    halved = matrix(2^-(1:n)), # from 2^-1074 on there is nothing but zeros
    grid = as.matrix(expand.grid(1:1000, 1:1000)) + 0,
    far = rbind(matrix(runif(2 * n - 2), ncol = 2), c(1e9, 1e9))
  )
  squares <- metric_function(function(a, B) sqrt(rowSums((B - rep(a, each = nrow(B)))^2)))
  for (shape in names(shapes)) {
    x <- unname(shapes[[shape]])
    rows <- as.integer(c(1, 551, nrow(x) %/% 2, nrow(x)))
    truth <- oracle_knn(metric_euclidean(), x, 5, x[rows, , drop = FALSE], own = rows)
    seconds <- system.time({
      tree <- cover_tree(x, build = "metric")
      expect_silent(tree_check(tree))
      all <- find_knn(tree, k = 5)
    })[["elapsed"]]
    expect_lt(seconds, 15)
    expect_lte(as.numeric(object.size(tree)) - as.numeric(object.size(tree$x)), 64 * nrow(x))
    expect_identical(unname(all$index[rows, ]), unname(truth$index), info = shape)
    expect_same_neighbors(find_knn(tree, rows = rows, k = 5), truth)
    if (shape != "grid")
      expect_same_neighbors(find_knn(cover_tree(x, squares), rows = rows, k = 5), truth)
  }
})

test_that("the build needs near n log n distances", {
  per_point <- function(n, d) {
    set.seed(43)
    cover_tree(matrix(runif(n * d), n))$stats$evaluations / n
  }
  for (d in 2:3) expect_lte(per_point(4e4, d), 1.35 * per_point(1e4, d))
})

test_that("printing says what the index is", {
  local_reproducible_output(width = 90)
  tree <- cover_tree(quakes[, c("long", "lat")], metric_great_circle(), threads = 1)
  expect_snapshot(tree)
  expect_identical(dim(tree), c(1000L, 2L))
  expect_length(tree, 1000)
  expect_output(print(summary(tree)), "levels")
})
