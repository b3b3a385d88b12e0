each_case <- function(n, m, test) {
  for (layout in process_layouts(n)) {
    sets <- vecchia_neighbors(layout$locs, m = m)
    for (family in process_families) {
      test(layout, sets, function(variance = 1.3, scale = layout$lengthscale, nugget = 0.1) {
        family(variance, scale, nugget, lonlat = layout$lonlat)
      })
    }
  }
}

test_that("the likelihood is dense algebra's, for every covariance and layout", {
  set.seed(301)
  y <- rnorm(60)
  X <- cbind(1, rnorm(60))
  each_case(60, 7, function(layout, sets, cov) {
    S <- oracle_approximation(oracle_covariance(cov(), layout$locs) + diag(0.1, 60), sets$index)
    expect_equal(as.numeric(vecchia_loglik(y, sets, layout$locs, cov())), oracle_loglik(y, S)$value,
                 tolerance = 1e-10)
    for (method in c("ML", "REML")) {
      value <- vecchia_loglik(y, sets, layout$locs, cov(), X = X, method = method)
      truth <- oracle_loglik(y, S, X, method)
      expect_equal(as.numeric(value), truth$value, tolerance = 1e-10)
      expect_equal(attr(value, "beta"), truth$beta, tolerance = 1e-9)
      expect_equal(unname(attr(value, "beta_cov")), unname(truth$beta_cov), tolerance = 1e-9)
    }
  })
})

test_that("the gradient is that of differences, for every covariance and layout", {
  set.seed(302)
  y <- rnorm(80)
  X <- cbind(1, rnorm(80))
  each_case(80, 9, function(layout, sets, cov) {
    scales <- length(layout$lengthscale)
    value <- function(p) {
      as.numeric(vecchia_loglik(y, sets, layout$locs,
                                cov(p[1], p[1 + seq_len(scales)], p[scales + 2]), X = X,
                                method = "REML"))
    }
    at <- c(1.3, layout$lengthscale, 0.1)
    difference <- vapply(seq_along(at), function(k) {
      step <- replace(numeric(length(at)), k, 1e-5 * at[k])
      (value(at + step) - value(at - step)) / sum(2 * step)
    }, 0)
    gradient <- attr(vecchia_loglik(y, sets, layout$locs, cov(), X = X, method = "REML",
                                    gradient = TRUE), "gradient")
    general <- cov()$kind == "matern"
    expect_equal(unname(gradient)[seq_along(at)], difference, tolerance = 1e-6)
    expect_named(gradient,
                 c("variance", if (scales == 1) "lengthscale"
                               else paste0("lengthscale", seq_len(scales)), "nugget",
                             if (general) "nu"))
  })
})

test_that("derivative and information in nu are those of differences", {
  set.seed(311)
  n <- 25
  locs <- matrix(runif(2 * n), n)
  y <- rnorm(n)
  for (nu in c(0.3, 1, 1.2, 4)) {
    at <- c(1.3, 0.3, 0.1, nu)
    K <- function(p) oracle_covariance(cov_matern(p[4], p[1], p[2]), locs) + diag(p[3], n)
    sets <- vecchia_neighbors(locs, m = n - 1)
    loglik <- function(nu) as.numeric(vecchia_loglik(y, sets, locs, cov_matern(nu, 1.3, 0.3, 0.1)))
    value <- vecchia_loglik(y, sets, locs, cov_matern(nu, 1.3, 0.3, 0.1), gradient = TRUE,
                            information = TRUE)
    expect_equal(attr(value, "gradient")[["nu"]], (loglik(nu + 1e-5) - loglik(nu - 1e-5)) / 2e-5,
                 tolerance = 1e-5)
    dK <- lapply(1:4, function(k) {
      step <- replace(numeric(4), k, 1e-5)
      solve(K(at), (K(at + step) - K(at - step)) / 2e-5)
    })
    truth <- outer(1:4, 1:4, Vectorize(function(j, k) 0.5 * sum(dK[[j]] * t(dK[[k]]))))
    expect_equal(unname(attr(value, "information")), truth, tolerance = 1e-5)
  }
})

test_that(
  "tables of the Matern are within a relative 1e-12 of closed forms and of Bessel functions", {
  h <- c(10^seq(-11, -0.5, length.out = 200), seq(0.4, 15, length.out = 200))
  table <- function(nu) { # the weight of a lone neighbour is the correlation
    cov <- cov_matern(nu)
    cov$kind <- "matern"
    locs <- rbind(cbind(0, 10 * seq_along(h)), cbind(h, 10 * seq_along(h)))
    index <- cbind(c(rep(NA, length(h)), seq_along(h)))
    run <- covertree:::run_settings(1, FALSE)
    model <- covertree:::process_model(index, locs, cov, rep(1, 2 * length(h)), run)
    2 * covertree:::process_factor(model, run)$weights[length(h) + seq_along(h)]
  }
  relative <- function(nu, truth) max(abs(table(nu) / truth - 1)[truth > 1e-10])
  s <- sqrt(3) * h
  expect_lt(relative(1.5, (1 + s) * exp(-s)), 1e-12)
  s <- sqrt(5) * h
  expect_lt(relative(2.5, (1 + s + s^2 / 3) * exp(-s)), 1e-12)
  expect_lt(relative(0.5, exp(-h)), 1e-12)
  for (nu in c(0.1, 0.7, 1, 1.9, 6)) {
    exact <- .Call(covertree:::C_ffi_covariance, cov_matern(nu), cbind(h), cbind(0))[, 1]
    expect_lt(relative(nu, exact), 2e-12)
  }
})

test_that("with every earlier row in its set the information is the Gaussian's", {
  set.seed(303)
  n <- 25
  locs <- matrix(runif(2 * n), n)
  at <- c(1.3, 0.3, 0.6, 0.1)
  K <- function(p) oracle_covariance(cov_matern(2.5, p[1], p[2:3]), locs) + diag(p[4], n)
  dK <- lapply(1:4, function(k) {
    step <- replace(numeric(4), k, 1e-6)
    solve(K(at), (K(at + step) - K(at - step)) / 2e-6)
  })
  truth <- outer(1:4, 1:4, Vectorize(function(j, k) 0.5 * sum(dK[[j]] * t(dK[[k]]))))
  value <- vecchia_loglik(rnorm(n), vecchia_neighbors(locs, m = n - 1), locs,
                          cov_matern(2.5, 1.3, c(0.3, 0.6), 0.1),
                          information = TRUE)
  expect_equal(unname(attr(value, "information")), truth, tolerance = 1e-6)
})

test_that("likelihood, gradient and information are GpGp's", {
  skip_if_not_installed("GpGp")
  set.seed(304)
  n <- 300
  locs <- matrix(runif(2 * n), n)
  X <- cbind(1, locs)
  y <- rnorm(n) + 5
  sets <- vecchia_neighbors(locs, m = 12)
  cov <- cov_matern(1.5, 1.3, 0.2, 0.1)
  theirs <- GpGp::vecchia_profbeta_loglik_grad_info(c(1.3, 0.2 / sqrt(3), 0.1 / 1.3),
                                                    "matern15_isotropic", y, X, locs,
                                                    as_NNarray(sets))
  ours <- vecchia_loglik(y, sets, locs, cov, X = X, gradient = TRUE, information = TRUE)
  expect_equal(as.numeric(ours), theirs$loglik, tolerance = 1e-12)
  expect_equal(attr(ours, "beta"), drop(theirs$betahat), tolerance = 1e-10)
  # their nugget is a share, their range shorter
  J <- rbind(c(1, 0, -0.1 / 1.3^2), c(0, 1 / sqrt(3), 0), c(0, 0, 1 / 1.3))
  expect_equal(unname(attr(ours, "gradient")), drop(J %*% theirs$grad), tolerance = 1e-10)
  expect_equal(unname(attr(ours, "information")), J %*% theirs$info %*% t(J), tolerance = 1e-10)
})

test_that("known error variances stand beside the nugget", {
  set.seed(305)
  locs <- matrix(runif(100), 50)
  y <- rnorm(50)
  noise <- runif(50)
  sets <- vecchia_neighbors(locs, m = 6)
  K <- oracle_covariance(cov_exponential(1.3, 0.2), locs)
  truth <- oracle_loglik(y, oracle_approximation(K + diag(0.1 + noise), sets$index))$value
  value <- function(variance = 1.3, nugget = 0.1) {
    vecchia_loglik(y, sets, locs, cov_exponential(variance, 0.2, nugget), noise = noise,
                   gradient = TRUE)
  }
  expect_equal(as.numeric(value()), truth, tolerance = 1e-10)
  difference <- c(as.numeric(value(1.3 + 1e-5)) - as.numeric(value(1.3 - 1e-5)),
                  as.numeric(value(1.3, 0.1 + 1e-5)) - as.numeric(value(1.3, 0.1 - 1e-5))) / 2e-5
  expect_equal(unname(attr(value(), "gradient")[c("variance", "nugget")]), difference,
               tolerance = 1e-6)
})

test_that("several responses are the sum of each", {
  set.seed(306)
  locs <- matrix(runif(100), 50)
  Y <- matrix(rnorm(150), 50, dimnames = list(NULL, c("a", "b", "c")))
  X <- cbind(one = 1, t = rnorm(50))
  sets <- vecchia_neighbors(locs, m = 6)
  cov <- cov_matern(1.5, 1, 0.3, 0.2)
  all <- vecchia_loglik(Y, sets, locs, cov, X = X, gradient = TRUE, information = TRUE,
                        method = "REML")
  each <- lapply(1:3, function(k) {
    vecchia_loglik(Y[, k], sets, locs, cov, X = X, gradient = TRUE, information = TRUE,
                   method = "REML")
  })
  expect_equal(attr(all, "responses"), c(a = each[[1]][1], b = each[[2]][1], c = each[[3]][1]),
               tolerance = 1e-12)
  expect_equal(as.numeric(all), sum(vapply(each, as.numeric, 0)), tolerance = 1e-12)
  expect_equal(attr(all, "gradient"), Reduce(`+`, lapply(each, attr, "gradient")),
               tolerance = 1e-10)
  expect_equal(attr(all, "information"), Reduce(`+`, lapply(each, attr, "information")),
               tolerance = 1e-10)
  expect_equal(attr(all, "beta")[, "b"], attr(each[[2]], "beta"), tolerance = 1e-10)
  expect_identical(attr(all, "nobs"), 150L)
})

test_that("threads change no bit, instruction sets little", {
  set.seed(307)
  n <- 5000
  locs <- matrix(runif(2 * n), n)
  y <- rnorm(n)
  sets <- vecchia_neighbors(locs, m = 15)
  cov <- cov_matern(1.5, 1, 0.2, 0.05)
  value <- function(threads, simd = NULL) {
    run <- covertree:::run_settings(threads, FALSE, simd)
    model <- covertree:::process_model(sets, locs, cov, NULL, run)
    covertree:::process_loglik(model, covertree:::mean_basis(y, matrix(1, n), n), TRUE, TRUE, "ML",
                               run)
  }
  one <- value(1)
  expect_identical(value(2), one)
  for (simd in .Call(covertree:::C_ffi_simd)) {
    expect_equal(value(1, simd), one, tolerance = 1e-11)
    expect_equal(as.numeric(value(1, simd)), as.numeric(one), tolerance = 1e-12)
  }
})

test_that("a large mean and badly scaled covariates cost no digits", {
  set.seed(308)
  locs <- matrix(runif(400), 200)
  y <- rnorm(200)
  X <- cbind(1, locs)
  sets <- vecchia_neighbors(locs, m = 10)
  cov <- cov_matern(1.5, 1, 0.2, 0.1)
  plain <- vecchia_loglik(y, sets, locs, cov, X = X)
  far <- vecchia_loglik(y + 1e6, sets, locs, cov, X = X %*% diag(c(1, 1e6, 1e-6)))
  expect_equal(as.numeric(far), as.numeric(plain), tolerance = 1e-8)
})

test_that("duplicates without nugget are left out, counted and reported", {
  set.seed(309)
  locs <- matrix(runif(60), 30)
  locs <- rbind(locs, locs[1:10, ], locs[1:5, ])
  y <- rnorm(45)
  sets <- vecchia_neighbors(locs, m = 8)
  expect_warning(value <- vecchia_loglik(y, sets, locs, cov_matern(1.5, 1, 0.3), gradient = TRUE,
                                         information = TRUE),
                 class = "covertree_warning")
  expect_true(attr(value, "dropped") > 0)
  expect_true(all(is.finite(c(value, attr(value, "gradient"), attr(value, "information")))))
  expect_no_warning(with_nugget <- vecchia_loglik(y, sets, locs, cov_matern(1.5, 1, 0.3, 0.1)))
  expect_identical(attr(with_nugget, "dropped"), 0)
  # the eleventh duplicate's own set, without its twin and what its twins repeat
  same <- locs[c(1:30), ]
  expect_warning(smooth <- vecchia_loglik(rnorm(30), vecchia_neighbors(same, m = 20), same,
                                          cov_gaussian(1, 5)),
                 class = "covertree_warning")
  expect_true(is.finite(smooth))
})

test_that("a duplicate's twin counts as missing", {
  locs <- cbind(c(0, 1, 2, 1), 0)
  index <- rbind(NA, c(1L, NA, NA), c(2L, 1L, NA), c(2L, 1L, 3L))
  y <- c(1, -1, 2, 0.5)
  cov <- cov_exponential(2, 1.5)
  expect_warning(value <- vecchia_loglik(y, index, locs, cov), class = "covertree_warning")
  without <- index
  without[4, ] <- c(1L, 3L, NA)
  expect_equal(as.numeric(value), as.numeric(vecchia_loglik(y, without, locs, cov)),
               tolerance = 1e-12)
  expect_identical(attr(value, "dropped"), 1)
})

test_that("sets come as a result, its index or GpGp's array", {
  set.seed(310)
  locs <- matrix(runif(60), 30)
  y <- rnorm(30)
  sets <- vecchia_neighbors(locs, m = 5)
  cov <- cov_exponential(1, 0.3, 0.1)
  value <- vecchia_loglik(y, sets, locs, cov)
  expect_identical(vecchia_loglik(y, sets$index, locs, cov), value)
  expect_identical(vecchia_loglik(y, as_NNarray(sets), locs, cov), value)
  empty <- vecchia_loglik(y, sets$index[, 0], locs, cov)
  expect_equal(as.numeric(empty), sum(dnorm(y, 0, sqrt(1.1), log = TRUE)), tolerance = 1e-12)
})

test_that("bad input is refused with a classed error", {
  locs <- cbind(1:6, 0)
  y <- c(1, 2, 0, 1, 3, 1)
  sets <- vecchia_neighbors(locs, m = 2)
  cov <- cov_exponential()
  refuse <- function(...) expect_error(..., class = "covertree_error_input")
  refuse(vecchia_loglik(y[-1], sets, locs, cov))
  refuse(vecchia_loglik(c(y[-1], NA), sets, locs, cov))
  refuse(vecchia_loglik(as.character(y), sets, locs, cov))
  refuse(vecchia_loglik(y, sets$index[-1, ], locs, cov))
  refuse(vecchia_loglik(y, find_knn(locs, k = 2), locs, cov))
  refuse(vecchia_loglik(y, replace(sets$index, 3, 6L), locs, cov))
  refuse(vecchia_loglik(y, replace(sets$index, 3, 3L), locs, cov))
  refuse(vecchia_loglik(y, "sets", locs, cov))
  refuse(vecchia_loglik(y, sets, locs, "matern"))
  refuse(vecchia_loglik(y[1], sets$index[1, , drop = FALSE], locs[1, , drop = FALSE], cov))
  refuse(vecchia_loglik(y, sets, locs, cov, X = cbind(1, y, y)))
  refuse(vecchia_loglik(y, sets, locs, cov, X = diag(6)))
  refuse(vecchia_loglik(y, sets, locs, cov, X = c(y[-1], Inf)))
  refuse(vecchia_loglik(y, sets, locs, cov, noise = -y))
  refuse(vecchia_loglik(y, sets, locs, cov, noise = 1))
  refuse(vecchia_loglik(y, sets, locs, cov, gradient = NA))
  expect_error(vecchia_loglik(y, sets, locs, cov, method = "MAP"))
})
