# Conditioning sets by residual correlation inside GPBoost, beside ours.
# Rscript bench/gpboost.R [rounds] [largest n]
# (from the package's root; GPBOOST_LIB may name gpboost's library)
#
# GPBoost neither returns its neighbours nor says how long it searched. Its first likelihood finds
# neighbours and then computes with them; the same likelihood with neighbours by Euclidean distance does
# the same arithmetic after a cheap search. The difference of the two is taken as the search's time. Both
# choose the same number of inducing points, GPBoost's way.
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 1, largest = 20000)
gpboost_lib <- Sys.getenv("GPBOOST_LIB")
if (nzchar(gpboost_lib)) .libPaths(c(gpboost_lib, .libPaths()))
if (!have("gpboost")) {
  stop("gpboost is not installed; install.packages(\"gpboost\") builds it in about 20 minutes.")
}
threads <- as.integer(Sys.getenv("COVERTREE_THREADS", "2"))
options(covertree.threads = threads, covertree.progress = FALSE)

theirs <- function(x, y, approximation) function() {
  model <- NULL
  utils::capture.output(made <- timed(model <- gpboost::GPModel(
    gp_coords = x, cov_function = "matern", cov_fct_shape = 1.5, likelihood = "gaussian",
    gp_approx = approximation, num_neighbors = 30, num_ind_points = 200, vecchia_ordering = "none",
    num_parallel_threads = threads)))
  utils::capture.output(
    first <- timed(model$neg_log_likelihood(cov_pars = c(0.1, 1, 0.2), y = y)))
  list(seconds = first$seconds, made = made$seconds, value = first$value)
}

ours <- function(x) function() {
  metric <- metric_residual(cov_matern(1.5, lengthscale = 0.2), inducing_points(x, 200))
  list(seconds = timed(vecchia_neighbors(x, m = 30, metric = metric))$seconds)
}

sizes <- c(5000, 10000, 20000, 40000)
rows <- lapply(sizes[sizes <= arguments$largest], function(n) {
  set.seed(1)
  x <- matrix(runif(2 * n), ncol = 2)
  y <- rnorm(n)
  result <- compare(list(
    correlation = theirs(x, y, "full_scale_vecchia_correlation_based"),
    euclid = theirs(x, y, "full_scale_vecchia"), ours = ours(x)), arguments$rounds)
  s <- result$seconds
  search <- s[["correlation"]] - s[["euclid"]]
  list(n = n, "GPBoost, first likelihood" = round(s[["correlation"]], 2),
       "with Euclidean neighbours" = round(s[["euclid"]], 2), "difference" = round(search, 2),
       "covertree" = round(s[["ours"]], 3), "times ours" = round(search / s[["ours"]], 1))
})
report("gpboost", "GPBoost: neighbours by residual correlation, d = 2, Matern 3/2, m = 200, k = 30, seconds",
       rows, c(sprintf("%d threads, medians of %d", threads, arguments$rounds),
         "covertree: exact, earlier rows only, factor and index within; inducing points apart"),
       "gpboost")
