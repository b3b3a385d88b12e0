test_that("divergences are those of dense algebra", {
  set.seed(61)
  x <- matrix(runif(120), 60)
  cov <- cov_exponential(lengthscale = 0.3, nugget = 0.05)
  d <- vecchia_diagnose(x, cov, m = c(3, 59), order = c("coordinate", "maxmin"))
  expect_equal(d$divergence[d$m == 59], c(0, 0), tolerance = 1e-10)
  o <- vecchia_order(x, "coordinate")
  K <- covariance(cov, x[o, ])
  sets <- vecchia_neighbors(x[o, ], m = 3, metric = metric_correlation(cov))$index
  D <- vapply(1:60, function(i) {
    s <- sets[i, !is.na(sets[i, ])]
    if (length(s)) K[i, i] - K[i, s] %*% solve(K[s, s], K[s, i]) else K[i, i]
  }, 0)
  expect_equal(d$divergence[d$m == 3 & d$order == "coordinate"],
               (sum(log(D)) - c(determinant(K)$modulus)) / 120)
  expect_equal(d$sd[1], exp(mean(log(D)) / 2))
})

test_that("without the exact process the best is the measure, and it prints and plots", {
  set.seed(62)
  x <- matrix(runif(200), 100)
  d <- vecchia_diagnose(x, cov_matern(1.5, lengthscale = 0.2, nugget = 0.01), m = c(2, 5, 10),
                        dense = 0)
  expect_identical(min(d$divergence), 0)
  expect_output(print(d), "best of these")
  withr::local_pdf(withr::local_tempfile(fileext = ".pdf"))
  expect_silent(plot(d))
})
