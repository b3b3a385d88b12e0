# What the columns of points mean, and how they are matched by name: of queries and inducing points
# with those of an index, of scales and lengthscales with those of the points.
#
# A *layout* is what an index remembers of its points' columns: a list of
#   names   column names as they were given, or NULL
#   order   the given column that each column of the index's `x` is: metrics on longitude and
#   latitude take those first unit    the unit of each column of `x`, or NULL
#   crs     the coordinate reference system, or NULL
# Whatever comes later is matched by name where both have names, and by position *as given* where
# one has none.

# Points as a metric takes them: list(x, layout).
place_points <- function(points, metric, arg, call) {
  order <- seq_len(ncol(points$x))
  if (is_lonlat(metric)) {
    order <- lonlat_order(points$x, metric, arg, call)
    points <- in_degrees(points, order[1:2], arg, call)
  }
  layout <- list(names = colnames(points$x), order = order, unit = points$unit[order],
                 crs = points$crs)
  x <- if (is.unsorted(order)) points$x[, order, drop = FALSE] else points$x
  list(x = if (is_lonlat(metric)) snap_degrees(x) else x, layout = layout)
}

# Points in the columns and units of an index that was placed before.
align_points <- function(points, layout, metric, arg, call) {
  check_crs(points, layout$crs, arg, call)
  order <- column_order(points$x, layout, metric, arg, call)
  points$x <- points$x[, order, drop = FALSE]
  points$unit <- points$unit[order]
  points <- convert_columns(points, layout$unit, arg, call)
  if (is_lonlat(metric)) points$x <- snap_degrees(points$x)
  if (!is.null(layout$names)) colnames(points$x) <- layout$names[layout$order]
  points
}

# The layout of a matrix that is as its metric takes it.
matrix_layout <- function(x) list(names = colnames(x), order = seq_len(ncol(x)))

# The column of `x` that belongs to each column of the index.
column_order <- function(x, layout, metric, arg, call) {
  want <- length(layout$order)
  if (ncol(x) != want) {
    stop_input(c("{.arg {arg}} must have as many columns as the points it is compared with.",
                 x = paste0("It has {ncol(x)}{list_names(colnames(x))}, they have {want}",
                             "{list_names(layout$names)}."),
                 i = if (arg == "query" &&
                         length(x) == 1) "For the number of neighbours, write {.code k = {x[1]}}."),
               call = call)
  }
  if (!is_named(layout$names))
    return(if (is_lonlat(metric)) lonlat_order(x, metric, arg, call) else seq_len(want))
  if (!is_named(colnames(x))) return(layout$order)
  order <- match_names(colnames(x), layout$names[layout$order])
  if (is.null(order)) {
    stop_input(c("{.arg {arg}} must have the columns of the points it is compared with.",
                 x = "They are {.field {layout$names}}, it has {.field {colnames(x)}}.",
                 i = "Columns without names go by their position."), call = call)
  }
  order
}

list_names <- function(names) {
  if (is.null(names)) "" else paste0(" (", paste(names, collapse = ", "), ")")
}

# The points of an index as they were given, for an index with another metric.
given_points <- function(index) {
  layout <- index$layout
  back <- order(layout$order)
  x <- if (is.unsorted(back)) index$x[, back, drop = FALSE] else index$x
  new_points(x, layout$unit[back], layout$crs)
}

# ---- names ----

is_named <- function(names) !is.null(names) && !anyNA(names) && all(nzchar(names))

# Positions of `want` among `given`: the same names, or else names of one meaning; NULL where they
# do not match one to one.
match_names <- function(given, want) {
  if (length(given) != length(want)) return(NULL)
  if (identical(given, want)) return(seq_along(want))
  for (key in list(identity, name_key)) {
    order <- match(key(want), key(given))
    if (!anyNA(order) && !anyDuplicated(order)) return(order)
  }
  NULL
}

# Case aside, and all names of longitude and of latitude alike.
name_key <- function(names) {
  key <- ascii_lower(names)
  at <- lonlat_columns(names)
  if (length(at)) key[at] <- c("<longitude>", "<latitude>")
  key
}

# tolower() goes by the locale: to a Turkish one LATITUDE has no dotted i.
ascii_lower <- function(text) chartr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz",
                                     text)

# Divisors of columns, in the order of the columns where both have names; `sphere` counts two
# columns as one.
match_scale <- function(scale, x, arg, call, sphere = FALSE) {
  columns <- colnames(x)
  if (length(scale) == 1 || !is_named(names(scale)) || !is_named(columns)) return(scale)
  order <- if (sphere) match_sphere(names(scale), columns) else match_names(names(scale), columns)
  if (is.null(order)) {
    stop_input(c("{.arg {arg}} must have the names of the columns, or none.",
                 x = "They are {.field {columns}}, it has {.field {names(scale)}}."), call = call)
  }
  scale[order]
}

# With longitude and latitude one lengthscale is for both: the one with a name that no further
# column has.
match_sphere <- function(given, columns) {
  rest <- match(ascii_lower(columns[-(1:2)]), ascii_lower(given))
  sphere <- setdiff(seq_along(given), rest)
  known <- c("sphere", "space", "lonlat", ascii_lower(columns[1:2]))
  if (anyNA(rest) || anyDuplicated(rest) || length(sphere) != 1 ||
      !ascii_lower(given[sphere]) %in% known) return(NULL)
  c(sphere, rest)
}

# ---- longitude and latitude ----

is_lonlat <- function(metric) {
  isTRUE(metric$kind %in% c("great_circle", "sphere_time")) || isTRUE(metric$cov$lonlat)
}

lon_names <- c("lon", "long", "longitude", "lng")
lat_names <- c("lat", "latitude")

# c(longitude, latitude): numbers of the columns whose names say so, whole names before words of
# names, and x and y last; empty where none do.
lonlat_columns <- function(names) {
  if (!is_named(names)) return(integer())
  whole <- as.list(ascii_lower(names))
  words <- lapply(strsplit(gsub("([a-z])([A-Z])", "\\1 \\2", names, perl = TRUE), "[^A-Za-z]+"),
                  ascii_lower)
  for (parts in list(whole, words)) {
    at <- find_pair(parts, lon_names, lat_names)
    if (length(at)) return(at)
  }
  for (parts in list(whole, words)) {
    at <- find_pair(parts, "x", "y")
    if (length(at)) return(at)
  }
  integer()
}

find_pair <- function(parts, first, second) {
  has <- function(known) which(vapply(parts, function(part) any(part %in% known), NA))
  at <- c(has(first), has(second))
  if (length(at) == 2 && at[1] != at[2] && length(has(first)) == 1) at else integer()
}

# Longitude and latitude first, then the others as they come: by name, or by position where names
# say nothing.
lonlat_order <- function(x, metric, arg, call) {
  names <- colnames(x)
  if (ncol(x) < 2)
    stop_input("{.arg {arg}} must have two columns, longitude and latitude in degrees.",
               call = call)
  if (identical(metric$kind, "great_circle") && ncol(x) > 2) refuse_further(x, arg, call)
  at <- lonlat_columns(names)
  if (!length(at)) {
    if (is_named(names)) check_latitude_second(names, arg, call)
    at <- 1:2
  }
  c(at, setdiff(seq_len(ncol(x)), at))
}

refuse_further <- function(x, arg, call) {
  at <- lonlat_columns(colnames(x))
  further <- if (length(at)) colnames(x)[-at]
  stop_input(c("{.arg {arg}} must have two columns, longitude and latitude in degrees.",
               x = "It has {ncol(x)}{if (length(at)) ': '}{.field {further}} would be left out.",
               i = paste("{.fn metric_sphere_time} takes further columns, and so does",
                         "{.fn metric_correlation} of a covariance with {.code lonlat = TRUE}.")),
             call = call)
}

# Names that are not understood and look like latitude first are not guessed at.
check_latitude_second <- function(names, arg, call) {
  looks <- function(name, pattern) grepl(pattern, ascii_lower(name))
  lat <- looks(names[1:2], "lat|nor|phi|breit|^y|y$")
  lon <- looks(names[1:2], "lon|lng|eas|lam|laen|^x|x$")
  if ((lat[1] && !lon[1]) || (lon[2] && !lat[2])) {
    stop_input(c("{.arg {arg}} must have columns that are known as longitude and latitude.",
                 x = paste("Columns {.field {names[1:2]}} look like latitude first,",
                           "but their names are not understood."),
                 i = "Names such as {.val lon} and {.val lat} are."), call = call)
  }
}

# Longitude and latitude with a unit, in degrees.
in_degrees <- function(points, columns, arg, call) {
  for (j in columns) {
    unit <- points$unit[j]
    if (is.null(unit) || !nzchar(unit) || unit == "degree") next
    if (!can_convert(unit, "degree")) {
      stop_input(c("{.arg {arg}} must have longitude and latitude in degrees.",
                   x = "Column {j} is in {unit}."), call = call)
    }
    points$x[, j] <- convert_unit(points$x[, j], unit, "degree")
    points$unit[j] <- "degree"
  }
  points
}

# Degrees that are over a bound by rounding are at the bound.
snap_degrees <- function(x) {
  bound <- c(720, 90)
  for (j in 1:2) {
    over <- which(abs(x[, j]) > bound[j] & abs(x[, j]) < bound[j] + 1e-9)
    if (length(over)) x[over, j] <- sign(x[over, j]) * bound[j]
  }
  x
}
