# How time grows with n, with the slope on log axes, and how many distances a point a tree's build takes.
# Rscript bench/growth.R [residual | euclid | trees ...] [rounds] [scale: 1 = full size]
# (from the package's root)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 5, scale = 1)
rounds <- arguments$rounds
scale <- arguments$scale
threads <- as.integer(Sys.getenv("COVERTREE_THREADS", "2"))
options(covertree.threads = threads, covertree.progress = FALSE)
uniform <- function(n, d) {
  set.seed(1)
  matrix(runif(n * d), ncol = d)
}

# search(n): a call that times itself or is timed whole.
grow <- function(name, sizes, search) {
  seconds <- vapply(sizes, function(n) compare(list(a = search(n)), rounds)$seconds[["a"]], 0)
  slope <- exponent(sizes, seconds)
  cat(name, "exponent", signif(slope, 3), "\n")
  list(name = name, n = sizes, seconds = signif(seconds, 4), slope = slope)
}

grown_rows <- function(grown) {
  row <- function(g, i) {
    list(search = g$name, n = g$n[i], seconds = g$seconds[i],
         "microseconds a point" = signif(1e6 * g$seconds[i] / g$n[i], 3), exponent = round(g$slope, 3))
  }
  do.call(c, lapply(grown, function(g) lapply(seq_along(g$n), function(i) row(g, i))))
}

# Earlier rows only, inducing points the same for every n; their choice is not timed, the factor and
# everything else is.
residual_growth <- function() {
  sizes <- round(scale * c(1e5, 2e5, 4e5, 8e5))
  u <- inducing_points(uniform(sizes[1], 2), 200)
  metric <- metric_residual(cov_matern(1.5, lengthscale = 0.2), u)
  search <- function(n) {
    x <- uniform(n, 2)
    function() {
      found <- vecchia_neighbors(x, m = 30, metric = metric)
      stopifnot(nrow(found$index) == n)
    }
  }
  report("growth-residual",
         "growth: conditioning sets by residual correlation, d = 2, Matern 3/2, m = 200, k = 30",
         grown_rows(list(grow("residual, earlier rows, d = 2", sizes, search))),
         sprintf("%d threads, medians of %d; factor and index within", threads, rounds))
}

euclid_growth <- function() {
  sizes <- round(scale * c(1e5, 2e5, 4e5, 8e5, 1.6e6))
  all <- function(d) function(n) {
    x <- uniform(n, d)
    function() find_knn(x, k = 30)
  }
  earlier <- function(n) {
    x <- uniform(n, 2)
    function() vecchia_neighbors(x, m = 30)
  }
  grown <- list(grow("Euclid, d = 2", sizes, all(2)), grow("Euclid, d = 3", sizes, all(3)),
                grow("Euclid, earlier rows, d = 2", sizes, earlier))
  report("growth-euclid", "growth: Euclidean distance, k = 30, uniform points", grown_rows(grown),
         sprintf("%d threads, medians of %d; index within", threads, rounds))
}

# Distances a point, a count without a clock.
tree_counts <- function() {
  sizes <- round(scale * c(1e5, 4e5))
  u <- inducing_points(uniform(sizes[1], 2), 200)
  residual <- metric_residual(cov_matern(1.5, lengthscale = 0.2), u)
  builds <- list(list(title = "Euclid", metric = metric_euclidean(), build = "auto"),
                 list(title = "residual, tree of Euclid", metric = residual, build = "euclidean"),
                 list(title = "residual, tree of the metric", metric = residual, build = "metric"))
  row <- function(b, n) {
    stats <- cover_tree(uniform(n, 2), b$metric, build = b$build, net_bytes = 0)$stats
    list(tree = b$title, n = n, "distances a point" = round(stats$evaluations / n, 1),
         "tree s" = signif(stats$seconds[["tree"]], 3))
  }
  rows <- do.call(c, lapply(builds, function(b) lapply(sizes, function(n) row(b, n))))
  report("growth-trees", "growth: distances a point in the build of a cover tree, d = 2", rows,
         sprintf("%d threads", threads))
}

steps <- list(residual = residual_growth, euclid = euclid_growth, trees = tree_counts)
asked <- intersect(names(steps), commandArgs(TRUE))
cat("# ", machine_line(), "\n# ", version_line(), "\n", sep = "")
for (step in if (length(asked)) asked else names(steps)) steps[[step]]()
