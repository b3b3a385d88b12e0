# Shared by the benchmarks: machine, medians, recall, tables.

machine_line <- function() {
  cpu <- sub(".*: *", "", grep("model name", readLines("/proc/cpuinfo"), value = TRUE)[1])
  paste0(cpu, ", ", parallel::detectCores(), " processors, ", R.version.string)
}

version_line <- function(peers = character()) {
  version <- function(p) {
    if (requireNamespace(p, quietly = TRUE)) paste(p, utils::packageVersion(p)) else paste(p, "absent")
  }
  paste(vapply(c("covertree", peers), version, ""), collapse = ", ")
}

have <- function(package) requireNamespace(package, quietly = TRUE)

# The numbers among a script's arguments; missing ones become defaults.
number_arguments <- function(...) {
  defaults <- list(...)
  given <- suppressWarnings(as.numeric(commandArgs(TRUE)))
  given <- given[!is.na(given)]
  for (i in seq_len(min(length(given), length(defaults)))) defaults[[i]] <- given[i]
  defaults
}

# Seconds of a call and its value.
timed <- function(expr) {
  gc(FALSE)
  start <- Sys.time() # finer than proc.time()
  value <- force(expr)
  list(seconds = as.numeric(Sys.time()) - as.numeric(start), value = value)
}

# Runs the calls in turn, round after round, so that a drifting machine treats all alike:
# list(median seconds, last value).
# A call that timed itself returns a list with `seconds`.
compare <- function(calls, rounds = 5) {
  seconds <- matrix(NA_real_, rounds, length(calls), dimnames = list(NULL, names(calls)))
  value <- list()
  for (r in seq_len(rounds)) for (name in names(calls)) {
    run <- timed(calls[[name]]())
    own <- if (is.list(run$value)) run$value$seconds
    seconds[r, name] <- own %||% run$seconds
    value[[name]] <- run$value
  }
  list(seconds = apply(seconds, 2, stats::median), value = value)
}

# 100,000 rather than 1e+05.
count_text <- function(n) format(n, big.mark = ",", scientific = FALSE, trim = TRUE)

`%||%` <- function(a, b) if (is.null(a)) b else a

# Share of true neighbours found on a sample of rows, the truth by brute force in R.
recall_of <- function(index, x, k, rows) {
  mean(vapply(rows, function(i) {
    d <- colSums((t(x) - x[i, ])^2)
    d[i] <- Inf
    mean(index[i, ] %in% order(d)[seq_len(k)])
  }, 0))
}

# Slope of log(seconds) over log(n).
exponent <- function(n, seconds) unname(stats::coef(stats::lm(log(seconds) ~ log(n)))[2])

# Whole numbers as integers, which print as 100000, never as 1e+05.
whole <- function(column) {
  fits <- is.numeric(column) && all(is.finite(column)) && all(column == round(column) & abs(column) < 2e9)
  if (fits) as.integer(column) else column
}

# Prints a table. rows: a list of lists with the same names. Where run.R asks for it, writes name.csv
# as well, with title, notes and machine as comments in its head.
report <- function(name, title, rows, notes = character(), peers = character()) {
  table <- do.call(rbind, lapply(rows, function(row) as.data.frame(row, check.names = FALSE)))
  table[] <- lapply(table, whole)
  cat("\n## ", title, "\n", paste0("# ", notes, "\n", recycle0 = TRUE), sep = "")
  old <- options(width = 200)
  on.exit(options(old))
  print(table, row.names = FALSE, right = TRUE)
  folder <- Sys.getenv("COVERTREE_BENCH_OUT")
  if (!nzchar(folder)) return(invisible(table))
  head <- c(title = title, stats::setNames(notes, rep("note", length(notes))), machine = machine_line(),
            versions = version_line(peers))
  file <- file.path(folder, paste0(name, ".csv"))
  writeLines(paste0("# ", names(head), ": ", head), file)
  suppressWarnings(utils::write.table(table, file, append = TRUE, sep = ",", row.names = FALSE,
                                      qmethod = "double")) # a header after comments is what is wanted
  invisible(table)
}
