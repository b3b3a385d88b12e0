gpgp_data <- function(n) {
  set.seed(51)
  locs <- cbind(runif(n), runif(n))
  K <- exp(-as.matrix(dist(locs)) / 0.2) + diag(0.1, n)
  list(locs = locs, y = 1 + drop(crossprod(chol(K), rnorm(n))))
}

# Universal kriging by dense algebra, with the fit's parameters.
dense_kriging <- function(fit, new) {
  cov <- as_covariance(fit)
  process <- replace(cov, "nugget", 0)
  K <- covariance(process, fit$locs) + diag(cov$nugget, nrow(fit$locs))
  k <- covariance(process, fit$locs, new)
  w <- solve(K, k)
  h <- 1 - colSums(w)
  list(mean = drop(fit$betahat + crossprod(w, fit$y - c(fit$betahat))),
       sd = sqrt(cov$variance - colSums(w * k) + h^2 * c(fit$betacov)))
}

test_that("predictions with a fit of GpGp agree with dense kriging, and with GpGp's own", {
  skip_if_not_installed("GpGp")
  skip_if_not_installed("fields")
  skip_on_cran()
  data <- gpgp_data(120)
  fit <- GpGp::fit_model(data$y, data$locs, covfun_name = "exponential_isotropic", m_seq = 10,
                         silent = TRUE)
  new <- cbind(runif(15), runif(15))
  truth <- dense_kriging(fit, new)
  for (cond_on in c("obs", "all")) {
    found <- predict_gpgp(fit, new, m = 120, cond_on = cond_on)
    expect_equal(found$mean, truth$mean, tolerance = 1e-6)
    expect_equal(found$sd, truth$sd, tolerance = 1e-6)
  }
  expect_equal(found$sd_new, sqrt(found$sd^2 + as_covariance(fit)$nugget))
  near <- predict_gpgp(fit, new, m = 40)
  expect_equal(near$mean, GpGp::predictions(fit, new, matrix(1, 15, 1), m = 40), tolerance = 0.01)
})

test_that("other fits and covariates that do not fit are errors", {
  expect_error(predict_gpgp(lm(dist ~ speed, cars), cars), class = "covertree_error_input")
})
