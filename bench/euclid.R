# All nearest neighbours in Euclidean distance, build and search, one thread, beside nanoflann, nabor, dbscan, RANN and FNN.
# Rscript bench/euclid.R [rounds] [scale: 1 = full size]      (from the package's root; peers that are absent are left out)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- as.numeric(commandArgs(TRUE))
rounds <- if (length(arguments)) arguments[1] else 5
scale <- if (length(arguments) > 1) arguments[2] else 1

work <- list(
  list(n = 32768, d = 3, k = 50, draw = rnorm), list(n = 1e5, d = 2, k = 30, draw = runif),
  list(n = 1e5, d = 5, k = 30, draw = runif), list(n = 2e4, d = 10, k = 30, draw = rnorm),
  list(n = 1e6, d = 2, k = 30, draw = runif, only = c("covertree", "covertree, 2 threads", "nanoflann"), rounds = 3)
)

# Compiled in a temporary folder with -O3; NULL where nanoflann or a compiler is missing.
nanoflann <- local({
  folder <- tempfile("nanoflann")
  dir.create(folder)
  file.copy(file.path(here, "nanoflann.cpp"), folder)
  old <- setwd(folder)
  on.exit(setwd(old))
  status <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "nanoflann.cpp"), stdout = FALSE, stderr = FALSE,
                    env = "MAKEFLAGS=CXXFLAGS=-O3")
  if (status == 0) getNativeSymbolInfo("nanoflann_knn", dyn.load(paste0("nanoflann", .Platform$dynlib.ext)))
})
have <- function(p) requireNamespace(p, quietly = TRUE)

calls_for <- function(x, k) {
  ours <- function(threads, ...) function() find_knn(x, k = k, threads = threads, progress = FALSE)
  portable <- function() {
    run <- list(threads = 1L, progress = FALSE, simd = "base")
    index <- covertree:::light_index(x, metric_euclidean(), run, "x", NULL)
    covertree:::search_knn(index, covertree:::resolve_queries(index), k, run)
  }
  c(list("covertree" = ours(1), "covertree, 2 threads" = ours(2), "covertree, no AVX" = portable),
    if (!is.null(nanoflann)) list("nanoflann" = function() .Call(nanoflann, x, as.integer(k))),
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

machine(c("nabor", "dbscan", "RANN", "FNN"))
cat("# nanoflann", if (is.null(nanoflann)) "absent" else "compiled with -O3, asked in row order", "\n")
for (w in work) {
  set.seed(1)
  n <- round(w$n * scale)
  x <- matrix(w$draw(n * w$d), n)
  calls <- calls_for(x, w$k)
  if (!is.null(w$only)) calls <- calls[intersect(names(calls), w$only)]
  result <- compare(calls, if (is.null(w$rounds)) rounds else min(w$rounds, rounds))
  rows <- sample(n, 20)
  stats <- attr(result$value[["covertree"]], "stats")
  cat(sprintf("\n## n = %d, d = %d, k = %d, %.0f points scanned a query\n", n, w$d, w$k, stats$evaluations / n))
  show_table(lapply(names(calls), function(name) list(
    search = name, seconds = round(result$seconds[[name]], 3),
    "of nanoflann" = round(result$seconds[[name]] / unname(result$seconds["nanoflann"]), 2),
    recall = round(recall_of(index_of(result$value[[name]], w$k), x, w$k, rows), 4))))
}
