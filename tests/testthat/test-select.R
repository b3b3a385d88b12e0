# The greedy choice by the letter: at each step the candidate that lowers the conditional variance
# of the target most, by solving for the conditional variance anew; ties to the earlier candidate.
greedy_sets <- function(K, candidates, m, rows = seq_len(nrow(candidates))) {
  t(vapply(seq_len(nrow(candidates)), function(q) {
    i <- rows[q]
    open <- candidates[q, !is.na(candidates[q, ])]
    chosen <- integer()
    while (length(chosen) < m && length(open)) {
      left <- vapply(open, function(j) {
        s <- c(chosen, j)
        K[i, i] - sum(K[i, s] * solve(K[s, s], K[s, i]))
      }, 0)
      before <- if (length(chosen)) K[i, i] -
        sum(K[i, chosen] * solve(K[chosen, chosen], K[chosen, i]))
                else K[i, i]
      gain <- before - left
      best <- which(gain >= max(gain) * (1 - 1e-7))[1]
      chosen <- c(chosen, open[best])
      open <- open[-best]
    }
    c(chosen, rep(NA, m - length(chosen)))
  }, numeric(m)))
}

covariance_matrix <- function(x, cov) {
  cov <- fit_covariance(cov, x, NULL)
  K <- .Call(C_ffi_covariance, cov, unname(x), unname(x))
  diag(K) <- cov$variance + cov$nugget
  K
}

residual_matrix <- function(x, u, cov) {
  cov <- fit_covariance(cov, x, NULL)
  k <- function(a, b) .Call(C_ffi_covariance, cov, unname(a), unname(b))
  U <- k(u, u)
  diag(U) <- cov$variance
  K <- k(x, x)
  diag(K) <- cov$variance
  R <- K - k(x, u) %*% solve(U, k(u, x))
  diag(R) <- diag(R) + cov$nugget
  R
}

candidates_of <- function(x, width) vecchia_neighbors(x, m = width)$index

test_that("sets are those of a greedy search on the dense covariance", {
  set.seed(541)
  for (cov in list(cov_matern(1.5, 1, 0.2, 0.05), cov_exponential(2, 0.3),
                   cov_gaussian(1, 0.2, 0.1),
                   cov_matern(0.8, 1, 0.2, 0.02), cov_powered_exponential(1.2, 1, 0.2, 0.02))) {
    x <- matrix(runif(160), 80)
    found <- vecchia_neighbors(x, 5, select = "conditional", cov = cov)
    expect_equal(unname(found$index),
                 greedy_sets(covariance_matrix(x, cov), candidates_of(x, 20), 5))
  }
})

test_that("anisotropic covariances choose among the nearest of scaled coordinates", {
  set.seed(542)
  x <- matrix(runif(150), 50)
  cov <- cov_matern(1.5, 1, c(0.1, 0.4, 2), 0.05)
  near <- vecchia_neighbors(x, 16, metric_euclidean(scale = c(0.1, 0.4, 2)))$index
  expected <- greedy_sets(covariance_matrix(x, cov), near, 4)
  expect_equal(unname(vecchia_neighbors(x, 4, select = "conditional", cov = cov)$index), expected)
  by_metric <- vecchia_neighbors(x, 4, metric_correlation(cov), select = "conditional")
  expect_equal(unname(by_metric$index), expected)
})

test_that("with inducing points sets are chosen by the residual covariance", {
  set.seed(543)
  x <- matrix(runif(200), 100)
  u <- matrix(runif(24), 12)
  cov <- cov_matern(1.5, 1, 0.3, 0.1)
  expected <- greedy_sets(residual_matrix(x, u, cov), candidates_of(x, 20), 5)
  for (nugget in c(FALSE, TRUE)) {
    metric <- metric_residual(cov, u, nugget = nugget)
    found <- vecchia_neighbors(x, 5, metric, select = "conditional")
    expect_equal(unname(found$index), expected)
    near <- find_knn(cover_tree(x, metric), k = 99, predecessors = TRUE)
    for (i in c(2, 30, 100)) {
      expect_equal(found$distance[i, ], near$distance[i, match(found$index[i, ], near$index[i, ])])
    }
  }
})

test_that("candidates may be nearest by the metric, or half of each", {
  set.seed(544)
  x <- matrix(runif(200), 100)
  u <- matrix(runif(24), 12)
  cov <- cov_exponential(1, 0.4, 0.1)
  metric <- metric_residual(cov, u)
  R <- residual_matrix(x, u, cov)
  own <- vecchia_neighbors(x, 20, metric)$index
  found <- vecchia_neighbors(x, 5, metric, select = "conditional", candidates_by = "metric")
  expect_equal(unname(found$index), greedy_sets(R, own, 5))
  half <- candidates_of(x, 10)
  both <- t(vapply(1:100, function(i) {
    all <- unique(c(half[i, ], own[i, 1:10]))
    all <- all[!is.na(all)]
    c(all, rep(NA, 20 - length(all)))
  }, numeric(20)))
  found <- vecchia_neighbors(x, 5, metric, select = "conditional", candidates_by = "both")
  expect_equal(unname(found$index), greedy_sets(R, both, 5))
})

test_that("first columns are the sets of a smaller m from the same candidates", {
  set.seed(545)
  x <- matrix(runif(600), 300)
  cov <- cov_matern(1.5, 1, 0.2, 0.01)
  large <- vecchia_neighbors(x, 10, select = "conditional", cov = cov, candidates = 4)
  small <- vecchia_neighbors(x, 5, select = "conditional", cov = cov, candidates = 8)
  expect_identical(large$index[, 1:5], small$index)
})

test_that("ties on a grid are the same for every instruction set and number of threads", {
  x <- as.matrix(expand.grid(1:20, 1:20)) / 20
  x <- x[vecchia_order(x), ]
  u <- x[1:15, ] + 0.01
  cov <- cov_matern(1.5, 1, 0.3, 0.01)
  selection <- list(cov = NULL, candidates = 4, by = "euclid")
  for (metric in list(metric_correlation(cov), metric_residual(cov, u))) {
    index <- cover_tree(x, metric)
    queries <- resolve_queries(index, predecessors = TRUE)
    first <- select_neighbors(index, queries, 12L, selection, run_settings(1, FALSE))
    for (simd in c("base", "avx2", "avx512")) {
      for (threads in c(1, 3)) {
        run <- run_settings(threads, FALSE, simd = simd)
        other <- select_neighbors(index, queries, 12L, selection, run)
        expect_identical(other$index, first$index)
        expect_identical(other$distance, first$distance)
      }
    }
  }
})

test_that("duplicates without nugget tell nothing twice, and sets are filled with the nearest", {
  set.seed(546)
  half <- matrix(runif(80), 40)
  x <- rbind(half, half)
  exact <- vecchia_neighbors(x, 4, select = "conditional", cov = cov_exponential(1, 0.3))
  # the duplicate tells everything; the rest of the set is filled
  expect_identical(exact$index[41:80, 1], 1:40)
  near <- vecchia_neighbors(x, 4)$index
  expect_identical(exact$index[41:80, ], near[41:80, ])
  expect_gte(attr(exact, "stats")$short_sets, 40)
  noisy <- cov_exponential(1, 0.3, 0.2)
  found <- vecchia_neighbors(x, 4, select = "conditional", cov = noisy)
  expect_equal(unname(found$index),
               greedy_sets(covariance_matrix(x, noisy), candidates_of(x, 16), 4))
})

test_that("places to predict choose among observations, or earlier predictions too", {
  set.seed(547)
  x <- matrix(runif(120), 60)
  new <- matrix(runif(30), 15)
  cov <- cov_matern(1.5, 1, 0.3, 0.05)
  K <- covariance_matrix(rbind(x, new), cov)
  near <- find_knn(x, query = new, k = 16)$index
  obs <- vecchia_neighbors(x, 4, select = "conditional", cov = cov, locs_pred = new)
  expect_equal(unname(obs$index), greedy_sets(K, near, 4, 61:75))
  near <- vecchia_neighbors(rbind(x, new), 16)$index[61:75, ]
  all <- vecchia_neighbors(x, 4, select = "conditional", cov = cov, locs_pred = new,
                           cond_on = "all")
  expect_equal(unname(all$index), greedy_sets(K, near, 4, 61:75))
  expect_equal(nrow(as_NNarray(all)), 15)
})

test_that("covariances that are R functions choose alike", {
  set.seed(548)
  x <- matrix(runif(80), 40)
  cov <- cov_exponential(1.5, 0.3, 0.1)
  own <- cov_function(function(A, B) {
    D <- sqrt(outer(A[, 1], B[, 1], "-")^2 + outer(A[, 2], B[, 2], "-")^2)
    1.5 * exp(-D / 0.3)
  }, nugget = 0.1)
  expect_identical(vecchia_neighbors(x, 4, select = "conditional", cov = own)$index,
                   vecchia_neighbors(x, 4, select = "conditional", cov = cov)$index)
})

test_that("longitude and latitude choose by the chord", {
  set.seed(549)
  x <- cbind(lon = runif(60, 170, 190), lat = runif(60, -20, 20))
  cov <- cov_exponential(1, 0.1, 0.05, lonlat = TRUE)
  near <- vecchia_neighbors(x, 16, metric_great_circle())$index
  found <- vecchia_neighbors(x, 4, metric_great_circle(), select = "conditional", cov = cov)
  expect_equal(unname(found$index), greedy_sets(covariance_matrix(x, cov), near, 4))
  expect_lt(max(found$distance, na.rm = TRUE), 5000)
})

test_that("chunks of rows choose what all rows together choose", {
  set.seed(550)
  x <- matrix(runif(5000), 2500)
  cov <- cov_matern(1.5, 1, 0.1, 0.01)
  whole <- vecchia_neighbors(x, 6, select = "conditional", cov = cov)
  local_mocked_bindings_chunks <- function(count, width) {
    unname(split(seq_len(count), (seq_len(count) - 1) %/% 700))
  }
  old <- row_chunks
  index <- cover_tree(x)
  parts <- lapply(local_mocked_bindings_chunks(2500, 1), function(rows) {
    select_neighbors(index, pick_queries(resolve_queries(index, predecessors = TRUE), rows), 6L,
                     list(cov = cov, candidates = 4, by = "euclid"), run_settings(2, FALSE))$index
  })
  expect_identical(do.call(rbind, parts), whole$index)
})

test_that("what cannot be chosen by is refused", {
  x <- matrix(runif(40), 20)
  refused <- function(...) {
    expect_error(vecchia_neighbors(x, 3, ...), class = "covertree_error")
  }
  refused(select = "conditional")
  refused(cov = cov_exponential())
  refused(select = "best")
  refused(metric = metric_correlation(cov_exponential()), select = "conditional",
          cov = cov_exponential())
  refused(select = "conditional", cov = cov_exponential(), candidates = 0)
  refused(select = "conditional", cov = cov_exponential(), candidates_by = "place")
  refused(select = "conditional", cov = cov_exponential(), oversample = 4)
})
