# The pair engine beside dgemm, one thread: nanoseconds a pair for m = 200 and 512, and the scan through
# R as a whole.
# Rscript bench/kernels.R [rounds] [seconds a measurement]
# (from the package's root; needs cc, make and OpenBLAS's cblas.h)
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 5, least = 0.5)
rounds <- arguments$rounds

# The driver linked with the core, in a temporary folder; NULL without a compiler or OpenBLAS.
driver <- local({
  folder <- tempfile("kernels")
  root <- normalizePath(file.path(here, ".."))
  library <- file.path(folder, "libcore.a")
  program <- file.path(folder, "kernels")
  log <- tempfile()
  run <- function(command, ...) system2(command, c(...), stdout = log, stderr = log) == 0
  built <- run("make", "-j2", "-C", shQuote(file.path(root, "tests", "core")), paste0("BUILD=", folder),
               "OPT=-O2", "EXTRA=-fPIC", library)
  linked <- built && run("cc", "-std=gnu99 -O2 -fopenmp -I", shQuote(file.path(root, "src", "core")),
                         shQuote(file.path(root, "bench", "kernels.c")), library,
                         "-lopenblas -lm -o", program)
  if (!linked) writeLines(utils::tail(readLines(log), 5))
  if (linked) program
})

# Lines of the driver as a table.
drive <- function() {
  out <- system2(driver, c(rounds, arguments$least), stdout = TRUE,
                 env = c("OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"))
  structure(utils::read.csv(text = out[-1]), kernels = sub("# ", "", out[1]))
}

# Nanoseconds a pair of the whole scan: covariance, comparison, shortlists, answers. One thread, all rows of n.
scan_ns <- function(m, n = 12000) {
  set.seed(1)
  x <- matrix(rnorm(3 * n), ncol = 3)
  run <- covertree:::run_settings(1, FALSE)
  metric <- metric_residual(cov_gaussian(), x[seq_len(m), ], jitter = 1e-6)
  index <- suppressWarnings(covertree:::light_index(x, metric, run, "x", NULL),
                            classes = "covertree_warning")
  queries <- covertree:::resolve_queries(index)
  spent <- replicate(rounds, {
    before <- sum(proc.time()[1:2])
    covertree:::search_knn(index, queries, 30, run, "scan")
    sum(proc.time()[1:2]) - before
  })
  1e9 * stats::median(spent) / as.numeric(n)^2
}

if (is.null(driver)) {
  stop("The driver could not be compiled: it needs cc, make and OpenBLAS (Debian: libopenblas-dev).")
}
measured <- drive()
scan <- function(m) {
  data.frame(m = m, engine = "scan through R", work = "all pairs to answers", ns = scan_ns(m))
}
ns <- stats::aggregate(ns ~ work + engine + m, rbind(measured, scan(200), scan(512)), stats::median)
dgemm <- vapply(ns$m, function(m) min(ns$ns[ns$engine == "dgemm" & ns$m == m]), 0)
rows <- lapply(seq_len(nrow(ns)), function(i) list(
  m = ns$m[i], engine = ns$engine[i], work = ns$work[i], "ns a pair" = round(ns$ns[i], 2),
  "Gflop/s of products" = round(2 * ns$m[i] / ns$ns[i], 1), "share of dgemm's rate" = round(dgemm[i] / ns$ns[i], 3)))
report("kernels", "products of V, one thread, beside OpenBLAS's dgemm", rows,
       c(sprintf("kernels: %s; processor time, medians of %d", attr(measured, "kernels"), rounds),
         "shares are of the faster dgemm"))
