# Factors of covariances that are R functions, on the calling thread: each set's matrix is asked
# for as a whole.

# list(weights, variance, dropped), as the core makes them, see process.h.
function_weights <- function(model) {
  index <- model$index
  n <- nrow(index)
  weights <- matrix(0, n, ncol(index))
  variance <- numeric(n)
  dropped <- 0
  for (i in seq_len(n)) {
    row <- condition_row(model, i, which(!is.na(index[i, ])))
    weights[i, row$kept] <- row$weights
    variance[i] <- row$variance
    dropped <- dropped + row$dropped
  }
  list(weights = weights, variance = variance, dropped = dropped)
}

# One row, given its columns of the index: list(kept, weights, variance, dropped).
condition_row <- function(model, i, columns) {
  own <- model$first - 1L + i
  rows <- c(model$index[i, columns], own)
  x <- model$locs[rows, , drop = FALSE]
  K <- call_covariance(model$cov, x, x)
  diag(K) <- diag(K) + model$cov$nugget + if (is.null(model$noise)) 0 else model$noise[rows]
  rounding <- (ncol(model$index) + 1) * .Machine$double.eps
  kept <- pivots_above(K, seq_along(columns), rounding)
  dropped <- length(columns) - length(kept)
  last <- length(rows)
  repeat {
    half <- solve_half(K, kept, last)
    left <- K[last, last] - sum(half^2)
    if (left > K[last, last] * rounding || !length(kept)) break
    if (model$settled) {
      left <- max(left, 0)
      break
    }
    kept <- kept[-which.max(abs(K[kept, last]) / sqrt(diag(K)[kept]))]
    dropped <- dropped + 1
  }
  list(kept = columns[kept],
       weights = if (length(kept)) solve(K[kept, kept, drop = FALSE], K[kept, last], tol = 0)
                 else numeric(),
       variance = left, dropped = dropped)
}

# L^-1 K[kept, column], L the Cholesky factor of K[kept, kept].
solve_half <- function(K, kept, column) {
  if (!length(kept)) return(numeric())
  backsolve(chol(K[kept, kept, drop = FALSE]), K[kept, column], transpose = TRUE)
}

# The neighbours that those before them do not determine up to rounding.
pivots_above <- function(K, candidates, rounding) {
  kept <- integer()
  for (a in candidates) {
    if (K[a, a] - sum(solve_half(K, kept, a)^2) > K[a, a] * rounding) kept <- c(kept, a)
  }
  kept
}

# The sums of a likelihood from a factor, without derivatives.
function_sums <- function(model, run) {
  factor <- process_factor(model, run)
  e <- weights_product(factor, "B", model$values, run) / sqrt(factor$variance)
  list(log_d = sum(log(factor$variance)), dropped = factor$dropped, products = crossprod(e))
}
