test_that("all neighbours within a radius equal brute force", {
  set.seed(11)
  for (d in c(1, 2, 3, 7)) for (metric in all_metrics(d)) for (kind in data_kinds) {
    n <- sample(c(1, 30, 120), 1)
    x <- data_for(metric, kind, n, d)
    tree <- cover_tree(x, metric, threads = 1)
    some <- oracle_knn(tree$metric, x, 1, x[1, , drop = FALSE], own = 1)$distance[1]
    radius <- if (is.na(some)) 1 else 1.5 * some
    found <- find_within(tree, radius = radius, threads = 2)
    truth <- oracle_within(tree$metric, x, radius, own = seq_len(n))
    expect_identical(found$index, truth$index)
    expect_identical(found$distance, truth$distance)
  }
})

test_that("points at exactly the radius belong to it", {
  x <- matrix(c(0, 0.1, 0.2, 0.3, 0.1 + 0.2), ncol = 1)
  expect_identical(find_within(x, rows = 1, radius = 0.3)$index, list(c(2L, 3L, 4L)))
  expect_identical(find_within(x, rows = 1, radius = 0.1 + 0.2)$index, list(c(2L, 3L, 4L, 5L)))
  expect_identical(find_within(matrix(1, 4), rows = 2, radius = 0)$index, list(c(1L, 3L, 4L)))
})

test_that("predecessors, new points and max_index hold for a radius too", {
  set.seed(12)
  x <- make_data("tenths", 80, 2)
  y <- make_data("tenths", 20, 2)
  m <- metric_euclidean()
  expect_identical(find_within(x, radius = 0.3, predecessors = TRUE)$index,
                   oracle_within(m, x, 0.3, own = 1:80, limit = 0:79)$index)
  limit <- sample(0:80, 20)
  expect_identical(find_within(x, y, radius = 0.3, max_index = limit)$index,
                   oracle_within(m, x, 0.3, y, limit = limit)$index)
})

test_that("the flat form holds the same with offsets", {
  x <- quakes[1:200, 1:2]
  ragged <- find_within(x, radius = 1)
  flat <- find_within(x, radius = 1, flat = TRUE)
  expect_identical(flat$index, unlist(ragged$index))
  expect_identical(diff(flat$offset), as.double(lengths(ragged$index)))
})

test_that("names of queries name the lists", {
  x <- rbind(a = c(1, 1), b = c(2, 1), c = c(5, 5))
  expect_identical(find_within(x, radius = 1)$index, list(a = 2L, b = 1L, c = integer()))
})

test_that("more pairs than may be are an error that counts them, before memory is asked for", {
  x <- matrix(runif(2000), ncol = 2)
  for (flat in c(FALSE, TRUE)) {
    expect_error(find_within(x, radius = 2, flat = flat, max_pairs = 1e5), "999,000",
                 class = "covertree_error_memory")
    expect_length(unlist(find_within(x, rows = 1:100, radius = 2, flat = flat,
                                     max_pairs = 1e5)$index), 99900)
  }
  expect_error(find_within(x, radius = 2, max_pairs = -1), "max_pairs", class = "covertree_error")
  expect_true(is.infinite(covertree:::read_bytes("no such file", "x", 1)))
  expect_gt(covertree:::memory_at_hand(), 2^20)
})

test_that("an interrupt stops the making of a list as well", {
  skip_on_cran()
  skip_on_os("windows")
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "options(covertree.progress = FALSE); set.seed(1)",
    "tree <- covertree::cover_tree(matrix(runif(1e5), ncol = 2), threads = 2)",
    "call <- function(flat) covertree::find_within(tree, radius = 0.02, threads = 2, flat = flat)",
    "flat <- system.time(call(TRUE))[3]; list <- system.time(call(FALSE))[3]",
    "late <- sapply(flat + c(0.15, 0.4, 0.7) * max(list - flat, 0), function(wait) {",
    "  sent <- tempfile(); system(sprintf('(sleep %g; date +%%s.%%N > %s; kill -INT %d) &', wait, sent, Sys.getpid()))",
    "  tryCatch(repeat call(FALSE), interrupt = function(e) 0)",
    "  as.numeric(Sys.time()) - as.numeric(readLines(sent))",
    "})",
    "cat('late', max(late), '\\n'); stopifnot(max(late) < 0.5); cat('sound')"
  ), script)
  out <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE,
                                  stderr = TRUE,
                                  env = paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))))
  expect_identical(utils::tail(out, 1), "sound", info = paste(out, collapse = "\n"))
})

test_that("a radius per query gives what one call per query gives", {
  set.seed(14)
  for (metric in all_metrics(3)) {
    x <- data_for(metric, "duplicates", 90, 3)
    radius <- sample(c(0,
                       runif(89, 0,
                             2 * find_within(x, rows = 1, radius = 1e9,
                                             metric = metric)$distance[[1]][20])))
    tree <- cover_tree(x, metric)
    found <- find_within(tree, radius = radius, threads = 2)
    single <- lapply(1:90, function(i) find_within(tree, rows = i, radius = radius[i])$index[[1]])
    expect_identical(found$index, single)
    expect_identical(find_within(tree, radius = radius, counts = TRUE), lengths(single))
  }
  cov <- cov_exponential(lengthscale = 0.3)
  for (metric in list(metric_correlation(cov),
                      metric_residual(cov, inducing_points(x <- matrix(runif(200), 100), 10)))) {
    radius <- sample(c(0, 1, seq(0.2, 0.99, length.out = 98)))
    tree <- cover_tree(x, metric)
    single <- lapply(1:100, function(i) find_within(tree, rows = i, radius = radius[i])$index[[1]])
    expect_identical(find_within(tree, radius = radius)$index, single)
    expect_identical(find_within(tree, radius = replace(radius, radius == 1, 0.5),
                                 counts = TRUE)[radius < 1], lengths(single)[radius < 1])
  }
})

test_that("wrong radii are told by element", {
  expect_error(find_within(faithful, radius = c(1, 2)), "one per query",
               class = "covertree_error_input")
  expect_error(find_within(faithful, radius = replace(rep(1, 272), 9, -1)), "Element 9",
               class = "covertree_error_input")
})
