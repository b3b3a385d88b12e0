# R packages for setup.sh, run at the root of a checkout.
#   missing NAME...   prints those that are not installed, or older than DESCRIPTION asks
#   install NAME...   installs them from CRAN
#   suggested         prints what DESCRIPTION suggests
#   library           prints the first library that can be written to

verb <- commandArgs(TRUE)[1]
names <- commandArgs(TRUE)[-1]

# "rlang (>= 1.0.0)" of some fields of DESCRIPTION as c(rlang = "1.0.0")
asked <- function(fields) {
  entries <- trimws(unlist(strsplit(read.dcf("DESCRIPTION", fields), ",")))
  version <- ifelse(grepl(">=", entries), gsub(".*>= *|\\)", "", entries), "0")
  stats::setNames(version, sub("[ (].*", "", entries))
}

is_missing <- function(name) {
  oldest <- c(asked(c("Imports", "LinkingTo", "Suggests")), "0")[name]
  !requireNamespace(name, quietly = TRUE) || utils::packageVersion(name) < max(oldest, "0", na.rm = TRUE)
}

# R's own libraries first; a personal one is made where none of them may be written to
writable_library <- function() {
  open <- .libPaths()[file.access(.libPaths(), 2) == 0]
  if (length(open)) return(open[1])
  own <- path.expand(strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep)[[1]][1])
  dir.create(own, recursive = TRUE, showWarnings = FALSE)
  own
}

install <- function(names) {
  if ("@CRAN@" %in% getOption("repos")) utils::chooseCRANmirror(ind = 1, local.only = TRUE)
  library <- writable_library()
  .libPaths(c(library, .libPaths()))
  utils::install.packages(names, lib = library, Ncpus = parallel::detectCores(), quiet = TRUE)
}

switch(verb,
  missing = writeLines(Filter(is_missing, names)),
  install = install(names),
  suggested = writeLines(names(asked("Suggests"))),
  library = writeLines(writable_library())
)
