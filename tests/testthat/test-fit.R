test_that("a fit is where the likelihood of its sets is largest", {
  set.seed(501)
  data <- fit_data()
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, cov_matern(1.5), m = 10)
  plan <- fit$plan
  value <- function(u) {
    cov <- cov_matern(1.5, exp(u[1]), exp(u[2]), exp(u[3]))
    as.double(vecchia_loglik(plan$y, plan$sets, plan$points, cov, X = plan$X))
  }
  at <- log(fit$parameters$estimate[1:3])
  best <- stats::optim(at + c(0.2, -0.1, 0.3), value, control = list(fnscale = -1, reltol = 1e-13,
                                                                    maxit = 2000))
  expect_equal(as.double(logLik(fit)), value(at), tolerance = 1e-12)
  expect_equal(as.double(logLik(fit)), best$value, tolerance = 1e-8)
  expect_equal(at, best$par, tolerance = 1e-2)
})

test_that("estimates are GpGp's where families and sets are the same", {
  skip_if_not_installed("GpGp")
  skip_if_not_installed("fields")
  set.seed(502)
  data <- fit_data(400)
  fit <- vecchia_fit(y ~ slope, data, ~ east + north, cov_exponential(), m = 15)
  theirs <- GpGp::fit_model(fit$plan$y, fit$plan$points, fit$plan$X, "exponential_isotropic",
                            NNarray = as_NNarray(vecchia_neighbors(fit$plan$points, 16)),
                            m_seq = 15,
                            reorder = FALSE, group = FALSE, silent = TRUE)
  own <- with(as_covariance(theirs$covparms, "exponential_isotropic"),
              c(variance, lengthscale, nugget))
  # GpGp penalises its likelihood a little
  expect_equal(fit$parameters$estimate, own, tolerance = 0.05)
  expect_gte(as.double(logLik(fit)), theirs$loglik - 1e-6)
  expect_equal(unname(fit$beta), theirs$betahat, tolerance = 0.01)
})

test_that("errors are those of the information, on the scale of logarithms", {
  set.seed(503)
  fit <- vecchia_fit(y ~ slope, fit_data(), ~ east + north, cov_matern(1.5), m = 10)
  plan <- fit$plan
  loglik <- vecchia_loglik(plan$y, plan$sets, plan$points, fit$cov, X = plan$X, information = TRUE)
  own <- solve(attr(loglik, "information"))
  expect_equal(unname(vcov(fit)[3:5, 3:5]), unname(own), tolerance = 1e-8)
  expect_equal(unname(fit$parameters$std.error[1:3]), unname(sqrt(diag(own))), tolerance = 1e-8)
  limits <- confint(fit, level = 0.9)
  expect_equal(unname(limits["nugget", ]),
               fit$parameters["nugget", "estimate"] *
                 exp(c(-1, 1) * qnorm(0.95) * fit$parameters["nugget", "log.error"]))
})

test_that("coordinates may be a formula, names, a matrix or points of their own", {
  set.seed(504)
  data <- fit_data(120)
  fit <- function(...) vecchia_fit(y ~ slope, ..., m = 5)$parameters
  first <- fit(data, ~ east + north)
  expect_identical(fit(data, c("east", "north")), first)
  expect_identical(fit(data, as.matrix(data[1:2])), first)
  expect_identical(fit(data, data[1:2]), first)
  skip_if_not_installed("sf")
  places <- sf::st_as_sf(data, coords = c("east", "north"))
  expect_equal(fit(places)$estimate, first$estimate)
})

test_that("formulas, offsets, subsets and missing values are those of lm()", {
  set.seed(505)
  data <- fit_data(150)
  data$known <- data$north
  data$y[3] <- NA
  data$slope[c(3, 9)] <- 0
  data$east[9] <- NA
  fit <- vecchia_fit(y ~ poly(slope, 2) + soil + offset(known), data, ~ east + north, m = 5,
                     subset = slope < 1.5)
  kept <- which(data$slope < 1.5 & !is.na(data$y) & !is.na(data$east))
  expect_identical(nobs(fit), length(kept))
  expect_named(fit$beta, names(coef(lm(y ~ poly(slope, 2) + soil + offset(known), data,
                                       subset = slope < 1.5))))
  expect_match(fit$notes, paste(sum(data$slope < 1.5) - length(kept), "rows? with missing"),
               all = FALSE)
  by_hand <- data[kept, ]
  by_hand$y <- by_hand$y - by_hand$known
  other <- vecchia_fit(y ~ poly(slope, 2) + soil, by_hand, ~ east + north, m = 5)
  expect_equal(as.double(logLik(fit)), as.double(logLik(other)), tolerance = 1e-9)
  excluded <- update(fit, na.action = na.exclude)
  expect_true(is.na(residuals(excluded, "trend")[["3"]]))
})

test_that("fixed parameters stay, by name and by value", {
  set.seed(506)
  data <- fit_data(150)
  cov <- cov_matern(1.5, nugget = 0.07)
  fit <- vecchia_fit(y ~ 1, data, ~ east + north, cov, m = 5, fixed = c("nugget", "nu"))
  expect_identical(fit$parameters["nugget", "estimate"], 0.07)
  expect_identical(fit$parameters["nugget", "status"], "fixed")
  none <- vecchia_fit(y ~ 1, data, ~ east + north, cov, m = 5, fixed = c(nugget = 0, nu = 1.5))
  expect_identical(none$cov$nugget, 0)
  expect_identical(attr(logLik(none), "df"), 3L)
  all <- vecchia_fit(y ~ 1, data, ~ east + north, cov_matern(1.5, 1, 0.2, 0.1), m = 5,
                     fixed = c("variance", "lengthscale", "nugget", "nu"))
  expect_identical(all$parameters$estimate, c(1, 0.2, 0.1, 1.5))
})

test_that("columns may share lengthscales", {
  set.seed(507)
  data <- fit_data(200)
  each <- vecchia_fit(y ~ 1, data, ~ east + north, m = 8, scales = "each")
  expect_true(all(c("lengthscale.east", "lengthscale.north") %in% rownames(each$parameters)))
  expect_gte(as.double(logLik(each)),
             as.double(logLik(vecchia_fit(y ~ 1, data, ~ east + north, m = 8))) - 1)
  grouped <- vecchia_fit(y ~ 1, data, ~ east + north, m = 8,
                         scales = list(map = c("east", "north")))
  one <- vecchia_fit(y ~ 1, data, ~ east + north, m = 8)
  expect_equal(grouped$parameters["lengthscale.map", "estimate"],
               one$parameters["lengthscale", "estimate"])
})

test_that("longitude, latitude and time have a lengthscale for the sphere and one for time", {
  set.seed(508)
  data <- data.frame(lon = runif(250, -20, 20), lat = runif(250, 40, 60), day = runif(250, 0, 100))
  cov <- cov_exponential(1, c(0.1, 30), 0.05, lonlat = TRUE)
  data$y <- draw_process(as.matrix(data), cov)
  fit <- vecchia_fit(y ~ 1, data, ~ lon + lat + day, cov_exponential(lonlat = TRUE), m = 10)
  estimate <- fit$parameters[c("lengthscale.sphere", "lengthscale.day"), ]
  expect_true(all(abs(log(estimate$estimate / c(0.1, 30))) < 3 * estimate$log.error))
})

test_that("what the data do not tell is said, and has no error", {
  set.seed(509)
  data <- fit_data(200)
  data$y <- rnorm(200)
  fit <- suppressWarnings(vecchia_fit(y ~ 1, data, ~ east + north, cov_exponential(), m = 8),
                          classes = "covertree_warning")
  smooth <- data
  smooth$y <- draw_process(as.matrix(data[1:2]), cov_exponential(1, 0.3))
  exact <- vecchia_fit(y ~ 1, smooth, ~ east + north, cov_exponential(), m = 8)
  expect_identical(exact$parameters["nugget", "status"], "lower bound")
  expect_true(is.na(exact$parameters["nugget", "std.error"]))
  expect_match(exact$notes, "nugget.*lower bound", all = FALSE)
  expect_false(anyNA(fit$parameters$estimate))
  expect_output(print(exact), "lower bound")
})

test_that("what cannot be fitted is refused by name", {
  set.seed(510)
  data <- fit_data(50)
  data$flat <- 3
  data$double <- 2 * data$slope
  refused <- function(...) expect_error(vecchia_fit(...), class = "covertree_error")
  refused(y ~ 1, data)
  refused(y ~ 1, data[1, ], ~ east + north)
  refused(flat ~ 1, data, ~ east + north)
  refused(y ~ slope + double, data, ~ east + north)
  refused(y ~ nowhere, data, ~ east + north)
  refused(y ~ 1, data, ~ east + nowhere)
  refused(y ~ 1, data, ~ east + north, fixed = "smoothness")
  refused(y ~ 1, data, ~ east + north, start = c(range = 1))
  refused(y ~ 1, data, ~ east + north, scales = list(a = "east"))
  refused(y ~ 1, data, ~ east + north, order = 1:3)
  refused(y ~ 1, data, ~ east + north, control = list(maxit = 3))
  refused(y ~ 1, data, ~ east + north, m = 0)
  refused(~ slope, data, ~ east + north)
  refused(y ~ 1, data, ~ east + north, cov = cov_function(function(A, B) A %*% t(B)))
})

test_that("duplicates, far points and large values are fitted", {
  set.seed(511)
  data <- fit_data(150)
  twice <- rbind(data, data)
  twice$y <- twice$y + rnorm(300, sd = 0.1)
  expect_true(vecchia_fit(y ~ 1, twice, ~ east + north, m = 8)$converged)
  far <- data
  far$east[1] <- 1e4
  expect_false(anyNA(vecchia_fit(y ~ 1, far, ~ east + north, m = 8)$parameters$estimate))
  large <- data
  large$y <- 1e8 * large$y
  own <- vecchia_fit(y ~ 1, data, ~ east + north, m = 8)
  scaled <- vecchia_fit(y ~ 1, large, ~ east + north, m = 8)
  expect_equal(scaled$parameters$estimate / own$parameters$estimate, c(1e16, 1, 1e16, 1),
               tolerance = 1e-3)
})

test_that("the fit is the same for any number of threads", {
  set.seed(512)
  data <- fit_data(200)
  one <- vecchia_fit(y ~ slope, data, ~ east + north, m = 8, threads = 1)
  two <- vecchia_fit(y ~ slope, data, ~ east + north, m = 8, threads = 2)
  expect_identical(one$parameters, two$parameters)
  expect_identical(one$beta, two$beta)
})

test_that("true parameters lie within two errors as often as they should", {
  skip_on_cran()
  skip_if_not_installed("GpGp")
  truth <- c(1, 0.1, 0.1)
  inside <- vapply(1:20, function(seed) {
    set.seed(seed)
    x <- cbind(east = runif(2000), north = runif(2000))
    x <- x[vecchia_order(x), ]
    y <- draw_process(x, cov_matern(1.5, 1, 0.1, 0.1))
    fit <- vecchia_fit(y ~ 1, data.frame(x, y = y), ~ east + north, m = 20)
    abs(log(fit$parameters$estimate[1:3] / truth)) < 2 * fit$parameters$log.error[1:3]
  }, logical(3))
  expect_true(all(rowMeans(inside) >= 0.8))
})

test_that("coordinates that do not vary have no lengthscale, and the others their errors", {
  set.seed(516)
  data <- fit_data(100)
  data$height <- 2
  fit <- vecchia_fit(y ~ slope, data, ~ east + north + height, scales = "each", m = 10)
  flat <- vecchia_fit(y ~ slope, data, ~ east + north, scales = "each", m = 10)
  expect_equal(logLik(fit), logLik(flat))
  expect_equal(confint(fit), confint(flat))
  expect_match(fit$notes, "lengthscale.height", all = FALSE)
})

test_that("a response too large or too small to square is refused by its size", {
  set.seed(517)
  data <- fit_data(30)
  for (unit in c(1e150, 1e-150)) {
    expect_error(vecchia_fit(y * unit ~ 1, data, ~ east + north), "unit", class = "covertree_error")
  }
})
