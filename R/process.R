# What a factor and a likelihood are made of, checked once: sets, places, covariance, noise and the
# values at the places.

# list(cov, locs, values, index, first, noise, group, settled) as the core takes it.
process_model <- function(sets, locs, cov, noise = NULL, run, inducing = NULL,
                          call = rlang::caller_env()) {
  check_covariance(cov, arg = "cov", call = call)
  placed <- place_points(read_points(locs, "locs", call), list(cov = cov), "locs", call)
  locs <- placed$x
  if (nrow(locs) < 2) {
    stop_input(c("{.arg locs} must have at least two rows.", x = "It has {nrow(locs)}."),
               call = call)
  }
  one <- length(cov$lengthscale) == 1
  if (cov$kind != "function") {
    cov <- fit_covariance(cov, locs, call)
    check_values(locs, list(kind = "correlation", cov = cov), arg = "locs", call = call)
  } else {
    check_values(locs, metric_euclidean(), arg = "locs", call = call)
  }
  model <- list(cov = cov, locs = locs, index = set_matrix(sets, nrow(locs), run, call), first = 1L,
                noise = check_noise(noise, nrow(locs), call),
                group = lengthscale_groups(cov, ncol(locs), one), settled = FALSE,
                layout = placed$layout)
  if (is.null(inducing)) return(model)
  if (cov$kind == "function")
    stop_input("A {.fn cov_function} takes no {.arg inducing}.", call = call)
  model$metric <- fit_metric(metric_residual(cov, inducing), locs, run, call,
                             layout = placed$layout)
  model
}

# The embedded coordinates that each lengthscale divides: one lengthscale for all, or one for each
# column.
lengthscale_groups <- function(cov, columns, one) {
  dim <- columns + cov$lonlat
  if (one) return(c(0L, dim))
  as.integer(if (cov$lonlat) c(0, 3:dim) else 0:dim)
}

# The integer matrix of sets for rows 1 .. n, from a result of vecchia_neighbors(), its index or
# GpGp's array.
set_matrix <- function(sets, n, run, call = rlang::caller_env()) {
  if (inherits(sets, "covertree_neighbors")) {
    check_neighbors(sets, call)
    if (!isTRUE(attr(sets, "predecessors")) || !is.null(attr(sets, "rows")) ||
        !identical(attr(sets, "first"), 1L)) {
      stop_input(c("{.arg sets} must hold the earlier neighbours of every row, in order.",
                   i = "{.fn vecchia_neighbors} returns them."), call = call)
    }
    sets <- sets$index
  }
  if (!is.matrix(sets) || !is.numeric(sets)) {
    stop_input(
      c("{.arg sets} must be a result of {.fn vecchia_neighbors} or a matrix of row numbers.",
        x = "It is {describe(sets)}."), call = call)
  }
  if (nrow(sets) != n) {
    stop_input(c("{.arg sets} must have a row for each of {.arg locs}.",
                 x = "It has {nrow(sets)}, {.arg locs} has {n}."), call = call)
  }
  if (ncol(sets) && !is.na(sets[1, 1])) sets <- own_column_off(sets, call)
  if (!is.integer(sets)) storage.mode(sets) <- "integer"
  place <- .Call(C_ffi_sets_check, sets, 1L, run)
  if (place[1]) {
    stop_input(c("{.arg sets} must hold earlier rows only.",
                 x = "Row {place[1]} holds {sets[place[1], place[2]]}."), call = call)
  }
  sets
}

# GpGp's array has the rows' own numbers in its first column.
own_column_off <- function(sets, call) {
  other <- which(is.na(sets[, 1]) | sets[, 1] != seq_len(nrow(sets)))
  if (length(other)) {
    stop_input(
      c("{.arg sets} must hold earlier rows only, or in its first column each row's own number.",
        x = "Row {other[1]} has {sets[other[1], 1]} there, row 1 has {sets[1, 1]}."),
      call = call)
  }
  sets[, -1, drop = FALSE]
}

check_noise <- function(noise, n, call) {
  if (is.null(noise)) return(NULL)
  if (!is.numeric(noise) || length(noise) != n) {
    stop_input(c("{.arg noise} must hold a variance for each row of {.arg locs}.",
                 x = "It is {describe(noise)}."), call = call)
  }
  bad <- which(!is.finite(noise) | noise < 0)
  if (length(bad)) {
    stop_input("{.arg noise} must be finite and not negative: element {bad[1]} is {noise[bad[1]]}.",
               call = call)
  }
  as.double(noise)
}

warn_dropped <- function(dropped) {
  if (dropped == 0) return(invisible())
  cli::cli_warn(
    c("{dropped} neighbour{?s} {?was/were} left out of {cli::qty(dropped)}{?its/their} set{?s}.",
      x = "Rounding cannot tell {cli::qty(dropped)}{?it/them} from others.",
      i = "A nugget, or leaving out duplicates, helps."), class = "covertree_warning")
}
