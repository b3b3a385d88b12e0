# Residual correlations beside the package's own scan of all pairs, in the same run, through R.
# Rscript bench/residual.R [workload ...] [rounds] [scale: 1 = full size]      (from the package's root)
# Workloads: gold, matern52, d2, d5, rough (every row a query), new, early-gold, early-matern52, early-d2,
# early-d5, early-rough (earlier rows only), floor, memory, local-gold, local-matern52, local-d2, local-d5,
# local-rough. None: all.
# COVERTREE_THREADS (2) says how many threads.
library(covertree)
here <- if (file.exists("bench/common.R")) "bench" else "."
source(file.path(here, "common.R"))
arguments <- number_arguments(rounds = 5, scale = 1)
rounds <- arguments$rounds
scale <- arguments$scale
threads <- as.integer(Sys.getenv("COVERTREE_THREADS", "2"))
options(covertree.threads = threads, covertree.progress = FALSE)
run <- covertree:::run_settings(threads, FALSE)

# The data. Gold is what everybody in this corner quotes: 32,768 standard normal points in three
# dimensions, 512 inducing points drawn from the data, k = 50.
normal_points <- function(cov) {
  set.seed(1)
  x <- matrix(rnorm(round(32768 * scale) * 3), ncol = 3)
  u <- x[sample(nrow(x), min(512, nrow(x) %/% 4)), ]
  list(x = x, metric = metric_residual(cov, u, jitter = 1e-6), k = 50)
}

uniform_points <- function(d, cov) {
  set.seed(1)
  x <- matrix(runif(round(1e5 * scale) * d), ncol = d)
  list(x = x, metric = metric_residual(cov, inducing_points(x, 200)), k = 30)
}

data <- list(
  gold = list(title = "gold: %s normal points, d = 3, Gaussian, m = 512, k = 50",
              make = function() normal_points(cov_gaussian())),
  matern52 = list(title = "the %s points of gold, Matern 5/2, m = 512, k = 50",
                  make = function() normal_points(cov_matern(2.5))),
  d2 = list(title = "%s uniform points, d = 2, Matern 3/2, lengthscale 0.2, m = 200, k = 30",
            make = function() uniform_points(2, cov_matern(1.5, lengthscale = 0.2))),
  d5 = list(title = "%s uniform points, d = 5, Gaussian, lengthscales 0.15 .. 0.75, m = 200, k = 30",
            make = function() uniform_points(5, cov_gaussian(lengthscale = seq(0.15, 0.75, 0.15))))
)

quiet <- function(expr) suppressWarnings(expr, classes = "covertree_warning")
light <- function(w) quiet(covertree:::light_index(w$x, w$metric, run, "x", NULL))
ask <- function(index, queries, k, engine = "correlation") {
  covertree:::search_knn(index, queries, k, run, engine)
}

# A row of a table: seconds and counts of one way, beside the scan's.
row_of <- function(way, seconds, found, scan) {
  stats <- attr(found, "stats")
  list(search = way, seconds = signif(seconds, 4), "queries/s" = round(stats$queries / seconds),
       "times the scan" = signif(scan$seconds / seconds, 3),
       recall = round(mean(neighbor_recall(found, scan$found), na.rm = TRUE), 5),
       evaluations = round(stats$evaluations / stats$queries, 1),
       products = round(stats$products / stats$queries, 1))
}

# What an index holds beyond coordinates and V, as a multiple of V.
extra_bytes <- function(index) {
  size <- function(part) as.numeric(utils::object.size(part))
  V <- size(index$residual$V)
  all <- sum(vapply(index[c("tree", "blocks", "residual", "net")], size, 0))
  beyond <- all - V - size(index$residual$embedded)
  c(beyond = beyond, times = beyond / V)
}

same_bits <- function(a, b) identical(a$index, b$index) && identical(a$distance, b$distance)

# The factor (K of the inducing points, V, p), which every way needs, is taken off and listed apart.
# expr: list(index, found).
without_factor <- function(expr) {
  all <- timed(expr)
  factor <- all$value$index$stats$seconds[["factor"]]
  c(list(seconds = all$seconds - factor, factor = factor), all$value)
}

# Every row a query: an index kept, an index made and asked, and what find_knn() and vecchia_neighbors()
# do with a matrix.
exact_table <- function(name, early) {
  w <- data[[name]]$make()
  index <- light(w)
  queries <- covertree:::resolve_queries(index, predecessors = early)
  kept <- NULL
  calls <- list(
    scan = function() ask(index, queries, w$k, "scan"),
    tree = function() {
      made <- without_factor(list(index = quiet(cover_tree(w$x, w$metric))))
      kept <<- made$index
      made[c("seconds", "factor")]
    },
    query = function() ask(kept, queries, w$k),
    once = function() without_factor({
      made <- light(w)
      list(index = made, found = ask(made, queries, w$k))
    })
  )
  result <- compare(calls, rounds)
  s <- result$seconds
  v <- result$value
  scan <- list(seconds = s[["scan"]], found = v$scan)
  extra <- extra_bytes(kept)
  factor <- stats::median(c(v$tree$factor, v$once$factor))
  notes <- c(
    sprintf("%d threads, medians of %d", threads, rounds),
    sprintf("factor: %.3f s, %.1f %% of the scan's time, in no row", factor, 100 * factor / s[["scan"]]),
    sprintf("index beyond coordinates and V: %.2f times V (%.0f MB)", extra[["times"]],
            extra[["beyond"]] / 1e6),
    sprintf("identical to the scan: %s", same_bits(v$scan, v$query) && same_bits(v$scan, v$once$found)))
  title <- paste0(sprintf(data[[name]]$title, count_text(nrow(w$x))), if (early) ", earlier rows only")
  report(paste0("residual-", if (early) "early-", name), title, list(
    row_of(if (early) "scan of earlier rows" else "scan of all pairs", s[["scan"]], v$scan, scan),
    row_of("index kept, query only", s[["query"]], v$query, scan),
    row_of("cover_tree() and query", s[["tree"]] + s[["query"]], v$query, scan),
    row_of("one call", s[["once"]], v$once$found, scan)), notes)
}

# New points asked of an index; their rows of the factor are made beforehand.
new_table <- function() {
  w <- data$gold$make()
  index <- quiet(cover_tree(w$x, w$metric))
  set.seed(2)
  fresh <- matrix(rnorm(3 * 1024), ncol = 3)
  made <- timed(covertree:::resolve_queries(index, fresh, run = run))
  queries <- made$value
  result <- compare(list(scan = function() ask(index, queries, w$k, "scan"),
                         query = function() ask(index, queries, w$k)), 2 * rounds)
  scan <- list(seconds = result$seconds[["scan"]], found = result$value$scan)
  notes <- c(sprintf("%d threads, medians of %d", threads, 2 * rounds),
             sprintf("factor of the new points: %.3f s", made$seconds),
             sprintf("identical to the scan: %s", same_bits(scan$found, result$value$query)))
  report("residual-new", "gold, 1,024 new points", list(
    row_of("scan", scan$seconds, scan$found, scan),
    row_of("index kept, query only", result$seconds[["query"]], result$value$query, scan)), notes)
}

# Where pruning cannot win, the search must be as fast as the scan. With build, without the factor.
floor_cases <- function() {
  set.seed(3)
  plane <- matrix(runif(round(3e4 * scale) * 2), ncol = 2)
  ten <- matrix(rnorm(round(2e4 * scale) * 10), ncol = 10)
  places <- matrix(runif(2000), ncol = 2)[sample(1000, round(2e4 * scale), replace = TRUE), ]
  few <- matrix(runif(4000), ncol = 2)
  case <- function(case, x, cov, k = 30, m = 200) {
    list(case = case, x = x, metric = metric_residual(cov, inducing_points(x, m), jitter = 1e-8), k = k)
  }
  asked <- function(case, rows) c(list(case = case, rows = rows), data$gold$make())
  smooth <- cov_matern(1.5, lengthscale = 0.2)
  list(
    case("rough: d = 2, exponential, lengthscale 0.02", plane, cov_exponential(lengthscale = 0.02)),
    case("rougher: d = 2, exponential, lengthscale 0.002", plane, cov_exponential(lengthscale = 0.002)),
    case("d = 10, Gaussian, lengthscale 3", ten, cov_gaussian(lengthscale = 3)),
    case("d = 10, Matern 3/2, lengthscale 1", ten, cov_matern(1.5)),
    case("duplicates: 1,000 places", places, smooth),
    case("k = 500, d = 2, Matern 3/2, lengthscale 0.2", plane, smooth, k = 500),
    case("2,000 points, d = 2", few, smooth, m = 100),
    asked("gold, 100 queries", 100), asked("gold, 1 query", 1)
  )
}

floor_row <- function(w) {
  index <- light(w)
  set.seed(4)
  rows <- if (!is.null(w$rows)) sort(sample(nrow(w$x), w$rows))
  queries <- covertree:::resolve_queries(index, rows = rows)
  small <- if (is.null(rows)) 1 else 4
  result <- compare(list(scan = function() ask(index, queries, w$k, "scan"),
                         own = function() ask(index, queries, w$k)), small * rounds)
  s <- result$seconds
  list(case = w$case, n = nrow(w$x), queries = length(rows %||% seq_len(nrow(w$x))),
       "scan s" = signif(s[["scan"]], 3), "search s" = signif(s[["own"]], 3),
       "times the scan" = signif(s[["scan"]] / s[["own"]], 3),
       identical = same_bits(result$value$scan, result$value$own))
}

floor_table <- function() {
  report("residual-floor", "where pruning cannot win: search with build, beside the scan",
         lapply(floor_cases(), floor_row),
         sprintf("%d threads, medians of %d (few queries: of %d)", threads, rounds, 4 * rounds))
}

# Local search: the k best of oversample times k Euclidean neighbours; the truth on a sample of rows.
local_rows <- function(name, oversample = c(1, 2, 4, 8, 16)) {
  w <- data[[name]]$make()
  bare <- quiet(cover_tree(w$x, w$metric, net_bytes = 0))
  kept <- quiet(cover_tree(w$x, w$metric))
  set.seed(5)
  rows <- sort(sample(nrow(w$x), min(2000, nrow(w$x))))
  truth <- find_knn(kept, rows = rows, k = w$k)
  local <- lapply(oversample, function(o) function() find_knn(bare, k = w$k, oversample = o))
  calls <- c(stats::setNames(local, oversample), list("Inf" = function() find_knn(kept, k = w$k)))
  result <- compare(calls, rounds)
  lapply(names(calls), function(way) {
    found <- result$value[[way]]
    list(oversample = as.numeric(way), seconds = signif(result$seconds[[way]], 4),
         "queries/s" = round(nrow(w$x) / result$seconds[[way]]),
         recall = round(mean(neighbor_recall(found[rows], truth)), 5),
         evaluations = round(attr(found, "stats")$evaluations / nrow(w$x), 1))
  })
}

local_table <- function(name) {
  title <- paste("local search,", sub("%s ", "", data[[name]]$title))
  report(paste0("residual-local-", name), title, local_rows(name), c(
    sprintf("%d threads, medians of %d; every row a query, index kept; oversample Inf: exact search",
            threads, rounds),
    "the k best of oversample * k Euclidean neighbours; recall on 2,000 rows"))
}

# ---- memory ----

# Bytes of this process: VmRSS now, VmHWM at most since the last reset. NA without Linux's /proc.
process_bytes <- function(what) {
  file <- "/proc/self/status"
  line <- if (file.exists(file)) grep(paste0("^", what, ":"), readLines(file), value = TRUE) else NA
  1024 * as.numeric(gsub("[^0-9]", "", line))
}

# Most bytes beyond what the process held before.
peak_of <- function(expr) {
  gc(FALSE)
  try(writeLines("5", "/proc/self/clear_refs"), silent = TRUE)
  before <- process_bytes("VmRSS")
  value <- force(expr)
  list(bytes = process_bytes("VmHWM") - before, value = value)
}

memory_row <- function(name) {
  w <- data[[name]]$make()
  size <- function(part) as.numeric(utils::object.size(part))
  mb <- function(bytes) round(bytes / 1e6, 1)
  build <- peak_of(quiet(cover_tree(w$x, w$metric)))
  query <- peak_of(find_knn(build$value, k = w$k))
  extra <- extra_bytes(build$value)
  finished <- size(unclass(build$value))
  list(data = sprintf(data[[name]]$title, count_text(nrow(w$x))), "V MB" = mb(size(build$value$residual$V)),
       "beyond MB" = mb(extra[["beyond"]]), "beyond / V" = round(extra[["times"]], 2),
       "index MB" = mb(finished),
       "peak / (index + input)" = round((size(w$x) + build$bytes) / finished, 2),
       "query: peak / (index + answer)" = round((finished + query$bytes) / (finished + size(query$value)), 2))
}

# Each in a fork of its own: memory that one has given back to the process would hide the next one's peak.
in_fork <- function(row, name) parallel::mccollect(parallel::mcparallel(row(name)))[[1]]

memory_table <- function() {
  rows <- lapply(names(data), function(name) in_fork(memory_row, name))
  report("residual-memory", "memory of an index of residual correlation", rows, c(
    sprintf("%d threads; beyond: without coordinates and V", threads),
    "peaks are of the whole process, less what it held before"))
}

for_data <- function(prefix, table) {
  stats::setNames(lapply(names(data), function(name) function() table(name)), paste0(prefix, names(data)))
}
steps <- c(for_data("", function(name) exact_table(name, FALSE)), list(new = new_table),
           for_data("early-", function(name) exact_table(name, TRUE)),
           list(floor = floor_table, memory = memory_table), for_data("local-", local_table))

asked <- grep("^[0-9.]+$", commandArgs(TRUE), invert = TRUE, value = TRUE)
unknown <- setdiff(asked, names(steps))
if (length(unknown)) stop("No such workload: ", toString(unknown), ". There are ", toString(names(steps)))
cat("# ", machine_line(), "\n# ", version_line(), "\n", sep = "")
for (step in if (length(asked)) asked else names(steps)) steps[[step]]()
