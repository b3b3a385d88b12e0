# The oracle of correlation metrics: all pairs by the canonical routine, sorted in R. That routine
# itself is compared with the plain formula by tests.
canonical_distance <- function(tree, i, rows) {
  .Call(covertree:::C_ffi_distance, tree, i, as.integer(rows), covertree:::run_settings(1, FALSE))
}

# The k nearest of rows `rows` among rows 1 .. limit: list(index, distance).
brute_force <- function(tree, k, rows = seq_len(length(tree)),
                        limit = rep(length(tree), length(rows))) {
  index <- matrix(NA_integer_, length(rows), k)
  distance <- matrix(NA_real_, length(rows), k)
  for (q in seq_along(rows)) {
    candidates <- seq_len(limit[q])
    candidates <- candidates[candidates != rows[q]]
    if (!length(candidates)) next
    d <- canonical_distance(tree, rows[q], candidates)
    near <- which(d <= sort(d, partial = min(k, length(d)))[min(k, length(d))])
    best <- head(near[order(d[near], candidates[near])], k)
    index[q, seq_along(best)] <- candidates[best]
    distance[q, seq_along(best)] <- d[best]
  }
  list(index = index, distance = distance)
}

quiet <- function(expr) suppressWarnings(expr, classes = "covertree_warning")
