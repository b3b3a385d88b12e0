# The divergence of N(0, K) from N(0, S), by definition.
oracle_kl <- function(K, S) {
  log_det <- function(M) as.numeric(determinant(M)$modulus)
  (sum(diag(solve(S, K))) - nrow(K) + log_det(S) - log_det(K)) / 2
}

# Places, covariance, dense covariance matrix, nearest and conditional sets of six.
kl_case <- function(n = 60, cov = cov_matern(1.5, 1.3, 0.3, 0.05)) {
  locs <- matrix(runif(2 * n), n)
  list(locs = locs, cov = cov, K = oracle_covariance(cov, locs) + diag(cov$nugget, n),
       near = vecchia_neighbors(locs, m = 6),
       told = vecchia_neighbors(locs, m = 6, select = "conditional", cov = cov))
}

test_that("the divergence from the truth is dense algebra's", {
  set.seed(561)
  case <- kl_case()
  for (sets in case[c("near", "told")]) {
    factor <- vecchia_factor(sets, case$locs, case$cov)
    expect_equal(as.numeric(vecchia_kl(factor, locs = case$locs)),
                 oracle_kl(case$K, oracle_approximation(case$K, sets$index)), tolerance = 1e-8)
  }
  expect_output(print(vecchia_kl(factor, locs = case$locs)), "divergence of a, observations")
})

test_that("two factors differ as their divergences do, in different orders and with noise too", {
  set.seed(562)
  case <- kl_case()
  noise <- runif(60, 0, 0.2)
  mixed <- sample(60)
  a <- vecchia_factor(case$told, case$locs, case$cov, noise = noise)
  b <- vecchia_factor(vecchia_neighbors(case$locs[mixed, ], 4), case$locs[mixed, ], case$cov,
                      noise = noise[mixed])
  difference <- vecchia_kl(a, b)
  K <- case$K + diag(noise)
  expect_equal(as.numeric(difference), tolerance = 1e-8,
               oracle_kl(K, as.matrix(a)) - oracle_kl(K[mixed, mixed], as.matrix(b)))
  expect_equal(as.numeric(vecchia_kl(b, a)), -as.numeric(difference))
  expect_identical(attributes(difference)[c("difference", "of", "places")],
                   list(difference = TRUE, of = "observations", places = 60L))
  expect_output(print(difference), "divergence of a less that of b, observations")
})

test_that("the full factor has no divergence", {
  set.seed(563)
  case <- kl_case(30)
  full <- vecchia_factor(vecchia_neighbors(case$locs, m = 29), case$locs, case$cov)
  expect_equal(as.numeric(vecchia_kl(full, locs = case$locs)), 0, tolerance = 1e-9)
})

test_that("with inducing points observations alone are dense algebra's, and both jointly too", {
  set.seed(564)
  case <- kl_case()
  u <- matrix(runif(10), 5)
  V <- oracle_low_rank(case$cov, case$locs, u)
  left <- case$K - tcrossprod(V)
  residual <- function(sets) oracle_approximation(left, sets$index)
  a <- vecchia_factor(case$told, case$locs, case$cov, inducing = u)
  b <- vecchia_factor(case$near, case$locs, case$cov, inducing = u)
  alone <- function(sets) oracle_kl(case$K, tcrossprod(V) + residual(sets))
  expect_equal(as.numeric(vecchia_kl(a, locs = case$locs)), alone(case$told), tolerance = 1e-7)
  expect_equal(as.numeric(vecchia_kl(a, b, case$locs)), alone(case$told) - alone(case$near),
               tolerance = 1e-7)

  # The joint covariance of (v, y), y = V v + what is left.
  joint <- function(S) rbind(cbind(diag(5), t(V)), cbind(V, tcrossprod(V) + S))
  apart <- function(sets) oracle_kl(joint(left), joint(residual(sets)))
  expect_equal(as.numeric(vecchia_kl(a, b)), apart(case$told) - apart(case$near), tolerance = 1e-7)
  expect_identical(attr(vecchia_kl(a, b), "of"), "joint")
  expect_output(print(vecchia_kl(a, b)), "observations and inducing points jointly")

  plain <- vecchia_factor(case$told, case$locs, case$cov)
  expect_equal(as.numeric(vecchia_kl(a, plain, case$locs)), tolerance = 1e-7,
               alone(case$told) - oracle_kl(case$K, oracle_approximation(case$K, case$told$index)))
})

test_that("what cannot be compared is refused", {
  set.seed(565)
  case <- kl_case()
  refuse <- function(...) expect_error(..., class = "covertree_error_input")
  a <- vecchia_factor(case$near, case$locs, case$cov)
  refuse(vecchia_kl(a))
  refuse(vecchia_kl(case$near))
  refuse(vecchia_kl(a, case$near))
  refuse(vecchia_kl(a, locs = case$locs[-1, ]))
  refuse(vecchia_kl(a, vecchia_factor(case$near, case$locs, cov_exponential(1, 0.3))))
  refuse(vecchia_kl(a, vecchia_factor(case$near, case$locs, case$cov, noise = rep(1, 60))))
  some <- vecchia_factor(vecchia_neighbors(case$locs[1:50, ], 6), case$locs[1:50, ], case$cov)
  refuse(vecchia_kl(a, some))
  by_five <- vecchia_factor(case$near, case$locs, case$cov, inducing = case$locs[1:5, ])
  by_four <- vecchia_factor(case$near, case$locs, case$cov, inducing = case$locs[1:4, ])
  refuse(vecchia_kl(by_five, by_four))
  refuse(vecchia_kl(by_five, a))
  smooth <- vecchia_factor(vecchia_neighbors(case$locs, 1), case$locs, cov_gaussian(1, 2))
  refuse(vecchia_kl(smooth, locs = case$locs))
})
