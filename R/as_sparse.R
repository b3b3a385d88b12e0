#' Sparse matrices
#'
#' Turns a result into a sparse matrix of package Matrix: neighbours into the adjacency matrix of
#' their graph, a factor into the matrix that whitens.
#'
#' @param x A result of [find_knn()], [vecchia_neighbors()] or [find_within()], or of
#'   [vecchia_factor()].
#' @param values What is stored: `"distance"`, `"connectivity"` (ones), or a function of a vector of
#'   distances, such as `function(d) exp(-d)`.
#' @param ... Not used.
#'
#' @details
#' Distances of zero, between duplicates, are stored as entries. `Matrix::nnzero()` does not count
#' them and `Matrix::drop0()` loses them; `values = "connectivity"` has no zeros.
#'
#' @return A `dgCMatrix` with a row per query and a column per indexed point, with their names. Of
#'   predictions, columns are rows of `rbind(locs, locs_pred)`. Of a factor, `D^(-1/2) B`, lower
#'   triangular, rows and columns in the order of the places; with inducing points it is that of the
#'   residual process.
#' @family results in other shapes
#' @examplesIf requireNamespace("Matrix", quietly = TRUE)
#' nn <- find_knn(quakes[, c("long", "lat")], k = 3)
#' A <- as_sparse(nn, values = function(d) exp(-d^2))
#' Matrix::rowSums(A)[1:5]
#' @export
as_sparse <- function(x, ...) UseMethod("as_sparse")

#' @rdname as_sparse
#' @export
as_sparse.covertree_neighbors <- function(x, values = c("distance", "connectivity"), ...) {
  need_package("Matrix", "for sparse matrices")
  edges <- result_edges(x)
  if (length(edges$to) && !all(edges$to >= 1 & edges$to <= attr(x, "size"))) {
    stop_input("{.arg x} must hold rows of its points only.")
  }
  value <- edge_values(edges$distance, values)
  names <- if (!is.null(query_names(x)) ||
               !is.null(attr(x, "labels"))) list(query_names(x), attr(x, "labels"))
  Matrix::sparseMatrix(i = edges$from, j = edges$to, x = value,
                       dims = c(query_count(x), attr(x, "size")), dimnames = names)
}

#' @rdname as_sparse
#' @export
as_sparse.covertree_within <- as_sparse.covertree_neighbors

#' @rdname as_sparse
#' @export
as_sparse.vecchia_factor <- function(x, ...) {
  check_factor_object(x)
  need_package("Matrix", "for sparse matrices")
  n <- length(x$variance)
  there <- which(!is.na(x$index))
  row <- (there - 1L) %% n + 1L
  root <- sqrt(x$variance)
  Matrix::sparseMatrix(i = c(seq_len(n), row), j = c(seq_len(n), x$index[there]),
                       x = c(1 / root, -x$weights[there] / root[row]), dims = c(n, n),
                       triangular = TRUE)
}

#' @export
as_sparse.default <- function(x, ...) {
  stop_input(c("{.arg x} must be a result of this package that has a sparse form.",
               x = "It is {describe(x)}."))
}

edge_values <- function(distance, values, call = rlang::caller_env()) {
  if (!is.function(values)) {
    values <- rlang::arg_match0(values[1], c("distance", "connectivity"), arg_nm = "values",
                                error_call = call)
    return(if (values == "distance") distance else rep(1, length(distance)))
  }
  value <- values(distance)
  if (!is.numeric(value) || length(value) != length(distance)) {
    stop_input(c("{.arg values} must return a number for each distance.",
                 x = "For {length(distance)} it returned {describe(value)}."),
               call = call)
  }
  as.double(value)
}
