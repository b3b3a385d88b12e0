# The only place that decides a thread count, and what else a call to the core needs to know.

resolve_threads <- function(threads, call = rlang::caller_env()) {
  if (is.null(threads)) threads <- default_threads()
  check_count(threads, arg = "threads", call = call)
  .Call(C_ffi_threads, as.integer(threads))
}

default_threads <- function() {
  asked <- getOption("covertree.threads")
  if (!is.null(asked)) return(asked)
  limits <- thread_limits()
  if (length(limits)) return(min(limits))
  max(1L, .Call(C_ffi_processors) %/% 2L)
}

# What the session was told by its scheduler, its user or a package check. OpenMP takes a list, a
# number per level.
thread_limits <- function() {
  openmp <- sub(",.*", "", Sys.getenv(c("OMP_NUM_THREADS", "OMP_THREAD_LIMIT")))
  limits <- suppressWarnings(as.integer(c(openmp, getOption("mc.cores", NA))))
  checked <- !tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_")) %in% c("", "false")
  limits <- c(limits, if (checked) 2L)
  limits[!is.na(limits) & limits >= 1]
}

# A process that parallel has forked before this package was loaded in it, unseen by the handler in
# C.
.onLoad <- function(libname, pkgname) {
  if (!"parallel" %in% loadedNamespaces()) return()
  is_child <- get0("isChild", envir = asNamespace("parallel"), mode = "function")
  if (!is.null(is_child) && isTRUE(is_child())) .Call(C_ffi_note_fork)
}

resolve_progress <- function(progress, call = rlang::caller_env()) {
  check_flag(progress, null = TRUE, arg = "progress", call = call)
  progress %||% getOption("covertree.progress", rlang::is_interactive())
}

# simd names the kernels' instruction set, for tests that compare them: NULL is the best there is.
run_settings <- function(threads, progress, simd = NULL, call = rlang::caller_env()) {
  list(threads = resolve_threads(threads, call), progress = resolve_progress(progress, call),
       simd = simd)
}
