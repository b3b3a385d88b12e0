# Whole fits: beside GpGp; of a million observations; beside BRISC and spNNGP; and how often
# standard errors are right.
# Rscript bench/whole_fit.R workload      (whole, million, peers, argo or
# coverage; from the package's root)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
workload <- commandArgs(TRUE)[1]
peers <- c("GpGp", "BRISC", "spNNGP")
cat("# ", machine_line(), "\n# ", version_line(peers), "\n", sep = "")
truth <- c(variance = 1, lengthscale = 0.05, nugget = 0.1)

# Places in the unit square with a Gaussian process, a covariate and noise: a draw of the Vecchia
# approximation of m = 30.
simulated <- function(n, seed, cov) {
  set.seed(seed)
  data <- data.frame(x = runif(n), z = runif(n), w = rnorm(n))
  data <- data[vecchia_order(data[1:2]), ]
  locs <- as.matrix(data[1:2])
  process <- simulate(vecchia_factor(vecchia_neighbors(locs, m = 30), locs, cov), seed = seed)
  data$y <- 1 + 0.5 * data$w + drop(process)
  data[sample(n), ]
}
matern <- function() cov_matern(1.5, truth[["variance"]], truth[["lengthscale"]], truth[["nugget"]])
fit_of <- function(data, cov = cov_matern(1.5), m = 30) {
  vecchia_fit(y ~ w, data, ~ x + z, cov, m = m, progress = FALSE)
}
resident <- function() { # GB, the most so far
  line <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 2^20
}
scores <- function(y, mean, sd) {
  z <- (y - mean) / sd
  c(RMSE = sqrt(mean((y - mean)^2)),
    CRPS = mean(sd * (z * (2 * pnorm(z) - 1) + 2 * dnorm(z) - 1 / sqrt(pi))))
}

# Both estimates by the likelihood of the same sets, the mean profiled.
one_fit <- function() {
  data <- simulated(1e5, 1, matern())
  ours <- timed(fit_of(data))
  fit <- ours$value
  rows <- list(list(fit = "vecchia_fit()", seconds = ours$seconds,
                    t(fit$parameters[1:3, "estimate"])))
  if (have("GpGp")) {
    theirs <- timed(GpGp::fit_model(data$y, as.matrix(data[1:2]), cbind(1, data$w),
                                    "matern15_isotropic", m_seq = c(10, 30), group = FALSE,
                                    silent = TRUE))
    p <- theirs$value$covparms
    rows[[2]] <- list(fit = "GpGp::fit_model(m_seq = c(10, 30), group = FALSE)",
                      seconds = theirs$seconds,
                      t(c(p[1], sqrt(3) * p[2], p[1] * p[3]))) # its ranges are without the root
  }
  locs <- as.matrix(data[fit$plan$order, 1:2])
  table <- lapply(rows, function(row) {
    p <- row[[3]]
    loglik <- vecchia_loglik(data$y[fit$plan$order], fit$plan$sets, locs,
                             cov_matern(1.5, p[1], p[2], p[3]),
                             X = cbind(1, data$w[fit$plan$order]))
    list(fit = row$fit, seconds = round(row$seconds, 2), variance = round(p[1], 4),
         lengthscale = round(p[2], 5),
         nugget = round(p[3], 5), "log-likelihood" = round(as.double(loglik), 3),
         "times ours" = round(row$seconds / rows[[1]]$seconds, 1))
  })
  report("fit-whole", "whole fit with standard errors, n = 100,000, d = 2, Matern 3/2, m = 30",
         table, "2 threads, one run; one likelihood of the same sets for all estimates", peers)
}

million <- function() {
  data <- simulated(1e6, 2, matern())
  new <- data.frame(x = runif(1e5), z = runif(1e5), w = rnorm(1e5))
  before <- resident()
  fit <- timed(fit_of(data))
  middle <- resident()
  found <- timed(predict(fit$value, new, se.fit = TRUE))
  report("fit-million", "n = 1,000,000, d = 2, Matern 3/2, m = 30", list(
    list(work = "fit with standard errors", seconds = round(fit$seconds, 1),
         "GB resident" = round(middle, 2)),
    list(work = "100,000 predictions with standard errors", seconds = round(found$seconds, 1),
         "GB resident" = round(resident(), 2))),
    sprintf("2 threads, one run; resident: the most so far, %.2f GB when the data were simulated",
            before))
}

peer_fits <- function() {
  cov <- cov_exponential(1, 0.2, 0.1)
  data <- simulated(6000, 3, cov)
  out <- seq_len(1000)
  old <- data[-out, ]
  new <- data[out, ]
  m <- 15
  line <- function(name, run) {
    ended <- timed(run())
    score <- do.call(scores, c(list(new$y), ended$value))
    list(fit = name, seconds = round(ended$seconds, 2), as.list(round(score, 5)))
  }
  rows <- list(line("vecchia_fit() and predict()", function() {
    fit <- fit_of(old, cov_exponential(), m)
    found <- predict(fit, new, se.fit = TRUE)
    list(found$fit, sqrt(found$se.fit^2 + fit$cov$nugget))
  }))
  X <- cbind(1, old$w)
  X_new <- cbind(1, new$w)
  if (have("BRISC")) rows <- c(rows, list(line("BRISC_estimation() and BRISC_prediction()", function() {
    fit <- BRISC::BRISC_estimation(as.matrix(old[1:2]), old$y, X, n.neighbors = m, n_omp = 2,
                                   verbose = FALSE)
    found <- BRISC::BRISC_prediction(fit, as.matrix(new[1:2]), X_new, n_omp = 2, verbose = FALSE)
    limits <- found$prediction.ci
    list(found$prediction, (limits[, 2] - limits[, 1]) / (2 * qnorm(0.975)))
  })))
  if (have("spNNGP")) rows <- c(rows, list(line("spConjNNGP(), 25 pairs of values", function() {
    pairs <- as.matrix(expand.grid(phi = 1 / c(0.05, 0.1, 0.2, 0.4, 0.8),
                                   alpha = c(0.02, 0.05, 0.1, 0.2, 0.4)))
    fit <- spNNGP::spConjNNGP(y ~ w, data = old, coords = as.matrix(old[1:2]), n.neighbors = m,
                              theta.alpha = pairs, sigma.sq.IG = c(2, 1), cov.model = "exponential",
                              X.0 = X_new, coords.0 = as.matrix(new[1:2]), k.fold = 5,
                              n.omp.threads = 2, verbose = FALSE)
    list(fit$y.0.hat, sqrt(fit$y.0.hat.var))
  })))
  table <- lapply(rows, function(row) c(row[1:2], row[[3]]))
  report("fit-peers", "fit of 5,000 and prediction of 1,000 more, exponential, m = 15", table,
         "2 threads, one run; scores of the held-out observations", peers)
}

# Ocean temperatures, every third row: held out at random and by blocks of places.
argo <- function() {
  data <- GpGp::argo2016[seq(1, nrow(GpGp::argo2016), by = 3), ]
  n <- nrow(data)
  set.seed(1)
  along <- order(vecchia_order(data[1:2], "hilbert", metric = metric_great_circle()))
  folds <- list("at random" = sample(10, n, replace = TRUE),
                "by blocks" = 1 + (along * 50L) %/% (n + 1L) %% 10L)
  table <- unlist(lapply(names(folds), function(name) {
    out <- which(folds[[name]] == 1)
    lapply(argo_fits(data[-out, ], data[out, ]), function(row) {
      c(list("held out" = name, rows = length(out)), row)
    })
  }), recursive = FALSE)
  title <- "argo2016, every third row (%s), exponential in space and time, m = 30"
  report("fit-argo", sprintf(title, count_text(n)), table,
         "2 threads, one run; RMSE and CRPS in degrees Celsius", "GpGp")
}

argo_fits <- function(old, new) {
  run <- timed({
    fit <- vecchia_fit(temp100 ~ lat + I(lat^2), old, ~ lon + lat + day,
                       cov_exponential(lonlat = TRUE), progress = FALSE)
    found <- predict(fit, new, se.fit = TRUE)
  })
  sd <- sqrt(found$se.fit^2 + fit$cov$nugget)
  score <- scores(new$temp100, found$fit, sd)
  inside <- abs(new$temp100 - found$fit) <= qnorm(0.975) * sd
  ours <- list(fit = "covertree", seconds = round(run$seconds, 1), RMSE = round(score[["RMSE"]], 3),
               CRPS = round(score[["CRPS"]], 3), coverage = round(mean(inside), 3))
  scale <- fit$cov$lengthscale # GpGp chooses sets by what it is told of space and time
  X <- function(d) cbind(1, d$lat, d$lat^2)
  places <- function(d) as.matrix(d[c("lon", "lat", "day")])
  run <- timed({
    fit <- GpGp::fit_model(old$temp100, places(old), X(old), "exponential_spheretime",
                           m_seq = c(10, 30), group = FALSE, silent = TRUE, st_scale = scale)
    found <- GpGp::predictions(fit, places(new), X(new), m = 30, st_scale = scale)
  })
  list(ours, list(fit = "GpGp", seconds = round(run$seconds, 1),
                  RMSE = round(sqrt(mean((new$temp100 - found)^2)), 3), CRPS = NA, coverage = NA))
}

coverage <- function() {
  hits <- vapply(1:50, function(seed) {
    table <- fit_of(simulated(5000, seed, matern()))$parameters[1:3, ]
    abs(log(table$estimate / truth)) <= 2 * table$log.error
  }, logical(3))
  table <- lapply(1:3, function(i) {
    list(parameter = names(truth)[i], seeds = ncol(hits), within = sum(hits[i, ], na.rm = TRUE))
  })
  report("fit-coverage", "true parameters within 2 standard errors (log scale), n = 5,000, m = 30",
         table, "48 of 50 are expected")
}

switch(workload, whole = one_fit(), million = million(), peers = peer_fits(), argo = argo(),
       coverage = coverage(), stop("No such workload: ", workload))
