factor_case <- function(n = 40, m = 6, cov = cov_matern(1.5, 1.3, 0.3, 0.1)) {
  locs <- matrix(runif(2 * n), n)
  sets <- vecchia_neighbors(locs, m = m)
  S <- oracle_approximation(oracle_covariance(cov, locs) + diag(cov$nugget, n), sets$index)
  list(locs = locs, sets = sets, cov = cov, S = S, factor = vecchia_factor(sets, locs, cov))
}

test_that("weights and conditional variances are dense algebra's, for every covariance and layout",
          {
  set.seed(321)
  for (layout in process_layouts(30)) for (family in process_families) {
    cov <- family(1.3, layout$lengthscale, 0.1, lonlat = layout$lonlat)
    sets <- vecchia_neighbors(layout$locs, m = 5)
    factor <- vecchia_factor(sets, layout$locs, cov)
    truth <- oracle_weights(oracle_covariance(cov, layout$locs) + diag(0.1, 30), sets$index)
    A <- matrix(0, 30, 30)
    there <- !is.na(sets$index)
    A[cbind(row(sets$index)[there], sets$index[there])] <- factor$weights[there]
    expect_equal(A, truth$A, tolerance = 1e-10)
    expect_equal(factor$variance, truth$D, tolerance = 1e-10)
    expect_identical(factor$weights[!there], numeric(sum(!there)))
  }
})

test_that("a factor multiplies, solves and has the determinant as its matrix", {
  set.seed(322)
  case <- factor_case()
  b <- matrix(rnorm(80), 40)
  expect_equal(as.matrix(case$factor), case$S, tolerance = 1e-10)
  expect_equal(solve(case$factor, b), solve(case$S, b), tolerance = 1e-10)
  expect_equal(solve(case$factor, b[, 1]), solve(case$S, b[, 1]), tolerance = 1e-10)
  expect_equal(solve(case$factor), solve(case$S), tolerance = 1e-10)
  expect_equal(determinant(case$factor), determinant(case$S), tolerance = 1e-10)
  expect_equal(determinant(case$factor, logarithm = FALSE)$modulus[1], det(case$S),
               tolerance = 1e-10)
  half <- colour(case$factor, diag(40))
  expect_equal(tcrossprod(half), case$S, tolerance = 1e-10)
  expect_equal(whiten(case$factor, half), diag(40), tolerance = 1e-10)
  expect_equal(colour(case$factor, diag(40), transpose = TRUE), t(half), tolerance = 1e-10)
  expect_equal(whiten(case$factor, diag(40), transpose = TRUE), t(whiten(case$factor, diag(40))),
               tolerance = 1e-10)
  expect_identical(dim(case$factor), c(40L, 40L))
})

test_that("with inducing points it is the same of both parts together", {
  set.seed(330)
  locs <- matrix(runif(80), 40)
  u <- matrix(runif(14), 7)
  cov <- cov_matern(1.5, 1.3, 0.3, 0.1)
  sets <- vecchia_neighbors(locs, m = 6)
  V <- oracle_low_rank(cov, locs, u)
  K <- oracle_covariance(cov, locs) + diag(0.1, 40)
  S <- tcrossprod(V) + oracle_approximation(K - tcrossprod(V), sets$index)
  factor <- vecchia_factor(sets, locs, cov, inducing = u)
  expect_equal(as.matrix(factor), S, tolerance = 1e-10)
  expect_equal(solve(factor), solve(S), tolerance = 1e-10)
  expect_equal(determinant(factor), determinant(S), tolerance = 1e-10)
  expect_equal(whiten(factor, colour(factor, diag(40))), diag(40), tolerance = 1e-10)
  expect_equal(colour(factor, diag(40), transpose = TRUE), t(colour(factor, diag(40))),
               tolerance = 1e-10)
  expect_output(print(factor), "7 inducing points")
  expect_error(as_Linv(factor), class = "covertree_error_input")
})

test_that("simulate is the product of the root and R's random numbers", {
  set.seed(323)
  case <- factor_case()
  draws <- simulate(case$factor, nsim = 3, seed = 5)
  set.seed(5)
  expect_identical(draws, colour(case$factor, matrix(rnorm(120), 40)))
  expect_identical(simulate(case$factor, seed = 5), draws[, 1, drop = FALSE])
})

test_that("arrays and sparse matrices hold the factor", {
  set.seed(324)
  case <- factor_case()
  white <- whiten(case$factor, diag(40))
  array <- as_Linv(case$factor)
  NN <- as_NNarray(case$sets)
  dense <- matrix(0, 40, 40)
  there <- !is.na(NN)
  dense[cbind(row(NN)[there], NN[there])] <- array[there]
  expect_equal(dense, white, tolerance = 1e-12)
  expect_identical(array[!there], numeric(sum(!there)))
  skip_if_not_installed("Matrix")
  expect_equal(as.matrix(as_sparse(case$factor)), white, tolerance = 1e-12, ignore_attr = TRUE)
})

test_that("the array is GpGp's", {
  skip_if_not_installed("GpGp")
  set.seed(325)
  case <- factor_case(100, 10, cov_exponential(1.3, 0.2, 0.1))
  NN <- as_NNarray(case$sets)
  theirs <- GpGp::vecchia_Linv(c(1.3, 0.2, 0.1 / 1.3), "exponential_isotropic", case$locs, NN)
  expect_equal(as_Linv(case$factor), theirs, tolerance = 1e-10)
  y <- rnorm(100)
  expect_equal(GpGp::Linv_mult(as_Linv(case$factor), y, NN), whiten(case$factor, y),
               tolerance = 1e-10)
})

test_that("a covariance that is an R function has the same factor and likelihood", {
  set.seed(326)
  case <- factor_case()
  same <- cov_function(function(A, B) oracle_covariance(case$cov, A, B), nugget = 0.1)
  factor <- vecchia_factor(case$sets, case$locs, same)
  expect_equal(factor$weights, case$factor$weights, tolerance = 1e-10)
  expect_equal(factor$variance, case$factor$variance, tolerance = 1e-10)
  y <- rnorm(40)
  expect_equal(as.numeric(vecchia_loglik(y, case$sets, case$locs, same, X = cbind(1, y^2))),
               as.numeric(vecchia_loglik(y, case$sets, case$locs, case$cov, X = cbind(1, y^2))),
               tolerance = 1e-10)
  twins <- case$locs[c(1:20, 1:20), ]
  bare <- cov_function(function(A, B) oracle_covariance(case$cov, A, B))
  sets <- vecchia_neighbors(twins, m = 4)
  expect_warning(dropped <- vecchia_factor(sets, twins, bare), class = "covertree_warning")
  expect_warning(core <- vecchia_factor(sets, twins, cov_matern(1.5, 1.3, 0.3)),
                 class = "covertree_warning")
  expect_equal(dropped$weights, core$weights, tolerance = 1e-8)
  expect_identical(dropped$dropped, core$dropped)
  expect_error(vecchia_loglik(y, case$sets, case$locs, same, gradient = TRUE),
               class = "covertree_error_input")
})

test_that("threads and instruction sets give the same factor", {
  set.seed(327)
  locs <- matrix(runif(2000), 1000)
  sets <- vecchia_neighbors(locs, m = 12)
  made <- function(threads, simd = NULL) {
    run <- covertree:::run_settings(threads, FALSE, simd)
    model <- covertree:::process_model(sets, locs, cov_matern(2.5, 1, 0.2, 0.05), NULL, run)
    covertree:::process_factor(model, run)
  }
  one <- made(1)
  expect_identical(made(2), one)
  for (simd in .Call(covertree:::C_ffi_simd)) expect_equal(made(1, simd), one, tolerance = 1e-11)
})

test_that("a factor prints what it is", {
  set.seed(328)
  case <- factor_case()
  expect_output(print(case$factor), "40 places x 6 neighbours, Matern")
  expect_output(print(summary(case$factor)), "log-determinant")
})

test_that("bad input is refused", {
  set.seed(329)
  case <- factor_case()
  refuse <- function(...) expect_error(..., class = "covertree_error_input")
  refuse(solve(case$factor, 1:3))
  refuse(whiten(case$factor, letters))
  refuse(whiten(case$S, 1:40))
  refuse(colour(case$factor, 1:40, transpose = NA))
  refuse(as_Linv(case$S))
  refuse(simulate(case$factor, nsim = 0))
  refuse(vecchia_factor(case$sets, case$locs[-1, ], case$cov))
})
