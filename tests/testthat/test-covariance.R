# k of the rows of A and B as the core evaluates it.
core_covariance <- function(cov, A, B = A) {
  cov <- fit_covariance(cov, A, NULL)
  .Call(C_ffi_covariance, cov, A, B)
}

# The same by the formulas of the man page.
plain_covariance <- function(cov, A, B = A) {
  if (cov$lonlat) {
    A <- cbind(sphere_rows(A), A[, -(1:2), drop = FALSE])
    B <- cbind(sphere_rows(B), B[, -(1:2), drop = FALSE])
    scale <- c(rep(cov$lengthscale[1], 3), cov$lengthscale[-1])
  } else {
    scale <- rep_len(cov$lengthscale, ncol(A))
  }
  A <- sweep(A, 2, scale, "/")
  B <- sweep(B, 2, scale, "/")
  h <- matrix(0, nrow(A), nrow(B))
  for (c in seq_len(ncol(A))) h <- h + outer(A[, c], B[, c], "-")^2
  h <- sqrt(h)
  matern <- function(nu) {
    s <- sqrt(2 * nu) * h
    ifelse(h == 0, 1, 2^(1 - nu) / gamma(nu) * s^nu * besselK(s, nu))
  }
  g <- pmax(1 - h, 0)
  cov$variance * switch(cov$kind,
    exponential = exp(-h),
    gaussian = exp(-h^2 / 2),
    matern32 = , matern52 = , matern72 = , matern = matern(cov$shape),
    powered = exp(-h^cov$shape),
    wendland = switch(cov$shape + 1, g^2, g^4 * (4 * h + 1), g^6 * (35 * h^2 + 18 * h + 3) / 3))
}

lonlat_points <- function(n) cbind(lon = runif(n, -180, 180), lat = runif(n, -90, 90))

all_covariances <- function(...) {
  c(list(cov_exponential(...), cov_gaussian(...)),
    lapply(c(0.5, 1.5, 2.5, 3.5, 0.3, 1, 2, 4.5, 13.7, 60), cov_matern, ...),
    lapply(c(0.1, 0.7, 1, 1.5, 2), cov_powered_exponential, ...),
    lapply(0:2, cov_wendland, ...))
}

test_that("every covariance is its formula", {
  withr::local_seed(1)
  A <- matrix(runif(60), 20)
  B <- matrix(runif(90), 30)
  for (cov in all_covariances(variance = 2.5, lengthscale = c(0.3, 1, 2), nugget = 7)) {
    expect_equal(core_covariance(cov, A, B), plain_covariance(cov, A, B), tolerance = 1e-11,
                 label = format(cov))
  }
})

test_that("one lengthscale serves all columns", {
  x <- matrix(runif(40), 10)
  expect_identical(core_covariance(cov_gaussian(lengthscale = 0.4), x),
                   core_covariance(cov_gaussian(lengthscale = rep(0.4, 4)), x))
})

test_that("the chord is taken on the sphere, and further columns have their own lengthscale", {
  withr::local_seed(2)
  A <- lonlat_points(20)
  B <- lonlat_points(30)
  for (cov in all_covariances(lengthscale = 0.5, lonlat = TRUE)) {
    expect_equal(core_covariance(cov, A, B), plain_covariance(cov, A, B), tolerance = 1e-11,
                 label = format(cov))
  }
  A <- cbind(A, runif(20))
  B <- cbind(B, runif(30))
  cov <- cov_matern(2.5, lengthscale = c(0.5, 0.3), lonlat = TRUE)
  expect_equal(core_covariance(cov, A, B), plain_covariance(cov, A, B), tolerance = 1e-11)
})

test_that("far, near and equal points give numbers", {
  far <- cbind(c(0, 1e-300, 1e-160, 1e-20, 1e-8, 1, 30, 1e3, 1e8, 1e150))
  for (cov in all_covariances()) {
    k <- core_covariance(cov, far)
    expect_true(all(is.finite(k) & k >= 0 & k <= 1), label = format(cov))
    expect_identical(diag(k), rep(1, 10))
    expect_identical(k, t(k))
  }
})

test_that("Matern of small nu and tiny distances does not leave the range", {
  h <- cbind(c(0, 10^seq(-300, 2, 2)))
  for (nu in c(1e-3, 0.05, 0.5001, 1, 1.0001, 5, 20, 99.5, 100)) {
    k <- core_covariance(cov_matern(nu), h[1, , drop = FALSE], h)
    expect_true(all(is.finite(k) & k >= 0 & k <= 1), label = paste("nu", nu))
    expect_true(all(diff(k[1, ]) <= 1e-13), label = paste("nu", nu))
  }
})

test_that("GpGp's parameters give GpGp's covariances", {
  skip_if_not_installed("GpGp")
  withr::local_seed(3)
  plane <- matrix(runif(60), 20)
  sphere <- lonlat_points(20)
  cases <- list(
    exponential_isotropic = list(c(2, 0.3, 0.1), plane),
    exponential_scaledim = list(c(2, 0.3, 0.5, 0.9, 0.1), plane),
    exponential_spacetime = list(c(2, 0.3, 0.7, 0.1), plane),
    exponential_sphere = list(c(2, 0.3, 0.1), sphere),
    exponential_spheretime = list(c(2, 0.3, 0.4, 0.1), cbind(sphere, runif(20))),
    matern_isotropic = list(c(2, 0.3, 0.8, 0.1), plane),
    matern_scaledim = list(c(2, 0.3, 0.5, 0.9, 1.2, 0.1), plane),
    matern_spacetime = list(c(2, 0.3, 0.7, 1.7, 0.1), plane),
    matern_sphere = list(c(2, 0.3, 0.6, 0.1), sphere),
    matern_spheretime = list(c(2, 0.3, 0.4, 2.2, 0.1), cbind(sphere, runif(20))),
    matern15_isotropic = list(c(2, 0.3, 0.1), plane),
    matern15_scaledim = list(c(2, 0.3, 0.5, 0.9, 0.1), plane),
    matern25_isotropic = list(c(2, 0.3, 0.1), plane),
    matern25_scaledim = list(c(2, 0.3, 0.5, 0.9, 0.1), plane),
    matern35_isotropic = list(c(2, 0.3, 0.1), plane),
    matern35_scaledim = list(c(2, 0.3, 0.5, 0.9, 0.1), plane),
    matern45_isotropic = list(c(2, 0.3, 0.1), plane),
    matern45_scaledim = list(c(2, 0.3, 0.5, 0.9, 0.1), plane))
  expect_setequal(names(cases), names(gpgp_covariances))
  for (name in names(cases)) {
    parms <- cases[[name]][[1]]
    x <- cases[[name]][[2]]
    cov <- as_covariance(parms, name)
    theirs <- getExportedValue("GpGp", name)(parms, x)
    expect_equal(core_covariance(cov, x) + diag(cov$nugget, nrow(x)), theirs, tolerance = 1e-10,
                 label = name)
  }
})

test_that("GpGp's space-time covariances take any number of columns", {
  skip_if_not_installed("GpGp")
  x <- matrix(runif(80), 20)
  cov <- as_covariance(c(2, 0.3, 0.7, 0.1), "exponential_spacetime", columns = 4)
  expect_equal(core_covariance(cov, x) + diag(0.2, 20),
               GpGp::exponential_spacetime(c(2, 0.3, 0.7, 0.1), x))
})

test_that("GPBoost's parameters give GPBoost's covariances", {
  withr::local_seed(4)
  x <- matrix(runif(40), 20)
  d <- as.matrix(dist(x))
  dimnames(d) <- NULL
  expect_equal(core_covariance(as_covariance(c(0.1, 2, 0.3), "exponential"), x), 2 * exp(-d / 0.3))
  expect_equal(core_covariance(as_covariance(c(0.1, 2, 0.3), "gaussian"), x), 2 * exp(-(d / 0.3)^2))
  expect_equal(core_covariance(as_covariance(c(0.1, 2, 0.3), "powered_exponential", shape = 1.3),
                               x),
               2 * exp(-(d / 0.3)^1.3))
  s <- sqrt(5) * d / 0.3
  expect_equal(core_covariance(as_covariance(c(0.1, 2, 0.3), "matern", shape = 2.5), x),
               2 * (1 + s + s^2 / 3) * exp(-s))
  expect_identical(as_covariance(c(0.1, 2, 0.3), "matern", shape = 2.5)$nugget, 0.1)
  expect_identical(as_covariance(c(2, 0.3), "matern", shape = 2.5)$nugget, 0)

  fit <- rbind(Param. = c(Error_term = 0.1, GP_var = 2, GP_range_1 = 0.3, GP_range_2 = 0.5),
               Std.dev. = 1)
  cov <- as_covariance(fit, "gaussian_ard")
  expect_equal(cov[c("variance", "nugget", "lengthscale")],
               list(variance = 2, nugget = 0.1, lengthscale = c(0.3, 0.5) / sqrt(2)))
  cov <- as_covariance(c(GP_var = 2, GP_range_1 = 0.3, GP_range_2 = 0.5), "matern_ard", shape = 1.5)
  expect_equal(cov[c("variance", "nugget", "lengthscale")],
               list(variance = 2, nugget = 0, lengthscale = c(0.3, 0.5)))
  cov <- as_covariance(c(0.1, 2, 0.3, 0.5), "matern_space_time", shape = 1.5)
  expect_equal(cov$lengthscale, c(0.3, 0.5, 0.5))
})

test_that("what cannot be converted is an error that lists what can", {
  expect_snapshot(error = TRUE, {
    as_covariance(c(2, 0.3, 0.1), "matern_anisotropic2D")
    as_covariance(c(2, 0.3), "matern15_isotropic")
    as_covariance(c(2, 0.3, 0.1), "matern")
    as_covariance(c(2, NA, 0.1), "matern15_isotropic")
    as_covariance(2, 1)
    as_covariance(c(1, 2, 3, 4), "exponential")
  })
})

test_that("wrong parameters are errors", {
  expect_snapshot(error = TRUE, {
    cov_exponential(variance = -1)
    cov_exponential(lengthscale = 0)
    cov_exponential(lengthscale = c(1, NA))
    cov_exponential(lengthscale = numeric())
    cov_gaussian(nugget = -1)
    cov_gaussian(lonlat = NA)
    cov_matern(0)
    cov_matern(101)
    cov_matern("smooth")
    cov_powered_exponential(2.1)
    cov_wendland(3)
    cov_wendland(0.5)
    cov_function(1)
    metric_residual("matern")
  })
})

test_that("covariances print what they are", {
  expect_snapshot({
    cov_exponential()
    cov_matern(1.5, variance = 2, lengthscale = c(0.2, 30), nugget = 0.1, lonlat = TRUE)
    cov_matern(0.8)
    cov_gaussian(lengthscale = 1 / 3)
    cov_powered_exponential(1.5)
    cov_wendland(2)
    cov_function(function(A, B) 0)
  })
})

test_that("a covariance given as a function gives the neighbours of the same one in C", {
  withr::local_seed(5)
  x <- matrix(runif(120), 60)
  u <- matrix(runif(10), 5)
  cov <- cov_matern(1.5, lengthscale = 0.3)
  same <- cov_function(function(A, B) plain_covariance(cov, A, B))
  expect_equal(find_knn(x, k = 5, metric = metric_correlation(same))$index,
               find_knn(x, k = 5, metric = metric_correlation(cov))$index)
  ours <- find_knn(x, k = 5, metric = metric_residual(cov, u))
  theirs <- find_knn(x, k = 5, metric = metric_residual(same, u))
  expect_equal(theirs$index, ours$index)
  expect_equal(theirs$distance, ours$distance, tolerance = 1e-7)
})

test_that("a covariance given as a function is checked when it is called", {
  x <- matrix(runif(20), 10)
  expect_error(find_knn(x, k = 2, metric = metric_correlation(cov_function(function(A, B) 1))),
               class = "covertree_error_metric")
  flat <- cov_function(function(A, B) matrix(1, nrow(A), nrow(B)))
  expect_error(metric_residual(flat, x[1:3, ], jitter = 0), class = "covertree_error_factor")
  expect_error(metric_residual(flat, x[1:3, ], nugget = TRUE), class = "covertree_error_input")
  expect_error(metric_residual(flat, V = x, p = x[, 1]), class = "covertree_error_input")
})

test_that(
  "a covariance given as a function is asked for variances and the low-rank part once a point", {
  withr::local_seed(6)
  x <- matrix(runif(400), 200)
  u <- matrix(runif(14), 7)
  cov <- cov_matern(1.5, lengthscale = 0.3)
  entries <- inducing_rows <- 0
  counted <- cov_function(function(A, B) {
    entries <<- entries + nrow(A) * nrow(B)
    if (nrow(A) == 7) inducing_rows <<- inducing_rows + nrow(B)
    plain_covariance(cov, A, B)
  })
  tree <- cover_tree(x, metric_residual(counted, u))
  expect_lte(inducing_rows, 7 + 200 + 16)
  entries <- inducing_rows <- 0
  found <- find_knn(tree, rows = 1:3, k = 4)
  expect_identical(inducing_rows, 0)
  expect_lte(entries, attr(found, "stats")$evaluations + 64)
  expect_equal(found$index, find_knn(x, rows = 1:3, k = 4, metric = metric_residual(cov, u))$index)
  new <- matrix(runif(10), 5)
  inducing_rows <- 0
  expect_equal(find_knn(tree, new, k = 4)$index,
               find_knn(x, new, k = 4, metric = metric_residual(cov, u))$index)
  expect_identical(inducing_rows, 5)
  harmed <- tree
  harmed$lifted <- harmed$lifted[-1, ]
  expect_error(find_knn(harmed, k = 2), "lifted", class = "covertree_error_index")
})

test_that("longitude and latitude go by their names where there are any", {
  withr::local_seed(7)
  x <- cbind(lonlat_points(60), day = runif(60))
  named <- as.data.frame(x)[c("day", "lat", "lon")]
  cov <- cov_matern(1.5, lengthscale = c(0.4, 0.5), lonlat = TRUE)
  u <- inducing_points(x, 8, method = "maxmin", cov = cov)
  expect_identical(inducing_points(named, 8, method = "maxmin", cov = cov),
                   as.data.frame(u)[c("day", "lat", "lon")])
  metric <- metric_residual(cov, u + 0.1)
  truth <- find_knn(unname(x), k = 5, metric = metric)
  expect_identical(find_knn(named, k = 5, metric = metric)$index, truth$index)
  expect_identical(find_knn(named, k = 5, metric = metric_residual(cov, (u + 0.1)[, 3:1]))$index,
                   truth$index)
  tree <- cover_tree(named, metric)
  expect_identical(find_knn(tree, named[1:9, ], k = 5)$index, find_knn(tree, x[1:9, ], k = 5)$index)
  expect_identical(find_knn(x[, 2:1], k = 5, metric = metric_great_circle())$index,
                   find_knn(x[, 1:2], k = 5, metric = metric_great_circle())$index)
})

test_that("GpGp's exponential is the exponential", {
  expect_identical(as_covariance(c(2, 0.3, 0.1), "exponential_isotropic"),
                   cov_exponential(2, 0.3, 0.2))
  expect_match(format(as_covariance(c(2, 0.3, 50, 0.1), "exponential_spheretime")),
               "^exponential covariance")
})
