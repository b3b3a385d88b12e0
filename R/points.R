# The one way in for points. Whatever people keep them in is read once, into a list of class
#   `read_points`: x      a double matrix, a row per point, with the row and column names that the
#   input had unit   the unit of each column, "" where it has none, or NULL where none has
#   crs    NULL, or the coordinate reference system, see points_sf.R
#   V, p   rows of a factor that with_factor() attached, or NULL
# What the columns mean to a metric, and how they match those of an index, is decided in columns.R.

# The matrix alone, its columns as the metric takes them.
as_points <- function(x, metric = NULL, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  place_points(read_points(x, arg, call), metric, arg, call)$x
}

read_points <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (inherits(x, "read_points")) return(x)
  points <- if (inherits(x, "covertree_points")) {
    unpack_points(x)
  } else if (is_spatial(x)) {
    sf_points(x, arg, call)
  } else if (is.data.frame(x)) {
    frame_points(x, arg, call)
  } else {
    matrix_points(x, arg, call)
  }
  if (ncol(points$x) == 0) stop_input("{.arg {arg}} must have at least one column.", call = call)
  points
}

new_points <- function(x, unit = NULL, crs = NULL, V = NULL, p = NULL) {
  if (!any(nzchar(unit))) unit <- NULL
  structure(list(x = x, unit = unit, crs = crs, V = V, p = p), class = "read_points")
}

# Points as a matrix that remembers what else was read, for constructors that know no index yet.
pack_points <- function(points) {
  structure(points$x, unit = points$unit, crs = points$crs, V = points$V, p = points$p,
            class = c("covertree_points", "matrix", "array"))
}

unpack_points <- function(x) {
  new_points(bare_matrix(x), attr(x, "unit"), attr(x, "crs"), attr(x, "V"), attr(x, "p"))
}

# ---- matrices, vectors and columns ----

matrix_points <- function(x, arg, call) {
  if (inherits(x, "Matrix")) {
    rlang::check_installed("Matrix", "to read a matrix of that package.", call = call)
    x <- as.matrix(x)
  }
  if (length(dim(x)) > 2 || !is_column(x)) refuse_points(x, arg, call)
  column <- read_column(x, arg, call)
  new_points(column$x, column$unit)
}

frame_points <- function(x, arg, call) {
  bad <- !vapply(x, function(v) is.data.frame(v) || is_column(v), NA)
  if (any(bad)) refuse_columns(x, which(bad), arg, call)
  parts <- lapply(seq_along(x), function(j) {
    if (is.data.frame(x[[j]])) read_points(x[[j]], arg, call) else read_column(x[[j]], arg, call)
  })
  names <- Map(function(part, name) if (ncol(part$x) == 1) name else colnames(part$x) %||%
                 paste0(name, ".", seq_len(ncol(part$x))), parts, names(x))
  units <- lapply(parts, function(part) part$unit %||% rep("", ncol(part$x)))
  points <- do.call(cbind,
                    c(list(matrix(0, nrow(x), 0)), lapply(parts, function(part) unname(part$x))))
  own_names <- if (is.character(attr(x, "row.names"))) row.names(x)
  dimnames(points) <- list(own_names, as.character(unlist(names)))
  unify_units(points, unlist(units))
}

# Numbers, and classes that are nothing but numbers: any other class means something else by its
# numbers.
number_classes <- c("numeric", "integer", "double", "matrix", "array", "AsIs", "table", "ts", "mts",
                    "zoo", "xts",
                    "units", "integer64", "covertree_points")

is_column <- function(v) {
  is.numeric(v) && (!is.object(v) || all(class(v) %in% number_classes))
}

# A vector or matrix of numbers as list(x, unit), x a plain double matrix.
read_column <- function(v, arg, call) {
  unit <- if (inherits(v, "units")) units::deparse_unit(v)
  v <- if (inherits(v, "integer64")) from_integer64(v, arg, call) else bare_matrix(v)
  list(x = v, unit = if (!is.null(unit)) rep(unit, ncol(v)))
}

# The numbers without any class or attribute but their shape and names, which costs a copy only
# where there is one.
bare_matrix <- function(v) {
  plain <- setdiff(names(attributes(v)), c("dim", "dimnames"))
  if (is.matrix(v) && is.double(v) && !length(plain)) return(v)
  if (is.matrix(v)) return(matrix(as.double(v), nrow(v), ncol(v), dimnames = dimnames(unclass(v))))
  matrix(as.double(unclass(v)), ncol = 1, dimnames = if (!is.null(names(v))) list(names(v), NULL))
}

from_integer64 <- function(v, arg, call) {
  rlang::check_installed("bit64", "to read numbers of class integer64.", call = call)
  limit <- bit64::as.integer64(2)^53
  if (any(!is.na(v) & abs(v) > limit)) {
    stop_input(c("{.arg {arg}} must hold numbers that a double can tell apart.",
                 x = "It holds an {.cls integer64} beyond 2^53."), call = call)
  }
  matrix(bit64::as.double.integer64(v), NROW(v), NCOL(v),
         dimnames = if (is.matrix(v)) dimnames(v) else if (!is.null(names(v))) list(names(v), NULL))
}

# ---- refusals ----

refuse_points <- function(x, arg, call) {
  stop_input(c("{.arg {arg}} must hold numbers: a matrix, a data frame, sf points or a vector.",
               x = if (is.object(x)) "It is of class {.cls {class(x)}}."
                   else "It is {.obj_type_friendly {x}}.",
               i = number_advice(x)), call = call)
}

refuse_columns <- function(x, bad, arg, call) {
  stop_input(c("{.arg {arg}} must have numeric columns only.",
               x = paste("{cli::qty(length(bad))}Column{?s} {.field {names(x)[bad]}}",
                         "{?is/are} not numeric."),
               i = number_advice(x[[bad[1]]], "It is of class {.cls {class(x[[bad[1]]])}}. ")),
             call = call)
}

# How to make numbers of what looks numeric and is not, as cli text.
number_advice <- function(v, lead = NULL) {
  kinds <- c(
    dist = "A {.cls dist} holds distances: give the points that it was made of.",
    difftime = "Make numbers of one unit of it: {.code as.numeric(x, units = \"days\")}.",
    Date = "Make days of it: {.code as.numeric(x)}.",
    POSIXt = "Make seconds of it: {.code as.numeric(as.POSIXct(x))}.",
    haven_labelled = "If its codes are numbers: {.code as.numeric(haven::zap_labels(x))}.",
    factor = "If its levels are numbers: {.code as.numeric(as.character(x))}.",
    logical = "If it is to count as 0 and 1: {.code as.numeric(x)}.",
    mixed_units = "Give all of it one unit: {.fn units::set_units}.")
  known <- which(vapply(names(kinds), function(kind) inherits(v, kind) ||
                        (kind == "logical" && is.logical(v)), NA))
  if (length(known)) return(paste0(lead, kinds[[known[1]]]))
  if (is.numeric(v) && is.object(v))
    return(paste0(lead, "If its numbers are coordinates: {.code as.numeric(x)}."))
}

# ---- units ----

# Columns of one dimension in one unit, that of the first of them.
unify_units <- function(x, unit) {
  for (j in which(nzchar(unit))) {
    first <- which(vapply(unit, can_convert, NA, to = unit[j]))[1]
    x[, j] <- convert_unit(x[, j], unit[j], unit[first])
    unit[j] <- unit[first]
  }
  new_points(x, unname(unit))
}

can_convert <- function(from, to) nzchar(from) && nzchar(to) &&
  (from == to || units::ud_are_convertible(from, to))

convert_unit <- function(v, from, to) {
  if (from == to) return(v)
  v <- units::set_units(units::set_units(v, from, mode = "standard"), to, mode = "standard")
  as.double(units::drop_units(v))
}

# Columns in the units of an index. Numbers without a unit are taken to be in them; numbers with one
# do not fit an index without, unless that is only what a CRS says.
convert_columns <- function(points, to, arg, call) {
  if (is.null(points$unit) || (is.null(to) && !is.null(points$crs))) return(points)
  to <- to %||% rep("", ncol(points$x))
  for (j in which(nzchar(points$unit))) {
    if (!can_convert(points$unit[j], to[j])) refuse_unit(points$unit[j], to[j], j, arg, call)
    points$x[, j] <- convert_unit(points$x[, j], points$unit[j], to[j])
  }
  points$unit <- to
  points
}

refuse_unit <- function(from, to, column, arg, call) {
  theirs <- if (nzchar(to)) paste("theirs in", to) else "theirs has no unit"
  stop_input(c("{.arg {arg}} must be in units that convert to those of the indexed points.",
               x = "Column {column} is in {from}, {theirs}."), call = call)
}
