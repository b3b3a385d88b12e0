# The only place that decides a thread count, and what else a call to the core needs to know.

resolve_threads <- function(threads, call = rlang::caller_env()) {
  if (is.null(threads)) threads <- default_threads()
  check_count(threads, arg = "threads", call = call)
  .Call(C_ffi_threads, as.integer(threads))
}

default_threads <- function() {
  asked <- getOption("covertree.threads")
  if (!is.null(asked)) return(asked)
  limits <- suppressWarnings(as.integer(c(Sys.getenv("OMP_THREAD_LIMIT"), getOption("mc.cores", NA))))
  limits <- limits[!is.na(limits) & limits >= 1]
  if (length(limits)) return(min(limits))
  max(1L, .Call(C_ffi_processors) %/% 2L)
}

resolve_progress <- function(progress, call = rlang::caller_env()) {
  check_flag(progress, null = TRUE, arg = "progress", call = call)
  progress %||% getOption("covertree.progress", rlang::is_interactive())
}

# simd names the kernels' instruction set, for tests that compare them: NULL is the best there is.
run_settings <- function(threads, progress, simd = NULL, call = rlang::caller_env()) {
  list(threads = resolve_threads(threads, call), progress = resolve_progress(progress, call), simd = simd)
}
