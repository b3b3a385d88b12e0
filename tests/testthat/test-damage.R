# An index may come from a file that something else wrote: whatever is changed in it, a call ends
# with a classed error or an answer, and the process goes on.

leaves <- function(object, path = list()) {
  if (!is.list(object) || !length(object)) return(list(path))
  c(list(path),
    unlist(lapply(seq_along(object), function(i) leaves(object[[i]], c(path, i))),
           recursive = FALSE))
}

replace_at <- function(object, path, value) {
  if (!length(path)) return(value)
  i <- path[[1]]
  if (length(path) == 1)
    object[i] <- list(value) else object[[i]] <- replace_at(object[[i]], path[-1], value)
  object
}

wild <- function(x) {
  at <- sample(length(x), 1)
  if (is.integer(x))
    x[at] <- sample(c(0L, -1L, NA, .Machine$integer.max, -.Machine$integer.max, sample(700, 1)), 1)
  else if (is.double(x)) x[at] <- sample(c(NaN, Inf, -Inf, -1, 0, 1e300, 1e-300, 5e-324, NA), 1)
  else if (is.raw(x)) x[sample(length(x), 50, replace = TRUE)] <- as.raw(sample(255, 50,
      replace = TRUE))
  else if (is.character(x)) x[at] <- "else"
  else x[at] <- !x[at]
  x
}

damage <- function(x) {
  how <- sample(c("nothing", "text", "empty", "missing", "shorter", "longer", "other type",
                  "no shape", rep("wild", 6)), 1)
  if (is.function(x)) return(function(...) stop("lost"))
  values <- is.atomic(x) && length(x) > 0
  switch(how, nothing = NULL, text = "a", empty = list(), missing = NA, longer = c(x, x),
         shorter = if (values) x[-sample(length(x), 1)],
         "other type" = if (values) as.vector(x, sample(c("double", "integer", "character"), 1)),
         "no shape" = if (values) as.vector(x), wild = if (values) wild(x) else rev(x))
}

calls <- list(
  function(tree) find_knn(tree, k = 3, rows = 1:20, threads = 1, progress = FALSE),
  function(tree) find_knn(tree, query = tree$x[1:3, , drop = FALSE], k = 2, threads = 1,
                          progress = FALSE),
  function(tree) find_within(tree, radius = 0.05, rows = 1:10, threads = 1, progress = FALSE),
  function(tree) find_knn(tree, k = 2, rows = 1:5, oversample = 3, threads = 1, progress = FALSE),
  function(tree) tree_check(tree, threads = 1),
  function(tree) update(tree, metric_correlation(cov_exponential(lengthscale = 0.3)), threads = 1)
)

test_that("damage anywhere in an index is a classed error or an answer", {
  skip_on_cran()
  set.seed(33)
  x <- matrix(runif(400), ncol = 2)
  many <- matrix(runif(12000), ncol = 2)
  smooth <- suppressWarnings(cover_tree(many,
                                        metric_residual(cov_gaussian(lengthscale = 0.1),
                                                        many[1:40, ]), net_bytes = 0))
  run <- list(threads = 1L, progress = FALSE)
  smooth <- covertree:::seal_index(covertree:::add_net(smooth, NULL, run, forced = TRUE), run)
  expect_identical(covertree:::add_net(smooth, NULL, run, forced = TRUE)$net, smooth$net)
  indexes <- list(
    cover_tree(x), cover_tree(x * 50, metric_great_circle()), smooth,
    cover_tree(x, metric_function(function(a, B) sqrt((a[1] - B[, 1])^2 + (a[2] - B[, 2])^2))),
    suppressWarnings(cover_tree(x, metric_residual(cov_matern(1.5, lengthscale = 0.3), x[1:20, ]),
                                build = "metric")),
    cover_tree(x,
               metric_residual(cov_exponential(lengthscale = 0.3), V = matrix(0.01, 200, 3),
                               p = rep(1 - 3e-4, 200)))
  )
  outcome <- unlist(lapply(seq_len(240), function(i) {
    tree <- indexes[[1 + i %% length(indexes)]]
    path <- sample(Filter(length, leaves(unclass(tree))), 1)[[1]]
    harmed <- structure(suppressWarnings(replace_at(unclass(tree), path,
                                                    damage(Reduce(`[[`, path, unclass(tree))))),
                                                class = "cover_tree")
    vapply(calls, function(call) {
      tryCatch({
        suppressWarnings(call(harmed))
        "answer"
      }, covertree_error = function(e) "classed",
    error = function(e) paste(conditionMessage(e), "at", deparse(path)))
    }, "")
  }))
  expect_identical(setdiff(outcome, c("answer", "classed")), character())
  expect_gt(sum(outcome == "classed"), 200)
  expect_identical(find_knn(indexes[[1]], k = 3)$index, find_knn(x, k = 3)$index)
})
