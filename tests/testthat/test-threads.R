test_that("threads come from the argument, the option, the limit, or half the processors", {
  available <- .Call(covertree:::C_ffi_processors)
  expect_identical(covertree:::resolve_threads(1), 1L)
  expect_identical(covertree:::resolve_threads(10000), available)
  withr::local_options(covertree.threads = NULL, mc.cores = NULL)
  withr::local_envvar(OMP_THREAD_LIMIT = NA, OMP_NUM_THREADS = NA, `_R_CHECK_LIMIT_CORES_` = NA)
  expect_identical(covertree:::resolve_threads(NULL), max(1L, available %/% 2L))
  withr::local_envvar(OMP_THREAD_LIMIT = "1")
  expect_identical(covertree:::resolve_threads(NULL), 1L)
  withr::local_options(covertree.threads = 2)
  expect_identical(covertree:::resolve_threads(NULL), min(2L, available))
})

test_that("the default honours what a scheduler, a user or a package check says, the least of them",
          {
  withr::local_options(covertree.threads = NULL, mc.cores = NULL)
  default <- covertree:::default_threads
  environment(default) <- list2env(list(.Call = function(...) 64L),
                                   parent = asNamespace("covertree"))
  told <- function(...) withr::with_envvar(c(...), default())
  none <- c(OMP_THREAD_LIMIT = NA, OMP_NUM_THREADS = NA, `_R_CHECK_LIMIT_CORES_` = NA)
  with <- function(...) told(replace(none, names(c(...)), c(...)))
  expect_identical(with(), 32L)
  expect_identical(with(OMP_NUM_THREADS = "1"), 1L)
  expect_identical(with(OMP_NUM_THREADS = "6,2"), 6L)
  expect_identical(with(OMP_NUM_THREADS = "6", OMP_THREAD_LIMIT = "4"), 4L)
  expect_identical(with(OMP_NUM_THREADS = "many"), 32L)
  expect_identical(with(`_R_CHECK_LIMIT_CORES_` = "TRUE"), 2L)
  expect_identical(with(`_R_CHECK_LIMIT_CORES_` = "false"), 32L)
  expect_identical(withr::with_options(list(mc.cores = 3), with(OMP_NUM_THREADS = "6")), 3L)
})

# Runs code in a fresh Rscript with this library; its output, lines of both streams.
fresh_session <- function(code) {
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(code, script)
  suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE,
                           stderr = TRUE,
                           env = paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))))
}

test_that("a fresh session draws a bar that says what is done", {
  out <- fresh_session(c(
    "options(cli.progress_show_after = 0, cli.progress_handlers_only = 'cli', cli.dynamic = TRUE)",
    "set.seed(1); x <- matrix(rnorm(4e5), ncol = 20)",
    "nn <- covertree::find_knn(x, k = 10, threads = 1, progress = TRUE)",
    "tree <- covertree::cover_tree(x, threads = 1, progress = TRUE)",
    "cat('done', dim(nn$index), '\n')"))
  expect_match(paste(out, collapse = "\n"), "done 20000 10")
  expect_match(paste(out, collapse = "\n"), "Building")
  expect_match(paste(out, collapse = "\n"), "Searching")
})

test_that(
  "a forked child that loads the package after its parent used threads answers with one thread", {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not_installed("data.table")
  out <- fresh_session(c(
    "data.table::setDTthreads(2)",
    "d <- data.table::data.table(a = runif(3e6)); data.table::setorder(d, a)",
    "job <- parallel::mcparallel({",
    "  nn <- covertree::find_knn(matrix(runif(40000), ncol = 2), k = 5, threads = 2)",
    "  c(nrow(nn$index), attr(nn, 'stats')$threads)",
    "})",
    "answer <- parallel::mccollect(job, wait = FALSE, timeout = 20)",
    "if (is.null(answer)) tools::pskill(job$pid, 9)",
    "cat('answer', answer[[1]], '\n')"))
  expect_match(paste(out, collapse = "\n"), "answer 20000 1")
})

test_that(
  "answers so large that all threads touch their pages first are the same and full", {
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
  out <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE,
                                  stderr = TRUE,
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
  near <- metric_residual(cov_matern(1.5, lengthscale = 2), x[1:9, ] + 0.01)
  local <- find_knn(x, k = 3, metric = near, oversample = 2, recall_sample = 100)
  again <- vecchia_neighbors(x, m = 3, metric = near, oversample = 2, recall_sample = 100)
  expect_identical(.Random.seed, before)
  same <- find_knn(x, k = 3, metric = near, oversample = 2, recall_sample = 100)
  expect_identical(attr(same, "stats")$recall, attr(local, "stats")$recall)
})

test_that("a sample has its size, no number twice, and is spread over all", {
  for (count in c(1, 10, 1000)) for (size in unique(c(1, count %/% 3 + 1, count))) {
    rows <- covertree:::sampled_rows(count, size)
    expect_identical(rows, sort(unique(rows)))
    expect_length(rows, size)
    expect_true(all(rows %in% seq_len(count)))
  }
  cells <- table(cut(covertree:::sampled_rows(1e5, 5000), 20))
  expect_gt(chisq.test(cells)$p.value, 1e-3)
})
