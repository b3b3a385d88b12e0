# The one result class and its converters.

# answer: list(index, distance, stats) of the core; queries: from resolve_queries().
new_neighbors <- function(answer, queries, index, exact = TRUE) {
  if (!is.null(queries$names)) rownames(answer$index) <- rownames(answer$distance) <- queries$names
  parts <- list(index = answer$index, distance = answer$distance)
  do.call(structure,
          c(list(parts, class = "covertree_neighbors", exact = exact, stats = answer$stats),
                       result_origin(queries, index)))
}

# What results remember of a search, for their methods: the metric, predecessors, rows (NULL: all
# rows in order), first (number of the first query as a row; NULL: new points), and size and labels
# (row names) of the indexed points.
result_origin <- function(queries, index) {
  list(metric = index$metric, unit = index$metric$unit, predecessors = queries$predecessors,
       rows = queries$rows,
       first = if (is.null(queries$points)) 1L, size = length(index), labels = rownames(index$x))
}

#' @export
dim.covertree_neighbors <- function(x) {
  check_neighbors(x)
  dim(x$index)
}

#' @export
length.covertree_neighbors <- function(x) 2L

#' @export
`[.covertree_neighbors` <- function(x, i, ...) {
  check_neighbors(x)
  rows <- attr(x, "rows") %||% seq_len(nrow(x$index))
  if (missing(i) || nargs() > 2) {
    stop_input(c("Results are indexed by query alone: {.code nn[i]}.",
                 i = "Columns are those of {.code nn$index} and {.code nn$distance}."))
  }
  if (is.character(i)) i <- match(i, rownames(x$index))
  if (anyNA(i) || (is.numeric(i) && any(abs(i) > nrow(x$index))))
    stop_input("{.arg i} must name queries of the result.")
  attr(x, "rows") <- rows[i]
  x$index <- x$index[i, , drop = FALSE]
  x$distance <- x$distance[i, , drop = FALSE]
  x
}

# Numbers of the queries as rows of the points or, for new points, of the query.
query_numbers <- function(x) {
  (attr(x, "rows") %||% seq_len(nrow(x$index))) + (attr(x, "first") %||% 1L) - 1L
}

#' @importFrom utils head
#' @export
head.covertree_neighbors <- function(x, n = 6L, ...) x[utils::head(seq_len(nrow(x)), n)]

#' @importFrom utils tail
#' @export
tail.covertree_neighbors <- function(x, n = 6L, ...) x[utils::tail(seq_len(nrow(x)), n)]

#' @export
format.covertree_neighbors <- function(x, ...) {
  check_neighbors(x)
  paste0("<covertree_neighbors> ", count_of(nrow(x$index), "query", "queries"), " x ",
         ncol(x$index), ", ",
         format(attr(x, "metric")), if (isTRUE(attr(x, "predecessors"))) ", earlier rows only",
         if (isTRUE(attr(x, "selected"))) ", conditional selection"
         else if (isTRUE(attr(x, "exact"))) ", exact" else ", local")
}

#' @export
print.covertree_neighbors <- function(x, n = 6, ...) {
  cat(format(x), "\n", sep = "")
  rows <- seq_len(min(n, nrow(x$index)))
  columns <- seq_len(min(8, ncol(x$index)))
  for (part in c("index", "distance")) {
    shown <- x[[part]][rows, columns, drop = FALSE]
    if (is.null(rownames(shown))) rownames(shown) <- query_numbers(x)[rows]
    colnames(shown) <- columns
    cat(part, if (max(columns, 0) < ncol(x$index)) paste0(" (first ", max(columns), " of ",
                                                          ncol(x$index), ")"), "\n", sep = "")
    print(shown, digits = 4, ...)
  }
  if (nrow(x$index) > n) cat("# and ", count_of(nrow(x$index) - n, "more row"), "\n", sep = "")
  recall <- attr(x, "stats")$recall
  if (!is.null(recall)) {
    cat("# recall ", format(recall[["mean"]], digits = 4), " (standard error ",
        format(recall[["se"]], digits = 2), "), measured on ",
        count_of(recall[["size"]], "query", "queries"), "\n", sep = "")
  }
  invisible(x)
}

#' @export
summary.covertree_neighbors <- function(object, ...) {
  check_neighbors(object)
  found <- rowSums(!is.na(object$index))
  structure(list(title = format(object), found = range(found),
                 distance = summary(as.vector(object$distance)), stats = attr(object, "stats")),
            class = "summary.covertree_neighbors")
}

#' @export
print.summary.covertree_neighbors <- function(x, ...) {
  s <- x$stats
  cat(x$title, "\n  neighbours found per query: ", x$found[1], " .. ", x$found[2], "\n", sep = "")
  print(x$distance)
  cat("  ", format(s$evaluations / max(s$queries, 1), digits = 4), " distances ",
      if (s$products > 0)
        paste("and", format(s$products / max(s$queries, 1), digits = 4), "products "), "a query, ",
      format(sum(s$seconds), digits = 3), " s with ", count_of(s$threads, "thread"), "\n", sep = "")
  invisible(x)
}

#' Draw points and their neighbours
#'
#' @param x A result of [find_knn()] or [vecchia_neighbors()].
#' @param points The points that were searched, in their order, with two columns (or two chosen by
#'   `columns`).
#' @param row The queries whose neighbours are drawn: rows of `x`, one or several.
#' @param query The query points, if they were not the searched ones.
#' @param columns Two column numbers or names.
#' @param zoom `TRUE`: only the surroundings of what is drawn are shown.
#' @param add `TRUE`: draws over the plot that is there, such as a map, and no other points.
#' @param ... Further arguments of [plot()].
#' @return `x`, invisibly.
#' @examples
#' locs <- quakes[, c("long", "lat")]
#' nn <- vecchia_neighbors(locs, m = 10)
#' plot(nn, locs, row = 400)
#' plot(nn, locs, row = c(400, 900), zoom = TRUE)
#' @export
plot.covertree_neighbors <- function(x, points, row = nrow(x$index), query = NULL, columns = 1:2,
                                     zoom = FALSE, add = FALSE, ...) {
  check_neighbors(x)
  check_rows(row, nrow(x$index))
  if (!length(row)) stop_input("{.arg row} must be at least one query.")
  check_flag(zoom)
  check_flag(add)
  new <- !identical(attr(x, "first"), 1L)
  if (is.null(query) && new)
    stop_input("{.arg query} must be given: the queries were not the searched points.")
  xy <- as_points(points)[, columns, drop = FALSE]
  from <- if (is.null(query)) xy else as_points(query)[, columns, drop = FALSE]
  own <- (attr(x, "rows") %||% seq_len(nrow(from)))[row]
  if (new) xy <- rbind(xy, from) # predictions may have earlier ones for neighbours
  if (!add)
    draw_points(x, xy, rbind(from[own, ], xy[stats::na.omit(c(x$index[row, ])), ]), own, zoom,
                list(...))
  for (q in seq_along(row)) draw_set(from[own[q], ], xy, stats::na.omit(x$index[row[q], ]))
  invisible(x)
}

# All points, those that come after a single query paler.
draw_points <- function(x, xy, drawn, own, zoom, dots) {
  last <- own[1] + (attr(x, "first") %||% 1L) - 1L
  later <- (length(own) == 1 && isTRUE(attr(x, "predecessors"))) & seq_len(nrow(xy)) >= last
  labels <- colnames(xy) %||% paste("column", seq_len(2))
  defaults <- list(xlab = labels[1], ylab = labels[2], pch = 16, cex = 0.5,
                   col = ifelse(later, "grey88", "grey60"))
  if (zoom) defaults[c("xlim", "ylim")] <- list(range(drawn[, 1]), range(drawn[, 2]))
  do.call(graphics::plot,
          c(list(unname(xy)), dots, defaults[setdiff(names(defaults), names(dots))]))
}

draw_set <- function(at, xy, near) {
  graphics::segments(at[1], at[2], xy[near, 1], xy[near, 2], col = "#3b528b")
  graphics::points(xy[near, 1], xy[near, 2], pch = 16, col = "#3b528b")
  graphics::points(at[1], at[2], pch = 17, cex = 1.6, col = "#d1495b")
}

#' GpGp's array of neighbours
#'
#' Turns the conditioning sets of [vecchia_neighbors()] into the matrix that GpGp's functions take
#' as `NNarray`.
#'
#' @param nn A result of [vecchia_neighbors()], or of [find_knn()] with `predecessors = TRUE` over
#'   all rows.
#' @return An integer matrix with a row per observation and one column more than `nn` has: the row's
#'   own number first, then its earlier neighbours, nearest first; row `i` holds exactly
#'   `min(i - 1, m)` neighbours, then `NA`.
#' @seealso [GpGp::fit_model()] with `NNarray = ` and `reorder = FALSE`.
#' @examples
#' locs <- as.matrix(quakes[, c("long", "lat")])
#' as_NNarray(vecchia_neighbors(locs, m = 3))[1:6, ]
#' @export
as_NNarray <- function(nn) {
  check_given(nn)
  if (!inherits(nn, "covertree_neighbors") || !isTRUE(attr(nn, "predecessors")) ||
      !is.null(attr(nn, "rows"))) {
    stop_input(c("{.arg nn} must hold the earlier neighbours of every row, in order.",
                 i = "{.fn vecchia_neighbors} returns them."))
  }
  check_neighbors(nn)
  array <- cbind(seq(attr(nn, "first"), length.out = nrow(nn$index)), nn$index)
  storage.mode(array) <- "integer"
  unname(array)
}

#' Share of true neighbours found
#'
#' @param found,truth Results of two searches for the same queries, or their index matrices, with as
#'   many rows.
#' @return A number within 0..1 per query: the share of the row's true neighbours (those in `truth`
#'   that are not `NA`) that `found` holds, in any place; 1 where there is none to find.
#' @examples
#' x <- matrix(rnorm(2000), ncol = 2)
#' far <- find_knn(x, k = 5, metric = metric_maximum())
#' mean(neighbor_recall(far, find_knn(x, k = 5)))
#' @export
neighbor_recall <- function(found, truth) {
  check_given(found)
  check_given(truth)
  found <- index_matrix(found, "found")
  truth <- index_matrix(truth, "truth")
  if (nrow(found) != nrow(truth)) {
    stop_input(c("{.arg found} and {.arg truth} must answer the same queries.",
                 x = "They have {nrow(found)} and {nrow(truth)} rows."))
  }
  vapply(seq_len(nrow(truth)), function(i) {
    want <- truth[i, ][!is.na(truth[i, ])]
    if (length(want)) mean(want %in% found[i, ]) else 1
  }, 0)
}

index_matrix <- function(x, arg, call = rlang::caller_env()) {
  if (inherits(x, "covertree_neighbors")) {
    check_neighbors(x, call)
    x <- x$index
  }
  if (!is.matrix(x) || !is.numeric(x)) {
    stop_input(c("{.arg {arg}} must be a result of a search or a matrix of row numbers.",
                 x = "It is {describe(x)}."), call = call)
  }
  x
}

# Sums of counts and seconds, phase by phase; either may be NULL.
add_stats <- function(a, b) {
  if (is.null(a)) return(b)
  for (name in c("queries", "evaluations", "products", "nodes")) a[[name]] <- a[[name]] + b[[name]]
  phases <- union(names(a$seconds), names(b$seconds))
  both <- c(a$seconds, b$seconds)
  a$seconds <- vapply(phases, function(p) sum(both[names(both) == p]), 0)
  a$threads <- max(a$threads, b$threads)
  a
}


count_of <- function(n, one,
                     many = paste0(one,
                                   "s")) paste(format(n, big.mark = ",", decimal.mark = ".",
                                                      trim = TRUE), if (n == 1) one else many)
