#' Find nearest neighbours
#'
#' The `k` nearest points of each query, exactly.
#'
#' @param tree An index from [cover_tree()], or points as it takes them; they are then indexed on the fly.
#' @param query Query points, with the columns of the indexed ones. `NULL`: the indexed points themselves, each without itself.
#' @param rows Row numbers of indexed points that are the queries, when not all are: a shard of the work, or a
#'   sample. Not together with `query`.
#' @param k Number of neighbours, at most the number of candidates.
#' @param predecessors `TRUE`: only rows before the query's own may be its neighbours.
#' @param max_index With `query`: only rows up to this may be neighbours, one number or one per query; 0 leaves none.
#' @param self `TRUE`: an indexed point is its own first candidate.
#' @param metric What "near" means when `tree` holds points, see [metrics]; Euclidean by default.
#' @inheritParams cover_tree
#'
#' @details
#' Neighbours are ordered by distance, and by row number where distances are equal. Self is left out by row number:
#' duplicates of a point are its neighbours at distance 0. Entries without a neighbour are `NA`: with
#' `predecessors = TRUE`, row `i` has only `i - 1` candidates.
#'
#' Results do not depend on `threads`, on the order of the index, or on how queries are divided over calls.
#'
#' @return A list of class `covertree_neighbors`:
#'   \describe{
#'     \item{`index`}{integer matrix, a row per query, `k` columns: row numbers of the neighbours, nearest first}
#'     \item{`distance`}{double matrix of the same shape, in the metric's units}
#'   }
#'   Attribute `metric` holds the metric, `exact` is `TRUE`, and `stats` a list of counts: `queries`, `evaluations`
#'   (distances computed), `products` (distances to centres), `nodes` (tree nodes or boxes looked at), `seconds` (named by
#'   phase) and `threads`. Query points' row names become row names.
#' @seealso [find_within()] for all neighbours within a radius, [vecchia_neighbors()] for conditioning sets.
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' nn <- find_knn(locs, k = 3, metric = metric_great_circle())
#' nn
#' head(nn$distance) # kilometres
#'
#' # new points, an index kept for many calls
#' tree <- cover_tree(locs, metric = metric_great_circle())
#' find_knn(tree, query = rbind(Suva = c(178.44, -18.14)), k = 5)
#' @export
find_knn <- function(tree, query = NULL, rows = NULL, k = 10, predecessors = FALSE, max_index = NULL,
                     self = FALSE, metric = NULL, threads = NULL, progress = NULL) {
  run <- run_settings(threads, progress)
  index <- as_index(tree, metric, run)
  queries <- resolve_queries(index, query, rows, predecessors, max_index, self)
  candidates <- length(index) - (is.null(query) && !self)
  check_count(k, max = candidates, limit = paste("there are", candidates, "candidates"))
  search_knn(index, queries, k, run)
}

# Who asks, checked, as the core takes it; names, predecessors and rows go into the result too.
resolve_queries <- function(index, query = NULL, rows = NULL, predecessors = FALSE, max_index = NULL,
                            self = FALSE, call = rlang::caller_env()) {
  check_flag(predecessors, call = call)
  check_flag(self, call = call)
  if (!is.null(query)) return(new_queries(index, query, rows, predecessors, max_index, self, call))
  if (!is.null(max_index)) {
    stop_input(c("{.arg max_index} must be given with {.arg query} only.",
                 i = "For indexed points there is {.code predecessors = TRUE}."), call = call)
  }
  if (!is.null(rows)) check_rows(rows, length(index), call = call)
  own <- if (is.null(rows)) seq_len(length(index)) else as.integer(rows)
  list(points = NULL, rows = if (!is.null(rows)) own, self = self, predecessors = predecessors,
       limit = if (predecessors) own - (!self), names = rownames(index$x)[own])
}

new_queries <- function(index, query, rows, predecessors, max_index, self, call) {
  if (!is.null(rows)) stop_input("{.arg rows} and {.arg query} must not be given together.", call = call)
  if (predecessors) {
    stop_input(c("{.arg predecessors} must be {.code FALSE} with {.arg query}: new points have no row.",
                 i = "{.arg max_index} says which rows may be neighbours."), call = call)
  }
  points <- as_points(query, index$metric, arg = "query", call = call)
  check_columns(points, index, arg = "query", call = call)
  check_values(points, index$metric, arg = "query", call = call)
  list(points = points, rows = NULL, self = self, predecessors = FALSE,
       limit = resolve_limit(max_index, nrow(points), length(index), call), names = rownames(points))
}

resolve_limit <- function(max_index, count, n, call) {
  if (is.null(max_index)) return(NULL)
  if (!length(max_index) %in% c(1L, count)) {
    stop_input(c("{.arg max_index} must have one element or one per query.",
                 x = "It has {length(max_index)}, there {?is/are} {count} quer{?y/ies}."), call = call)
  }
  bad <- which(!is.numeric(max_index) | is.na(max_index) | max_index < 0 | max_index != round(max_index))
  if (length(bad)) {
    stop_input(c("{.arg max_index} must hold row numbers or 0.",
                 x = "Element {bad[1]} is {max_index[bad[1]]}."), call = call)
  }
  rep_len(as.integer(pmin(max_index, n)), count)
}

# engine and run$simd are for tests, which ask every structure and every kernel the same questions.
search_knn <- function(index, queries, k, run, engine = default_engine(index)) {
  answer <- .Call(C_ffi_find_knn, index, queries, as.integer(k), engine, run)
  new_neighbors(answer, queries, index$metric)
}

default_engine <- function(index) if (index$metric$kind == "function") "tree" else "blocks"
