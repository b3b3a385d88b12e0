#' Neighbours as lines of a map
#'
#' A method of `sf::st_as_sf()`: a line from each query to each of its neighbours, in the coordinate
#' reference system of the points.
#'
#' @param x A result of [find_knn()], [vecchia_neighbors()] or [find_within()].
#' @param points The points that were searched, in their order: sf points, or anything with
#'   longitude (or x) and latitude (or y) in two columns.
#' @param query The query points, if they were not the searched ones; in the system of `points`.
#' @param crs Coordinate reference system of points that bring none.
#' @param ... Not used.
#' @return An sf data frame with the columns of [as.data.frame()][edges] and a LINESTRING per
#'   neighbour.
#' @family results in other shapes
#' @examplesIf requireNamespace("sf", quietly = TRUE)
#' places <- sf::st_as_sf(quakes[1:50, ], coords = c("long", "lat"), crs = 4326)
#' lines <- sf::st_as_sf(find_knn(places, k = 2, metric = metric_great_circle()), places)
#' plot(sf::st_geometry(lines))
#' @exportS3Method sf::st_as_sf
st_as_sf.covertree_neighbors <- function(x, points, query = NULL, crs = NULL, ...) {
  need_package("sf", "for maps")
  rows <- query_rows(x)
  if (is.null(query) && anyNA(rows))
    stop_input("{.arg query} must be given: the queries were not the searched points.")
  points <- plane_points(points, crs)
  if (nrow(points$xy) < attr(x, "size") && is.null(query)) {
    stop_input(
      "{.arg points} must hold all {attr(x, \"size\")} points searched; it has {nrow(points$xy)}.")
  }
  from <- if (is.null(query)) points$xy[rows, , drop = FALSE] else plane_points(query, crs)$xy
  edges <- result_edges(x)
  ends <- cbind(from[edges$from, , drop = FALSE], points$xy[edges$to, , drop = FALSE])
  lines <- lapply(seq_len(nrow(ends)),
                  function(e) sf::st_linestring(matrix(ends[e, ], 2, byrow = TRUE)))
  sf::st_sf(edge_table(x), geometry = sf::st_sfc(lines, crs = points$crs))
}

#' @rdname st_as_sf.covertree_neighbors
#' @exportS3Method sf::st_as_sf
st_as_sf.covertree_within <- st_as_sf.covertree_neighbors

# list(xy, crs): two columns of coordinates as they are.
plane_points <- function(points, crs, arg = rlang::caller_arg(points), call = rlang::caller_env()) {
  if (inherits(points, c("sf", "sfc")))
    return(list(xy = unname(sf::st_coordinates(points)[, 1:2, drop = FALSE]),
                crs = sf::st_crs(points)))
  xy <- as_points(points, arg = arg, call = call)
  columns <- lonlat_columns(colnames(xy))
  if (!length(columns)) columns <- 1:2
  if (ncol(xy) < 2) stop_input("{.arg {arg}} must have two columns.", call = call)
  list(xy = unname(xy[, columns, drop = FALSE]), crs = if (is.null(crs)) sf::NA_crs_
                                                       else sf::st_crs(crs))
}
