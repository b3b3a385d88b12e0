# Conditioning sets (m nearest earlier rows) beside GpGp and BRISC, and growth with n.
# Rscript bench/vecchia.R [rounds]      (from the package's root; peers that are absent are left out)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- as.numeric(commandArgs(TRUE))
rounds <- if (length(arguments)) arguments[1] else 5
have <- function(p) requireNamespace(p, quietly = TRUE)
machine(c("GpGp", "BRISC"))

set.seed(1)
n <- 1e5
m <- 30
x <- matrix(runif(2 * n), n)
ours <- function(x, threads) function() vecchia_neighbors(x, m = m, threads = threads, progress = FALSE)
result <- compare(list("1 thread" = ours(x, 1), "2 threads" = ours(x, 2)), rounds)
brisc <- function(search, ordering) function() utils::capture.output(
  invisible(BRISC::BRISC_neighbor(x, n.neighbors = m, ordering = ordering, search.type = search, n_omp = 2, verbose = FALSE)))
by_sum <- order(rowSums(x))
peers <- c(if (have("GpGp")) list("GpGp::find_ordered_nn" = function() GpGp::find_ordered_nn(x, m)),
           if (have("BRISC")) list("BRISC_neighbor, tree, 2 threads" = brisc("tree", seq_len(n)),
                                   "BRISC_neighbor, code book by sums, 2 threads" = brisc("cb", by_sum)))
slow <- compare(peers, 3)
seconds <- c(result$seconds, slow$seconds)
best <- result$seconds[["2 threads"]]
cat("\n## n = 100000, d = 2, m = 30\n")
show_table(lapply(names(seconds), function(name) list(search = name, seconds = round(seconds[[name]], 3), "times ours" = round(seconds[[name]] / best, 1))))

rows <- c(1:40, sample(n, 60))
truth <- lapply(rows[rows > 1], function(i) {
  d <- (x[seq_len(i - 1), 1] - x[i, 1])^2 + (x[seq_len(i - 1), 2] - x[i, 2])^2
  order(d)[seq_len(min(m, i - 1))]
})
found <- result$value[["2 threads"]]$index[rows[rows > 1], ]
cat("recall", mean(mapply(function(i, t) mean(t %in% found[i, ]), seq_along(truth), truth)), "on", length(truth), "rows\n")

cat("\n## growth, d = 2, m = 30, 2 threads\n")
sizes <- c(1e5, 2e5, 4e5, 1e6)
grown <- lapply(sizes, function(n) {
  x <- matrix(runif(2 * n), n)
  run <- compare(list(a = ours(x, 2)), rounds)
  list(n = n, seconds = round(run$seconds[["a"]], 3), "microseconds a point" = round(1e6 * run$seconds[["a"]] / n, 3),
       "points scanned" = round(attr(run$value$a, "stats")$evaluations / n))
})
show_table(grown)
