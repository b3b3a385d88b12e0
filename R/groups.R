# Nearest neighbours of another group, or of the own: each group of queries searches an index of its
# candidates alone.

# list(points, queries): group numbers of the indexed points, and of the queries.
resolve_groups <- function(index, queries, groups, query_groups, call = rlang::caller_env()) {
  if (!is.atomic(groups) || length(groups) != length(index) || anyNA(groups)) {
    stop_input(
      c("{.arg groups} must have a value for each of the {length(index)} indexed points.",
        x = "It is {describe(groups)}."), call = call)
  }
  groups <- as.character(groups)
  if (is.null(queries$points))
    return(list(points = groups, queries = groups[queries$rows %||% seq_along(groups)]))
  count <- nrow(queries$points)
  if (!is.atomic(query_groups) || length(query_groups) != count || anyNA(query_groups)) {
    stop_input(
      c("{.arg query_groups} must have a value for each of the {count} queries.",
        x = "It is {describe(query_groups)}."), call = call)
  }
  list(points = groups, queries = as.character(query_groups))
}

search_groups <- function(index, queries, k, groups, same, run, call = rlang::caller_env()) {
  if (index$metric$kind == "residual" && is.null(index$metric$L)) {
    stop_input("{.arg groups} must be {.code NULL} for a metric with a factor of one's own.",
               call = call)
  }
  count <- length(groups$queries)
  answer <- list(index = matrix(NA_integer_, count, k), distance = matrix(NA_real_, count, k),
                 stats = NULL)
  for (group in unique(groups$queries)) {
    candidates <- which((groups$points == group) == same)
    asking <- which(groups$queries == group)
    part <- search_candidates(index, queries, k, candidates, asking, run)
    if (is.null(part)) next
    answer$index[asking, ] <- part$index
    answer$distance[asking, ] <- part$distance
    answer$stats <- add_stats(answer$stats, part$stats)
  }
  new_neighbors(answer, queries, index)
}

# The k nearest of some candidates for some of the queries; one more is asked for, which may be the
# query itself.
search_candidates <- function(index, queries, k, candidates, asking, run) {
  if (!length(candidates)) return(NULL)
  own <- if (is.null(queries$points)) (queries$rows %||% seq_len(length(index)))[asking]
  points <- if (is.null(own)) queries$points[asking, , drop = FALSE]
            else index$x[own, , drop = FALSE]
  limit <- if (!is.null(queries$limit)) findInterval(queries$limit[asking], candidates)
  part <- as_index(index$x[candidates, , drop = FALSE], index$metric, run)
  wanted <- min(k + 1L, length(candidates))
  found <- search_knn(part, resolve_queries(part, query = points, max_index = limit, run = run),
                      wanted, run)
  found$index[] <- candidates[found$index]
  if (is.null(own) || queries$self) first_of(found, k) else first_of(without_rows(found, own), k)
}

without_rows <- function(found, own) {
  is_own <- which(found$index == own, arr.ind = TRUE)
  for (part in c("index", "distance")) {
    for (e in seq_len(nrow(is_own))) {
      row <- found[[part]][is_own[e, 1], ]
      found[[part]][is_own[e, 1], ] <- c(row[-is_own[e, 2]], NA)
    }
  }
  found
}

# list(index, distance, stats) with k columns, the missing ones NA.
first_of <- function(found, k) {
  fill <- function(part) {
    part <- unname(part)
    missing <- max(k - ncol(part), 0)
    cbind(part, matrix(part[NA_integer_], nrow(part), missing))[, seq_len(k), drop = FALSE]
  }
  list(index = fill(found$index), distance = fill(found$distance), stats = attr(found, "stats"))
}
