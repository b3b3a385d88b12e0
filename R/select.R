# Conditional selection: of candidates near each place, those that tell most about it.

# What a user asks for, checked: list(select, cov, candidates, by).
check_selection <- function(select, cov, candidates, by, oversample, call = rlang::caller_env()) {
  if (select == "nearest") {
    if (!is.null(cov))
      stop_input("{.arg cov} is for {.code select = \"conditional\"}.", call = call)
    return(NULL)
  }
  if (!is.null(cov)) check_covariance(cov, arg = "cov", call = call)
  check_count(candidates, call = call)
  if (!is.infinite(oversample)) {
    stop_input("{.arg oversample} must be {.code Inf} with {.code select = \"conditional\"}.",
               call = call)
  }
  list(cov = cov, candidates = candidates, by = by)
}

# Sets of m by conditional selection, for the queries of an index.
select_neighbors <- function(index, queries, m, selection, run, call = rlang::caller_env()) {
  scored <- scoring_index(index, queries, selection, run, call)
  count <- asking_count(queries, index)
  parts <- lapply(row_chunks(count, selection$candidates * m), function(rows) {
    some <- if (length(rows) == count) list(index = queries, scored = scored$queries)
            else list(index = pick_queries(queries, rows),
                      scored = pick_queries(scored$queries, rows))
    candidates <- find_candidates(index, scored$index, some, m, selection, run)
    choose_sets(scored, some, candidates, m, run)
  })
  answer <- parts[[1]]
  if (length(parts) > 1) answer <- join_parts(parts)
  answer$distance <- .Call(C_ffi_set_distances, index, queries, answer$index, run)
  answer$stats$short_sets <- answer$short
  answer$stats$filled <- answer$filled
  found <- new_neighbors(answer, queries, index)
  attr(found, "selected") <- TRUE
  found
}

# Candidates and their distances of so many queries at a time take a quarter of a gigabyte.
row_chunks <- function(count, width) {
  rows <- max(1024, floor(2^28 / (12 * width)))
  unname(split(seq_len(count), (seq_len(count) - 1) %/% rows))
}

join_parts <- function(parts) {
  answer <- parts[[1]]
  answer$index <- do.call(rbind, lapply(parts, `[[`, "index"))
  for (name in c("short", "filled")) answer[[name]] <- sum(vapply(parts, `[[`, 0, name))
  answer$stats <- Reduce(add_stats, lapply(parts, `[[`, "stats"))
  answer
}

# The index whose process scores candidates, with its queries: the index itself where its metric has
# a covariance, otherwise one of the same points by the covariance given. nugget: what variances
# lack.
scoring_index <- function(index, queries, selection, run, call) {
  own <- is_correlation(index$metric)
  if (own && !is.null(selection$cov)) {
    stop_input("{.arg cov} must not be given: the metric has a covariance of its own.", call = call)
  }
  if (!own && is.null(selection$cov)) {
    stop_input(c("{.arg cov} must be given: {.arg metric} has no covariance to choose by.",
                 i = "For example {.code cov = cov_matern(1.5, lengthscale = 0.2)}."), call = call)
  }
  if (own) {
    counted <- index$metric$kind == "residual" && index$metric$nugget
    nugget <- if (counted) 0 else index$metric$cov$nugget
    return(list(index = index, queries = queries, nugget = nugget, cov = index$metric$cov))
  }
  cov <- selection$cov
  if (cov$kind == "function") {
    return(list(index = index, queries = queries, nugget = cov$nugget, cov = cov))
  }
  by <- light_index(index$x, metric_correlation(cov), run, "locs", call)
  if (!is.null(queries$points))
    queries$residual <- query_residual(by, new_points(queries$points), run, call)
  list(index = by, queries = queries, nugget = cov$nugget, cov = cov)
}

# ---- candidates ----

find_candidates <- function(index, scored, some, m, selection, run) {
  width <- as.integer(min(selection$candidates * m, length(index)))
  half <- (width + 1L) %/% 2L
  switch(selection$by,
    euclid = near_in_space(scored, some$scored, width, run),
    metric = search_knn(index, some$index, width, run)$index,
    both = unite(near_in_space(scored, some$scored, half, run),
                 search_knn(index, some$index, width - half, run)$index))
}

# Nearest by the coordinates that the covariance looks at, divided by its lengthscales.
near_in_space <- function(scored, queries, width, run) {
  if (is.null(scored$residual)) return(search_knn(scored, queries, width, run)$index)
  space <- list(x = scored$residual$embedded, metric = metric_euclidean(), blocks = scored$blocks)
  if (!is.null(queries$points)) queries$points <- queries$residual$embedded
  .Call(C_ffi_find_knn, space, queries, width, "blocks", run)$index
}

# Rows of a, then those of b that are not among them; NA at the end.
unite <- function(a, b) {
  for (j in seq_len(ncol(b))) {
    known <- rowSums(a == b[, j], na.rm = TRUE) > 0
    b[known, j] <- NA
  }
  both <- cbind(a, b)
  place <- order(row(both), is.na(both), col(both))
  matrix(both[place], nrow(both), byrow = TRUE)
}

# ---- choice ----

choose_sets <- function(scored, some, candidates, m, run) {
  if (scored$cov$kind == "function") return(choose_by_function(scored, some, candidates, m, run))
  .Call(C_ffi_select_sets, scored$index, some$scored, candidates, m, scored$nugget, run)
}

# A covariance that is an R function: the matrix of each place and its candidates, one at a time.
choose_by_function <- function(scored, some, candidates, m, run) {
  x <- unname(scored$index$x)
  at <- some$scored$points
  if (is.null(at)) at <- x[some$scored$rows %||% seq_len(nrow(x)), , drop = FALSE]
  quiet <- replace(run, "progress", FALSE)
  answer <- list(index = matrix(NA_integer_, nrow(at), m), short = 0, filled = 0)
  for (q in seq_len(nrow(at))) {
    near <- candidates[q, !is.na(candidates[q, ])]
    if (!length(near)) next
    places <- rbind(unname(at[q, ]), x[near, , drop = FALSE])
    K <- call_covariance(scored$cov, places, places)
    diag(K) <- diag(K) + scored$nugget
    chosen <- .Call(C_ffi_select_dense, K, m, max(diag(K)), quiet)
    answer$index[q, seq_along(chosen$chosen)] <- near[chosen$chosen]
    lack <- length(chosen$chosen) - chosen$scored
    answer$short <- answer$short + (lack > 0)
    answer$filled <- answer$filled + lack
  }
  answer$stats <- list(queries = nrow(at), evaluations = 0, products = 0, nodes = 0,
                       seconds = c(select = 0), threads = 1L)
  answer
}
