#' Find all neighbours within a radius
#'
#' All points within `radius` of each query, exactly. Queries differ in how many they have, so the
#' result is a list of vectors, or flat with offsets.
#'
#' @inheritParams find_knn
#' @param radius Largest distance of a neighbour, in the metric's unit or with a unit that converts
#'   to it, one for all queries or one per query; points at exactly this distance belong to it.
#' @param flat `TRUE`: the flat form.
#' @param max_pairs The most pairs of a query and a neighbour to be returned. They are counted
#'   before memory is asked for, and more are an error of class `covertree_error_memory` that says
#'   how many there are. `NULL`: as many as the memory at hand holds.
#' @param counts `TRUE`: only the number of neighbours of each query, which takes no memory for
#'   them.
#'
#' @return A list of class `covertree_within`. With `flat = FALSE`, `index` and `distance` are lists
#'   with a vector per query: row numbers and distances, in the order of [find_knn()]. With
#'   `flat = TRUE`, `index` and `distance` are vectors of all queries after each other, and query
#'   `q` owns entries `offset[q] + 1` to `offset[q + 1]`. Attributes `metric`, `exact` and `stats`
#'   are those of [find_knn()]. With `counts = TRUE`, an integer vector with an element per query
#'   and the names of the queries.
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' near <- find_within(locs, radius = 50, metric = metric_great_circle())
#' near
#' table(find_within(locs, radius = 50, counts = TRUE, metric = metric_great_circle()))
#' @export
find_within <- function(tree, query = NULL, rows = NULL, radius, predecessors = FALSE,
                        max_index = NULL,
                        self = FALSE, flat = FALSE, counts = FALSE, max_pairs = NULL, metric = NULL,
                        threads = NULL,
                        progress = NULL) {
  check_given(tree)
  check_given(radius)
  run <- run_settings(threads, progress)
  index <- as_index(tree, metric, run, written(substitute(tree), "tree"))
  queries <- resolve_queries(index, query, rows, predecessors, max_index, self, run)
  radius <- radius_in(radius, index$metric$unit)
  queries$radius <- query_radius(radius, index, queries)
  check_flag(flat)
  check_flag(counts)
  if (counts) return(count_within(index, queries, max(radius, 0), run))
  if (!is.null(max_pairs)) check_number(max_pairs, min = 0, closed = TRUE)
  search_within(index, queries, max(radius, 0), run, flat = flat,
                max_pairs = max_pairs %||% pairs_at_hand(flat))
}

# A radius per query, or NULL for one that holds for all.
query_radius <- function(radius, index, queries, call = rlang::caller_env()) {
  if (length(radius) == 1) {
    check_number(radius, min = 0, closed = TRUE, arg = "radius", call = call)
    return(NULL)
  }
  count <- asking_count(queries, index)
  if (!is.numeric(radius) || length(radius) != count) {
    stop_input(c("{.arg radius} must have one element or one per query.",
                 x = "It has {length(radius)}, there {?is/are} {count} quer{?y/ies}."), call = call)
  }
  bad <- which(!is.finite(radius) | radius < 0)
  if (length(bad)) {
    stop_input(c("{.arg radius} must hold finite numbers, at least 0.",
                 x = "Element {bad[1]} is {radius[bad[1]]}."), call = call)
  }
  as.double(radius)
}

# Plain correlation has a way of its own to the answers within one radius, but not to counts or to a
# radius per query.
scan_engine <- function(index) {
  engine <- default_engine(index)
  if (engine == "scaled") "correlation" else engine
}

count_within <- function(index, queries, radius, run) {
  answer <- .Call(C_ffi_count_within, index, queries, as.double(radius), scan_engine(index), run)
  stats::setNames(answer$count, queries$names)
}

# A radius with a unit, as a number in the unit of the distances.
radius_in <- function(radius, unit, call = rlang::caller_env()) {
  if (!inherits(radius, "units")) return(radius)
  own <- units::deparse_unit(radius)
  if (is.null(unit) || !can_convert(own, unit)) {
    theirs <- if (is.null(unit)) "distances have no unit" else paste("distances are in", unit)
    stop_input(c("{.arg radius} must be in the unit of the distances.",
                 x = "It is in {own}, {theirs}."), call = call)
  }
  convert_unit(as.double(units::drop_units(radius)), own, unit)
}

search_within <- function(index, queries, radius, run, engine = NULL, flat = TRUE,
                          max_pairs = Inf) {
  engine <- engine %||% if (is.null(queries$radius)) default_engine(index) else scan_engine(index)
  answer <- .Call(C_ffi_find_within, index, queries, as.double(radius), engine,
                  as.double(max_pairs), flat, run)
  found <- if (flat) answer[c("index", "distance", "offset")]
           else lapply(answer[c("index", "distance")], stats::setNames, queries$names)
  do.call(structure, c(list(found, class = "covertree_within", exact = TRUE, stats = answer$stats,
                            radius = queries$radius %||% radius),
                       if (flat) list(query_names = queries$names), result_origin(queries, index)))
}

#' @export
format.covertree_within <- function(x, ...) {
  check_within(x)
  count <- if (is.null(x$offset)) lengths(x$index) else diff(x$offset)
  paste0("<covertree_within> ", count_of(length(count), "query", "queries"), ", ",
         count_of(sum(count), "neighbour"), " within ",
         format_radius(attr(x, "radius")), ", ", format(attr(x, "metric")), ", exact")
}

format_radius <- function(radius) {
  if (length(radius) == 1) format(radius) else paste(format(min(radius)), "..", format(max(radius)))
}

#' @export
print.covertree_within <- function(x, ...) {
  check_within(x)
  count <- if (is.null(x$offset)) lengths(x$index) else diff(x$offset)
  cat(format(x), "\n", sep = "")
  if (length(count)) {
    cat("neighbours per query: ", min(count), " .. ", max(count), ", mean ",
        format(mean(count), digits = 3), "\n", sep = "")
  }
  invisible(x)
}
