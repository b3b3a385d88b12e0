# A case with a mean, noise of its own and new places, one of them a twin of an observation.
prediction_case <- function(cond_on, inducing = FALSE, n = 30, new = 8, m = 6) {
  locs <- matrix(runif(2 * n), n)
  pred <- rbind(matrix(runif(2 * new - 2), new - 1), locs[3, ])
  cov <- cov_matern(1.5, 1.3, 0.4, 0.1)
  noise <- runif(n, 0, 0.2)
  run <- covertree:::run_settings(1, FALSE)
  sets <- vecchia_neighbors(locs, m = m, locs_pred = pred, cond_on = cond_on)
  u <- if (inducing) matrix(runif(10), 5)
  model <- covertree:::process_model(vecchia_neighbors(locs, m = m), locs, cov, noise, run, u)
  K <- oracle_covariance(cov, rbind(locs, pred)) + diag(c(0.1 + noise, numeric(new)))
  V <- if (inducing) oracle_low_rank(cov, rbind(locs, pred), u) else matrix(0, n + new, 0)
  observed <- covertree:::process_factor(model, run)
  list(V = V, observed = observed, model = model, pred = pred, sets = sets, run = run, K = K,
       old = seq_len(n), new = n + seq_len(new),
       X = cbind(1, locs), X_pred = cbind(1, pred), y = rnorm(n) + 4,
       factor = covertree:::prediction_factor(model, pred, sets, run, observed))
}

# Mean and covariance of the joint approximation at the new places.
conditional <- function(case) {
  index <- rbind(cbind(case$model$index), case$sets$index)
  S <- tcrossprod(case$V) + oracle_approximation(case$K - tcrossprod(case$V), index)
  gain <- S[case$new, case$old] %*% solve(S[case$old, case$old])
  list(gain = gain, covariance = S[case$new, case$new] - gain %*% S[case$old, case$new],
       observed = S[case$old, case$old])
}

test_that("predictions and their variances are dense algebra's, with and without a mean", {
  set.seed(341)
  for (cond_on in c("obs", "all")) for (inducing in c(FALSE, TRUE)) {
    case <- prediction_case(cond_on, inducing)
    truth <- conditional(case)
    plain <- covertree:::process_predict(case$model, case$factor, list(y = case$y), run = case$run)
    expect_equal(plain$mean, truth$gain %*% case$y, tolerance = 1e-10)
    expect_equal(plain$variance, diag(truth$covariance), tolerance = 1e-10)
    P <- solve(truth$observed)
    H <- solve(t(case$X) %*% P %*% case$X)
    beta <- H %*% t(case$X) %*% P %*% case$y
    fit <- list(y = case$y, X = case$X, beta = drop(beta), beta_cov = H)
    full <- covertree:::process_predict(case$model, case$factor, fit, case$X_pred, case$run)
    expect_equal(full$mean, case$X_pred %*% beta + truth$gain %*% (case$y - case$X %*% beta),
                 tolerance = 1e-10)
    h <- case$X_pred - truth$gain %*% case$X
    expect_equal(full$variance, diag(truth$covariance) + diag(h %*% H %*% t(h)), tolerance = 1e-10)
  }
})

test_that("draws are a linear map of R's random numbers with the right mean and covariance", {
  set.seed(342)
  for (inducing in c(FALSE, TRUE)) {
    case <- prediction_case("all", inducing)
    truth <- conditional(case)
    P <- solve(truth$observed)
    H <- solve(t(case$X) %*% P %*% case$X)
    beta <- drop(H %*% t(case$X) %*% P %*% case$y)
    fit <- list(y = case$y, X = case$X, beta = beta, beta_cov = H)
    # one draw for each unit vector of random numbers, and one for none
    numbers <- 3 + 8 + ncol(case$V)
    draw <- function(unit) {
      covertree:::process_draw(case$model, case$factor, fit, 1, case$X_pred, case$run,
                               normals_from(unit))
    }
    mean <- draw(numeric(numbers))
    root <- vapply(seq_len(numbers), function(k) draw(replace(numeric(numbers), k, 1)) - mean,
                   numeric(8))
    h <- case$X_pred - truth$gain %*% case$X
    expect_equal(mean, case$X_pred %*% beta + truth$gain %*% (case$y - case$X %*% beta),
                 tolerance = 1e-10)
    expect_equal(tcrossprod(root), truth$covariance + h %*% H %*% t(h), tolerance = 1e-10)
  }
})

test_that("leaving one out is dense algebra's", {
  set.seed(343)
  for (inducing in c(FALSE, TRUE)) {
    case <- prediction_case("obs", inducing)
    S <- conditional(case)$observed
    out <- covertree:::process_leave_one_out(case$observed, case$y)
    for (i in c(1, 7, 30)) {
      gain <- S[i, -i] %*% solve(S[-i, -i])
      expect_equal(out$mean[i, 1], drop(gain %*% case$y[-i]), tolerance = 1e-10)
      expect_equal(out$variance[i], drop(S[i, i] - gain %*% S[-i, i]), tolerance = 1e-10)
    }
  }
})

test_that("places that are known without noise are predicted with variance 0", {
  set.seed(344)
  locs <- matrix(runif(60), 30)
  y <- rnorm(30)
  run <- covertree:::run_settings(1, FALSE)
  model <- covertree:::process_model(vecchia_neighbors(locs, m = 5), locs, cov_exponential(1, 0.3),
                                     NULL, run)
  sets <- vecchia_neighbors(locs, m = 5, locs_pred = rbind(locs[4, ], locs[4, ]), cond_on = "all")
  factor <- covertree:::prediction_factor(model, rbind(locs[4, ], locs[4, ]), sets, run)
  made <- covertree:::process_predict(model, factor, list(y = y), run = run)
  expect_equal(made$mean[, 1], y[c(4, 4)], tolerance = 1e-12)
  expect_equal(made$variance, c(0, 0), tolerance = 1e-12)
})
