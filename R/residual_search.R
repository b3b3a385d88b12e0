# Neighbours by plain correlation, from Euclidean ones. Correlation does not grow with distance, so the k best are among the
# `width` Euclidean nearest as soon as the worst of those is worse than the k-th best by more than rounding. Where it is not
# (ties, or no correlation left at all) more are asked for, and at last the scan of all pairs.
search_correlation <- function(index, queries, k, run) {
  width <- min(k + 8L, length(index))
  answer <- .Call(C_ffi_find_local, index, queries, width, width, run)
  open <- which(!settled(answer, k))
  answer <- first_columns(answer, k)
  while (length(open)) {
    width <- min(4L * width, length(index))
    part <- pick_queries(queries, open)
    last <- width > widest_local || width == length(index)
    again <- if (last) .Call(C_ffi_find_knn, index, part, k, "scan", run)
             else .Call(C_ffi_find_local, index, part, width, width, run)
    sure <- if (last) rep(TRUE, length(open)) else settled(again, k)
    again <- first_columns(again, k)
    answer$index[open[sure], ] <- again$index[sure, ]
    answer$distance[open[sure], ] <- again$distance[sure, ]
    answer$stats <- add_stats(answer$stats, again$stats)
    open <- open[!sure]
  }
  answer
}

# Beyond so many candidates a query, the blocked scan of all pairs is the cheaper way.
widest_local <- 2000L

# Rounding of 1 - |rho| without a low-rank part is below 4e-15; four of them stand between a seen and an unseen point.
settled <- function(answer, k) {
  last <- answer$distance[, ncol(answer$distance)]
  is.na(last) | answer$distance[, k]^2 + 2e-14 < last^2
}

first_columns <- function(answer, k) {
  for (part in c("index", "distance")) answer[[part]] <- answer[[part]][, seq_len(k), drop = FALSE]
  answer
}
