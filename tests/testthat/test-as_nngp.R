ordered_sets <- function(n, m) {
  set.seed(9)
  locs <- cbind(runif(n), runif(n))
  order <- order(locs[, 1] + locs[, 2])
  list(locs = locs, order = order, nn = vecchia_neighbors(locs[order, ], m = m))
}

sets_of <- function(id, lu) {
  n <- length(lu) / 2
  lapply(seq_len(n), function(i) sort(id[lu[i] + seq_len(lu[n + i])]))
}

test_that("neighbour info is spNNGP's own, and spNNGP runs on it", {
  skip_if_not_installed("spNNGP")
  s <- ordered_sets(40, 4)
  y <- rnorm(40)
  run <- function(...) {
    set.seed(1)
    suppressWarnings(spNNGP::spNNGP(y ~ 1, coords = s$locs,
                                    starting = list(phi = 6, sigma.sq = 1, tau.sq = 0.1),
                                    n.neighbors = 4,
                   tuning = list(phi = 0.1, sigma.sq = 0.1, tau.sq = 0.1),
                   cov.model = "exponential", n.samples = 5,
                   priors = list(phi.Unif = c(1, 30), sigma.sq.IG = c(2, 1), tau.sq.IG = c(2, 0.1)),
                   verbose = FALSE,
                   # it says that it does not check what it is given
                   return.neighbor.info = TRUE, ...))
  }
  own <- run(ord = s$order)
  info <- as_spnngp(s$nn, s$order)
  expect_identical(info$nn.indx.lu, as.integer(own$neighbor.info$nn.indx.lu))
  expect_identical(sets_of(info$nn.indx, info$nn.indx.lu),
                   sets_of(own$neighbor.info$nn.indx, own$neighbor.info$nn.indx.lu))
  expect_identical(names(info), names(own$neighbor.info))
  expect_equal(run(neighbor.info = info)$p.theta.samples, own$p.theta.samples, tolerance = 1e-6,
               ignore_attr = TRUE)
})

test_that("BRISC's neighbours are its own, and its estimates on ours agree", {
  skip_if_not_installed("BRISC")
  skip_on_cran()
  s <- ordered_sets(60, 5)
  ours <- as_brisc(s$nn, s$locs[s$order, ])
  own <- BRISC::BRISC_neighbor(s$locs, n.neighbors = 5, order = "Sum_coords", verbose = FALSE)
  expect_identical(names(ours), names(own))
  expect_identical(ours[c("nnIndxLU", "CIndx")], own[c("nnIndxLU", "CIndx")])
  expect_identical(ours$Length.D, as.integer(own$Length.D))
  expect_identical(sets_of(ours$nnIndx, ours$nnIndxLU), sets_of(own$nnIndx, own$nnIndxLU))
  y <- rnorm(60)
  fit <- function(neighbor) {
    f <- suppressWarnings(BRISC::BRISC_estimation(s$locs, y, n.neighbors = 5, order = "Sum_coords",
                                                  neighbor = neighbor,
                                                  verbose = FALSE)) # about its 1.0.0
    f$Theta
  }
  expect_equal(fit(ours), fit(own), tolerance = 1e-3)
})

test_that("sets of some rows and orders that are none are errors", {
  nn <- vecchia_neighbors(faithful, m = 3)
  expect_error(as_spnngp(find_knn(faithful, k = 3)), class = "covertree_error_input")
  expect_error(as_spnngp(nn, rep(1, 272)), class = "covertree_error_input")
  expect_error(as_brisc(nn, faithful[1:10, ]), class = "covertree_error_input")
})
