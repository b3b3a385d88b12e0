expect_input_error <- function(object, regexp = NULL) {
  expect_error(object, regexp, class = "covertree_error")
}

x <- matrix(as.double(1:12), 6, dimnames = NULL)

test_that("points that are not numbers are refused", {
  expect_input_error(cover_tree("a"), "must hold numbers")
  expect_input_error(cover_tree(list(1, 2)), "must hold numbers")
  expect_input_error(cover_tree(NULL), "must hold numbers")
  expect_input_error(cover_tree(iris), "Species")
  expect_input_error(cover_tree(matrix(0, 3, 0)), "at least one column")
  expect_input_error(cover_tree(matrix(0, 0, 3)), "at least one row")
  expect_input_error(find_knn(matrix(0, 0, 3), k = 1), "at least one row")
  expect_input_error(cover_tree(array(0, c(2, 2, 2))), "must hold numbers")
})

test_that("a query of no rows has no neighbours", {
  found <- find_knn(x, matrix(0, 0, 2), k = 3)
  expect_identical(dim(found$index), c(0L, 3L))
  expect_identical(find_within(x, matrix(0, 0, 2), radius = 1)$index, list())
})

test_that("values that are not finite or overflow are named by row and column", {
  for (bad in c(NA, NaN, Inf, -Inf, 1e200)) {
    y <- x
    y[4, 2] <- bad
    expect_input_error(cover_tree(y), "Row 4, column 2")
    expect_input_error(find_knn(x, y, k = 1), "Row 4, column 2")
    expect_input_error(vecchia_neighbors(y, m = 1), "Row 4, column 2")
    expect_input_error(vecchia_neighbors(x, m = 1, locs_pred = y), "Row 4, column 2")
  }
  expect_input_error(cover_tree(x, metric_euclidean(scale = c(1, 1e-200))), "Row 1, column 2")
})

test_that("k and m must be whole numbers with enough candidates", {
  for (bad in list(0, -1, 2.7, NA, NULL, "3", c(1, 2), Inf)) {
    expect_input_error(find_knn(x, k = bad), "`k`")
    expect_input_error(vecchia_neighbors(x, m = bad), "`m`")
  }
  expect_input_error(find_knn(x, k = 6), "5 candidates")
  expect_input_error(find_knn(x, x, k = 7), "6 candidates")
  expect_identical(dim(find_knn(x, x, k = 6)), c(6L, 6L))
})

test_that("columns are never recycled", {
  expect_input_error(find_knn(x, matrix(0, 2, 3), k = 1), "as many columns")
  expect_input_error(find_knn(x, c(1, 2), k = 1), "as many columns")
  expect_input_error(vecchia_neighbors(x, locs_pred = matrix(0, 2, 1), m = 1), "as many columns")
  expect_input_error(cover_tree(x, metric_euclidean(scale = c(1, 2, 3))), "scale")
  expect_input_error(find_knn(cover_tree(quakes[, 1:2]), quakes[1:3, 2:1], k = 1), "order")
})

test_that("rows, limits, radius and flags are checked", {
  expect_input_error(find_knn(x, rows = 7, k = 1), "within 1..6")
  expect_input_error(find_knn(x, rows = 0, k = 1), "within 1..6")
  expect_input_error(find_knn(x, rows = NA, k = 1), "row numbers")
  expect_input_error(find_knn(x, rows = 1.5, k = 1), "1.5")
  expect_input_error(find_knn(x, x, rows = 1, k = 1), "together")
  expect_input_error(find_knn(x, x, k = 1, predecessors = TRUE), "max_index")
  expect_input_error(find_knn(x, k = 1, max_index = 3), "predecessors")
  expect_input_error(find_knn(x, x, k = 1, max_index = c(1, 2)), "one per query")
  expect_input_error(find_knn(x, x, k = 1, max_index = -1), "row numbers or 0")
  expect_input_error(find_within(x, radius = -1), "radius")
  expect_input_error(find_within(x, radius = NA), "radius")
  expect_input_error(find_within(x), "radius")
  expect_input_error(find_knn(x, k = 1, self = NA), "self")
  expect_input_error(find_knn(x, k = 1, progress = "yes"), "progress")
  for (bad in list(0, -2, 1.5, NA, "two")) expect_input_error(find_knn(x, k = 1, threads = bad), "threads")
})

test_that("metrics check their parameters", {
  expect_input_error(metric_euclidean(scale = 0), "positive")
  expect_input_error(metric_euclidean(scale = c(1, NA)), "Element 2")
  expect_input_error(metric_minkowski(0.5), "at least 1")
  expect_input_error(metric_minkowski(Inf), "finite")
  expect_input_error(metric_great_circle(radius = 0), "greater than 0")
  expect_input_error(metric_function(3), "function")
  expect_input_error(cover_tree(x, "euclidean"), "metric_euclidean")
})

test_that("places off the globe are refused", {
  expect_input_error(cover_tree(cbind(0, 91), metric_great_circle()), "latitudes within")
  expect_input_error(cover_tree(cbind(800, 0), metric_great_circle()), "longitudes within")
  expect_input_error(cover_tree(cbind(1, 2, 3), metric_great_circle()), "two columns")
  expect_input_error(cover_tree(rbind(c(1, 1), 0), metric_angular()), "Row 2 is zero")
})

test_that("functions that are not a metric are refused", {
  ok <- function(a, B) abs(B[, 1] - a[1])
  refused <- list(
    "is -" = function(a, B) -ok(a, B),
    "to itself" = function(a, B) ok(a, B) + 1,
    "symmetric" = function(a, B) ok(a, B) * (1 + (B[, 1] > a[1])),
    "distances, it returned" = function(a, B) 1,
    "NA" = function(a, B) NA * ok(a, B),
    "triangle" = function(a, B) ok(a, B)^2
  )
  for (why in names(refused)) expect_error(cover_tree(x, metric_function(refused[[why]])), why, class = "covertree_error_metric")
  late <- function(a, B) if (nrow(B) == 7) stop("lost") else ok(a, B)
  expect_error(cover_tree(matrix(as.double(1:8)), metric_function(late)), "lost")
})

test_that("a function that fails only later is an error and leaves the process sound", {
  calls <- 0
  late <- metric_function(function(a, B) {
    calls <<- calls + 1
    d <- abs(B[, 1] - a[1])
    if (calls > 20) NA * d else d
  })
  y <- matrix(runif(200))
  expect_error(find_knn(y, k = 3, metric = late), class = "covertree_error_metric")
  expect_identical(dim(find_knn(y, k = 3)), c(200L, 3L))
})

test_that("tampered indexes are refused, never followed", {
  set.seed(31)
  tree <- cover_tree(matrix(runif(200), ncol = 2))
  closure <- cover_tree(tree$x, metric_function(function(a, B) abs(B[, 1] - a[1])))
  damage <- list(
    function(t) { t$tree$size[1] <- 3L; t }, function(t) { t$tree$size[5] <- 0L; t },
    function(t) { t$tree$point[2] <- 1L; t }, function(t) { t$tree$point[2] <- NA; t },
    function(t) { t$tree$radius[1] <- 0; t }, function(t) { t$tree$parent_distance[3] <- NaN; t },
    function(t) { t$tree$level[2] <- 999L; t }, function(t) { t$tree$size <- t$tree$size[-1]; t },
    function(t) { t$tree <- NULL; t }, function(t) { t$x[1] <- NA; t }, function(t) { t$metric <- 3; t },
    function(t) { t$x <- t$x[-1, ]; t }
  )
  for (harm in damage) expect_error(tree_check(harm(tree)), class = "covertree_error")
  for (harm in damage[c(1, 2, 3, 4, 8, 9, 10, 11, 12)]) expect_error(find_knn(harm(closure), k = 2), class = "covertree_error")
  for (value in list(0L, 101L, NA, 7L)) {
    broken <- tree
    broken$blocks[broken$blocks == 3] <- value
    expect_error(find_knn(broken, k = 2), class = "covertree_error_index")
  }
  expect_error(tree_check(x), class = "covertree_error_input")
})

test_that("random damage to an index is an error or a right answer", {
  set.seed(32)
  tree <- cover_tree(matrix(runif(60), ncol = 2), metric_function(function(a, B) sqrt((a[1] - B[, 1])^2 + (a[2] - B[, 2])^2)))
  outcome <- replicate(400, {
    harmed <- tree
    part <- sample(names(tree$tree), 1)
    at <- sample(30, 1)
    value <- sample(list(0L, -1L, 31L, 1000000L, NA, .Machine$integer.max), 1)[[1]]
    harmed$tree[[part]][at] <- if (is.double(tree$tree[[part]])) sample(c(NaN, -1, 1e300, 0), 1) else value
    tryCatch({
      tree_check(harmed)
      "accepted"
    }, covertree_error = function(e) "refused")
  })
  expect_true(all(outcome %in% c("accepted", "refused")))
  expect_gt(mean(outcome == "refused"), 0.8)
})
