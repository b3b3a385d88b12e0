#' Conditioning sets for spNNGP and BRISC
#'
#' Both packages take neighbours that were found elsewhere; these are the forms they take them in.
#'
#' @param nn Conditioning sets of all locations, from [vecchia_neighbors()].
#' @param order The order of the locations: `nn` was found for `locs[order, ]`. `NULL`: they stood
#'   in their order already.
#' @param locs For BRISC: the locations in the order of `nn`, one per row and two columns.
#'
#' @return
#' `as_spnngp()`: the list that `spNNGP::spNNGP(neighbor.info = )` takes; it uses `ord` from it.
#' `as_brisc()`: the list that `BRISC::BRISC_estimation(neighbor = )` takes, together with the same
#' `ordering = order`. Both have neighbours from 0, a location's nearest first.
#' @source The layouts are those that `spNNGP(return.neighbor.info = TRUE)` and `BRISC_neighbor()`
#'   return.
#' @family results in other shapes
#' @examples
#' locs <- as.matrix(quakes[, c("long", "lat")])
#' order <- vecchia_order(locs, "coordinate")
#' info <- as_spnngp(vecchia_neighbors(locs[order, ], m = 5), order)
#' str(info, max.level = 1)
#' @name as_nngp
NULL

#' @rdname as_nngp
#' @export
as_spnngp <- function(nn, order = NULL) {
  check_sets(nn)
  n <- nrow(nn$index)
  order <- order %||% seq_len(n)
  check_order(order, n)
  flat <- flat_sets(nn)
  near <- unname(split(as.double(flat$id), factor(flat$row, levels = seq_len(n))))
  near[[1]] <- NA
  list(n.neighbors = flat$m, n.indx = near, nn.indx = flat$id - 1L,
       nn.indx.lu = c(flat$offset, flat$count),
       ord = as.integer(order), nn.indx.run.time = proc.time() * 0)
}

#' @rdname as_nngp
#' @export
as_brisc <- function(nn, locs) {
  check_sets(nn)
  locs <- as_points(locs)
  if (nrow(locs) != nrow(nn$index)) {
    stop_input(c("{.arg locs} must have a row for each row of {.arg nn}.",
                 x = "It has {nrow(locs)} rows, {.arg nn} has {nrow(nn$index)}."))
  }
  flat <- flat_sets(nn)
  pairs <- pairs_within_sets(flat)
  d <- sqrt(rowSums((locs[pairs$a, , drop = FALSE] - locs[pairs$b, , drop = FALSE])^2))
  squares <- flat$count^2
  list(nnIndxLU = c(flat$offset, flat$count),
       CIndx = as.integer(c(cumsum(squares) - squares, squares)), D = unname(d),
       d = flat$distance, nnIndx = flat$id - 1L, Length.D = length(d))
}

# All sets behind each other: row, id and distance of each entry, and where each row's entries begin
# and how many they are.
flat_sets <- function(nn) {
  edges <- result_edges(nn)
  count <- tabulate(edges$from, nrow(nn$index))
  list(row = edges$from, id = edges$to, distance = edges$distance, count = count,
       offset = as.integer(cumsum(count) - count),
       m = ncol(nn$index))
}

# For each set all pairs of its entries, as BRISC lays out the distances among them: a set's matrix
# after the other.
pairs_within_sets <- function(flat) {
  first <- rep.int(flat$offset, flat$count^2)
  width <- rep.int(flat$count, flat$count^2)
  at <- sequence(flat$count^2) - 1
  list(a = flat$id[first + at %% width + 1], b = flat$id[first + at %/% width + 1])
}

check_sets <- function(nn, call = rlang::caller_env()) {
  whole <- inherits(nn, "covertree_neighbors") && isTRUE(attr(nn, "predecessors")) &&
    is.null(attr(nn, "rows")) &&
    identical(attr(nn, "first"), 1L)
  if (!whole) {
    stop_input(c("{.arg nn} must hold the earlier neighbours of every row, in order.",
                 i = "{.fn vecchia_neighbors} returns them."), call = call)
  }
  check_neighbors(nn, call)
}

check_order <- function(order, n, call = rlang::caller_env()) {
  if (!is.numeric(order) || length(order) != n || !identical(sort(as.integer(order)), seq_len(n))) {
    stop_input("{.arg order} must be a permutation of 1..{n}, as {.fn vecchia_order} returns it.",
               call = call)
  }
}
