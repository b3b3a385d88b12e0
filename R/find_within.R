#' Find all neighbours within a radius
#'
#' All points within `radius` of each query, exactly. Queries differ in how many they have, so the result is a list of
#' vectors, or flat with offsets.
#'
#' @inheritParams find_knn
#' @param radius Largest distance of a neighbour, in the metric's units; points at exactly this distance belong to it.
#' @param flat `TRUE`: the flat form.
#' @param max_pairs The most pairs of a query and a neighbour to be returned. They are counted before memory is asked for, and
#'   more are an error of class `covertree_error_memory` that says how many there are. `NULL`: as many as the memory at hand holds.
#'
#' @return A list of class `covertree_within`. With `flat = FALSE`, `index` and `distance` are lists with a vector per query:
#'   row numbers and distances, in the order of [find_knn()]. With `flat = TRUE`, `index` and `distance` are
#'   vectors of all queries after each other, and query `q` owns entries `offset[q] + 1` to `offset[q + 1]`. Attributes
#'   `metric`, `exact` and `stats` are those of [find_knn()].
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' near <- find_within(locs, radius = 50, metric = metric_great_circle())
#' near
#' table(lengths(near$index))
#' @export
find_within <- function(tree, query = NULL, rows = NULL, radius, predecessors = FALSE, max_index = NULL,
                        self = FALSE, flat = FALSE, max_pairs = NULL, metric = NULL, threads = NULL, progress = NULL) {
  check_given(tree)
  check_given(radius)
  run <- run_settings(threads, progress)
  index <- as_index(tree, metric, run, written(substitute(tree), "tree"))
  queries <- resolve_queries(index, query, rows, predecessors, max_index, self, run)
  check_number(radius, min = 0, closed = TRUE)
  check_flag(flat)
  if (!is.null(max_pairs)) check_number(max_pairs, min = 0, closed = TRUE)
  search_within(index, queries, radius, run, flat = flat, max_pairs = max_pairs %||% pairs_at_hand(flat))
}

search_within <- function(index, queries, radius, run, engine = default_engine(index), flat = TRUE, max_pairs = Inf) {
  answer <- .Call(C_ffi_find_within, index, queries, as.double(radius), engine, as.double(max_pairs), flat, run)
  found <- if (flat) answer[c("index", "distance", "offset")] else lapply(answer[c("index", "distance")], stats::setNames, queries$names)
  do.call(structure, c(list(found, class = "covertree_within", exact = TRUE, stats = answer$stats, radius = radius),
                       if (flat) list(query_names = queries$names), result_origin(queries, index)))
}

#' @export
format.covertree_within <- function(x, ...) {
  count <- if (is.null(x$offset)) lengths(x$index) else diff(x$offset)
  paste0("<covertree_within> ", count_of(length(count), "query", "queries"), ", ", count_of(sum(count), "neighbour"), " within ",
         format(attr(x, "radius")), ", ", format(attr(x, "metric")), ", exact")
}

#' @export
print.covertree_within <- function(x, ...) {
  count <- if (is.null(x$offset)) lengths(x$index) else diff(x$offset)
  cat(format(x), "\n", sep = "")
  if (length(count)) {
    cat("neighbours per query: ", min(count), " .. ", max(count), ", mean ", format(mean(count), digits = 3), "\n", sep = "")
  }
  invisible(x)
}
