#' Find nearest neighbours
#'
#' The `k` nearest points of each query, exactly.
#'
#' @param tree An index from [cover_tree()], or points as it takes them; they are then indexed on
#'   the fly.
#' @param query Query points, with the columns of the indexed ones. `NULL`: the indexed points
#'   themselves, each without itself.
#' @param rows Row numbers of indexed points that are the queries, when not all are: a shard of the
#'   work, or a sample. Not together with `query`.
#' @param k Number of neighbours, at most the number of candidates.
#' @param predecessors `TRUE`: only rows before the query's own may be its neighbours.
#' @param max_index With `query`: only rows up to this may be neighbours, one number or one per
#'   query; 0 leaves none.
#' @param self `TRUE`: an indexed point is its own first candidate.
#' @param oversample `Inf`, the default, for an exact search. For [metric_residual()], a whole
#'   number `c` asks for the local search instead: only the `c * k` candidates nearest in input
#'   space are scored. Other metrics are always searched exactly.
#' @param recall_sample For a local search: how many of the queries are searched exactly as well to
#'   measure the recall, which `stats$recall` and [print()] report with its standard error. They are
#'   drawn by a generator of the package's own, the same ones in every call: R's random seed is left
#'   alone.
#' @param radius `NULL`, or the largest distance of a neighbour: the k nearest within it, and `NA`
#'   where there are fewer.
#' @param groups `NULL`, or a value per indexed point, such as case and control: neighbours are of
#'   another group than the query, or with `same_group = TRUE` of its own.
#' @param query_groups With `query` and `groups`: the groups of the queries.
#' @param same_group See `groups`.
#' @param period `NULL`, or the lengths with which coordinates repeat, one for all columns or one
#'   per column, `NA` or `Inf` for columns that do not: hours of a day, a box with periodic borders.
#'   For Euclidean, Manhattan, maximum and Minkowski distance.
#' @param metric What "near" means when `tree` holds points, see [metrics]; `NULL` as in
#'   [cover_tree()].
#' @inheritParams cover_tree
#'
#' @details
#' Neighbours are ordered by distance, and by row number where distances are equal; in
#' [metric_correlation()] by distance in the scaled coordinates and row, which is the order of
#' correlation also where that is too small to be told from 0. Self is left out by row number:
#' duplicates of a point are its neighbours at distance 0. Entries without a neighbour are `NA`:
#' with `predecessors = TRUE`, row `i` has only `i - 1` candidates.
#'
#' Results do not depend on `threads`, on the order of the index, or on how queries are divided over
#' calls: `index` and `distance` are [identical()]. Two whole results are not, because `stats` hold
#' seconds, and counts of what a search took.
#'
#' @return A list of class `covertree_neighbors`:
#'   \describe{
#'     \item{`index`}{integer matrix, a row per query, `k` columns: row numbers of the neighbours,
#'     nearest first}
#'     \item{`distance`}{double matrix of the same shape, in the metric's units}
#'   }
#'   Attribute `metric` holds the metric, `exact` is `FALSE` for a local search only, and `stats` a
#'   list of counts: `queries`, `evaluations` (distances computed), `products` (distances to
#'   centres), `nodes` (tree nodes or boxes looked at), `seconds` (named by phase) and `threads`.
#'   Query points' row names become row names.
#' @seealso [find_within()] for all neighbours within a radius, [vecchia_neighbors()] for
#'   conditioning sets.
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' nn <- find_knn(locs, k = 3, metric = metric_great_circle())
#' nn
#' head(nn$distance) # kilometres
#'
#' # strong earthquakes nearest to weak ones, hours of the day
#' strong <- quakes$mag > 5
#' find_knn(locs, k = 1, groups = strong, rows = which(!strong)[1:3])
#' find_knn(c(23.5, 0.2, 12), k = 1, period = 24)
#'
#' # new points, an index kept for many calls
#' tree <- cover_tree(locs, metric = metric_great_circle())
#' find_knn(tree, query = rbind(Suva = c(178.44, -18.14)), k = 5)
#' @export
find_knn <- function(tree, query = NULL, rows = NULL, k = 10, predecessors = FALSE,
                     max_index = NULL,
                     self = FALSE, oversample = Inf, recall_sample = 0, radius = NULL,
                     groups = NULL,
                     query_groups = NULL, same_group = FALSE, period = NULL, metric = NULL,
                     threads = NULL, progress = NULL) {
  check_given(tree)
  run <- run_settings(threads, progress)
  index <- as_index(tree, metric, run, written(substitute(tree), "tree"))
  queries <- resolve_queries(index, query, rows, predecessors, max_index, self, run)
  candidates <- length(index) - (is.null(query) && !self)
  check_count(k, max = candidates, limit = paste("there are", candidates, "candidates"))
  check_oversample(oversample)
  check_count(recall_sample, min = 0)
  check_answers(asking_count(queries, index), k, "k")
  if (!is.null(radius)) {
    radius <- radius_in(radius, index$metric$unit)
    check_number(radius, min = 0, closed = TRUE)
  }
  check_flag(same_group)
  check_one_filter(groups, period, oversample)
  k <- as.integer(k)
  found <- if (!is.null(groups)) {
    search_groups(index, queries, k, resolve_groups(index, queries, groups, query_groups),
                  same_group, run)
  } else if (!is.null(period)) {
    search_periodic(index, queries, k, check_period(period, index), run)
  } else {
    search_neighbors(index, queries, k, oversample, recall_sample, run)
  }
  if (is.null(radius)) found else drop_beyond(found, radius)
}

check_one_filter <- function(groups, period, oversample, call = rlang::caller_env()) {
  if (!is.null(groups) && !is.null(period))
    stop_input("{.arg groups} and {.arg period} must not be given together.", call = call)
  if ((!is.null(groups) || !is.null(period)) && is.finite(oversample)) {
    stop_input("{.arg oversample} must be {.code Inf} with {.arg groups} and {.arg period}.",
               call = call)
  }
}

drop_beyond <- function(found, radius) {
  far <- which(found$distance > radius)
  found$index[far] <- NA
  found$distance[far] <- NA
  found
}

check_oversample <- function(oversample, call = rlang::caller_env()) {
  if (!identical(oversample, Inf)) check_count(oversample, call = call)
}

# Exact where oversample is infinite or the metric is searched exactly anyway; otherwise local, for
# correlations.
search_neighbors <- function(index, queries, k, oversample, recall_sample, run) {
  if (index$metric$kind != "residual" || is.infinite(oversample))
    return(search_knn(index, queries, k, run))
  width <- as.integer(min(oversample * k, length(index)))
  answer <- .Call(C_ffi_find_local, index, queries, k, width, run)
  if (recall_sample > 0)
    answer$stats$recall <- sampled_recall(index, queries, answer, k, recall_sample, run)
  new_neighbors(answer, queries, index, exact = FALSE)
}

# Recall of a random sample of the queries against the exact search: c(mean, standard error, size).
sampled_recall <- function(index, queries, answer, k, size, run) {
  count <- nrow(answer$index)
  chosen <- sampled_rows(count, min(size, count))
  truth <- search_knn(index, pick_queries(queries, chosen), k, run)
  recall <- neighbor_recall(answer$index[chosen, , drop = FALSE], truth)
  error <- stats::sd(recall) / sqrt(length(recall)) * sqrt(1 - length(recall) / count)
  c(mean = mean(recall), se = if (length(recall) > 1) error else NA, size = length(recall))
}

# So many of the numbers 1 .. count, in order. The draw is Park and Miller's, exact in doubles, and
# R's seed is not touched.
sampled_rows <- function(count, size) {
  if (2 * size > count) return(setdiff(seq_len(count), sampled_rows(count, count - size)))
  drawn <- logical(count)
  state <- 1
  while (size > 0) {
    state <- (16807 * state) %% 2147483647
    row <- floor(count * (state / 2147483647)) + 1
    size <- size - !drawn[row]
    drawn[row] <- TRUE
  }
  which(drawn)
}

# Who asks, checked, as the core takes it; names, predecessors and rows go into the result too.
resolve_queries <- function(index, query = NULL, rows = NULL, predecessors = FALSE,
                            max_index = NULL,
                            self = FALSE, run = NULL, call = rlang::caller_env()) {
  check_flag(predecessors, call = call)
  check_flag(self, call = call)
  if (!is.null(query))
    return(new_queries(index, query, rows, predecessors, max_index, self, run, call))
  if (!is.null(max_index)) {
    stop_input(c("{.arg max_index} must be given with {.arg query} only.",
                 i = "For indexed points there is {.code predecessors = TRUE}."), call = call)
  }
  if (!is.null(rows)) check_rows(rows, length(index), call = call)
  own <- if (is.null(rows)) seq_len(length(index)) else as.integer(rows)
  list(points = NULL, rows = if (!is.null(rows)) own, self = self, predecessors = predecessors,
       limit = if (predecessors) own - (!self), names = rownames(index$x)[own])
}

new_queries <- function(index, query, rows, predecessors, max_index, self, run, call) {
  if (!is.null(rows))
    stop_input("{.arg rows} and {.arg query} must not be given together.", call = call)
  if (predecessors) {
    stop_input(
      c("{.arg predecessors} must be {.code FALSE} with {.arg query}: new points have no row.",
        i = "{.arg max_index} says which rows may be neighbours."), call = call)
  }
  read <- align_places(index, query, "query", call)
  points <- read$x
  list(points = points, lifted = lift_points(index$metric, points), rows = NULL, self = self,
       predecessors = FALSE,
       limit = resolve_limit(max_index, nrow(points), length(index), call),
       names = rownames(points),
       residual = if (is_correlation(index$metric)) query_residual(index, read, run, call))
}

# New points in the columns of the index, checked: a query, or places of predictions.
align_places <- function(index, points, arg, call) {
  points <- align_points(read_points(points, arg, call), index$layout, index$metric, arg, call)
  check_values(points$x, index$metric, arg = arg, call = call)
  points
}

resolve_limit <- function(max_index, count, n, call) {
  if (is.null(max_index)) return(NULL)
  if (!length(max_index) %in% c(1L, count)) {
    stop_input(c("{.arg max_index} must have one element or one per query.",
                 x = "It has {length(max_index)}, there {?is/are} {count} quer{?y/ies}."),
               call = call)
  }
  bad <- if (is.numeric(
    max_index)) which(is.na(max_index) | max_index < 0 | max_index != round(max_index)) else 1L
  if (length(bad)) {
    stop_input(c("{.arg max_index} must hold row numbers or 0.",
                 x = "Element {bad[1]} is {describe(max_index[[bad[1]]])}."), call = call)
  }
  rep_len(as.integer(pmin(max_index, n)), count)
}

# engine and run$simd are for tests, which ask every structure and every kernel the same questions.
search_knn <- function(index, queries, k, run, engine = default_engine(index)) {
  k <- as.integer(k)
  answer <- .Call(C_ffi_find_knn, index, queries, k, engine, run)
  new_neighbors(answer, queries, index)
}

default_engine <- function(index) {
  switch(index$metric$kind, `function` = "tree", residual = "correlation", correlation = "scaled",
         "blocks")
}

asking_count <- function(queries, index) {
  if (!is.null(queries$points))
    nrow(queries$points) else if (is.null(queries$rows)) length(index) else length(queries$rows)
}

# Some of the queries, by number.
pick_queries <- function(queries, which) {
  if (is.null(queries$points)) {
    queries$rows <- if (is.null(queries$rows)) which else queries$rows[which]
  } else {
    queries$points <- queries$points[which, , drop = FALSE]
    part <- queries$residual
    queries$residual <- list(embedded = part$embedded[which, , drop = FALSE],
                             V = if (!is.null(part$V)) part$V[, which, drop = FALSE],
                             p = part$p[which], rank = part$rank)
  }
  queries$limit <- queries$limit[which]
  queries
}
