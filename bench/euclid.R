# All nearest neighbours in Euclidean distance, build and search, one thread, beside nanoflann, nabor,
# dbscan, RANN and FNN.
# Rscript bench/euclid.R [d2 | d3 | d5 | d10 | million ...] [rounds] [scale: 1 = full size]
# (from the package's root; peers that are absent are left out)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 5, scale = 1)
rounds <- arguments$rounds
scale <- arguments$scale

work <- list(
  list(key = "d3", n = 32768, d = 3, k = 50, draw = rnorm),
  list(key = "d2", n = 1e5, d = 2, k = 30, draw = runif),
  list(key = "d5", n = 1e5, d = 5, k = 30, draw = runif),
  list(key = "d10", n = 2e4, d = 10, k = 30, draw = rnorm),
  list(key = "million", n = 1e6, d = 2, k = 30, draw = runif,
       only = c("covertree", "covertree, 2 threads", "nanoflann", "nanoflann, rows sorted"))
)
keys <- vapply(work, `[[`, "", "key")

# Compiled in a temporary folder with -O3; NULL where nanoflann or a compiler is missing.
nanoflann <- local({
  folder <- tempfile("nanoflann")
  dir.create(folder)
  file.copy(file.path(here, "nanoflann.cpp"), folder)
  old <- setwd(folder)
  on.exit(setwd(old))
  status <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "nanoflann.cpp"),
                    stdout = FALSE, stderr = FALSE, env = "MAKEFLAGS=CXXFLAGS=-O3")
  if (status != 0) return(NULL)
  getNativeSymbolInfo("nanoflann_knn", dyn.load(paste0("nanoflann", .Platform$dynlib.ext)))
})

# Random rows cost cache misses; rows along a curve do not. Sorting is not timed.
sorted_nanoflann <- function(x, k) {
  along <- vecchia_order(x, "hilbert", progress = FALSE)
  sorted <- x[along, ]
  function() {
    found <- .Call(nanoflann, sorted, as.integer(k))
    found$index <- matrix(along[found$index], ncol = k)[order(along), , drop = FALSE]
    found
  }
}

calls_for <- function(x, k) {
  ours <- function(threads, ...) function() find_knn(x, k = k, threads = threads, progress = FALSE)
  portable <- function() {
    run <- list(threads = 1L, progress = FALSE, simd = "base")
    index <- covertree:::light_index(x, metric_euclidean(), run, "x", NULL)
    covertree:::search_knn(index, covertree:::resolve_queries(index), k, run)
  }
  c(list("covertree" = ours(1), "covertree, 2 threads" = ours(2), "covertree, no AVX" = portable),
    if (!is.null(nanoflann)) list("nanoflann" = function() .Call(nanoflann, x, as.integer(k)),
                                  "nanoflann, rows sorted" = sorted_nanoflann(x, k)),
    if (have("nabor")) list("nabor" = function() nabor::knn(x, k = k + 1)),
    if (have("dbscan")) list("dbscan" = function() dbscan::kNN(x, k)),
    if (have("RANN")) list("RANN" = function() RANN::nn2(x, k = k + 1)),
    if (have("FNN")) list("FNN" = function() FNN::get.knn(x, k)))
}

index_of <- function(value, k) {
  if (!is.null(value$index)) return(value$index)
  if (!is.null(value$nn.index)) return(value$nn.index)
  if (!is.null(value$id)) return(value$id)
  value$nn.idx[, -1]
}

peers <- c("nabor", "dbscan", "RANN", "FNN")
cat("# ", machine_line(), "\n# ", version_line(peers), "\n", sep = "")
nanoflann_note <- if (is.null(nanoflann)) "nanoflann absent" else "nanoflann with -O3, asked in row order"

compare_on <- function(w) {
  set.seed(1)
  n <- round(w$n * scale)
  x <- matrix(w$draw(n * w$d), n)
  calls <- calls_for(x, w$k)
  if (!is.null(w$only)) calls <- calls[intersect(names(calls), w$only)]
  result <- compare(calls, rounds)
  rows <- sample(n, 20)
  stats <- attr(result$value[["covertree"]], "stats")
  beside <- if (is.null(nanoflann)) NA_real_ else result$seconds[["nanoflann"]]
  table <- lapply(names(calls), function(name) list(
    search = name, seconds = signif(result$seconds[[name]], 3),
    "of nanoflann" = round(result$seconds[[name]] / beside, 3),
    recall = round(recall_of(index_of(result$value[[name]], w$k), x, w$k, rows), 4)))
  title <- sprintf("all nearest neighbours, n = %s, d = %d, k = %d", count_text(n), w$d, w$k)
  notes <- c(
    sprintf("one thread unless said, medians of %d; build and search", rounds),
    sprintf("covertree looks at %.0f points a query; recall on 20 rows", stats$evaluations / n),
    nanoflann_note)
  report(paste0("euclid-", w$key), title, table, notes, peers)
}

asked <- intersect(keys, commandArgs(TRUE))
for (w in work[keys %in% if (length(asked)) asked else keys]) compare_on(w)
