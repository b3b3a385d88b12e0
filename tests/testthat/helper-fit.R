# Draws of a Gaussian process at places, by dense algebra; n of a few hundred.
draw_process <- function(points, cov, mean = 0, weights = NULL) {
  cov <- fit_covariance(cov, points, NULL)
  points <- unname(points)
  K <- .Call(C_ffi_covariance, cov, points, points)
  diag(K) <- cov$variance + cov$nugget / (if (is.null(weights)) 1 else weights)
  mean + drop(crossprod(chol(K), stats::rnorm(nrow(points))))
}

fit_data <- function(n = 300, cov = cov_matern(1.5, 1, 0.15, 0.1)) {
  data <- data.frame(east = stats::runif(n), north = stats::runif(n), slope = stats::rnorm(n),
                     soil = factor(sample(c("clay", "loam", "sand"), n, replace = TRUE)))
  data$y <- draw_process(as.matrix(data[1:2]), cov, 2 + 0.5 * data$slope)
  data
}
