#' Graphs of neighbours
#'
#' A method of `igraph::as.igraph()`: neighbours become a directed graph with an edge from each
#' query to each of its neighbours.
#'
#' @param x A result of [find_knn()], [vecchia_neighbors()] or [find_within()].
#' @param ... Not used.
#' @return An igraph graph. Its vertices are the indexed points in order, named where points are,
#'   and after them query points, if queries were new points; vertex attribute `type` is then `TRUE`
#'   for those. Edge attribute `distance` is in the metric's units.
#' @family results in other shapes
#' @examplesIf requireNamespace("igraph", quietly = TRUE)
#' near <- find_within(quakes[, c("long", "lat")], radius = 50, metric = metric_great_circle())
#' g <- igraph::as.igraph(near)
#' igraph::components(g)$no
#' @exportS3Method igraph::as.igraph
as.igraph.covertree_neighbors <- function(x, ...) {
  need_package("igraph", "for graphs")
  edges <- result_edges(x)
  rows <- query_rows(x)
  size <- attr(x, "size")
  new <- anyNA(rows)
  vertex <- if (new) size + seq_along(rows) else rows
  graph <- igraph::make_graph(rbind(vertex[edges$from], edges$to), n = max(size, vertex),
                              directed = TRUE)
  graph <- igraph::set_edge_attr(graph, "distance", value = edges$distance)
  if (new)
    graph <- igraph::set_vertex_attr(graph, "type", value = seq_len(size + length(rows)) > size)
  names <- c(attr(x, "labels"), if (new) query_names(x))
  if (length(names) == igraph::vcount(graph))
    graph <- igraph::set_vertex_attr(graph, "name", value = names)
  graph
}

#' @rdname as.igraph.covertree_neighbors
#' @exportS3Method igraph::as.igraph
as.igraph.covertree_within <- as.igraph.covertree_neighbors
