# Dense kriging with a profiled mean: mean and variance of the process, and joint covariance.
dense_kriging <- function(fit, data, new, X, X_new,
                          error = error_variances(fit)[order(fit$plan$order)]) {
  K <- function(a, b) .Call(C_ffi_covariance, fit_covariance(fit$cov, a, NULL), a, b)
  a <- unname(as.matrix(data[c("east", "north")]))
  b <- unname(as.matrix(new[c("east", "north")]))
  S <- K(a, a)
  diag(S) <- fit$cov$variance + error
  inverse <- solve(S)
  H <- solve(crossprod(X, inverse %*% X))
  beta <- H %*% crossprod(X, inverse %*% data$y)
  weights <- K(b, a) %*% inverse
  open <- X_new - weights %*% X
  joint <- K(b, b)
  diag(joint) <- fit$cov$variance
  list(mean = drop(X_new %*% beta + weights %*% (data$y - X %*% beta)),
       cov = joint - weights %*% t(K(b, a)) + open %*% H %*% t(open))
}

full_fit <- function(data, ...) {
  vecchia_fit(y ~ slope, data, ~ east + north, m = nrow(data) - 1, ...)
}

new_data <- function(n = 12) {
  data.frame(east = stats::runif(n), north = stats::runif(n), slope = stats::rnorm(n))
}

test_that("with full sets predictions are those of dense kriging", {
  set.seed(521)
  data <- fit_data(80)
  new <- new_data()
  fit <- full_fit(data)
  dense <- dense_kriging(fit, data, new, cbind(1, data$slope), cbind(1, new$slope))
  for (cond_on in c("obs", "all")) {
    found <- predict(fit, new, se.fit = TRUE, interval = "prediction", cond_on = cond_on, m = 200)
    expect_equal(unname(found$fit[, "fit"]), dense$mean, tolerance = 1e-8)
    expect_equal(unname(found$se.fit), sqrt(diag(dense$cov)), tolerance = 1e-8)
    half <- qnorm(0.975) * sqrt(diag(dense$cov) + fit$cov$nugget)
    expect_equal(unname(found$fit[, "upr"]), dense$mean + half, tolerance = 1e-8)
  }
})

test_that("weights or known noise enter as variances of the errors", {
  set.seed(522)
  data <- fit_data(60)
  data$w <- runif(60, 0.5, 2)
  data$known <- runif(60, 0, 0.2)
  new <- new_data()
  fits <- list(vecchia_fit(y ~ slope, data, ~ east + north, m = 59, weights = w),
               vecchia_fit(y ~ slope, data, ~ east + north, m = 59, noise = known))
  errors <- list(fits[[1]]$cov$nugget / data$w, fits[[2]]$cov$nugget + data$known)
  for (i in 1:2) {
    fit <- fits[[i]]
    expect_equal(error_variances(fit), errors[[i]][fit$plan$order])
    dense <- dense_kriging(fit, data, new, cbind(1, data$slope), cbind(1, new$slope))
    found <- predict(fit, new, se.fit = TRUE, m = 200)
    expect_equal(unname(found$fit), dense$mean, tolerance = 1e-7)
    expect_equal(unname(found$se.fit), sqrt(diag(dense$cov)), tolerance = 1e-7)
  }
  expect_error(vecchia_fit(y ~ slope, data, ~ east + north, weights = w, noise = known),
               class = "covertree_error")
})

test_that("the derivative by a weighted nugget is the likelihood's difference", {
  set.seed(529)
  data <- fit_data(60)
  locs <- as.matrix(data[1:2])
  sets <- vecchia_neighbors(locs, m = 8)
  w <- runif(60, 0.2, 3)
  value <- function(nugget, ...) {
    vecchia_loglik(data$y, sets, locs, cov_matern(1.5, 1, 0.2, nugget), X = matrix(1, 60),
                   weights = w, ...)
  }
  gradient <- attr(value(0.3, gradient = TRUE), "gradient")
  difference <- (value(0.3 + 1e-5) - value(0.3 - 1e-5)) / 2e-5
  expect_equal(gradient[["nugget"]], as.double(difference), tolerance = 1e-6)
  by_variance <- function(v) {
    as.double(vecchia_loglik(data$y, sets, locs, cov_matern(1.5, v, 0.2, 0.3), X = matrix(1, 60),
                             weights = w))
  }
  expect_equal(gradient[["variance"]], (by_variance(1 + 1e-5) - by_variance(1 - 1e-5)) / 2e-5,
               tolerance = 1e-6)
})

test_that("fitted values are the process given all observations, and residuals the rest", {
  set.seed(523)
  data <- fit_data(70)
  fit <- full_fit(data)
  X <- cbind(1, data$slope)
  dense <- dense_kriging(fit, data, data, X, X)
  expect_equal(unname(fitted(fit)), dense$mean, tolerance = 1e-8)
  expect_equal(unname(residuals(fit)), data$y - dense$mean, tolerance = 1e-8)
  expect_equal(unname(predict(fit, se.fit = TRUE)$se.fit), sqrt(diag(dense$cov)), tolerance = 1e-6)
  expect_equal(unname(residuals(fit, "trend")), drop(data$y - X %*% coef(fit)[1:2]))
})

test_that("draws have the mean and the covariance of dense kriging", {
  set.seed(524)
  data <- fit_data(60)
  new <- new_data(5)
  fit <- full_fit(data)
  dense <- dense_kriging(fit, data, new, cbind(1, data$slope), cbind(1, new$slope))
  draws <- simulate(fit, 4000, seed = 1, newdata = new, m = 200)
  expect_identical(draws, simulate(fit, 4000, seed = 1, newdata = new, m = 200))
  error <- sqrt(diag(dense$cov) / 4000)
  expect_true(all(abs(rowMeans(draws) - dense$mean) < 4 * error))
  scale <- sqrt(outer(diag(dense$cov), diag(dense$cov)))
  expect_lt(max(abs(cov(t(draws)) - dense$cov) / scale), 5 * sqrt(2 / 4000))
})

test_that("rows of new data with missing values are NA, and the order of columns is free", {
  set.seed(525)
  data <- fit_data(60)
  fit <- vecchia_fit(y ~ slope + soil, data, ~ east + north, m = 5)
  new <- cbind(new_data(4), soil = factor("sand", levels = c("sand", "clay")))
  full <- predict(fit, new)
  expect_equal(predict(fit, new[c(3, 4, 1, 2)]), full)
  new$slope[2] <- NA
  new$east[4] <- NA
  part <- predict(fit, new, interval = "confidence")
  expect_identical(which(is.na(part[, "fit"])), c(`2` = 2L, `4` = 4L))
  expect_equal(part[c(1, 3), "fit"], full[c(1, 3)])
  expect_error(predict(fit, new[-1]), class = "covertree_error")
  new$soil <- factor("peat")
  expect_error(predict(fit, new), class = "covertree_error")
})

test_that("leaving one out is predicting it from all others", {
  set.seed(526)
  data <- fit_data(40)
  fit <- full_fit(data, fixed = c(variance = 1, lengthscale = 0.2, nugget = 0.1, nu = 1.5))
  loo <- cv(fit, "loo")
  K <- .Call(C_ffi_covariance, fit_covariance(fit$cov, as.matrix(data[1:2]), NULL),
             unname(as.matrix(data[1:2])), unname(as.matrix(data[1:2])))
  diag(K) <- 1.1
  trend <- drop(cbind(1, data$slope) %*% fit$beta)
  one <- function(i) {
    w <- solve(K[-i, -i], K[-i, i])
    c(trend[i] + sum(w * (data$y - trend)[-i]), sqrt(K[i, i] - sum(w * K[-i, i])))
  }
  dense <- vapply(seq_len(40), one, c(0, 0))
  expect_equal(loo$mean, dense[1, ], tolerance = 1e-8)
  expect_equal(loo$sd, dense[2, ], tolerance = 1e-8)
  expect_identical(loo$observed, data$y)
})

test_that("folds are predicted from the others alone", {
  set.seed(527)
  data <- fit_data(60)
  fit <- full_fit(data)
  for (by in c("rows", "blocks")) {
    found <- cv(fit, 4, by = by)
    expect_identical(sort(unique(found$fold)), 1:4)
    out <- which(found$fold == 2)
    refit <- vecchia_fit(y ~ slope, data[-out, ], ~ east + north, m = 59,
                         fixed = setNames(fit$parameters$estimate, rownames(fit$parameters)))
    part <- predict(refit, data[out, ], se.fit = TRUE, m = 200)
    expect_equal(found$mean[out], unname(part$fit), tolerance = 1e-8)
    expect_equal(found$sd[out], unname(sqrt(part$se.fit^2 + fit$cov$nugget)), tolerance = 1e-8)
  }
  own <- cv(fit, rep(c("a", "b"), 30))
  expect_identical(own$fold, rep(1:2, 30))
  expect_error(cv(fit, 1), class = "covertree_error")
})

test_that("scores are those of the normal distribution", {
  found <- structure(data.frame(observed = c(0, 1, 4), mean = c(0.5, 1, 1), sd = c(1, 2, 1),
                                fold = 1),
                     class = c("vecchia_cv", "data.frame"))
  score <- summary(found)
  crps <- function(y, m, s) {
    integrate(function(t) (pnorm(t, m, s) - (t >= y))^2, -40, y)$value +
      integrate(function(t) (pnorm(t, m, s) - (t >= y))^2, y, 40)$value
  }
  expect_equal(score[["crps"]], mean(mapply(crps, found$observed, found$mean, found$sd)),
               tolerance = 1e-6)
  expect_equal(score[["log_score"]], -mean(dnorm(found$observed, found$mean, found$sd, log = TRUE)))
  expect_equal(score[["rmse"]], sqrt(mean(c(0.25, 0, 9))))
  expect_equal(score[["coverage"]], 2 / 3)
})

test_that("broom's verbs answer", {
  skip_if_not_installed("broom")
  set.seed(528)
  fit <- vecchia_fit(y ~ slope, fit_data(60), ~ east + north, m = 5)
  table <- broom::tidy(fit, conf.int = TRUE)
  expect_identical(table$term, names(coef(fit)))
  expect_equal(table$estimate, unname(coef(fit)))
  expect_equal(broom::glance(fit)$AIC, AIC(fit))
  expect_equal(unname(sqrt(diag(vcov(fit)))), table$std.error)
})

# Mean and covariance at new places of the approximation that a fit with inducing points stands for,
# the mean's coefficients profiled; sets: of the new places, the observations being in their order.
approximate_kriging <- function(fit, new, X_new, sets) {
  plan <- fit$plan
  n <- length(plan$y)
  locs <- rbind(unname(plan$points), unname(as.matrix(new[c("east", "north")])))
  V <- oracle_low_rank(fit$cov, locs, plan$inducing)
  K <- oracle_covariance(fit$cov, locs) + diag(c(error_variances(fit), numeric(nrow(new))))
  S <- tcrossprod(V) + oracle_approximation(K - tcrossprod(V), rbind(plan$sets, sets))
  old <- seq_len(n)
  P <- solve(S[old, old])
  H <- solve(t(plan$X) %*% P %*% plan$X)
  beta <- H %*% t(plan$X) %*% P %*% plan$y
  gain <- S[-old, old] %*% P
  h <- X_new - gain %*% plan$X
  list(mean = drop(X_new %*% beta + gain %*% (plan$y - plan$X %*% beta)),
       cov = S[-old, -old] - gain %*% S[old, -old] + h %*% H %*% t(h))
}

test_that("with inducing points predictions and draws are those of the approximation", {
  set.seed(530)
  data <- fit_data(60)
  new <- new_data(6)
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, m = 5, inducing = 8)
  metric <- metric_residual(fit$cov, fit$plan$inducing)
  there <- as.matrix(new[c("east", "north")])
  expect_identical(nrow(fit$plan$inducing), 8L)
  for (cond_on in c("obs", "all")) {
    order <- if (cond_on == "all") vecchia_order(there, metric = metric_correlation(fit$cov))
             else 1:6
    sets <- suppressWarnings(vecchia_neighbors(fit$plan$points, 5, metric, cond_on = cond_on,
                                               locs_pred = there[order, ])) # some are explained
    truth <- approximate_kriging(fit, new[order, ], cbind(1, new$slope)[order, ], sets$index)
    expect_no_warning(found <- predict(fit, new, se.fit = TRUE, cond_on = cond_on))
    expect_equal(unname(found$fit)[order], truth$mean, tolerance = 1e-8)
    expect_equal(unname(found$se.fit)[order], sqrt(diag(truth$cov)), tolerance = 1e-8)
  }
  draws <- simulate(fit, 4000, seed = 1, newdata = new)[order, ]
  scale <- sqrt(outer(diag(truth$cov), diag(truth$cov)))
  expect_lt(max(abs(rowMeans(draws) - truth$mean) / sqrt(diag(truth$cov) / 4000)), 4)
  expect_lt(max(abs(cov(t(draws)) - truth$cov) / scale), 5 * sqrt(2 / 4000))
})

test_that("with inducing points fitted values and folds are those of dense algebra", {
  set.seed(531)
  data <- fit_data(50)
  fit <- full_fit(data, inducing = 7)
  X <- cbind(1, data$slope)
  dense <- dense_kriging(fit, data, data, X, X)
  expect_equal(unname(fitted(fit)), dense$mean, tolerance = 1e-7)
  expect_equal(unname(predict(fit, se.fit = TRUE)$se.fit), sqrt(diag(dense$cov)), tolerance = 1e-6)
  found <- cv(fit, 3, by = "blocks")
  out <- which(found$fold == 2)
  part <- dense_kriging(fit, data[-out, ], data[out, ], X[-out, ], X[out, ],
                        error = fit$cov$nugget)
  expect_equal(found$mean[out], part$mean, tolerance = 1e-7)
  expect_equal(found$sd[out], sqrt(diag(part$cov) + fit$cov$nugget), tolerance = 1e-7)
})

test_that("inducing points go by the names of their columns", {
  set.seed(532)
  data <- fit_data(60)
  points <- data[1:9, c("north", "east")]
  fit <- vecchia_fit(y ~ 1, data, ~ east + north, m = 5, inducing = points)
  expect_equal(unname(fit$plan$inducing), unname(as.matrix(points[c("east", "north")])))
  expect_identical(logLik(fit), logLik(update(fit, inducing = as.matrix(points[2:1]))))
  expect_error(update(fit, inducing = data[1:9, "east", drop = FALSE]), class = "covertree_error")
})

test_that("no new place, or none that is complete, gives no prediction or NA", {
  set.seed(533)
  fit <- full_fit(fit_data(30))
  new <- new_data(2)
  for (cond_on in c("obs", "all")) {
    expect_length(predict(fit, new[0, ], cond_on = cond_on), 0)
    lost <- predict(fit, transform(new, slope = NA_real_), se.fit = TRUE, interval = "prediction",
                    cond_on = cond_on)
    expect_identical(dim(lost$fit), 2:3)
    expect_true(all(is.na(lost$fit)) && all(is.na(lost$se.fit)))
  }
  expect_identical(dim(simulate(fit, 3, newdata = new[0, ])), c(0L, 3L))
  expect_error(predict(fit, transform(new, slope = Inf)), "row 1", class = "covertree_error")
})

test_that("an offset counts in predictions, as an argument or a term", {
  set.seed(534)
  data <- fit_data(40)
  new <- new_data(3)
  term <- vecchia_fit(y ~ slope + offset(3 * slope), data, ~ east + north, m = 5)
  argument <- vecchia_fit(y ~ slope, data, ~ east + north, m = 5, offset = 3 * slope)
  expect_equal(predict(argument, new), predict(term, new))
  expect_equal(simulate(argument, 2, seed = 1, newdata = new),
               simulate(term, 2, seed = 1, newdata = new))
  data$shift <- 1
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, m = 5, offset = shift)
  expect_error(predict(fit, new), "offset", class = "covertree_error")
})

test_that("without new data draws are responses of the fitted model", {
  set.seed(535)
  data <- fit_data(40)
  data$y[3] <- NA
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, m = 39, na.action = na.exclude)
  before <- .Random.seed
  draws <- simulate(fit, 3000, seed = 2)
  expect_identical(.Random.seed, before)
  expect_identical(dim(draws), c(40L, 3000L))
  expect_true(all(is.na(draws[3, ])))
  draws <- as.matrix(draws[-3, ])
  sd <- sqrt(fit$cov$variance + fit$cov$nugget)
  trend <- drop(cbind(1, data$slope[-3]) %*% fit$beta)
  expect_lt(max(abs(rowMeans(draws) - trend)), 4 * sd / sqrt(3000))
  K <- oracle_covariance(fit$cov, as.matrix(data[-3, 1:2])) + diag(fit$cov$nugget, 39)
  expect_lt(max(abs(cov(t(draws)) - K)), 5 * sd^2 * sqrt(2 / 3000))
})

test_that("a fit whose parts were changed is refused", {
  set.seed(536)
  fit <- full_fit(fit_data(30))
  new <- new_data(2)
  changed <- list(replace(fit, "beta", list(fit$beta[1])), replace(fit, "model", list(NULL)),
                  replace(fit, "plan", list(NULL)))
  for (one in changed) {
    expect_error(predict(one, new), class = "covertree_error")
    expect_error(simulate(one, newdata = new), class = "covertree_error")
    expect_error(cv(one, 3), class = "covertree_error")
  }
  expect_error(confint(fit, "range"), "range", class = "covertree_error")
})

test_that("new places and inducing points are in the system and units of the fit's", {
  skip_if_not_installed("sf")
  set.seed(537)
  data <- fit_data(60)
  points <- sf::st_as_sf(data, coords = c("east", "north"), crs = 3857)
  other <- sf::st_transform(points, 4326)
  fit <- vecchia_fit(y ~ slope, points, m = 5)
  expect_equal(predict(fit, points[1:3, ]), predict(fit, points)[1:3])
  expect_error(predict(fit, other[1:3, ]), "reference system", class = "covertree_error")
  expect_error(simulate(fit, newdata = other[1:3, ]), "reference system", class = "covertree_error")
  expect_error(update(fit, inducing = sf::st_geometry(other)[1:5]), class = "covertree_error")
  skip_if_not_installed("units")
  data$east <- units::set_units(data$east, "km")
  data$north <- units::set_units(data$north, "km")
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, m = 5)
  metres <- data[1:3, ]
  metres$east <- units::set_units(metres$east, "m")
  expect_equal(predict(fit, metres), predict(fit, data[1:3, ]))
})

test_that("maps are drawn whatever the coordinates were given as", {
  skip_if_not_installed("sf")
  set.seed(538)
  data <- fit_data(40)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  points <- sf::st_as_sf(data, coords = c("east", "north"))
  fits <- list(vecchia_fit(y ~ 1, points, m = 5),
               vecchia_fit(y ~ 1, data, unname(as.matrix(data[1:2])), m = 5),
               vecchia_fit(y ~ 1, data, c("east", "north"), m = 5))
  for (fit in fits) expect_identical(plot(fit, "map", grid = 10), fit)
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, m = 5)
  expect_error(plot(fit, "map"), "newdata", class = "covertree_error")
  new <- new_data(5)
  new$slope[2] <- NA
  expect_identical(plot(fit, "map", newdata = new), fit)
})
