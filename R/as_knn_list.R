#' Neighbours as the lists of other packages
#'
#' Two matrices, under the names and with the conventions of another package about who is a point's
#' first neighbour.
#'
#' @param x A result of [find_knn()].
#' @param layout Whose list it is:
#'   \describe{
#'     \item{`"FNN"`}{`nn.index`, `nn.dist`, without self, as `FNN::get.knn()` returns it}
#'     \item{`"RANN"`}{`nn.idx`, `nn.dists`, self first, as `RANN::nn2()` and `nabor::knn()` return
#'     it}
#'     \item{`"uwot"`}{`idx`, `dist`, self first, as `uwot::umap(nn_method = )` takes it and
#'     `rnndescent` returns it}
#'     \item{`"Rtsne"`}{`index`, `distance`, without self, for `do.call(Rtsne::Rtsne_neighbors, )`}
#'     \item{`"BiocNeighbors"`}{`index`, `distance`, without self, as `BiocNeighbors::findKNN()`
#'   returns it} }
#'
#' @details
#' Where self comes first it does so among duplicates, too, and is one column more than `x` has (or,
#' of a search with `self = TRUE`, none more). Where queries are new points there is no self, and
#' nothing is added or taken away. Missing neighbours stay `NA`.
#'
#' @return A list of two matrices, index (integer) and distance, with a row per query.
#' @family results in other shapes
#' @examples
#' nn <- find_knn(faithful, k = 5)
#' str(as_knn_list(nn, "RANN"))
#' @export
as_knn_list <- function(x, layout = c("FNN", "RANN", "uwot", "Rtsne", "BiocNeighbors")) {
  layout <- match_choice(layout)
  if (!inherits(x, "covertree_neighbors")) {
    stop_input(c("{.arg x} must be a result of {.fn find_knn}.", x = "It is {describe(x)}."))
  }
  check_neighbors(x)
  own <- layout %in% c("RANN", "uwot")
  near <- if (own) with_self(x) else without_self(x)
  names <- switch(layout, FNN = c("nn.index", "nn.dist"), RANN = c("nn.idx", "nn.dists"),
                  uwot = c("idx", "dist"),
                  c("index", "distance"))
  stats::setNames(near, names)
}

# list(index, distance) where no row holds its query; rows that never did lose their last entry
# where others lose one.
without_self <- function(x) {
  rows <- query_rows(x)
  is_self <- x$index == rows
  if (!any(is_self, na.rm = TRUE)) return(list(index = x$index, distance = x$distance))
  k <- ncol(x$index)
  at <- max.col(cbind(replace(is_self, is.na(is_self), FALSE), TRUE), "first")
  keep <- matrix(seq_len(k - 1), nrow(x$index), k - 1, byrow = TRUE)
  keep <- keep + (keep >= at)
  pick <- function(part) matrix(part[cbind(c(row(keep)), c(keep))], nrow(keep),
                                dimnames = dimnames(part))
  list(index = pick(x$index), distance = pick(x$distance))
}

with_self <- function(x) {
  rows <- query_rows(x)
  if (anyNA(rows)) return(list(index = x$index, distance = x$distance))
  near <- without_self(x)
  list(index = unname(cbind(rows, near$index)), distance = unname(cbind(0, near$distance)))
}
