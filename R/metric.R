#' Metrics
#'
#' What "near" means to [cover_tree()], [find_knn()], [find_within()], [vecchia_neighbors()] and
#' [vecchia_order()]. A metric is a small list; it knows no data.
#'
#' @param scale `NULL`, or positive divisors of the coordinates, one for all columns or one per
#'   column: the lengthscales of an anisotropic or space-time covariance. Names are matched with
#'   those of the columns.
#' @param S Covariance matrix, positive definite, a row and a column per column of the points.
#' @param p Power of the Minkowski distance, a number within 1..1000. 1 is Manhattan, 2 Euclidean.
#' @param radius Radius of the sphere; distances are arc lengths in its unit. The default is the
#'   earth's mean radius in kilometres.
#' @param unit `NULL`, or the name of the unit of `radius`, which results carry.
#' @param f A function `f(a, B)` of a point (numeric vector) and a matrix of points in rows, which
#'   returns the distances of `a` to every row: finite, not negative, zero only between points that
#'   may stand for each other, symmetric, and within the triangle inequality. It is called often:
#'   make it vectorised.
#'
#' @details
#' With points `a` and `b`, `metric_euclidean()` is `sqrt(sum(((a - b) / scale)^2))`,
#' `metric_manhattan()` is `sum(abs(a - b))`, `metric_maximum()` is `max(abs(a - b))`,
#' `metric_minkowski(p)` is `sum(abs(a - b)^p)^(1/p)`, and `metric_angular()` is the angle between
#' the two vectors in radians, 0 to pi, whatever their lengths; a zero vector is an error.
#'
#' `metric_great_circle()` takes longitude and latitude in degrees, in two columns. Names say which
#' is which, in any case and order: `lon`, `long`, `longitude` or `lng` and `lat` or `latitude`,
#' also as words of longer names such as `decimalLongitude`, `lon_dd` or `start_lng`, or else `x`
#' and `y`. Without such names they are longitude, latitude; names that are not understood and look
#' like latitude first are an error, and so are further columns. Covariances with `lonlat = TRUE` go
#' by the same names and take further columns, see [covariances]. The great circle is accurate at
#' the poles, across the date line and between antipodes.
#'
#' `metric_function()` runs on the calling thread. A probe of a few points rejects functions that
#' are plainly not a metric; a function that breaks the triangle inequality elsewhere gives wrong
#' neighbours.
#'
#' `metric_mahalanobis(S)` is `sqrt(t(a - b) %*% solve(S) %*% (a - b))`, Mahalanobis' distance:
#' rotation and scale, as in geometric anisotropy.
#'
#' `metric_sphere_time(scale = c(km = , days = ))` is for places on the sphere and times:
#' `sqrt((s / km)^2 + (t / days)^2)`, with `s` the length of the chord between the places, in
#' kilometres (as near as makes no difference to the great circle at the lengths of neighbours: 0.1
#' % less at 1000 km), and `t` the difference of the times. Columns are longitude, latitude and
#' time, and others that have scales. It is the distance that covariances with `lonlat = TRUE` look
#' at.
#'
#' @return A list of class `covertree_metric`.
#' @seealso [find_knn()] for the search.
#' @source The accurate angle between unit vectors is Kahan's, `2 * atan2(|a - b|, |a + b|)`:
#'   W. Kahan (2006), How futile are mindless assessments of roundoff in floating-point
#'   computation?, section 12.
#' @examples
#' metric_euclidean(scale = c(1, 1, 30))
#'
#' cities <- rbind(Oslo = c(10.75, 59.91), Lima = c(-77.03, -12.05), Suva = c(178.44, -18.14))
#' find_knn(cities, k = 2, metric = metric_great_circle())
#'
#' # any metric: here the number of positions in which two sequences differ
#' hamming <- metric_function(function(a, B) rowSums(B != rep(a, each = nrow(B))))
#' find_knn(matrix(c(1, 1, 2, 1, 2, 2), 3), k = 1, metric = hamming)
#' @name metrics
NULL

new_metric <- function(kind, label, ...) {
  structure(list(kind = kind, label = label, ...), class = "covertree_metric")
}

#' @rdname metrics
#' @export
metric_euclidean <- function(scale = NULL) {
  if (!is.null(scale)) check_scale(scale)
  new_metric("euclidean", if (is.null(scale)) "Euclidean"
                          else "scaled Euclidean", scale = as_scale(scale))
}

# Numbers with their names, which say what column each is for.
as_scale <- function(scale) if (!is.null(scale)) stats::setNames(as.double(scale), names(scale))

check_scale <- function(scale, arg = rlang::caller_arg(scale), call = rlang::caller_env()) {
  plain <- is.numeric(scale) && !is.object(scale) && length(scale)
  bad <- if (plain) which(!is.finite(scale) | scale <= 0) else 1L
  if (length(bad)) {
    stop_input(c("{.arg {arg}} must hold positive finite numbers.",
                 x = "Element {bad[1]} is {describe(scale[bad[1]])}."), call = call)
  }
}

#' @rdname metrics
#' @export
metric_manhattan <- function() new_metric("manhattan", "Manhattan")

#' @rdname metrics
#' @export
metric_maximum <- function() new_metric("maximum", "maximum")

#' @rdname metrics
#' @export
metric_minkowski <- function(p) {
  check_given(p)
  check_number(p, min = 1, closed = TRUE, max = 1000)
  new_metric("minkowski", paste0("Minkowski (p = ", format(p), ")"), power = as.double(p))
}

#' @rdname metrics
#' @export
metric_angular <- function() new_metric("angular", "angular")

#' @rdname metrics
#' @export
metric_great_circle <- function(radius = 6371.0088, unit = if (missing(radius)) "km") {
  check_number(radius, min = 0)
  if (!is.null(unit) && !rlang::is_string(unit)) {
    stop_input(c("{.arg unit} must be the name of a unit, or {.code NULL}.",
                 x = "It is {describe(unit)}."))
  }
  new_metric("great_circle", "great-circle", radius = as.double(radius), unit = unit)
}

#' @rdname metrics
#' @export
metric_mahalanobis <- function(S) {
  square <- is.numeric(S) && length(dim(S)) == 2 && nrow(S) == ncol(S) && nrow(S) > 0
  if (!square || !all(is.finite(S)) || !isSymmetric(unname(S))) {
    stop_input(c("{.arg S} must be a symmetric matrix of finite numbers.",
                 x = "It is {describe(S)}."))
  }
  R <- tryCatch(chol(unname(S)),
                error = function(e) stop_input("{.arg S} must be positive definite."))
  map <- backsolve(R, diag(nrow(S)))
  if (!all(is.finite(map))) stop_input("{.arg S} must be positive definite.")
  new_metric("mahalanobis", "Mahalanobis", map = map)
}

#' @rdname metrics
#' @export
metric_sphere_time <- function(scale = c(km = 1, days = 1), radius = 6371.0088) {
  check_scale(scale)
  check_number(radius, min = 0)
  if (length(scale) < 2)
    stop_input("{.arg scale} must have an element for the sphere and one for each further column.")
  new_metric("sphere_time", "sphere and time", scale = as.double(scale), radius = as.double(radius))
}

#' @rdname metrics
#' @export
metric_function <- function(f) {
  check_given(f)
  if (!is.function(f)) stop_input(c("{.arg f} must be a function.", x = "It is {describe(f)}."))
  new_metric("function", "user-defined", f = f)
}

check_metric <- function(metric, arg = rlang::caller_arg(metric), call = rlang::caller_env()) {
  if (!inherits(metric, "covertree_metric")) {
    stop_input(c("{.arg {arg}} must be a metric, such as {.code metric_euclidean()}.",
                 x = "It is {describe(metric)}."), call = call)
  }
  fault <- metric_fault(metric)
  if (!is.null(fault)) {
    stop_input(c("{.arg {arg}} is not as a metric is made: {fault}.",
                 i = "Make it anew by its function, see {.topic covertree::metrics}."), call = call)
  }
}

# The metric of points for which none was given: on the sphere if they are known to lie there,
# Euclid's otherwise. One that was given is checked against what the points' reference system says.
resolve_metric <- function(metric, points, arg, call = rlang::caller_env()) {
  lonlat <- points$crs$lonlat
  if (is.null(metric))
    return(if (isTRUE(lonlat)) default_lonlat(points, arg, call) else metric_euclidean())
  check_metric(metric, call = call)
  if (is_lonlat(metric) && isFALSE(lonlat)) {
    stop_input(c("{.arg {arg}} must have longitude and latitude for this metric.",
                 x = "It is in {.val {points$crs$name}}.",
                 i = "{.code sf::st_transform(x, 4326)} makes them."), call = call)
  }
  if (isTRUE(lonlat) && !is_lonlat(metric) && metric$kind != "function") {
    cli::cli_warn(c("Longitude and latitude of {.arg {arg}} are taken as coordinates of a plane.",
                    i = "{.fn metric_great_circle} takes them as places on the sphere."),
                  class = "covertree_warning", call = call)
  }
  metric
}

default_lonlat <- function(points, arg, call) {
  if (ncol(points$x) > 2) {
    stop_input(
      c("{.arg {arg}} must come with a {.arg metric}: places with a height have no default.",
        i = "{.fn sf::st_zm} leaves heights out."), call = call)
  }
  cli::cli_inform("Longitude and latitude: distances are great-circle arcs in metres.",
                  class = "covertree_message",
                  .frequency = "once", .frequency_id = "covertree_lonlat")
  metric_great_circle(radius = 6371008.8, unit = "m")
}

# The unit of distances: that of the coordinates, where the metric keeps it. Columns in units that
# do not convert into each other have no distance, unless something makes them comparable.
distance_unit <- function(metric, unit, arg, call) {
  if (metric$kind %in% c("great_circle", "function") || is_correlation(metric)) return(metric$unit)
  if (is.null(unit) || !is.null(metric$scale) || metric$kind == "mahalanobis") return(NULL)
  if (length(unique(unit)) > 1) {
    named <- ifelse(nzchar(unit), unit, "none")
    stop_input(c("{.arg {arg}} must have columns of one unit, or a metric with a {.arg scale}.",
                 x = "The units are {named}."), call = call)
  }
  if (metric$kind != "angular") unit[1]
}

# The metric as the core takes it for points of so many columns: a scale per column, and a function
# that has passed the probe.
fit_metric <- function(metric, x, run = NULL, call = rlang::caller_env(), lifted = NULL,
                       layout = NULL) {
  check_metric(metric, call = call)
  layout <- layout %||% matrix_layout(x)
  if (!is.null(metric$inducing)) metric <- align_inducing(metric, layout, call)
  if (is_correlation(metric)) return(fit_correlation(metric, x, run, call))
  if (metric$kind == "great_circle" && ncol(x) != 2) {
    stop_input("Great-circle distances need two columns, not {ncol(x)}.", call = call)
  }
  if (metric$kind == "mahalanobis" && ncol(x) != ncol(metric$map)) {
    stop_input(c("The metric's {.arg S} must have a row per column of the points.",
                 x = "It has {ncol(metric$map)}, the points have {ncol(x)} column{?s}."),
               call = call)
  }
  if (metric$kind == "sphere_time" && ncol(x) != length(metric$scale) + 1) {
    stop_input(
      c("The points must have longitude, latitude and a column for each further {.arg scale}.",
        x = "They have {ncol(x)} column{?s}, {.arg scale} has {length(metric$scale)}."),
      call = call)
  }
  if (metric$kind == "euclidean" && !is.null(metric$scale)) {
    if (!length(metric$scale) %in% c(1L, ncol(x))) {
      stop_input(c("The metric's {.arg scale} must have one element or one per column.",
                   x = "It has {length(metric$scale)}, the points have {ncol(x)} column{?s}."),
                 call = call)
    }
    metric$scale <- fit_scale(metric$scale, x, ncol(x), "scale", call)
  }
  if (metric$kind == "function") probe_metric(metric, x, lifted, call)
  metric
}

# One divisor per column, in the order of the columns and with their names.
fit_scale <- function(scale, x, count, arg, call, sphere = FALSE) {
  named <- length(scale) > 1 && is_named(names(scale))
  scale <- as.double(match_scale(scale, x, arg, call, sphere))
  names <- if (named &&
               is_named(colnames(x))) c(if (sphere) "sphere",
                                        colnames(x)[seq(1 + 2 * sphere,
                                                        length.out = ncol(x) - 2 * sphere)])
  stats::setNames(rep_len(scale, count), names)
}

is_unit <- function(x) is.null(x) || rlang::is_string(x)

# What the kinds of metrics hold beside their kind and label, and how to tell that it is sound. The
# core takes it at its word, so names count to the letter: `$` would take `powers` for `power`.
metric_parts <- list(
  euclidean = list(unit = is_unit, scale = function(x) is.null(x) || all_positive(x)),
  manhattan = list(unit = is_unit),
  maximum = list(unit = is_unit),
  minkowski = list(unit = is_unit, power = function(x) is_within(x, 1, 1000)),
  angular = list(),
  mahalanobis = list(map = function(x) is.double(x) && is.matrix(x) && nrow(x) == ncol(x) &&
                     all(is.finite(x))),
  sphere_time = list(scale = function(x) all_positive(x), radius = function(x) is_within(x, 0) &&
                     x > 0),
  great_circle = list(unit = is_unit, radius = function(x) is_within(x, 0) && x > 0),
  `function` = list(f = is.function, lift = function(x) is.null(x) || is.function(x),
                    inducing = function(x) is.null(x) || is.double(x) && is.matrix(x),
                    made_of = function(x) is.null(x) || is.list(x)),
  correlation = list(cov = function(x) is.null(covariance_fault(x))),
  residual = list(
    cov = function(x) is.null(covariance_fault(x)),
    inducing = function(x) is.null(x) || is.double(x) && is.matrix(x),
    V = function(x) is.null(x) || is.numeric(x) && is.matrix(x),
    p = function(x) is.null(x) || is.numeric(x),
    jitter = function(x) is.null(x) || is.numeric(x) && length(x) == 1 && is.finite(x) && x >= 0,
    nugget = function(x) is_flag(x), u = function(x) is.null(x) || is.double(x) && is.matrix(x),
    L = function(x) is.null(x) || is.double(x) && is.matrix(x),
    jitter_used = function(x) is.null(x) || is_within(x, 0)
  )
)

# What is wrong with a metric, in words; NULL: nothing.
metric_fault <- function(metric) object_fault(metric, "covertree_metric", metric_parts)

# The same for lists of a class whose kinds hold what parts says.
object_fault <- function(object, class, parts) {
  if (!inherits(object, class) || !is.list(object)) return("it is not one")
  object <- unclass(object)
  kind <- object[["kind"]]
  if (!rlang::is_string(kind) || !kind %in% names(parts)) return("its `kind` is not known")
  if (!rlang::is_string(object[["label"]])) return("its `label` is not a string")
  parts <- parts[[kind]]
  unknown <- setdiff(names(object), c("kind", "label", names(parts)))
  if (length(unknown)) return(paste0("`", unknown[1], "` is none of its parts"))
  if (anyDuplicated(names(object))) return("it has parts of one name")
  for (name in names(parts)) {
    if (!parts[[name]](object[[name]])) return(paste0("its `", name, "` is not sound"))
  }
  NULL
}

is_within <- function(x, min, max = Inf) {
  is.double(x) && length(x) == 1 && is.finite(x) && x >= min && x <= max
}

all_positive <- function(x) is.double(x) && length(x) > 0 && all(is.finite(x) & x > 0)

# Compares a user's function with the axioms on up to eight points, evenly spread over the rows.
probe_metric <- function(metric, x, lifted, call) {
  f <- metric$f
  rows <- unique(round(seq(1, nrow(x), length.out = min(8, nrow(x)))))
  B <- unname(if (is.null(lifted)) x[rows, , drop = FALSE] else lifted[rows, , drop = FALSE])
  if (is.null(lifted) && !is.null(metric$lift)) B <- metric$lift(B)
  D <- matrix(0, length(rows), length(rows))
  refuse <- function(why) {
    stop_input(c("The function given to {.fn metric_function} is not a metric.", x = why),
               kind = "metric", call = call)
  }
  for (i in seq_along(rows)) {
    d <- f(B[i, ], B)
    if (!is.numeric(d) || length(d) != length(rows)) {
      refuse("Asked for {length(rows)} distances, it returned {describe(d)}.")
    }
    wrong <- which(!is.finite(d) | d < 0)
    if (length(wrong))
      refuse("The distance of rows {rows[i]} and {rows[wrong[1]]} is {d[wrong[1]]}.")
    D[i, ] <- d
  }
  slack <- 1e-8 * max(D)
  if (any(diag(D) > slack))
    refuse("The distance of row {rows[which.max(diag(D))]} to itself is not 0.")
  if (max(abs(D - t(D))) > slack) {
    at <- arrayInd(which.max(abs(D - t(D))), dim(D))
    refuse(
      paste("It is not symmetric: rows {rows[at[1]]} and {rows[at[2]]} give {D[at]}",
            "and {D[at[, 2:1, drop = FALSE]]}."))
  }
  for (j in seq_along(rows)) {
    excess <- D - outer(D[, j], D[j, ], "+")
    if (max(excess) > slack) {
      at <- arrayInd(which.max(excess), dim(D))
      refuse("Rows {rows[at[1]]}, {rows[j]} and {rows[at[2]]} break the triangle inequality.")
    }
  }
}

#' @export
format.covertree_metric <- function(x, ...) {
  check_metric(x)
  detail <- c(
    if (!is.null(x$scale))
      paste0("scale ", paste(format(x$scale, trim = TRUE, digits = 4), collapse = ", ")),
    if (!is.null(x$radius) && x$kind == "great_circle") paste0("radius ", format(x$radius)),
    if (!is.null(x$cov)) format(x$cov),
    if (!is.null(x$inducing)) count_of(nrow(x$inducing), "inducing point"),
    if (!is.null(x$jitter_used) && x$jitter_used > 0) paste("jitter", signif(x$jitter_used, 2))
  )
  paste0(x$label, " distance", if (!is.null(x$unit)) paste(" in", x$unit),
         if (length(detail)) paste0(" (", paste(detail, collapse = ", "), ")"))
}

#' @export
print.covertree_metric <- function(x, ...) {
  cat("<covertree_metric> ", format(x), "\n", sep = "")
  invisible(x)
}

is_correlation <- function(metric) metric$kind %in% c("correlation", "residual")
