# Maximin orders beside GPvecchia's exact and GpGp's approximate one, one thread.
# Rscript bench/order.R [rounds]      (from the package's root; peers that are absent are left out)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
rounds <- number_arguments(rounds = 5)$rounds
peers <- c("GPvecchia", "GpGp")
cat("# ", machine_line(), "\n# ", version_line(peers), "\n", sep = "")

plane <- function(n, d) matrix(runif(n * d), n)
globe <- function(n) cbind(lon = runif(n, -180, 180), lat = asin(runif(n, -1, 1)) * 180 / pi)
unit <- function(x) {
  a <- x * pi / 180
  cbind(cos(a[, 2]) * cos(a[, 1]), cos(a[, 2]) * sin(a[, 1]), sin(a[, 2]))
}

# rounds: the most that the slowest peer leaves time for
work <- list(
  list(key = "d2", name = "uniform, n = 1e5, d = 2", x = function() plane(1e5, 2), gpgp = TRUE),
  list(key = "globe", name = "great circle, n = 1e5", x = function() globe(1e5), sphere = TRUE,
       gpgp = TRUE, rounds = 2),
  list(key = "d5", name = "uniform, n = 1e5, d = 5", x = function() plane(1e5, 5), rounds = 2),
  list(key = "million", name = "uniform, n = 1e6, d = 2", x = function() plane(1e6, 2), rounds = 1),
  list(key = "d10", name = "normal, n = 2e4, d = 10", x = function() matrix(rnorm(2e5), 2e4), rounds = 2)
)

# GPvecchia knows no sphere: it gets unit vectors, whose distances order alike.
calls_for <- function(w, x) {
  metric <- if (isTRUE(w$sphere)) metric_great_circle() else metric_euclidean()
  flat <- if (isTRUE(w$sphere)) unit(x) else x
  ours <- function() list(order = vecchia_order(x, metric = metric, threads = 1, progress = FALSE))
  c(list("covertree" = ours),
    if (have("GPvecchia"))
      list("GPvecchia::order_maxmin_exact" = function()
        list(order = GPvecchia::order_maxmin_exact(flat))),
    if (have("GpGp") && isTRUE(w$gpgp))
      list("GpGp::order_maxmin" = function()
        list(order = GpGp::order_maxmin(x, lonlat = isTRUE(w$sphere)))))
}

for (w in work) {
  set.seed(1)
  x <- w$x()
  result <- compare(calls_for(w, x), min(w$rounds, rounds))
  ours <- result$value[["covertree"]]$order
  rows <- lapply(names(result$seconds), function(name) {
    seconds <- result$seconds[[name]]
    same <- 100 * mean(result$value[[name]]$order == ours)
    list(order = name, seconds = round(seconds, 3),
         "times ours" = round(seconds / result$seconds[["covertree"]], 1),
         "places as ours" = paste0(format(same, digits = 7), " %"))
  })
  report(paste0("order-", w$key), paste0("maximin order: ", w$name), rows,
         sprintf("1 thread, medians of %d", min(w$rounds, rounds)), peers)
}

set.seed(1)
x <- plane(1e5, 2)
methods <- c("hilbert", "middleout", "coordinate", "random")
by_method <- lapply(methods, function(m) function() {
  list(order = vecchia_order(x, m, threads = 1, progress = FALSE))
})
other <- compare(stats::setNames(by_method, methods), rounds)
report("order-methods", "other orders, n = 1e5, d = 2",
       lapply(methods, function(m) list(method = m, seconds = round(other$seconds[[m]], 3))),
       sprintf("1 thread, medians of %d", rounds))
