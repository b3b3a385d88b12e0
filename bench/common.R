# Shared by the benchmarks: machine, medians, recall, tables.

machine <- function(peers = character()) {
  cpu <- sub(".*: *", "", grep("model name", readLines("/proc/cpuinfo"), value = TRUE)[1])
  version <- function(p) if (requireNamespace(p, quietly = TRUE)) paste(p, utils::packageVersion(p)) else paste(p, "absent")
  cat("# ", cpu, ", ", parallel::detectCores(), " processors, ", R.version.string, "\n", sep = "")
  cat("# ", paste(vapply(c("covertree", peers), version, ""), collapse = ", "), "\n", sep = "")
}

# Seconds of a call and its value.
timed <- function(expr) {
  gc(FALSE)
  start <- proc.time()[["elapsed"]]
  value <- force(expr)
  list(seconds = proc.time()[["elapsed"]] - start, value = value)
}

# Runs the calls in turn, round after round, so that a drifting machine treats all alike: list(median seconds, last value).
compare <- function(calls, rounds = 5) {
  seconds <- matrix(NA_real_, rounds, length(calls), dimnames = list(NULL, names(calls)))
  value <- list()
  for (r in seq_len(rounds)) for (name in names(calls)) {
    run <- timed(calls[[name]]())
    own <- if (is.list(run$value)) run$value$seconds # of a call that timed itself
    seconds[r, name] <- own %||% run$seconds
    value[[name]] <- run$value
  }
  list(seconds = apply(seconds, 2, stats::median), value = value)
}

`%||%` <- function(a, b) if (is.null(a)) b else a

# Share of true neighbours found on a sample of rows, the truth by brute force in R.
recall_of <- function(index, x, k, rows) {
  mean(vapply(rows, function(i) {
    d <- colSums((t(x) - x[i, ])^2)
    d[i] <- Inf
    mean(index[i, ] %in% order(d)[seq_len(k)])
  }, 0))
}

show_table <- function(rows) print(do.call(rbind, lapply(rows, as.data.frame)), row.names = FALSE, right = TRUE)
