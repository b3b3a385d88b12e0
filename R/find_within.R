#' Find all neighbours within a radius
#'
#' All points within `radius` of each query, exactly. Queries differ in how many they have, so the result is a list of
#' vectors, or flat with offsets.
#'
#' @inheritParams find_knn
#' @param radius Largest distance of a neighbour, in the metric's units; points at exactly this distance belong to it.
#' @param flat `TRUE`: the flat form.
#'
#' @return A list of class `covertree_within`. With `flat = FALSE`, `index` and `distance` are lists with a vector per query:
#'   row numbers and distances, ordered by distance and row. With `flat = TRUE`, `index` and `distance` are
#'   vectors of all queries after each other, and query `q` owns entries `offset[q] + 1` to `offset[q + 1]`. Attributes
#'   `metric`, `exact` and `stats` are those of [find_knn()].
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' near <- find_within(locs, radius = 50, metric = metric_great_circle())
#' near
#' table(lengths(near$index))
#' @export
find_within <- function(tree, query = NULL, rows = NULL, radius, predecessors = FALSE, max_index = NULL,
                        self = FALSE, flat = FALSE, metric = NULL, threads = NULL, progress = NULL) {
  run <- run_settings(threads, progress)
  index <- as_index(tree, metric, run)
  queries <- resolve_queries(index, query, rows, predecessors, max_index, self, run)
  if (missing(radius)) stop_input("{.arg radius} must be given.")
  check_number(radius, min = 0, closed = TRUE)
  check_flag(flat)
  found <- search_within(index, queries, radius, run)
  if (flat) found else as_ragged(found, queries$names)
}

search_within <- function(index, queries, radius, run, engine = default_engine(index)) {
  if (engine == "euclid") engine <- "correlation"
  answer <- .Call(C_ffi_find_within, index, queries, as.double(radius), engine, run)
  do.call(structure, c(list(answer[c("index", "distance", "offset")], class = "covertree_within", exact = TRUE,
                            stats = answer$stats, radius = radius, query_names = queries$names), result_origin(queries, index)))
}

as_ragged <- function(flat, names) {
  count <- diff(flat$offset)
  query <- factor(rep.int(seq_along(count), count), levels = seq_along(count))
  cut <- function(v) stats::setNames(unname(split(v, query)), names)
  attributes <- attributes(flat)[setdiff(names(attributes(flat)), c("names", "query_names"))]
  do.call(structure, c(list(list(index = cut(flat$index), distance = cut(flat$distance))), attributes))
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
