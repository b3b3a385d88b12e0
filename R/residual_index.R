# Adds to an index what its correlation needs: embedded coordinates, their k-d order, V and p by
# position.
add_residual <- function(index, run, call = rlang::caller_env()) {
  metric <- index$metric
  embedded <- .Call(C_ffi_embed, index$x, metric$cov)
  blocks <- .Call(C_ffi_block_order, embedded, metric_euclidean(), run)
  index$blocks <- blocks$order
  part <- factor_rows(metric, embedded, index$blocks, metric$V, metric$p, run, call)
  index$residual <- part$residual
  index$stats <- add_stats(index$stats, add_stats(blocks$stats, part$stats))
  index$stats$explained <- .Call(C_ffi_explained, metric$cov, part$residual$p)
  warn_explained(index$stats$explained, nrow(index$x))
  index$metric$V <- index$metric$p <- NULL
  index
}

# V and p of embedded points, position by position (order NULL: as they come): computed, the user's
# own, or none.
factor_rows <- function(metric, embedded, order, V, p, run, call) {
  n <- nrow(embedded)
  variance <- metric$cov$variance
  stats <- NULL
  if (!is.null(metric$L)) {
    made <- .Call(C_ffi_factor_apply, metric$cov, metric$L, metric$u, embedded, order, run)
    V <- made$V
    p <- made$p
    stats <- made$stats
    rank <- nrow(metric$u)
  } else if (!is.null(V)) {
    check_factor_rows(V, n, call)
    own <- p - if (metric$nugget) metric$cov$nugget else 0
    check_diagonal(V, own, variance, call)
    rank <- ncol(V)
    storage.mode(V) <- "double"
    V <- .Call(C_ffi_factor_pack, V, order)
    p <- pmax(own, 0)
    if (!is.null(order)) p <- p[order]
  } else {
    rank <- 0L
    p <- rep(variance, n)
  }
  if (metric$kind == "residual" && metric$nugget) p <- p + metric$cov$nugget
  list(residual = list(embedded = embedded, V = V, p = as.double(p), rank = as.integer(rank)),
       stats = stats)
}

warn_explained <- function(explained, n) {
  if (explained == 0) return(invisible())
  cli::cli_warn(
    c("{explained} of {n} point{?s} {?is/are} explained by the low-rank part: no variance is left.",
      i = "Their residual correlation with every other point is taken as 0."),
    class = "covertree_warning")
}

# What new query points bring along: embedded coordinates and their rows of the factor.
query_residual <- function(index, points, run, call) {
  metric <- index$metric
  V <- points$V
  if (metric$kind == "residual" && is.null(metric$L) && is.null(V)) {
    stop_input(c("New points need their own rows of {.arg V} and {.arg p} in this metric.",
                 i = "Attach them by {.fn with_factor}."), call = call)
  }
  if (!is.null(metric$L) && !is.null(V)) {
    stop_input(
      "New points must not bring {.arg V}: the metric computes it from the inducing points.",
      call = call)
  }
  if (!is.null(V) && ncol(V) != index$residual$rank) {
    stop_input("{.arg V} of new points must have {index$residual$rank} column{?s}, not {ncol(V)}.",
               call = call)
  }
  embedded <- .Call(C_ffi_embed, points$x, metric$cov)
  factor_rows(metric, embedded, NULL, V, points$p, run, call)$residual
}
