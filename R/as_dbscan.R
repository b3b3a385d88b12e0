#' Neighbours for dbscan
#'
#' Turns the neighbours of all indexed points into an object of package dbscan, whose functions then
#' run on our neighbours: `dbscan()` on those within a radius; `sNN()`, `jpclust()`, `comps()`,
#' `kNNdist()` and `adjacencylist()` on the k nearest.
#'
#' @param x A result of [find_knn()] or [find_within()] over all indexed points, without `query` and
#'   `rows`.
#' @return Of a result of [find_knn()], a list of class `kNN`; of one of [find_within()], a list of
#'   class `frNN`. A point is not its own neighbour.
#' @family results in other shapes
#' @examplesIf requireNamespace("dbscan", quietly = TRUE)
#' near <- find_within(quakes[, c("long", "lat")], radius = 100, metric = metric_great_circle())
#' dbscan::dbscan(as_dbscan(near), minPts = 10)
#' @export
as_dbscan <- function(x) {
  check_all_rows(x)
  if (inherits(x, "covertree_within")) as_frnn(x) else as_dbscan_knn(x)
}

as_frnn <- function(x) {
  edges <- foreign_edges(x)
  query <- factor(edges$from, levels = seq_len(query_count(x)))
  cut <- function(v) stats::setNames(split(v, query), attr(x, "labels"))
  structure(list(dist = cut(edges$distance), id = cut(edges$to), eps = max(attr(x, "radius")),
                 sort = TRUE,
                 metric = attr(x, "metric")$kind), class = c("frNN", "NN"))
}

as_dbscan_knn <- function(x, call = rlang::caller_env()) {
  near <- without_self(x)
  check_full(near$index, call)
  k <- ncol(near$index)
  names <- list(attr(x, "labels"), seq_len(k))
  dimnames(near$index) <- dimnames(near$distance) <- names
  structure(list(dist = near$distance, id = near$index, k = k, sort = TRUE,
                 metric = attr(x, "metric")$kind), class = c("kNN", "NN"))
}

check_full <- function(index, call) {
  if (!anyNA(index)) return(invisible())
  stop_input(c("{.arg x} must have as many neighbours in every row.",
               x = "Row {which(rowSums(is.na(index)) > 0)[1]} has fewer.",
               i = "Search without {.arg predecessors} and {.arg radius}."), call = call)
}
