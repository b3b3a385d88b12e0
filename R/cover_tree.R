#' Build an index of points
#'
#' `cover_tree()` indexes points once for many searches. It is not needed for a single call:
#' [find_knn()], [find_within()] and [vecchia_neighbors()] take plain points too.
#'
#' @param x Points, one per row: a numeric matrix (also one of Matrix), a data frame or tibble of
#'   numeric columns, points of sf, sp or terra, or a vector for points on a line. Row names are
#'   kept in results. See *Points* for classes and units.
#' @param metric What "near" means, see [metrics]. `NULL` is [metric_great_circle()] in metres for
#'   sf points in longitude and latitude, said once a session, and [metric_euclidean()] for all
#'   others.
#' @param order How siblings are laid out in the tree, `"hilbert"` along a space-filling curve or
#'   `"natural"` by row. It decides memory order and speed, never a result.
#' @param build What the tree's topology is built with: `"metric"`, the metric itself;
#'   `"euclidean"`, the Euclidean distance of the coordinates; `"auto"` takes the faster. It never
#'   changes a result; for metrics on coordinates all three are the same.
#' @param net_bytes For [metric_residual()]: the most memory that the index's net may take. `NULL`
#'   is twice that of the factor `V`; 0 keeps no net. It decides speed, never a result.
#' @param threads Number of threads; `NULL` is the default described in [covertree-package].
#' @param progress `TRUE` or `FALSE`: whether a progress bar is shown; `NULL` in interactive
#'   sessions.
#'
#' @details
#' The index holds two structures. A *cover tree* (Beygelzimer, Kakade and Langford 2006) with one
#' node per point, in preorder, so that every subtree is one run of it: the children of a node of
#' level `l` lie within `2^l` of it, siblings of a level are farther than `2^level` apart, every
#' node knows the largest distance to a descendant, and a parent's row is smaller than its
#' descendants', so that the tree of the first `i` rows is contained in it. And a *k-d order* of the
#' points, cut into blocks of 32 that are searched by their bounding boxes. Metrics on coordinates
#' are searched by blocks, metrics given as a function by the tree.
#'
#' @section Points:
#' Points are taken for what they say they are, and refused by name where that is not a number.
#' * *Classes.* `integer64` is converted, up to 2^53; matrix columns count with all their columns.
#'   Distances (`dist`), dates, times, labelled codes, factors and logical values are errors that
#'   say how to make numbers of them.
#' * *Units* (of package units). Columns of one dimension are converted to the unit of the first of
#'   them, which results then carry; new points are converted to it. Different dimensions need a
#'   metric with a scale.
#' * *sf.* Z is a third coordinate, a measure M is none. The coordinate reference system is
#'   remembered, and points of another one are an error. Longitude and latitude in a planar metric
#'   are taken as asked, with a warning.
#' * *Names.* New points, inducing points, scales and lengthscales are matched with the columns by
#'   name where both have names: in any order, case aside, and with names of longitude (and
#'   latitude) as one. Other names are an error. Without names, columns go by position, that of the
#'   points as they were given.
#'
#' @section Memory:
#' The index is a plain list: [saveRDS()], forks and clusters just work. Beyond the points it takes
#' 32 bytes a point (28 for `metric_function()`). A correlation adds 8 and a second set of
#' coordinates, divided by the lengthscales; [metric_residual()] adds its factor, 8 bytes for each
#' inducing point (rounded up to a multiple of eight, and sometimes eight more), and maybe a net of
#' at most `net_bytes`. `summary()` says what each part takes.
#'
#' An index must not be edited: its checksum covers every part of it, and a changed one is refused.
#' As long as a session keeps the index that `cover_tree()`, [update()] or [tree_check()] returned,
#' calls know it as untouched at once, and keep what they prepare for searches, such as a second set
#' of coordinates, until the index goes. An index that comes back from a file is verified whole in
#' each call; `tree <- tree_check(tree)` verifies it once.
#'
#' @return A list of class `cover_tree` with elements
#'   \describe{
#'     \item{`x`}{the points, a double matrix; for metrics on longitude and latitude with these
#'     first}
#'     \item{`layout`}{what its columns were given as: `names`, `order` (the given column that each
#'       is), `unit` of each, and `crs`, the coordinate reference system of sf points}
#'     \item{`metric`}{the metric}
#'     \item{`lifted`}{for a [cov_function()]: the points with their variances and rows of `V`, else
#'     `NULL`}
#'     \item{`tree`}{the cover tree in preorder, vectors with an entry per node: `point` (row of
#'       `x`), `size` (nodes of the subtree), `level`, `radius` (largest distance to a descendant),
#'       `parent_distance`}
#'     \item{`blocks`}{rows in k-d order; `NULL` for `metric_function()`}
#'     \item{`residual`, `net`}{for correlations: coordinates divided by the lengthscales, the
#'       factor `V` and the residual variances, in the order of `blocks`; and what exact searches of
#'       [metric_residual()] read beside them, `NULL` where they would not gain by it}
#'     \item{`order`, `build`}{the arguments}
#'     \item{`stats`}{counts and seconds of the build, as in [find_knn()]}
#'     \item{`checksum`}{two integers over all the other parts}
#'   }
#'   `length()` is the number of points and `dim()` that of the matrix of points.
#' @seealso [tree_check()] verifies an index; [find_knn()], [find_within()] and
#'   [vecchia_neighbors()] search it.
#' @source A. Beygelzimer, S. Kakade, J. Langford (2006), Cover trees for nearest neighbor, ICML,
#'   \doi{10.1145/1143844.1143857}.
#' @examples
#' tree <- cover_tree(quakes[, c("long", "lat")], metric = metric_great_circle())
#' tree
#' find_knn(tree, query = rbind(c(178.4, -18.1)), k = 3)
#' @export
cover_tree <- function(x, metric = NULL, order = c("hilbert", "natural"),
                       build = c("auto", "metric", "euclidean"), net_bytes = NULL, threads = NULL,
                       progress = NULL) {
  check_given(x)
  order <- match_choice(order)
  build <- match_choice(build)
  if (!is.null(net_bytes)) check_number(net_bytes, min = 0, closed = TRUE)
  run <- run_settings(threads, progress)
  index <- new_index(x, metric, run)
  index <- add_structure(index, run)
  index$order <- order
  index$build <- if (build == "auto") "euclidean" else build
  seal_index(add_net(add_tree(index, run), net_bytes, run), run)
}

# An index without its search structures: checked points and a metric that fits them.
new_index <- function(x, metric, run, arg = "x", call = rlang::caller_env()) {
  points <- read_points(x, arg, call)
  metric <- resolve_metric(metric, points, arg, call)
  placed <- place_points(points, metric, arg, call)
  x <- placed$x
  check_some_rows(x, arg = arg, call = call)
  metric <- fit_metric(metric, x, run, call = call, layout = placed$layout)
  metric$unit <- distance_unit(metric, placed$layout$unit, arg, call)
  check_values(x, metric, arg = arg, call = call)
  structure(list(x = x, layout = placed$layout, metric = metric, lifted = lift_points(metric, x),
                 tree = NULL, blocks = NULL, residual = NULL,
                 net = NULL, order = NULL, build = NULL, annotated = FALSE, stats = NULL),
               class = "cover_tree")
}

# Points as a metric_function() takes them, where that is more than their coordinates.
lift_points <- function(metric, x) if (!is.null(metric$lift)) metric$lift(x)

# What searches of the metric read beside the tree: blocks, and the factor of a correlation.
add_structure <- function(index, run, call = rlang::caller_env()) {
  if (is_correlation(index$metric)) return(add_residual(index, run, call))
  if (index$metric$kind == "function") return(index)
  blocks <- .Call(C_ffi_block_order, index$x, index$metric, run)
  index$blocks <- blocks$order
  index$stats <- add_stats(index$stats, blocks$stats)
  index
}

# Coordinates are their own Euclid: only a correlation is built one way and annotated another.
add_tree <- function(index, run) {
  index$annotated <- is_correlation(index$metric) && index$build == "euclidean"
  grown <- .Call(C_ffi_tree_build, index, index$order == "hilbert", index$annotated, run)
  index$tree <- grown$tree
  index$stats <- add_stats(index$stats, grown$stats)
  index
}

# The index of a search: as given, or made on the fly with only what the search needs.
as_index <- function(tree, metric, run, arg = "tree", call = rlang::caller_env()) {
  if (!inherits(tree, "cover_tree")) return(light_index(tree, metric, run, arg, call))
  if (!is.null(metric)) {
    stop_input(c("{.arg metric} must not be given with an index.",
                 i = "The index was built with a metric of its own."), call = call)
  }
  check_index(tree, call)
  tree
}

light_index <- function(x, metric, run, arg, call) {
  index <- add_structure(new_index(x, metric, run, arg = arg, call = call), run, call)
  if (index$metric$kind != "function") return(index)
  index$order <- "natural"
  index$build <- "metric"
  add_tree(index, run)
}

#' Verify an index
#'
#' Checks every invariant of a cover tree: that rows form a tree in preorder with parents before
#' their descendants, that children are covered by and separated from each other at their level, and
#' that stored radii and distances are true; and that no part of the index has been changed since it
#' was made.
#'
#' @param tree An index from [cover_tree()].
#' @inheritParams cover_tree
#' @return `tree`, invisibly, known as verified: later calls with what is returned need not verify
#'   it again. An error of class `covertree_error_index` names the first broken invariant and the
#'   position in the tree.
#' @examples
#' tree <- cover_tree(faithful)
#' tree_check(tree)
#'
#' tree$tree$radius[1] <- 0
#' try(tree_check(tree))
#' @export
tree_check <- function(tree, threads = NULL, progress = NULL) {
  check_given(tree)
  if (!inherits(tree, "cover_tree")) {
    stop_input(c("{.arg tree} must be an index made by {.fn cover_tree}.",
                 x = "It is {describe(tree)}."))
  }
  call <- rlang::current_env()
  run <- run_settings(threads, progress)
  refuse_index(index_fault(tree), call)
  fault <- .Call(C_ffi_tree_check, tree, tree[["annotated"]], run)
  if (!is.null(fault)) {
    stop_input(c("The tree breaks an invariant: {fault$broken}.",
                 x = "Position {fault$position}, row {tree$tree$point[fault$position]}."),
               kind = "index")
  }
  refuse_index(checksum_fault(tree), call)
  invisible(seal_index(tree, run))
}

#' @export
dim.cover_tree <- function(x) dim(x$x)

#' @export
rbind.cover_tree <- function(...) {
  stop_input(c("An index cannot be bound to other points.",
               i = "Bind the points and index them by {.fn cover_tree}."))
}

#' @export
length.cover_tree <- function(x) nrow(x$x)

#' @export
format.cover_tree <- function(x, ...) {
  paste0("<cover_tree> ", count_of(nrow(x$x), "point"), " in ", count_of(ncol(x$x), "column"), ", ",
         format(x$metric))
}

#' @export
print.cover_tree <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

#' @export
summary.cover_tree <- function(object, ...) {
  level <- object$tree$level
  structure(list(
    points = nrow(object$x), columns = ncol(object$x), metric = format(object$metric),
    duplicates = sum(level[-1] == level_duplicate),
    levels = table(level = level[level != level_duplicate]),
    radius = object$tree$radius[1],
    bytes = index_bytes(object),
    stats = object$stats
  ), class = "summary.cover_tree")
}

# What an index takes beyond the points themselves, in bytes.
index_bytes <- function(index) {
  size <- function(...) sum(vapply(list(...), function(part) if (is.null(part)) 0
    else as.numeric(utils::object.size(part)), 0))
  part <- index$residual
  c(index = size(index$tree, index$blocks, part$p), coordinates = size(part$embedded),
    factor = size(part$V, index$lifted),
    net = size(index$net))
}

# Level of a point at distance 0 from its parent.
level_duplicate <- -32768L

#' @export
print.summary.cover_tree <- function(x, ...) {
  cat("<cover_tree> ", count_of(x$points, "point"), " in ", count_of(x$columns, "column"), ", ",
      x$metric, "\n", sep = "")
  cat("  duplicates of earlier points: ", x$duplicates, "\n", sep = "")
  levels <- as.integer(names(x$levels))
  if (length(levels))
    cat("  levels ", min(levels), " .. ", max(levels), ", radius of the root ",
        format(x$radius, digits = 4), "\n", sep = "")
  parts <- x$bytes[x$bytes > 0]
  cat("  bytes a point beyond the points: ",
      paste(names(parts), format(round(parts / x$points, 1), trim = TRUE), collapse = ", "), "\n",
      sep = "")
  cat("  build: ", format(x$stats$evaluations / x$points, digits = 3), " distances a point, ",
      format(sum(x$stats$seconds), digits = 2), " s with ", count_of(x$stats$threads, "thread"),
      "\n", sep = "")
  invisible(x)
}

#' Draw the upper levels of a tree
#'
#' Draws the points in two of their columns and, over them, the nodes of the coarser levels joined
#' to their parents: the net that the tree throws over the data.
#'
#' @param x An index from [cover_tree()].
#' @param levels How many of the coarsest levels are drawn, a whole number.
#' @param columns Two column numbers or names; an index of one column is drawn against the row.
#' @param ... Further arguments of [plot()], such as `main` or `asp`.
#' @return `x`, invisibly.
#' @examples
#' plot(cover_tree(faithful), levels = 3)
#' @export
plot.cover_tree <- function(x, levels = 4, columns = 1:2, ...) {
  check_count(levels)
  xy <- if (ncol(x$x) == 1) cbind(x$x, row = seq_len(nrow(x$x))) else x$x[, columns, drop = FALSE]
  labels <- colnames(xy) %||% paste("column", columns)
  dots <- list(...)
  defaults <- list(xlab = labels[1], ylab = labels[2], pch = 16, cex = 0.4, col = "grey70")
  do.call(graphics::plot,
          c(list(unname(xy)), dots, defaults[setdiff(names(defaults), names(dots))]))
  used <- sort(unique(x$tree$level[x$tree$level != level_duplicate]), decreasing = TRUE)
  parent <- tree_parents(x$tree)
  shade <- grDevices::hcl.colors(max(levels, 2), "viridis")
  for (l in rev(seq_len(min(levels, length(used))))) {
    at <- which(x$tree$level == used[l])
    linked <- at[!is.na(parent[at])]
    from <- xy[x$tree$point[parent[linked]], , drop = FALSE]
    to <- xy[x$tree$point[linked], , drop = FALSE]
    graphics::segments(from[, 1], from[, 2], to[, 1], to[, 2], col = shade[l])
    here <- xy[x$tree$point[at], , drop = FALSE]
    graphics::points(here[, 1], here[, 2], pch = 16, col = shade[l], cex = 1.6 - l / levels)
  }
  invisible(x)
}

# Position of each node's parent, NA for the root.
tree_parents <- function(tree) {
  n <- length(tree$size)
  parent <- rep(NA_integer_, n)
  open <- 1L
  for (pos in seq_len(n)[-1]) {
    while (pos >= open[length(open)] + tree$size[open[length(open)]]) open <- open[-length(open)]
    parent[pos] <- open[length(open)]
    open <- c(open, pos)
  }
  parent
}

# The net of an exact search, kept where a trial says that searches gain by it (forced is for
# tests).
add_net <- function(index, net_bytes, run, forced = FALSE) {
  if (index$metric$kind != "residual" || identical(as.double(net_bytes), 0)) return(index)
  made <- .Call(C_ffi_net, index, as.double(net_bytes %||% 0), forced, run)
  index["net"] <- list(made$net)
  index$stats <- add_stats(index$stats, made$stats)
  index
}
