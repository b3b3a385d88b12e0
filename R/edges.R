# Results as edges from queries to their neighbours: what every other shape is made of.

# list(from, to, rank, distance): query number within the result, row of the neighbour; ordered by
# query and rank.
result_edges <- function(x) UseMethod("result_edges")

#' @export
result_edges.covertree_neighbors <- function(x) {
  check_neighbors(x)
  id <- t(x$index)
  found <- !is.na(id)
  list(from = col(id)[found], to = id[found], rank = row(id)[found],
       distance = t(x$distance)[found])
}

#' @export
result_edges.covertree_within <- function(x) {
  check_within(x)
  count <- within_counts(x)
  list(from = rep.int(seq_along(count), count), to = as.integer(unlist(x$index, use.names = FALSE)),
       rank = sequence(count),
       distance = as.double(unlist(x$distance, use.names = FALSE)))
}

within_counts <- function(x) {
  if (is.null(x$offset)) unname(lengths(x$index)) else as.integer(diff(x$offset))
}

query_count <- function(x) {
  if (inherits(x, "covertree_within")) length(within_counts(x)) else nrow(x$index)
}

# The queries' own numbers as rows of the points, or NA where they are new points.
query_rows <- function(x) {
  rows <- attr(x, "rows") %||% seq_len(query_count(x))
  if (is.null(attr(x, "first")))
    rep(NA_integer_, length(rows)) else as.integer(rows + attr(x, "first") - 1L)
}

query_names <- function(x) {
  if (inherits(x, "covertree_neighbors")) return(rownames(x$index))
  attr(x, "query_names") %||% if (is.list(x$index)) names(x$index)
}

check_result <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (!inherits(x, c("covertree_neighbors", "covertree_within"))) {
    stop_input(
      c("{.arg {arg}} must be from {.fn find_knn}, {.fn vecchia_neighbors} or {.fn find_within}.",
        x = "It is {describe(x)}."), call = call)
  }
  if (inherits(x, "covertree_within")) check_within(x, call) else check_neighbors(x, call)
}

# Results that say for each indexed point in order what its neighbours are, as methods of other
# packages take them.
check_all_rows <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  check_result(x, arg, call)
  if (!identical(query_rows(x), seq_len(attr(x, "size")))) {
    stop_input(c("{.arg {arg}} must hold the neighbours of every indexed point, in order.",
                 i = "Search without {.arg query} and {.arg rows}."), call = call)
  }
}

#' Neighbours as a table
#'
#' One row per query and neighbour: for joins, plots and everything else that takes data frames.
#'
#' @param x A result of [find_knn()], [vecchia_neighbors()] or [find_within()].
#' @param row.names,optional Not used.
#' @param ... Not used.
#' @return A data frame, or with `tibble::as_tibble()` a tibble, with the columns
#'   \describe{
#'     \item{`from`}{number of the query: its row among the indexed points, or among the query
#'     points}
#'     \item{`to`}{row number of the neighbour}
#'     \item{`rank`}{1 for the nearest}
#'     \item{`distance`}{in the metric's units}
#'     \item{`from_name`, `to_name`}{row names, where the points have them}
#'   }
#'   ordered by query and rank. Queries without neighbours have no row.
#' @family results in other shapes
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' head(as.data.frame(find_knn(locs, k = 3, metric = metric_great_circle())))
#' @name edges
NULL

#' @rdname edges
#' @export
as.data.frame.covertree_neighbors <- function(x, row.names = NULL, optional = FALSE,
                                              ...) edge_table(x)

#' @rdname edges
#' @export
as.data.frame.covertree_within <- as.data.frame.covertree_neighbors

#' @exportS3Method tibble::as_tibble
as_tibble.covertree_neighbors <- function(x, ...) tibble::as_tibble(edge_table(x), ...)

#' @exportS3Method tibble::as_tibble
as_tibble.covertree_within <- as_tibble.covertree_neighbors

edge_table <- function(x) {
  edges <- result_edges(x)
  rows <- query_rows(x)
  table <- data.frame(from = if (anyNA(rows)) edges$from
                             else rows[edges$from], edges[c("to", "rank", "distance")])
  table$from_name <- query_names(x)[edges$from]
  table$to_name <- attr(x, "labels")[edges$to]
  table
}
