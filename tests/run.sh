#!/usr/bin/env bash
# Runs all tests: those of the R package, installed into a library of their own, and those of the C core.
# Installs what is missing first. The last line counts what the two reporters counted.
# usage: bash tests/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. inst/scripts/setup.sh

need_r
need_compiler
need_packages cli rlang testthat withr
mkdir "$scratch/library"
install_covertree "$scratch/library"

r_tests() {
  NOT_CRAN=true TESTTHAT_MAX_FAILS=Inf R_LIBS="$scratch/library${R_LIBS:+:$R_LIBS}" Rscript -e '
    reporter <- testthat::ProgressReporter$new(update_interval = Inf)
    results <- testthat::test_dir("tests/testthat", package = "covertree", load_package = "installed",
                                  reporter = reporter, stop_on_failure = FALSE)
    outcome <- unlist(lapply(results, function(test) lapply(test$results, function(x) class(x)[1])))
    count <- function(...) sum(outcome %in% paste0("expectation_", c(...)))
    failed <- count("failure", "error")
    cat(count("success"), " passed, ", failed, " failed, ", count("skip"), " skipped\n", sep = "")
    quit(status = failed > 0)'
}

# The package's library hides everything but what R looks for.
exported_symbols() {
  local names
  names=$(nm -D --defined-only "$scratch/library/covertree/libs/covertree.so" | sed 's/.* //')
  echo "$names"
  [ "$names" = R_init_covertree ]
}

step "R tests" r_tests
step "exported symbols" exported_symbols
step "C tests" make -s -C tests/core check BUILD="$scratch/core"
total
