#' Neighbours and weights for spdep
#'
#' `as_nb()` turns the neighbours of all indexed points into a neighbour list of package spdep,
#' `as_listw()` into spatial weights.
#'
#' @param x A result of [find_knn()] or [find_within()] over all indexed points, without `query` and
#'   `rows`.
#' @param weights `NULL`: every neighbour weighs the same; or a function of a vector of distances,
#'   such as `function(d) 1 / d`.
#' @param style How weights are normalised, see `spdep::nb2listw()`: `"W"` to sum to 1 in every row.
#'
#' @details
#' Neighbours stand by increasing row number, as in all of spdep; a point is not its own neighbour;
#' and a point without neighbours has the entry `0`. `as_listw()` lets such points be
#' (`zero.policy = TRUE`).
#'
#' @return `as_nb()` gives a list of class `nb`, with distances in the same places in attribute
#'   `distance`; `as_listw()` gives a list of class `listw`.
#' @seealso `spdep::knn2nb()`, `spdep::nb2listw()`, `spdep::moran.test()`.
#' @family results in other shapes
#' @examplesIf requireNamespace("spdep", quietly = TRUE)
#' nn <- find_knn(quakes[, c("long", "lat")], k = 8, metric = metric_great_circle())
#' spdep::moran.test(quakes$depth, as_listw(nn))$estimate
#' @export
as_nb <- function(x) {
  check_all_rows(x)
  edges <- foreign_edges(x)
  edges <- lapply(edges, `[`, order(edges$from, edges$to))
  query <- factor(edges$from, levels = seq_len(query_count(x)))
  id <- unname(split(edges$to, query))
  id[lengths(id) == 0] <- list(0L)
  structure(id, class = "nb", region.id = attr(x, "labels") %||% as.character(seq_along(id)),
            call = match.call(),
            type = if (inherits(x, "covertree_within")) "distance"
                   else "knn", sym = is_mutual(edges),
            distance = unname(split(edges$distance, query)))
}

#' @rdname as_nb
#' @export
as_listw <- function(x, weights = NULL, style = c("W", "B", "C", "U", "minmax", "S")) {
  need_package("spdep", "for spatial weights")
  style <- match_choice(style)
  nb <- as_nb(x)
  own <- if (!is.null(weights)) lapply(attr(nb, "distance"), edge_values, values = weights)
  if (!is.null(own)) check_weights(own)
  spdep::nb2listw(nb, glist = own, style = style, zero.policy = TRUE)
}

check_weights <- function(weights, call = rlang::caller_env()) {
  bad <- which(!vapply(weights, function(w) all(is.finite(w)), NA))
  if (length(bad)) {
    stop_input(c("{.arg weights} must return finite numbers.",
                 x = "Those of row {bad[1]} are not: are there duplicates?"), call = call)
  }
}

# Edges to others: a point is not its own neighbour.
foreign_edges <- function(x) {
  edges <- result_edges(x)
  lapply(edges, `[`, edges$to != query_rows(x)[edges$from])
}

is_mutual <- function(edges) {
  key <- function(a, b) as.double(a) * 2^31 + b
  setequal(key(edges$from, edges$to), key(edges$to, edges$from))
}
