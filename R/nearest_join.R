#' Join two tables by nearness
#'
#' Puts beside each row of `x` the columns of the rows of `y` that are nearest to it.
#'
#' @param x,y Data frames with coordinates among their columns, or sf points.
#' @param k How many rows of `y` each row of `x` is given, at most.
#' @param radius `NULL`, or the largest distance of a match.
#' @param coords For data frames: names of the columns that hold the coordinates, in both tables, or
#'   a one-sided formula such as `~ long + lat`.
#' @param metric What "near" means, see [metrics]. `NULL`: of sf points with longitude and latitude,
#'   the great circle in metres; else Euclidean.
#' @param unmatched `TRUE`: rows of `x` without a match stay, with `NA`.
#' @param suffix Appended to names of columns of `y` that `x` has as well.
#' @inheritParams find_knn
#' @return The rows of `x`, each as often as it has matches, nearest first, with the columns of `y`
#'   and a column `distance`; of the class of `x`. Geometries of `y` are left out.
#' @family results in other shapes
#' @examples
#' towns <- data.frame(town = c("Suva", "Apia"), long = c(178.4, 188.2), lat = c(-18.1, -13.8))
#' nearest_join(towns, quakes, k = 2, coords = ~ long + lat, metric = metric_great_circle())
#' @export
nearest_join <- function(x, y, k = 1, radius = NULL, coords = NULL, metric = NULL, unmatched = TRUE,
                         suffix = ".y",
                         threads = NULL, progress = NULL) {
  for (table in list(x, y)) {
    if (!is.data.frame(table))
      stop_input(c("{.arg x} and {.arg y} must be data frames.", x = "One is {describe(table)}."))
  }
  check_flag(unmatched)
  if (is.null(metric) && inherits(y, "sf") && isTRUE(sf::st_is_longlat(y)))
    metric <- metric_great_circle(radius = 6371008.8)
  check_systems(x, y)
  found <- find_knn(join_points(y, coords), query = join_points(x, coords), k = min(k, nrow(y)),
                    radius = radius, metric = metric,
                    threads = threads, progress = progress)
  edges <- result_edges(found)
  if (unmatched) {
    alone <- setdiff(seq_len(nrow(x)), edges$from)
    edges <- list(from = c(edges$from, alone), to = c(edges$to, rep(NA_integer_, length(alone))),
                  distance = c(edges$distance, rep(NA_real_, length(alone))))
    edges <- lapply(edges, `[`, order(edges$from, method = "radix"))
  }
  other <- if (inherits(y, "sf")) sf::st_drop_geometry(y) else as.data.frame(y)
  other <- other[edges$to, , drop = FALSE]
  clash <- names(other) %in% c(names(x), "distance")
  names(other)[clash] <- paste0(names(other)[clash], suffix)
  joined <- x[edges$from, , drop = FALSE]
  joined[names(other)] <- lapply(other, unname)
  joined$distance <- edges$distance
  if (is.character(attr(x, "row.names")) && !anyDuplicated(edges$from))
    joined else strip_row_names(joined)
}

strip_row_names <- function(x) {
  attr(x, "row.names") <- seq_len(nrow(x))
  x
}

# The points of a table: sf geometries, or the columns that coords names.
join_points <- function(table, coords, call = rlang::caller_env()) {
  if (inherits(table, "sf")) return(sf::st_geometry(table))
  names <- if (inherits(coords, "formula")) all.vars(coords) else coords
  if (!is.character(names) || !length(names) || !all(names %in% names(table))) {
    stop_input(c("{.arg coords} must name columns of both tables.",
                 x = "It is {describe(coords)}."), call = call)
  }
  as.data.frame(table)[names]
}

check_systems <- function(x, y, call = rlang::caller_env()) {
  if (inherits(x, "sf") && inherits(y, "sf") && sf::st_crs(x) != sf::st_crs(y)) {
    stop_input(c("{.arg x} and {.arg y} must be in one coordinate reference system.",
                 i = "{.code sf::st_transform(y, sf::st_crs(x))} brings them together."),
               call = call)
  }
}
