# What conditioning sets are worth: divergence from the truth by how sets are chosen.
# Rscript bench/sets.R [quality] [worth] [cost] [rounds]      (from the package's root)
#   quality: nearest and conditional sets on 14 problems in two orders
#   worth: divergence against m and seconds on five of them
#   cost: seconds of conditional selection beside the search for the nearest
# Argo floats and Jason-3 come from GpGp; without it their problems are left out.
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
rounds <- number_arguments(rounds = 3)$rounds
asked <- intersect(c("quality", "worth", "cost"), commandArgs(TRUE))
if (!length(asked)) asked <- c("quality", "worth", "cost")
options(covertree.threads = 1, covertree.progress = FALSE)
n <- 2000
rank <- 96

# ---- problems ----

uniform <- function(d) matrix(runif(n * d), n)
clusters <- function(d) {
  centres <- matrix(runif(25 * d), 25)
  width <- 0.03 * sqrt(d / 2) * exp(rnorm(25) / 2)
  of <- sample(25, n, TRUE)
  x <- centres[of, , drop = FALSE] + matrix(rnorm(n * d), n) * width[of]
  anywhere <- sample(n, n / 5)
  x[anywhere, ] <- runif(length(anywhere) * d)
  x
}
globe <- function(data, time) {
  i <- sample(nrow(data), n)
  a <- data[i, c("lon", "lat")] * pi / 180
  cbind(cos(a$lon) * cos(a$lat), sin(a$lon) * cos(a$lat), sin(a$lat), time[i])
}
argo <- function() globe(GpGp::argo2016, GpGp::argo2016$day)
jason <- function() globe(GpGp::jason3, GpGp::jason3$time / 3600)
matern32 <- function(...) cov_matern(1.5, ...)
matern52 <- function(...) cov_matern(2.5, ...)
problem <- function(name, x, family, lengthscale, nugget, gpgp = FALSE) {
  list(name = name, x = x, cov = family(1, lengthscale, nugget), gpgp = gpgp)
}
growing <- seq(0.15, 0.75, length.out = 5)
problems <- list(
  problem("d = 1, Matern 3/2, noise", function() uniform(1), matern32, 0.1, 0.1),
  problem("d = 1, exponential, clusters", function() clusters(1), cov_exponential, 0.2, 0.01),
  problem("d = 2, Matern 3/2, noise", function() uniform(2), matern32, c(0.3, 0.3), 0.1),
  problem("d = 2, Matern 3/2", function() uniform(2), matern32, c(0.3, 0.3), 0),
  problem("d = 2, Matern 5/2, clusters", function() clusters(2), matern52, c(0.2, 0.2), 0.01),
  problem("d = 2, exponential, clusters", function() clusters(2), cov_exponential, c(0.5, 0.5), 0),
  problem("d = 3, exponential", function() uniform(3), cov_exponential, rep(0.5, 3), 0.01),
  problem("d = 3, Gaussian, noise", function() uniform(3), cov_gaussian, rep(0.5, 3), 0.1),
  problem("d = 5, Matern 3/2", function() uniform(5), matern32, growing, 0.01),
  problem("d = 5, Gaussian, noise", function() clusters(5), cov_gaussian, growing, 0.1),
  problem("d = 10, Matern 5/2, noise", function() uniform(10), matern52, rep(1, 10), 0.1),
  problem("d = 10, Matern 3/2, clusters", function() clusters(10), matern32, rep(1, 10), 0),
  problem("Argo floats, Matern 3/2, noise", argo, matern32, c(0.1, 0.1, 0.1, 30), 0.1, TRUE),
  problem("Jason-3, exponential", jason, cov_exponential, c(0.3, 0.3, 0.3, 24), 0.01, TRUE))

# A problem's places in an order, its metrics and the root of its covariance matrix, from its seed.
place_problem <- function(k, order) {
  p <- problems[[k]]
  set.seed(k)
  x <- p$x()
  p$metric <- metric_euclidean(p$cov$lengthscale)
  p$x <- x[vecchia_order(x, order, p$metric), , drop = FALSE]
  p$u <- inducing_points(p$x, rank, cov = p$cov)
  p$residual <- metric_residual(p$cov, p$u, nugget = p$cov$nugget > 0)
  p$root <- chol(unname(covariance(p$cov, p$x)))
  p
}
usable <- which(!vapply(problems, `[[`, NA, "gpgp") | have("GpGp"))

# ---- sets and their divergence ----

euclid <- function(p, m, ...) vecchia_neighbors(p$x, m, p$metric, ...)
residual <- function(p, m, ...) suppressWarnings(vecchia_neighbors(p$x, m, p$residual, ...))
conditional <- function(p, m, candidates = 4, ...) {
  euclid(p, m, select = "conditional", cov = p$cov, candidates = candidates)
}
conditional_residual <- function(p, m, candidates = 4, by = "euclid") {
  residual(p, m, select = "conditional", candidates = candidates, candidates_by = by)
}

# The divergence of the observations from the truth, as vecchia_kl(factor, locs = ) with its dense
# matrix factored once for all sets.
divergence <- function(p, sets, inducing) {
  factor <- suppressWarnings(vecchia_factor(sets, p$x, p$cov, inducing = if (inducing) p$u))
  trace <- if (inducing) sum(whiten(factor, t(p$root))^2) else n
  (trace - n + as.numeric(determinant(factor)$modulus)) / 2 - sum(log(diag(p$root)))
}

plain_sets <- list(
  "nearest, Euclid" = euclid,
  "nearest, Euclid, 2 m" = function(p, m) euclid(p, 2 * m),
  "conditional from 2 m Euclid" = function(p, m) conditional(p, m, 2),
  "conditional from 4 m Euclid" = conditional,
  "conditional from 8 m Euclid" = function(p, m) conditional(p, m, 8))
inducing_sets <- list(
  "nearest, Euclid" = euclid,
  "nearest, residual correlation" = residual,
  "conditional from 2 m Euclid" = function(p, m) conditional_residual(p, m, 2),
  "conditional from 4 m Euclid" = conditional_residual,
  "conditional from 8 m Euclid" = function(p, m) conditional_residual(p, m, 8),
  "conditional from 4 m by residual correlation" = function(p, m) {
    conditional_residual(p, m, by = "metric")
  },
  "conditional from half and half" = function(p, m) conditional_residual(p, m, by = "both"),
  "conditional from 4 m Euclid, by the full covariance" = conditional)

# ---- quality ----

# Divergences of every way to choose sets, for one problem in one order.
measure_quality <- function(k, order) {
  p <- place_problem(k, order)
  one <- function(model, ways, m) {
    kl <- vapply(ways, function(way) divergence(p, way(p, m), model == "VIF"), 0)
    data.frame(model = model, m = m, set = names(ways), kl = kl, problem = p$name, order = order,
               relative = kl / kl[["conditional from 4 m Euclid"]])
  }
  do.call(rbind, lapply(c(10, 20), function(m) {
    rbind(one("Vecchia", plain_sets, m), one("VIF", inducing_sets, m))
  }))
}

relative_row <- function(part) {
  ratio <- part$relative
  list(model = part$model[1], m = part$m[1], set = part$set[1],
       "geometric mean" = round(exp(mean(log(ratio))), 2), least = round(min(ratio), 2),
       most = round(max(ratio), 2), "worse than nearest" = sum(part$worse))
}

if ("quality" %in% asked) {
  cases <- expand.grid(k = usable, order = c("maxmin", "random"), stringsAsFactors = FALSE)
  all <- do.call(rbind, Map(measure_quality, cases$k, cases$order))
  case <- paste(all$model, all$m, all$problem, all$order)
  nearest <- all$set == "nearest, Euclid"
  all$worse <- all$kl > all$kl[nearest][match(case, case[nearest])] * (1 + 1e-9)
  key <- paste(all$model, all$m, all$set)
  parts <- split(all, factor(key, unique(key[order(all$model, all$m)])))
  report("sets-quality", "divergence relative to conditional selection from 4 m Euclid, equal m",
         lapply(unname(parts), relative_row),
         c(sprintf("%d problems in two orders, n = %s, %d inducing points with VIF", length(usable),
                   count_text(n), rank),
           "above 1 is worse", "the last column counts cases above nearest by Euclid at equal m"))
}

# ---- divergence against m and seconds ----

chosen <- c(1, 3, 4, 9, 13)
worth_ways <- list(
  nearest = list(sets = euclid, inducing = FALSE),
  conditional = list(sets = conditional, inducing = FALSE),
  "residual, VIF" = list(sets = residual, inducing = TRUE),
  "conditional, VIF" = list(sets = conditional_residual, inducing = TRUE))

measure_worth <- function(p, y, name, m) {
  way <- worth_ways[[name]]
  sets <- way$sets(p, m)
  u <- if (way$inducing) p$u
  run <- compare(list(sets = function() way$sets(p, m), likelihood = function() {
    suppressWarnings(vecchia_loglik(y, sets, p$x, p$cov, inducing = u))
    NULL
  }), rounds)$seconds
  list(problem = p$name, set = name, m = m,
       divergence = signif(divergence(p, sets, way$inducing), 4),
       "us a row, sets" = signif(1e6 * run[["sets"]] / n, 3),
       "us a row, likelihood" = signif(1e6 * run[["likelihood"]] / n, 3))
}

if ("worth" %in% asked) {
  rows <- list()
  for (k in intersect(chosen, usable)) {
    p <- place_problem(k, "maxmin")
    y <- drop(crossprod(p$root, rnorm(n)))
    for (name in names(worth_ways)) for (m in c(5, 10, 20, 40)) {
      rows <- c(rows, list(measure_worth(p, y, name, m)))
    }
  }
  report("sets-worth", "divergence against m and time", rows,
         c(sprintf("n = %s, maximin order, 1 thread, medians of %d", count_text(n), rounds),
           sprintf("%d inducing points with VIF, made beforehand; nats of divergence", rank)))
}

# ---- cost ----

if ("cost" %in% asked) {
  set.seed(1)
  x <- matrix(runif(2e5), 1e5)
  x <- x[vecchia_order(x), ]
  cov <- cov_matern(1.5, 1, 0.1, 0.1)
  search <- function(...) function() {
    vecchia_neighbors(x, 30, ...)
    NULL
  }
  left <- metric_residual(cov, inducing_points(x, 200, cov = cov), nugget = TRUE)
  rows <- list()
  for (threads in 1:2) {
    seconds <- compare(list(
      "nearest" = search(threads = threads),
      "conditional" = search(select = "conditional", cov = cov, threads = threads),
      "conditional, 200 inducing points" = search(metric = left, select = "conditional",
                                                  threads = threads)), rounds)$seconds
    rows <- c(rows, lapply(names(seconds), function(name) list(
      threads = threads, set = name, seconds = signif(seconds[[name]], 3),
      "us a row a thread" = signif(1e6 * seconds[[name]] * threads / 1e5, 3),
      "times nearest" = round(seconds[[name]] / seconds[["nearest"]], 1))))
  }
  report("sets-cost", "conditional selection, n = 100,000, d = 2, Matern 3/2, m = 30", rows,
         sprintf("from 4 m candidates, medians of %d", rounds))
}
