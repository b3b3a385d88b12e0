# What a user may have edited: metrics and covariances are refused by name, an index by its
# checksum.

test_that("a metric or covariance that its function would not make is refused", {
  x <- matrix(seq(-1, 1, length.out = 60), 30)
  edit <- function(object, part, value) {
    object[part] <- list(value)
    object
  }
  renamed <- function(object, from) {
    names(object)[names(object) == from] <- paste0(from, "z")
    object
  }
  for (power in list(0, 1e-300, 5e-324, numeric(), "a", 3L, NULL, NaN, 1001)) {
    expect_input_error(find_knn(x, k = 2, metric = edit(metric_minkowski(3), "power", power)),
                       "power")
  }
  for (radius in list(NaN, numeric(), "a", -1, 0, NULL, c(1, 2))) {
    harmed <- edit(metric_great_circle(), "radius", radius)
    expect_input_error(find_knn(x, k = 2, metric = harmed), "radius")
    expect_input_error(vecchia_order(x, metric = harmed), "radius")
    expect_input_error(vecchia_neighbors(x, m = 2, metric = harmed), "radius")
    expect_input_error(find_within(x, radius = 1, metric = harmed), "radius")
    expect_input_error(cover_tree(x, metric = harmed), "radius")
  }
  expect_input_error(find_knn(x, k = 2, metric = renamed(metric_euclidean(c(1, 50)), "scale")),
                     "scalez")
  expect_input_error(find_knn(x, k = 2, metric = edit(metric_euclidean(), "kind", "euclid")),
                     "kind")
  cov <- cov_matern(0.8, lengthscale = 0.3)
  harm <- list(variance = numeric(), variance = 0, lengthscale = -1, lengthscale = numeric(),
               nugget = NaN, shape = NULL,
               shape = 101, shape = 0, lonlat = NA, kind = "mattern", variance = 1L)
  for (i in seq_along(harm)) {
    harmed <- edit(cov, names(harm)[i], harm[[i]])
    expect_input_error(metric_correlation(harmed), names(harm)[i])
    expect_input_error(inducing_points(x, 3, cov = harmed), names(harm)[i])
    late <- metric_correlation(cov)
    late$cov <- harmed
    expect_input_error(find_knn(x, k = 2, metric = late), "cov")
  }
  expect_input_error(metric_correlation(renamed(cov, "shape")), "shapez")
})

indexes_of_all_kinds <- function() {
  x <- matrix(runif(300), ncol = 2, dimnames = list(paste("place", 1:150), c("a", "b")))
  u <- x[1:12, ] + 0.01
  run <- list(threads = 1L, progress = FALSE)
  residual <- cover_tree(x, metric_residual(cov_matern(1.5, lengthscale = 0.3), u), net_bytes = 0)
  list(
    plain = cover_tree(x, metric_euclidean(c(1, 50))),
    sphere = cover_tree(x * 50, metric_great_circle()),
    residual = residual,
    net = covertree:::seal_index(covertree:::add_net(residual, 1e7, run, forced = TRUE), run),
    own = cover_tree(x,
                     metric_residual(cov_exponential(lengthscale = 0.3), V = matrix(0.01, 150, 3),
                                     p = rep(1 - 3e-4, 150))),
    fun = cover_tree(x,
                     metric_correlation(cov_function(function(A, B) outer(A[, 1], B[, 1], pmin))))
  )
}

# Paths of all vectors of an index but its checksum, deepest last.
paths_of <- function(object, path = list()) {
  if (is.list(object)) {
    inner <- lapply(setdiff(names(object), "checksum"),
                    function(name) paths_of(object[[name]], c(path, name)))
    return(unlist(inner, recursive = FALSE))
  }
  if (is.null(object)) list() else list(path)
}

holds <- function(tree) .Call(covertree:::C_ffi_seal_holds, tree)
sum_of_index <- function(tree) .Call(covertree:::C_ffi_checksum, tree, 1L)

# As a user would write it: index$a$b[i] <- value, in place.
edit_at <- function(index, path) {
  place <- Reduce(function(object, name) call("$", object, as.name(name)), path, quote(index))
  old <- Reduce(`[[`, path, unclass(index))
  if (is.function(old)) {
    eval(call("<-", place, function(...) 1))
    return(index)
  }
  at <- sample(length(old), 1)
  new <- switch(typeof(old), double = old[at] + 1, integer = bitwXor(old[at], 1L),
                logical = !old[at],
                character = paste0(old[at], "x"), raw = xor(old[at], as.raw(1)))
  eval(call("<-", call("[", place, at), new))
  index
}

test_that("every edit of an index is seen, sealed or reloaded", {
  set.seed(71)
  for (tree in indexes_of_all_kinds()) {
    query <- tree$x[1:2, , drop = FALSE] + 0.001
    if (!is.null(tree$residual$V) && is.null(tree$metric$L))
      query <- with_factor(query, matrix(0.01, 2, 3), rep(1 - 3e-4, 2))
    before <- find_knn(tree, query = query, k = 3)
    reloaded <- unserialize(serialize(tree, NULL))
    expect_identical(reloaded$checksum, tree$checksum)
    paths <- Filter(function(path) length(Reduce(`[[`, path, unclass(tree))) > 0,
                    paths_of(unclass(tree)))
    for (path in paths) {
      where <- paste(path, collapse = "$")
      expect_error(find_knn(edit_at(tree, path), query = query, k = 3), class = "covertree_error",
                   info = where)
      expect_false(identical(sum_of_index(edit_at(reloaded, path)), tree$checksum), info = where)
    }
    unseen <- 0
    for (path in sample(paths, 200, replace = TRUE)) {
      harmed <- edit_at(tree, path)
      unseen <- unseen + holds(harmed) + identical(sum_of_index(harmed), tree$checksum)
    }
    expect_identical(unseen, 0)
    expect_identical(find_knn(tree, query = query, k = 3)$index, before$index)
    expect_identical(find_knn(reloaded, query = query, k = 3)$distance, before$distance)
  }
})

test_that("names, attributes, removed, added and exchanged parts are seen", {
  set.seed(72)
  trees <- indexes_of_all_kinds()
  refused <- function(tree) expect_error(find_knn(tree, k = 2), class = "covertree_error")
  for (tree in trees) {
    for (name in setdiff(names(Filter(Negate(is.null), unclass(tree))), c("checksum", "fun"))) {
      harmed <- tree
      names(harmed)[names(harmed) == name] <- paste0(name, "z")
      refused(harmed)
      harmed <- tree
      harmed[[name]] <- NULL
      refused(harmed)
    }
    harmed <- tree
    names(harmed$tree)[5] <- "parent"
    refused(harmed)
    harmed <- tree
    rownames(harmed$x)[3] <- "elsewhere"
    refused(harmed)
    harmed <- tree
    attr(harmed$tree$point, "note") <- "mine"
    refused(harmed)
    harmed <- tree
    harmed$checksum[1] <- harmed$checksum[1] + 1L
    refused(harmed)
    harmed <- tree
    harmed$checksum <- NULL
    refused(harmed)
    harmed <- tree
    harmed$more <- 1
    refused(harmed)
  }
  other <- cover_tree(matrix(runif(300), ncol = 2), metric_euclidean(c(1, 50)))
  for (name in c("x", "tree", "blocks", "checksum")) {
    harmed <- trees$plain
    harmed[[name]] <- other[[name]]
    refused(harmed)
  }
})

test_that("tree_check() knows an index from a file, and sees what was changed in it", {
  set.seed(73)
  for (tree in indexes_of_all_kinds()) {
    file <- tempfile(fileext = ".rds")
    saveRDS(tree, file)
    reloaded <- readRDS(file)
    unlink(file)
    expect_true(holds(tree))
    expect_false(holds(reloaded))
    expect_equal(reloaded, tree, ignore_function_env = TRUE)
    checked <- tree_check(reloaded)
    expect_true(holds(checked))
    expect_equal(checked, tree, ignore_function_env = TRUE)
    if (!is.null(tree$metric$L)) expect_true(holds(update(checked, tree$metric)))
    reloaded$stats$nodes <- -1
    expect_error(tree_check(reloaded), "not what it was", class = "covertree_error_index")
  }
})

test_that("a sum does not depend on threads, encoding or where a function was written", {
  sum_of <- function(x, threads = 1L) .Call(covertree:::C_ffi_checksum, list(part = x), threads)
  x <- runif(3e6)
  expect_identical(sum_of(x, 2L), sum_of(x))
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(sum_of(latin), sum_of("caf\u00e9"))
  f <- eval(parse(text = "function(a, b = 2) a + b", keep.source = TRUE))
  g <- eval(parse(text = "function(a,   b = 2) a +  b", keep.source = FALSE))
  h <- eval(parse(text = "function(a, b = 3) a + b", keep.source = FALSE))
  expect_identical(sum_of(f), sum_of(g))
  expect_false(identical(sum_of(g), sum_of(h)))
  expect_false(identical(sum_of(1L), sum_of(1)))
  expect_false(identical(sum_of(list(1, NULL)), sum_of(list(1))))
  expect_identical(sum_of(structure(1, a = 1, b = 2)), sum_of(structure(1, b = 2, a = 1)))
})

test_that("what is kept for an index gives the answers of a fresh one, call after call", {
  set.seed(74)
  calls <- list(
    function(tree, q) find_knn(tree, k = 4, threads = 2),
    function(tree, q) find_knn(tree, k = 4, rows = c(9, 3, 140)),
    function(tree, q) find_knn(tree, query = q, k = 3),
    function(tree, q) find_knn(tree, k = 3, predecessors = TRUE),
    function(tree, q) find_knn(tree, query = q, k = 3, max_index = c(20, 90)),
    function(tree, q) find_knn(tree, query = q, k = 3, oversample = 5),
    function(tree, q) find_within(tree, radius = 0.05, threads = 2),
    function(tree, q) vecchia_neighbors(tree, m = 5)
  )
  trees <- indexes_of_all_kinds()
  x <- matrix(runif(12000), ncol = 2)
  trees$large <- cover_tree(x)
  for (tree in trees) {
    query <- tree$x[1:2, , drop = FALSE] + 0.001
    if (!is.null(tree$residual$V) && is.null(tree$metric$L))
      query <- with_factor(query, matrix(0.01, 2, 3), rep(1 - 3e-4, 2))
    fresh <- unserialize(serialize(tree, NULL))
    for (i in c(seq_along(calls), sample(length(calls)))) {
      kept <- calls[[i]](tree, query)
      expect_true(holds(tree))
      expect_identical(unclass(kept)[c("index", "distance")],
                       unclass(calls[[i]](fresh, query))[c("index", "distance")])
    }
  }
  first <- attr(find_knn(trees$large, query = cbind(0.5, 0.5), k = 3), "stats")$seconds
  expect_lt(first[["blocks"]], 1e-3)
})

test_that("what is kept goes with the index", {
  skip_on_cran()
  used <- function() sum(gc()[, 2])
  before <- used()
  tree <- cover_tree(matrix(runif(4e5), ncol = 2))
  built <- used()
  find_knn(tree, query = cbind(0.5, 0.5), k = 3)
  kept <- used()
  expect_gt(kept - built, 4)
  copy <- tree
  copy$x[1] <- 0.5
  expect_error(find_knn(copy, k = 1), class = "covertree_error_index")
  rm(copy, tree)
  expect_lt(used() - before, 1)
})
