# Runs the benchmarks, each step in a process of its own, and writes what README, results.md and the
# vignette "Speed" show.
# Rscript bench/run.R [step ...] [rounds] [scale: 1 = full size]
# (from the package's root, with the package installed)
# No step named: all of them. "list" lists them, "write" only writes anew from the tables of the last run.
#
# Tables are kept as inst/speed/<table>.csv. A step that fails or takes more than ten minutes leaves its
# old ones.
stopifnot(file.exists("bench/common.R"))
source("bench/common.R")
arguments <- number_arguments(rounds = 5, scale = 1)
store <- file.path("inst", "speed")
limit <- 600

rounds <- arguments$rounds
scale <- arguments$scale
residual <- c("gold", "new", "matern52", "d2", "d5", "early-gold", "early-matern52", "early-d2",
              "early-d5", "floor", "memory", "local-gold", "local-matern52", "local-d2", "local-d5")
euclid <- c("d2", "d3", "d5", "d10", "million")
script_for <- function(script, workloads, prefix) {
  stats::setNames(lapply(workloads, function(w) c(script, w, rounds, scale)), paste0(prefix, "-", workloads))
}
steps <- c(
  list(kernels = c("kernels.R", rounds)), script_for("residual.R", residual, "residual"),
  list("growth-residual" = c("growth.R", "residual", rounds, scale),
       "growth-euclid" = c("growth.R", "euclid", rounds, scale),
       "growth-trees" = c("growth.R", "trees", 1, scale)),
  script_for("euclid.R", euclid, "euclid"),
  list(vecchia = c("vecchia.R", rounds), likelihood = c("fit.R", rounds, scale),
       order = c("order.R", rounds)),
  script_for("whole_fit.R", c("whole", "million", "peers", "argo", "coverage"), "fit"),
  list(gold = c("gold.R", rounds)),
  script_for("sets.R", c("quality", "worth", "cost"), "sets"))

# Tables of a step replace the old ones only when it has ended well.
run_step <- function(name) {
  folder <- tempfile("tables")
  dir.create(folder)
  cat("\n#### ", name, "\n", sep = "")
  start <- proc.time()[["elapsed"]]
  step <- steps[[name]]
  status <- system2(file.path(R.home("bin"), "Rscript"), c(file.path("bench", step[1]), step[-1]),
                    timeout = limit, env = paste0("COVERTREE_BENCH_OUT=", shQuote(folder)))
  spent <- proc.time()[["elapsed"]] - start
  cat(sprintf("\n#### %s: %.0f s%s\n", name, spent, if (status) paste(", failed:", status) else ""))
  if (status == 0) file.copy(list.files(folder, full.names = TRUE), store, overwrite = TRUE)
  status == 0
}

asked <- grep("^[0-9.]+$", commandArgs(TRUE), invert = TRUE, value = TRUE)
if (identical(asked, "list")) {
  writeLines(names(steps))
  quit(status = 0)
}
unknown <- setdiff(asked, c(names(steps), "write"))
if (length(unknown)) stop("No such step: ", toString(unknown), ". See: Rscript bench/run.R list")
dir.create(store, showWarnings = FALSE)
ok <- vapply(if (length(asked)) setdiff(asked, "write") else names(steps), run_step, TRUE)
source("bench/write.R")
if (!all(ok)) stop("Failed: ", toString(names(ok)[!ok]))
