# Conditioning sets (m nearest earlier rows) beside GpGp and BRISC, and growth with n.
# Rscript bench/vecchia.R [rounds]      (from the package's root; peers that are absent are left out)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
rounds <- number_arguments(rounds = 5)$rounds
peers <- c("GpGp", "BRISC")
cat("# ", machine_line(), "\n# ", version_line(peers), "\n", sep = "")

set.seed(1)
n <- 1e5
m <- 30
x <- matrix(runif(2 * n), n)
ours <- function(x, threads) function() vecchia_neighbors(x, m = m, threads = threads, progress = FALSE)
result <- compare(list("covertree, 1 thread" = ours(x, 1), "covertree, 2 threads" = ours(x, 2)), rounds)
brisc <- function(search, ordering) function() utils::capture.output(invisible(
  BRISC::BRISC_neighbor(x, n.neighbors = m, ordering = ordering, search.type = search, n_omp = 2,
                        verbose = FALSE)))
by_sum <- order(rowSums(x))
slow <- compare(c(
  if (have("GpGp")) list("GpGp::find_ordered_nn" = function() GpGp::find_ordered_nn(x, m)),
  if (have("BRISC")) list("BRISC_neighbor, tree, 2 threads" = brisc("tree", seq_len(n)),
                          "BRISC_neighbor, code book by sums, 2 threads" = brisc("cb", by_sum))
), min(rounds, 3))
seconds <- c(result$seconds, slow$seconds)
best <- result$seconds[["covertree, 2 threads"]]
found <- result$value[["covertree, 2 threads"]]$index

rows <- c(2:40, sample(n, 60))
truth <- lapply(rows, function(i) {
  d <- (x[seq_len(i - 1), 1] - x[i, 1])^2 + (x[seq_len(i - 1), 2] - x[i, 2])^2
  order(d)[seq_len(min(m, i - 1))]
})
recall <- mean(mapply(function(i, t) mean(t %in% found[i, ]), rows, truth))

table <- lapply(names(seconds), function(name) list(
  search = name, seconds = signif(seconds[[name]], 3), "times ours" = round(seconds[[name]] / best, 1)))
notes <- c(sprintf("medians of %d, of peers %d", rounds, min(rounds, 3)),
           sprintf("recall of covertree on %d rows: %g", length(rows), recall))
report("vecchia", "conditioning sets, Euclidean, n = 100,000, d = 2, m = 30", table, notes, peers)

grown <- lapply(c(1e5, 2e5, 4e5, 1e6), function(n) {
  x <- matrix(runif(2 * n), n)
  run <- compare(list(a = ours(x, 2)), rounds)
  seconds <- run$seconds[["a"]]
  list(n = n, seconds = signif(seconds, 3), "microseconds a point" = round(1e6 * seconds / n, 3),
       "points scanned" = round(attr(run$value$a, "stats")$evaluations / n))
})
report("vecchia-growth", "conditioning sets, Euclidean, d = 2, m = 30, growing n", grown,
       sprintf("2 threads, medians of %d", rounds))
