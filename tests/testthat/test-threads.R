test_that("threads come from the argument, the option, the limit, or half the processors", {
  available <- .Call(covertree:::C_ffi_processors)
  expect_identical(covertree:::resolve_threads(1), 1L)
  expect_identical(covertree:::resolve_threads(10000), available)
  withr::local_options(covertree.threads = NULL, mc.cores = NULL)
  withr::local_envvar(OMP_THREAD_LIMIT = NA)
  expect_identical(covertree:::resolve_threads(NULL), max(1L, available %/% 2L))
  withr::local_envvar(OMP_THREAD_LIMIT = "1")
  expect_identical(covertree:::resolve_threads(NULL), 1L)
  withr::local_options(covertree.threads = 2)
  expect_identical(covertree:::resolve_threads(NULL), min(2L, available))
})

test_that("answers so large that all threads touch their pages first are the same, and filled to the last entry", {
  x <- matrix(runif(6e4), ncol = 2)
  for (predecessors in c(FALSE, TRUE)) {
    one <- find_knn(x, k = 40, predecessors = predecessors, threads = 1)
    two <- find_knn(x, k = 40, predecessors = predecessors, threads = 2)
    expect_identical(two$index, one$index)
    expect_identical(two$distance, one$distance)
    expect_identical(sum(is.na(two$index)), if (predecessors) 820L else 0L)
    expect_true(all(two$index > 0, na.rm = TRUE))
  }
})

test_that("forked children answer after a threaded parent, with one thread", {
  skip_on_os("windows")
  x <- matrix(runif(4000), ncol = 2)
  truth <- find_knn(x, k = 5, threads = 2)
  job <- parallel::mcparallel(find_knn(x, k = 5, threads = 2))
  answer <- parallel::mccollect(job, wait = FALSE, timeout = 20)
  if (is.null(answer)) tools::pskill(job$pid, 9)
  expect_identical(answer[[1]]$index, truth$index)
  expect_identical(attr(answer[[1]], "stats")$threads, 1L)
})

test_that("an interrupt stops a build or a search in half a second, and nothing is lost", {
  skip_on_os("windows")
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "library(covertree)",
    "set.seed(1); many <- matrix(rnorm(3e6), ncol = 20); flat <- matrix(runif(8e5), ncol = 2)",
    "near <- metric_residual(cov_matern(1.5, lengthscale = 0.2), flat[1:200, ])",
    "calls <- list(",
    "  function() find_knn(many, k = 10, threads = 2, progress = FALSE),",
    "  function() cover_tree(many, build = 'metric', threads = 2, progress = FALSE),",
    "  function() cover_tree(flat, metric = near, build = 'metric', threads = 2, progress = FALSE),",
    "  function() repeat vecchia_neighbors(flat, m = 30, metric = near, threads = 2, progress = FALSE)",
    ")",
    "small <- many[1:2000, ]; truth <- find_knn(small, k = 3, threads = 1)$index",
    "used <- late <- numeric()",
    "for (i in 1:20) {",
    "  sent <- tempfile()",
    "  system(sprintf(\"(sleep 0.%d; date +%%s.%%N > %s; kill -INT %d) &\", 3 + i %% 5, sent, Sys.getpid()))",
    "  got <- tryCatch(calls[[1 + i %% 4]](), interrupt = function(e) 'interrupt')",
    "  stopifnot(identical(got, 'interrupt'))",
    "  late[i] <- as.numeric(Sys.time()) - as.numeric(readLines(sent))",
    "  used[i] <- sum(gc()[, 2])",
    "}",
    "cat('late', max(late), 'growth', max(used[5:20]) - used[4], '\\n')",
    "# each of the calls has 24 MB and more at work when it is stopped; R itself grows by 3 while it compiles functions",
    "stopifnot(max(late) < 0.5, max(used[5:20]) - used[4] < 8)",
    "stopifnot(identical(find_knn(small, k = 3, threads = 2)$index, truth))",
    "cat('sound')"
  ), script)
  out <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE, stderr = TRUE,
                                  env = paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))))
  expect_identical(utils::tail(out, 1), "sound", info = paste(out, collapse = "\n"))
})

test_that("the random seed is left alone", {
  set.seed(1)
  before <- .Random.seed
  x <- as.matrix(quakes[, 1:2])
  tree <- cover_tree(x)
  find_knn(tree, k = 2)
  vecchia_neighbors(x, m = 2)
  expect_identical(.Random.seed, before)
})
