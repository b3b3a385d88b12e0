# Trees of residual correlation built three ways, and what each finds, on the data that everybody in this corner quotes: 32,768 standard normal points in three
# dimensions, Gaussian covariance of lengthscale 1, 512 inducing points drawn from the data, k = 50, 1,024 of the rows as queries.
# Rscript bench/gold.R [rounds] [threads]      (from the package's root)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 3, threads = 2)
rounds <- arguments$rounds
threads <- as.integer(arguments$threads)
options(covertree.threads = threads, covertree.progress = FALSE)
cat("# ", machine_line(), "\n# ", version_line(), "\n", sep = "")

# Rows of one table: each a way to build and to ask, on the same data, against the scan of all pairs.
table_for <- function(name, title, x, metric, k, queries) {
  n <- nrow(x)
  quiet <- function(expr) suppressWarnings(expr, classes = "covertree_warning")
  ways <- list(
    "metric build, natural order" = list(build = "metric", order = "natural", oversample = Inf),
    "metric build, Hilbert order" = list(build = "metric", order = "hilbert", oversample = Inf),
    "Euclidean build, residual query" = list(build = "euclidean", order = "hilbert", oversample = Inf),
    "local, oversample 8" = list(build = "euclidean", order = "hilbert", oversample = 8),
    "local, oversample 2" = list(build = "euclidean", order = "hilbert", oversample = 2)
  )
  asked <- lapply(ways, function(w) {
    build <- replicate(rounds, timed(quiet(cover_tree(x, metric, build = w$build, order = w$order))), simplify = FALSE)
    tree <- build[[1]]$value
    ask <- replicate(rounds, timed(find_knn(tree, rows = queries, k = k, oversample = w$oversample)), simplify = FALSE)
    list(tree = tree, build = stats::median(vapply(build, `[[`, 0, "seconds")),
         seconds = stats::median(vapply(ask, `[[`, 0, "seconds")), found = ask[[1]]$value)
  })
  tree <- asked[[1]]$tree
  run <- list(threads = threads, progress = FALSE, simd = NULL)
  scan <- timed(covertree:::search_knn(tree, covertree:::resolve_queries(tree, rows = queries), k, run, "scan"))
  same <- function(a, b) identical(a$found$index, b$found$index) && identical(a$found$distance, b$found$distance)
  rows <- lapply(names(ways), function(way) {
    a <- asked[[way]]
    stats <- attr(a$found, "stats")
    list(search = way, "build s" = round(a$build, 2), "queries/s" = round(length(queries) / a$seconds),
         recall = round(mean(neighbor_recall(a$found, scan$value)), 4), "evaluations" = round(stats$evaluations / stats$queries, 1),
         "products" = round(stats$products / stats$queries, 1), "share of n" = round((stats$evaluations + stats$products) / stats$queries / n, 4))
  })
  report(paste0("gold-", name), sprintf("trees: %s, n = %s, d = %d, %s queries, k = %d", title, count_text(n), ncol(x),
                                        count_text(length(queries)), k), rows, c(
    sprintf("%d threads, medians of %d", threads, rounds),
    sprintf("scan of all pairs: %.0f queries a second; factor %.3f s", length(queries) / scan$seconds, tree$stats$seconds[["factor"]]),
    sprintf("first three rows identical: %s", same(asked[[1]], asked[[2]]) && same(asked[[2]], asked[[3]]))))
}

set.seed(1)
x <- matrix(rnorm(32768 * 3), ncol = 3)
u <- x[sample(32768, 512), ]
queries <- sort(sample(32768, 1024))
table_for("gaussian", "gold, Gaussian", x, metric_residual(cov_gaussian(), u, jitter = 1e-6), 50, queries)
table_for("matern52", "the same points, Matern 5/2", x, metric_residual(cov_matern(2.5), u, jitter = 1e-6), 50, queries)
x <- matrix(runif(2e5), ncol = 2)
u <- inducing_points(x, 200)
table_for("uniform", "uniform, Matern 3/2, lengthscale 0.2, 200 inducing points", x,
          metric_residual(cov_matern(1.5, lengthscale = 0.2), u), 30, sort(sample(1e5, 5000)))
