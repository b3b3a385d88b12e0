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
  for (bad in list(0, -2, 1.5, NA, "two")) expect_input_error(find_knn(x, k = 1, threads = bad),
                                                              "threads")
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
  for (why in names(refused)) expect_error(cover_tree(x, metric_function(refused[[why]])), why,
                                           class = "covertree_error_metric")
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
    function(t) { t$tree <- NULL; t }, function(t) { t$x[1] <- NA; t },
    function(t) { t$metric <- 3; t },
    function(t) { t$x <- t$x[-1, ]; t }
  )
  for (harm in damage) expect_error(tree_check(harm(tree)), class = "covertree_error")
  for (harm in damage[c(1, 2, 3, 4, 8, 9, 10, 11, 12)]) expect_error(find_knn(harm(closure), k = 2),
                                                                     class = "covertree_error")
  for (value in list(0L, 101L, NA, 7L)) {
    broken <- tree
    broken$blocks[broken$blocks == 3] <- value
    expect_error(find_knn(broken, k = 2), class = "covertree_error_index")
  }
  expect_error(tree_check(x), class = "covertree_error_input")
})

test_that("random damage to an index is an error or a right answer", {
  set.seed(32)
  tree <- cover_tree(matrix(runif(60), ncol = 2),
                     metric_function(function(a, B) sqrt((a[1] - B[, 1])^2 + (a[2] - B[, 2])^2)))
  outcome <- replicate(400, {
    harmed <- tree
    part <- sample(names(tree$tree), 1)
    at <- sample(30, 1)
    value <- sample(list(0L, -1L, 31L, 1000000L, NA, .Machine$integer.max), 1)[[1]]
    harmed$tree[[part]][at] <- if (is.double(tree$tree[[part]])) sample(c(NaN, -1, 1e300, 0), 1)
                               else value
    tryCatch({
      tree_check(harmed)
      "accepted"
    }, covertree_error = function(e) "refused")
  })
  expect_true(all(outcome %in% c("accepted", "refused")))
  expect_gt(mean(outcome == "refused"), 0.8)
})

test_that("covariances, inducing points and factors are refused before anything is searched", {
  set.seed(33)
  places <- matrix(runif(40), 20)
  cov <- cov_matern(1.5, lengthscale = 0.4)
  u <- places[1:4, ] + 0.01
  for (bad in c(NA, NaN, Inf, 1e200)) {
    expect_input_error(cover_tree(places, metric_residual(cov, replace(u, 7, bad))),
                       "Row 3, column 2")
    expect_input_error(cover_tree(replace(places, 24, bad), metric_residual(cov, u)),
                       "Row 4, column 2")
    expect_input_error(find_knn(places, replace(places, 24, bad), k = 1,
                                metric = metric_residual(cov, u)), "Row 4, column 2")
    expect_input_error(inducing_points(replace(places, 24, bad), 3), "Row 4, column 2")
  }
  expect_input_error(cover_tree(places, metric_residual(cov, u[0, ])), "at least one row")
  expect_input_error(cover_tree(places, metric_residual(cov, "a")), "must hold numbers")
  for (bad in list(0, 21, 1.5, NA, "3")) expect_input_error(inducing_points(places, bad), "`m`")
  expect_error(inducing_points(places, 3, method = "grid"), "method")
  expect_input_error(inducing_points(places, 3, steps = -1), "steps")
  expect_input_error(inducing_points(places, 3, cov = "matern"), "covariance")
  for (bad in list(-1, NA, Inf, "much", c(1, 2))) expect_input_error(metric_residual(cov, u,
      jitter = bad), "jitter")
  expect_input_error(metric_residual(cov, u, nugget = NA), "nugget")
  globe <- cov_exponential(lonlat = TRUE)
  expect_input_error(cover_tree(cbind(1:3, c(0, 91, 2)), metric_correlation(globe)),
                     "latitudes within")
  expect_input_error(cover_tree(cbind(c(0, 800, 1), 1:3), metric_correlation(globe)),
                     "longitudes within")
  expect_input_error(cover_tree(1:3, metric_correlation(globe)), "longitude and latitude")
  expect_input_error(find_knn(places, k = 3, metric = metric_residual(cov, u), oversample = 1.5),
                     "oversample")
  expect_identical(dim(find_knn(places, k = 3, metric = metric_residual(cov, u))), c(20L, 3L))
})

test_that("a user's own factor is checked, of points and of queries", {
  set.seed(34)
  places <- matrix(runif(40), 20)
  cov <- cov_matern(1.5, lengthscale = 0.4)
  V <- matrix(runif(40, 0, 0.5), 20)
  p <- 1 - rowSums(V^2)
  search <- function(V, p) find_knn(places, k = 2, metric = metric_residual(cov, V = V, p = p))
  expect_input_error(search(as.data.frame(V), p), "numeric matrix")
  expect_input_error(search(V, p[-1]), "each row")
  expect_input_error(search(V[-1, ], p[-1]), "row per point")
  expect_input_error(search(V, as.character(p)), "each row")
  for (bad in c(NA, NaN, Inf)) {
    expect_input_error(search(replace(V, 25, bad), p), "row 5, column 2")
    expect_input_error(search(V, replace(p, 5, bad)), "element 5")
  }
  expect_input_error(search(replace(V, 25, 1e200), p), "do not fit")
  expect_input_error(search(V, replace(p, 5, -0.1)), "not be negative: element 5")
  expect_input_error(search(V, replace(p, 5, p[5] + 0.1)), "Row 5")
  expect_silent(search(V, p * (1 + 1e-9)))
  tree <- cover_tree(places, metric_residual(cov, V = V, p = p))
  expect_input_error(find_knn(tree, places[1:2, ], k = 1), "with_factor")
  expect_input_error(with_factor(places, V[-1, ], p[-1]), "row per point")
  expect_input_error(with_factor(places, replace(V, 2, NA), p), "row 2, column 1")
  expect_input_error(find_knn(tree, with_factor(places[1:2, ], V[1:2, 1, drop = FALSE], p[1:2]),
                              k = 1), "2 columns")
  expect_input_error(find_knn(tree, with_factor(places[1:2, ], V[1:2, ], p[1:2] + 1), k = 1),
                     "do not fit")
})

test_that(
  "inducing points that are too close get jitter with one warning, or an error that names them", {
  set.seed(35)
  places <- matrix(runif(400), 200)
  u <- rbind(matrix(runif(16), 8), c(0.5, 0.5), c(0.5, 0.5) + 1e-12)
  warned <- 0
  tree <- withCallingHandlers(cover_tree(places, metric_residual(cov_gaussian(lengthscale = 2), u)),
                              covertree_warning = function(w) {
    warned <<- warned + grepl("Jitter", conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  expect_identical(warned, 1)
  expect_gt(tree$metric$jitter_used, 0)
  expect_match(format(tree$metric), "jitter")
  expect_error(cover_tree(places, metric_residual(cov_gaussian(lengthscale = 2), u, jitter = 0)),
               "rows 9 and 10",
               class = "covertree_error_factor")
})

test_that("candidates without correlation fill up by row at distance 1", {
  line <- cbind(c(0, 0.1, 5, 10, 0.2))
  found <- find_knn(line, k = 4,
                    metric = metric_residual(cov_wendland(1, lengthscale = 1), cbind(20)))
  expect_identical(found$index[3, ], c(1L, 2L, 4L, 5L))
  expect_identical(found$distance[3, ], rep(1, 4))
  expect_identical(found$index[1, ], c(2L, 5L, 3L, 4L))
})
