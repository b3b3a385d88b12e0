#' Pictures for ggplot2
#'
#' Methods of `ggplot2::autoplot()`: neighbours as edges over the points, or how their distances
#' grow with rank.
#'
#' @param object A result of [find_knn()], [vecchia_neighbors()] or [find_within()].
#' @param points The points that were searched, in their order.
#' @param query The query points, if they were not the searched ones.
#' @param rows Which queries are drawn, by their place in the result; `NULL`: all of them, the whole
#'   graph.
#' @param columns Two column numbers or names.
#' @param type `"edges"`, or `"distance"` for quantiles of the distance to the m-th neighbour
#'   against m.
#' @param ... Not used.
#' @return A ggplot.
#' @family results in other shapes
#' @examplesIf requireNamespace("ggplot2", quietly = TRUE)
#' locs <- quakes[, c("long", "lat")]
#' nn <- vecchia_neighbors(locs[vecchia_order(locs), ], m = 10)
#' ggplot2::autoplot(nn, locs[vecchia_order(locs), ], rows = c(50, 500))
#' ggplot2::autoplot(nn, type = "distance")
#' @importFrom rlang .data
#' @exportS3Method ggplot2::autoplot
autoplot.covertree_neighbors <- function(object, points = NULL, query = NULL, rows = NULL,
                                         columns = 1:2,
                                         type = c("edges", "distance"), ...) {
  need_package("ggplot2", "for pictures")
  type <- rlang::arg_match(type)
  if (type == "distance") return(distance_picture(object))
  if (is.null(points)) stop_input("{.arg points} must be given: a result does not hold them.")
  edge_picture(object, as_points(points)[, columns, drop = FALSE],
               if (!is.null(query)) as_points(query)[, columns, drop = FALSE], rows)
}

#' @rdname autoplot.covertree_neighbors
#' @exportS3Method ggplot2::autoplot
autoplot.covertree_within <- autoplot.covertree_neighbors

distance_picture <- function(x) {
  edges <- result_edges(x)
  parts <- split(edges$distance, edges$rank)
  q <- vapply(parts, stats::quantile, numeric(3), probs = c(0.1, 0.5, 0.9))
  table <- data.frame(rank = as.integer(names(parts)), low = q[1, ], median = q[2, ], high = q[3, ])
  ggplot2::ggplot(table, ggplot2::aes(x = .data$rank, y = .data$median)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$low, ymax = .data$high), fill = "#3b528b",
                         alpha = 0.2) +
    ggplot2::geom_line(colour = "#3b528b") +
    ggplot2::labs(x = "rank m", y = "distance to the m-th neighbour",
                  caption = "median, and 10 % to 90 % of the queries")
}

edge_picture <- function(x, xy, query, rows, call = rlang::caller_env()) {
  own <- query_rows(x)
  if (is.null(query) && (anyNA(own) || max(own) > nrow(xy))) {
    stop_input("{.arg query} must be given: the queries were not the searched points.", call = call)
  }
  from <- if (is.null(query)) xy[own, , drop = FALSE] else query
  rows <- rows %||% seq_len(nrow(from))
  check_rows(rows, nrow(from), arg = "rows", call = call)
  edges <- result_edges(x)
  kept <- edges$from %in% rows & edges$to <= nrow(xy)
  lines <- data.frame(x = from[edges$from[kept], 1], y = from[edges$from[kept], 2],
                      xend = xy[edges$to[kept], 1], yend = xy[edges$to[kept], 2])
  labels <- colnames(xy) %||% c("column 1", "column 2")
  picture <- ggplot2::ggplot(mapping = ggplot2::aes(x = .data$x, y = .data$y)) +
    ggplot2::geom_point(data = data.frame(x = xy[, 1], y = xy[, 2]), colour = "grey70",
                        size = 0.6) +
    ggplot2::geom_segment(ggplot2::aes(xend = .data$xend, yend = .data$yend), lines,
                          colour = "#3b528b", linewidth = 0.3) +
    ggplot2::labs(x = labels[1], y = labels[2]) + picture_aspect(xy, labels)
  if (length(rows) == nrow(from)) return(picture)
  picture + ggplot2::geom_point(data = data.frame(x = from[rows, 1], y = from[rows, 2]),
                                colour = "#d1495b", shape = 17, size = 2)
}

# A degree of longitude is as long as the cosine of the latitude.
picture_aspect <- function(xy, labels) {
  name <- tolower(labels)
  if (!name[1] %in% c("lon", "long", "longitude", "lng") || !name[2] %in% c("lat", "latitude"))
    return(NULL)
  ggplot2::coord_fixed(1 / cos(mean(range(xy[, 2])) * pi / 180))
}
