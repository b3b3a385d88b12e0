# Likelihoods of Vecchia approximations, with and without inducing points, beside GpGp's.
# Rscript bench/fit.R [rounds] [scale: 1 = full size]      (from the package's root)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 3, scale = 1)
rounds <- arguments$rounds
cat("# ", machine_line(), "\n# ", version_line("GpGp"), "\n", sep = "")

set.seed(1)
n <- round(1e5 * arguments$scale)
m <- 30
locs <- matrix(runif(2 * n), n)
locs <- locs[vecchia_order(locs), ]
y <- rnorm(n)
X <- matrix(1, n, 1)
sets <- vecchia_neighbors(locs, m = m)
NN <- as_NNarray(sets)
u <- inducing_points(locs, 200)
matern <- cov_matern(1.5, 1, 0.2, 0.1)
free <- cov_matern(1.4, 1, 0.2, 0.1)

ours <- function(..., threads = 1) function() vecchia_loglik(y, sets, locs, ..., threads = threads, progress = FALSE)
result <- compare(list(
  "likelihood" = ours(matern),
  "likelihood, gradient, information" = ours(matern, X = X, gradient = TRUE, information = TRUE),
  "likelihood, 2 threads" = ours(matern, threads = 2),
  "likelihood, gradient, information, 2 threads" =
    ours(matern, X = X, gradient = TRUE, information = TRUE, threads = 2),
  "likelihood, nu = 1.4" = ours(free),
  "likelihood, gradient, information, nu = 1.4" = ours(free, X = X, gradient = TRUE, information = TRUE),
  "likelihood, 200 inducing points, 2 threads" = ours(matern, inducing = u, threads = 2),
  "likelihood, gradient, 200 inducing points, 2 threads" =
    ours(matern, inducing = u, gradient = TRUE, threads = 2)), rounds)
parms <- c(1, 0.2 / sqrt(3), 0.1)
theirs <- if (have("GpGp")) compare(list(
  "GpGp::vecchia_meanzero_loglik" = function() GpGp::vecchia_meanzero_loglik(parms, "matern15_isotropic", y, locs, NN),
  "GpGp::vecchia_profbeta_loglik_grad_info" =
    function() GpGp::vecchia_profbeta_loglik_grad_info(parms, "matern15_isotropic", y, X, locs, NN)), 1)
seconds <- c(result$seconds, theirs$seconds)
table <- lapply(names(seconds), function(name) list(
  work = name, seconds = signif(seconds[[name]], 3), "microseconds a row" = signif(1e6 * seconds[[name]] / n, 3)))
off <- if (have("GpGp")) abs(result$value[["likelihood"]][1] / theirs$value[[1]]$loglik - 1)
report("likelihood", paste0("likelihoods, Matern 3/2, n = ", count_text(n), ", d = 2, m = 30"), table,
       c(sprintf("medians of %d, of GpGp one; one thread unless said otherwise (GpGp: OMP_NUM_THREADS)", rounds),
         if (!is.null(off)) sprintf("relative difference of the two likelihoods: %.1g", off)), "GpGp")
