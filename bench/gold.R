# Trees of residual correlation built three ways, and what each finds, on the data that everybody in
# this corner quotes: 32,768 standard normal points in three dimensions, Gaussian covariance of
# lengthscale 1, 512 inducing points drawn from the data, k = 50, 1,024 of the rows as queries.
# Rscript bench/gold.R [rounds] [threads]      (from the package's root)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 5, threads = 2)
rounds <- arguments$rounds
threads <- as.integer(arguments$threads)
options(covertree.threads = threads, covertree.progress = FALSE)
cat("# ", machine_line(), "\n# ", version_line(), "\n", sep = "")

quiet <- function(expr) suppressWarnings(expr, classes = "covertree_warning")

ways <- list(
  "metric build, natural order" = list(build = "metric", order = "natural", oversample = Inf),
  "metric build, Hilbert order" = list(build = "metric", order = "hilbert", oversample = Inf),
  "Euclidean build, residual query" = list(build = "euclidean", order = "hilbert", oversample = Inf),
  "local, oversample 8" = list(build = "euclidean", order = "hilbert", oversample = 8),
  "local, oversample 2" = list(build = "euclidean", order = "hilbert", oversample = 2)
)

# Builds and asks one way: list(tree, build = seconds, seconds, found).
try_way <- function(w, x, metric, k, queries) {
  result <- compare(list(
    build = function() timed(quiet(cover_tree(x, metric, build = w$build, order = w$order)))), rounds)
  tree <- result$value$build$value
  asked <- compare(list(
    ask = function() timed(find_knn(tree, rows = queries, k = k, oversample = w$oversample))), rounds)
  list(tree = tree, build = result$seconds[["build"]], seconds = asked$seconds[["ask"]],
       found = asked$value$ask$value)
}

way_row <- function(way, a, scan, n) {
  stats <- attr(a$found, "stats")
  each <- function(count) round(count / stats$queries, 1)
  list(search = way, "build s" = round(a$build, 2), "queries/s" = round(stats$queries / a$seconds),
       recall = round(mean(neighbor_recall(a$found, scan$value)), 4),
       evaluations = each(stats$evaluations), products = each(stats$products),
       "share of n" = round((stats$evaluations + stats$products) / stats$queries / n, 4))
}

same <- function(a, b) {
  identical(a$found$index, b$found$index) && identical(a$found$distance, b$found$distance)
}

# One table: each way on the same data, against the scan of all pairs.
table_for <- function(name, title, x, metric, k, queries) {
  asked <- lapply(ways, try_way, x, metric, k, queries)
  tree <- asked[[1]]$tree
  run <- covertree:::run_settings(threads, FALSE)
  own <- covertree:::resolve_queries(tree, rows = queries)
  scan <- timed(covertree:::search_knn(tree, own, k, run, "scan"))
  agree <- same(asked[[1]], asked[[2]]) && same(asked[[2]], asked[[3]])
  title <- sprintf("trees: %s, n = %s, d = %d, %s queries, k = %d", title, count_text(nrow(x)), ncol(x),
                   count_text(length(queries)), k)
  notes <- c(
    sprintf("%d threads, medians of %d", threads, rounds),
    sprintf("scan of all pairs: %.0f queries a second; factor %.3f s", length(queries) / scan$seconds,
            tree$stats$seconds[["factor"]]),
    sprintf("first three rows identical: %s", agree))
  rows <- lapply(names(ways), function(way) way_row(way, asked[[way]], scan, nrow(x)))
  report(paste0("gold-", name), title, rows, notes)
}

set.seed(1)
x <- matrix(rnorm(32768 * 3), ncol = 3)
u <- x[sample(32768, 512), ]
queries <- sort(sample(32768, 1024))
residual <- function(cov) metric_residual(cov, u, jitter = 1e-6)
table_for("gaussian", "gold, Gaussian", x, residual(cov_gaussian()), 50, queries)
table_for("matern52", "the same points, Matern 5/2", x, residual(cov_matern(2.5)), 50, queries)
x <- matrix(runif(2e5), ncol = 2)
u <- inducing_points(x, 200)
table_for("uniform", "uniform, Matern 3/2, lengthscale 0.2, 200 inducing points", x,
          metric_residual(cov_matern(1.5, lengthscale = 0.2), u), 30, sort(sample(1e5, 5000)))
