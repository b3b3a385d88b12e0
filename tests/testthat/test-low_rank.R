low_rank_case <- function(layout, family, n) {
  cov <- family(1.3, layout$lengthscale, 0.1, lonlat = layout$lonlat)
  u <- layout$locs[sample(n, 9), , drop = FALSE] + 1e-3
  sets <- vecchia_neighbors(layout$locs, m = 7)
  V <- oracle_low_rank(cov, layout$locs, u)
  K <- oracle_covariance(cov, layout$locs) + diag(0.1, n)
  list(cov = cov, u = u, sets = sets, locs = layout$locs,
       S = tcrossprod(V) + oracle_approximation(K - tcrossprod(V), sets$index))
}

test_that("likelihood and mean with inducing points are dense algebra's", {
  set.seed(361)
  y <- rnorm(70) + 2
  X <- cbind(1, rnorm(70))
  for (layout in process_layouts(70)) for (family in process_families) {
    case <- low_rank_case(layout, family, 70)
    for (method in c("ML", "REML")) {
      value <- vecchia_loglik(y, case$sets, case$locs, case$cov, inducing = case$u, X = X,
                              method = method)
      truth <- oracle_loglik(y, case$S, X, method)
      expect_equal(as.numeric(value), truth$value, tolerance = 1e-10)
      expect_equal(attr(value, "beta"), truth$beta, tolerance = 1e-9)
      expect_equal(unname(attr(value, "beta_cov")), unname(truth$beta_cov), tolerance = 1e-9)
    }
  }
})

test_that("the gradient with inducing points is that of differences", {
  set.seed(362)
  Y <- matrix(rnorm(140), 70)
  X <- cbind(1, rnorm(70))
  noise <- runif(70, 0, 0.1)
  for (layout in process_layouts(70)) for (family in process_families) {
    case <- low_rank_case(layout, family, 70)
    scales <- length(layout$lengthscale)
    loglik <- function(p, ...) {
      cov <- family(p[1], p[1 + seq_len(scales)], p[scales + 2], lonlat = layout$lonlat)
      vecchia_loglik(Y, case$sets, case$locs, cov, inducing = case$u, X = X, noise = noise,
                     method = "REML", ...)
    }
    at <- c(1.3, layout$lengthscale, 0.1)
    difference <- vapply(seq_along(at), function(k) {
      step <- replace(numeric(length(at)), k, 1e-5 * at[k])
      (as.numeric(loglik(at + step)) - as.numeric(loglik(at - step))) / sum(2 * step)
    }, 0)
    gradient <- attr(loglik(at, gradient = TRUE), "gradient")
    expect_equal(unname(gradient)[seq_along(at)], difference, tolerance = 1e-6)
  }
})

test_that("with inducing points the derivative in nu is that of differences", {
  set.seed(366)
  y <- rnorm(70)
  case <- low_rank_case(process_layouts(70)$isotropic, process_families$matern32, 70)
  loglik <- function(nu, ...) vecchia_loglik(y, case$sets, case$locs, cov_matern(nu, 1.3, 0.3, 0.1),
                                             inducing = case$u, ...)
  value <- loglik(1.2, gradient = TRUE, information = TRUE)
  difference <- (as.numeric(loglik(1.2 + 1e-3)) - as.numeric(loglik(1.2 - 1e-3))) / 2e-3
  expect_equal(attr(value, "gradient")[["nu"]], difference, tolerance = 1e-5)
  expect_identical(colnames(attr(value, "information")),
                   c("variance", "lengthscale", "nugget", "nu"))
})

test_that("the information with inducing points is minus the Hessian", {
  set.seed(363)
  y <- rnorm(70)
  case <- low_rank_case(process_layouts(70)$isotropic, process_families$matern32, 70)
  at <- c(1.3, 0.3, 0.1)
  gradient <- function(p) {
    attr(vecchia_loglik(y, case$sets, case$locs, cov_matern(1.5, p[1], p[2], p[3]),
                        inducing = case$u, gradient = TRUE),
         "gradient")
  }
  H <- vapply(1:3, function(k) {
    step <- replace(numeric(3), k, 1e-3 * at[k])
    (gradient(at + step) - gradient(at - step)) / sum(2 * step)
  }, numeric(3))
  value <- vecchia_loglik(y, case$sets, case$locs, case$cov, inducing = case$u, information = TRUE)
  expect_equal(unname(attr(value, "information")), -unname(H), tolerance = 1e-4)
  expect_identical(rownames(attr(value, "information")), c("variance", "lengthscale", "nugget"))
})

test_that("threads change no bit of it, instruction sets little", {
  set.seed(364)
  n <- 3000
  locs <- matrix(runif(2 * n), n)
  y <- rnorm(n)
  u <- inducing_points(locs, 21)
  sets <- vecchia_neighbors(locs, m = 10)
  value <- function(threads, simd = NULL) {
    run <- covertree:::run_settings(threads, FALSE, simd)
    model <- covertree:::process_model(sets, locs, cov_matern(1.5, 1, 0.2, 0.05), NULL, run, u)
    covertree:::process_loglik(model, covertree:::mean_basis(y, NULL, n), TRUE, FALSE, "ML", run)
  }
  one <- value(1)
  expect_identical(value(2), one)
  for (simd in .Call(covertree:::C_ffi_simd)) expect_equal(value(1, simd), one, tolerance = 1e-10)
})

test_that("inducing points that are data points leave finite numbers, or a classed error", {
  set.seed(365)
  locs <- matrix(runif(100), 50)
  y <- rnorm(50)
  sets <- vecchia_neighbors(locs, m = 6)
  loglik <- function(nugget, u) vecchia_loglik(y, sets, locs, cov_matern(1.5, 1, 0.3, nugget),
                                               inducing = u, gradient = TRUE)
  value <- loglik(0.01, locs[1:10, ])
  expect_true(all(is.finite(c(value, attr(value, "gradient")))))
  bare <- tryCatch(suppressWarnings(loglik(0, locs[1:10, ])),
                   covertree_error_factor = function(e) 0)
  expect_true(all(is.finite(c(bare, attr(bare, "gradient")))))
  expect_error(loglik(0.01, locs[1:10, 1, drop = FALSE]), class = "covertree_error_input")
})
