# Errors of bad input, and checks that only assert.

# Raises a condition of class covertree_error_<kind>; message is cli text.
stop_input <- function(message, ..., kind = "input", call = rlang::caller_env(),
                       envir = parent.frame()) {
  cli::cli_abort(message, ..., class = c(paste0("covertree_error_", kind), "covertree_error"),
                 call = call, .envir = envir)
}

# Called by the glue for a status of the core.
stop_status <- function(code, message) {
  kind <- switch(as.character(code), "1" = "memory", "4" = "index", "5" = "metric", "6" = "factor",
                 "input")
  rlang::abort(paste0("Search failed: ", message, "."), call = NULL,
               class = c(paste0("covertree_error_", kind), "covertree_error"))
}

check_some_rows <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (nrow(x) == 0) stop_input("{.arg {arg}} must have at least one row.", call = call)
}

# Values that the metric cannot take: not finite, overflowing, off the globe, or a zero vector.
check_values <- function(x, metric, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  place <- if (is_correlation(metric)) .Call(C_ffi_covariance_check, x, metric$cov)
           else .Call(C_ffi_check_points, x, metric)
  if (place[1] == 0) return(invisible())
  row <- place[1]
  if (place[2] == 0) {
    stop_input(c("{.arg {arg}} must not hold a zero vector: it has no direction.",
                 x = "Row {row} is zero."), call = call)
  }
  column <- place[2]
  value <- x[row, column]
  label <- if (is.null(colnames(x))) "" else paste0(" (", colnames(x)[column], ")")
  rule <- if (!is.finite(value)) {
    "must hold finite numbers only"
  } else if (is_lonlat(metric) && column <= 2) {
    "must hold longitudes within -720..720 and latitudes within -90..90 degrees"
  } else {
    "must hold numbers whose distances do not overflow"
  }
  stop_input(c("{.arg {arg}} {rule}.",
               x = "Row {row}, column {column}{label} is {.val {value}}."), call = call)
}

# An argument without a default that the user has left out.
check_given <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (missing(x)) stop_input("{.arg {arg}} must be given.", call = call)
}

# What the user has written for an argument, where that is a name; else the argument's own.
written <- function(expr, arg) {
  if (is.symbol(expr) && !identical(expr, quote(.))) as.character(expr) else arg
}

# One of the choices that the caller's formal argument lists, the first by default.
match_choice <- function(value, arg = rlang::caller_arg(value), call = rlang::caller_env()) {
  choices <- eval(formals(sys.function(sys.parent()))[[arg]])
  if (identical(value, choices)) return(choices[1])
  if (!rlang::is_string(value) || !value %in% choices) {
    stop_input(c("{.arg {arg}} must be one of {.or {.val {choices}}}.",
                 x = "It is {describe(value)}."), call = call)
  }
  value
}

# A whole number within min..max; limit says in words where max comes from.
check_count <- function(x, min = 1, max = .Machine$integer.max, limit = NULL,
                        arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (!is.numeric(x) || length(x) != 1 || is.na(x) || x != round(x) || x < min) {
    stop_input(c("{.arg {arg}} must be a whole number, at least {min}.",
                 x = "It is {describe(x)}."), call = call)
  }
  if (x > max) {
    limit <- limit %||% paste("at most", max)
    stop_input(c("{.arg {arg}} is too large: {limit}.", x = "It is {x}."), call = call)
  }
}

check_flag <- function(x, null = FALSE, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (null && is.null(x)) return(invisible())
  if (!is_flag(x)) {
    stop_input(c("{.arg {arg}} must be {.code TRUE} or {.code FALSE}.",
                 x = "It is {describe(x)}."), call = call)
  }
}

is_flag <- function(x) is.logical(x) && length(x) == 1 && !is.na(x)

# A finite number above min (or equal to it, with closed = TRUE).
check_number <- function(x, min = -Inf, closed = FALSE, max = Inf,
                         arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  fits <- is.numeric(x) && length(x) == 1 && is.finite(x) && x <= max &&
    (if (closed) x >= min else x > min)
  if (!fits) {
    bound <- if (is.finite(min)) paste(if (closed) "at least" else "greater than", min)
    upper <- if (is.finite(max)) paste("at most", max)
    range <- paste(c(bound, upper), collapse = " and ")
    stop_input(c("{.arg {arg}} must be a finite number{if (nzchar(range)) ', '}{range}.",
                 x = "It is {describe(x)}."), call = call)
  }
}

# Rows of an index: whole numbers within 1..n.
check_rows <- function(rows, n, arg = rlang::caller_arg(rows), call = rlang::caller_env()) {
  if (!is.numeric(rows) || anyNA(rows)) {
    stop_input("{.arg {arg}} must be row numbers without missing values.", call = call)
  }
  bad <- which(rows != round(rows) | rows < 1 | rows > n)
  if (length(bad)) {
    stop_input(c("{.arg {arg}} must be row numbers within 1..{n}.",
                 x = "Element {bad[1]} is {rows[bad[1]]}."), call = call)
  }
}

# A short description of a wrong value.
describe <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.atomic(x) && length(x) == 1) return(if (is.character(x)) dQuote(x, FALSE) else format(x))
  if (is.function(x)) return("a function")
  paste0("of class ", class(x)[1], " and length ", length(x))
}

`%||%` <- function(a, b) if (is.null(a)) b else a
