# Points of sf, and of sp and terra through it, with their coordinate reference system (CRS):
# a list of `name`, `wkt`, `lonlat` (TRUE for degrees of longitude and latitude) and `unit` (""
# where it is not known).

is_spatial <- function(x) {
  inherits(x, c("sf", "sfc", "sfg", "SpatialPoints", "SpatVector")) || inherits(x, "Spatial")
}

sf_points <- function(x, arg, call) {
  rlang::check_installed("sf", "to read coordinates of spatial points.", call = call)
  row_names <- if (is.character(attr(x, "row.names"))) attr(x, "row.names")
  geometry <- point_geometry(x, arg, call)
  points <- point_coordinates(geometry, arg, call)
  rownames(points) <- row_names
  crs <- read_crs(geometry)
  new_points(points, if (!is.null(crs)) rep(crs$unit, ncol(points)), crs)
}

point_geometry <- function(x, arg, call) {
  if (inherits(x, "sfg")) x <- sf::st_sfc(x)
  if (!inherits(x, c("sf", "sfc"))) x <- as_sf(x, arg, call)
  geometry <- sf::st_geometry(x)
  type <- as.character(sf::st_geometry_type(geometry))
  bad <- which(type != "POINT")
  if (length(bad)) {
    stop_input(c("{.arg {arg}} must have geometries of type POINT only.",
                 x = "Row {bad[1]} is a {type[bad[1]]}."),
               call = call)
  }
  if (inherits(geometry, "sfc_POINT")) geometry else sf::st_cast(geometry, "POINT")
}

# Points of sp and terra; what is no points there sf makes into other geometries.
as_sf <- function(x, arg, call) {
  package <- if (inherits(x, "SpatVector")) "terra" else "sp"
  rlang::check_installed(package, "to read its points.", call = call)
  tryCatch(sf::st_as_sf(x), error = function(e) {
    stop_input(c("{.arg {arg}} must be points.", x = "sf cannot read this {.cls {class(x)[1]}}."),
               call = call)
  })
}

# X, Y and maybe Z: a measure is no coordinate.
point_coordinates <- function(geometry, arg, call) {
  points <- if (length(geometry)) sf::st_coordinates(geometry)
            else matrix(0, 0, 2, dimnames = list(NULL, c("X", "Y")))
  empty <- which(is.na(points[, "X"]))
  if (length(empty)) {
    stop_input(c("{.arg {arg}} must not have empty points.", x = "Row {empty[1]} is empty."),
               call = call)
  }
  if ("M" %in% colnames(points)) {
    cli::cli_inform("The measure M of {.arg {arg}} is no coordinate and is left out.",
                    class = "covertree_message")
  }
  points[, intersect(c("X", "Y", "Z"), colnames(points)), drop = FALSE]
}

read_crs <- function(geometry) {
  crs <- sf::st_crs(geometry)
  if (is.na(crs)) return(NULL)
  name <- if (identical(crs$Name, crs$input) || is.null(crs$Name)) crs$input
          else paste0(crs$Name, " (", crs$input, ")")
  lonlat <- isTRUE(sf::st_is_longlat(geometry))
  list(name = name, wkt = crs$wkt, lonlat = lonlat, unit = crs$units %||% if (lonlat) "degree"
    else "")
}

# Geographic systems that differ in the order of their axes alone are one: sf gives longitude first
# in all of them.
same_crs <- function(a, b) {
  if (identical(a$wkt, b$wkt)) return(TRUE)
  a <- sf::st_crs(a$wkt)
  b <- sf::st_crs(b$wkt)
  a == b || (isTRUE(a$IsGeographic) && isTRUE(b$IsGeographic) &&
             identical(a$proj4string, b$proj4string))
}

check_crs <- function(points, crs, arg, call) {
  if (is.null(points$crs) || is.null(crs) || same_crs(points$crs, crs)) return(invisible())
  stop_input(
    c("{.arg {arg}} must have the coordinate reference system of the points it is compared with.",
      x = "It is in {.val {points$crs$name}}, they are in {.val {crs$name}}.",
      i = "{.fn sf::st_transform} takes it there."), call = call)
}
