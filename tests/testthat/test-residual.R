# sqrt(1 - |rho|) by the definitions, in plain R.
plain_distance <- function(cov, x, u, jitter) {
  k <- function(a, b) .Call(covertree:::C_ffi_covariance, covertree:::fit_covariance(cov, a, NULL),
                            a, b)
  L <- t(chol(k(u, u) + diag(jitter, nrow(u))))
  V <- t(forwardsolve(L, k(u, x)))
  C <- k(x, x) - V %*% t(V)
  p <- diag(C)
  rho <- C / sqrt(outer(p, p))
  sqrt(pmax(1 - pmin(abs(rho), 1), 0))
}

# Every family, with one lengthscale or one per column, from 1/1000 of the data's extent to 1000
# times.
families <- list(cov_exponential, cov_gaussian, function(...) cov_matern(1.5, ...),
                 function(...) cov_matern(2.5, ...),
                 function(...) cov_matern(3.5, variance = 2, ...),
                 function(...) cov_matern(0.8, ...),
                 function(...) cov_powered_exponential(1.3, ...),
                 function(lengthscale, ...) cov_wendland(1, lengthscale = 3 * lengthscale, ...))

draw_covariance <- function(d, family = sample(length(families), 1), range = 1) {
  lengthscale <- range * exp(runif(if (runif(1) < 0.5) 1 else d, -2.5, 1)) * sqrt(d)
  families[[family]](lengthscale = lengthscale, nugget = sample(c(0, 0.1), 1))
}

# Inducing points: some of the data, others, or both.
draw_inducing <- function(x, m) {
  own <- unique(x)
  u <- switch(sample(3, 1), own, matrix(runif(m * ncol(x)), m),
              rbind(own[seq_len(ceiling(nrow(own) / 2)), , drop = FALSE],
                    matrix(runif(m * ncol(x)), m)))
  u[sample(nrow(u), min(m, nrow(u))), , drop = FALSE]
}

# A random index and new points beside it; NULL where the inducing points have no factor. joint: an
# index of both.
draw_index <- function(case, n) {
  d <- case %% 6 + 1
  x <- make_data(sample(data_kinds, 1), n + 5, d)
  cov <- draw_covariance(d, case %/% 6 %% length(families) + 1, sample(c(1, 1, 1, 1e-3, 1e3), 1))
  metric <- metric_residual(cov, draw_inducing(x, sample(n, 1)),
                            jitter = if (runif(1) < 0.5) 1e-7 * cov$variance,
                            nugget = runif(1) < 0.2)
  joint <- tryCatch(quiet(cover_tree(x, metric, net_bytes = 0, threads = 1)),
                    covertree_error_factor = function(e) NULL)
  if (is.null(joint)) return(NULL)
  place <- order(joint$blocks)
  V <- t(joint$residual$V[seq_len(joint$residual$rank), place, drop = FALSE])
  p <- joint$residual$p[place]
  first <- seq_len(n)
  new <- x[-first, , drop = FALSE]
  if (case %% 3 == 0) {
    metric <- metric_residual(cov, V = V[first, , drop = FALSE], p = p[first],
                              nugget = metric$nugget)
    new <- with_factor(new, V[-first, , drop = FALSE], p[-first])
  }
  tree <- quiet(cover_tree(x[first, , drop = FALSE], metric, threads = draw_threads(),
                           net_bytes = 0,
                           build = c("metric", "euclidean")[case %/% 2 %% 2 + 1],
                           order = sample(c("hilbert", "natural"), 1)))
  list(tree = tree, joint = joint, new = new)
}

# Most often 1, because threads are slow to start.
draw_threads <- function() sample(c(1, 2, 3, 7), 1, prob = c(0.7, 0.08, 0.12, 0.1))

# One search by each engine, with kernels and threads drawn anew.
search_all <- function(tree, queries, k, truth,
                       engines = c("scan", "frames", "screened", "correlation", "tree")) {
  for (engine in engines) {
    run <- list(threads = draw_threads(), progress = FALSE,
                simd = sample(.Call(covertree:::C_ffi_simd), 1))
    found <- covertree:::search_knn(tree, queries, k, run, engine)
    if (engine == "frames") frames <- attr(found, "stats")$nodes > 0
    same <- identical(unname(found$index), truth$index) &&
      identical(unname(found$distance), truth$distance)
    if (!same) return(list(wrong = engine, frames = frames))
  }
  list(wrong = "none", frames = frames)
}

test_that(
  "neighbours equal brute force, whatever the covariance, data, engine and threads", {
  skip_on_cran()
  set.seed(51)
  cases <- framed <- 0
  for (case in seq_len(3000)) {
    if (cases == 2000) break
    n <- if (case %% 5 == 0) 150 else sample(c(3, 12, 30, 60), 1)
    drawn <- draw_index(case, n)
    if (is.null(drawn)) next
    k <- sample(c(1, min(5, n - 1), n - 1, sample(n - 1, 1)), 1)
    rows <- sort(sample(n, min(n, 12)))
    limit <- if (case %% 2) rows - 1L else rep(n, length(rows))
    new_limit <- if (case %% 2) sample(0:n, 5, replace = TRUE) else rep(n, 5)
    truth <- brute_force(drawn$joint, k, rows, limit)
    expect_false(anyNA(truth$distance[!is.na(truth$index)]))
    queries <- covertree:::resolve_queries(drawn$tree, rows = rows, predecessors = case %% 2 == 1)
    own <- search_all(drawn$tree, queries, k, truth)
    run <- list(threads = 2, progress = FALSE, simd = NULL)
    queries <- covertree:::resolve_queries(drawn$tree, drawn$new, max_index = new_limit, run = run)
    truth <- brute_force(drawn$joint, k, n + 1:5, new_limit)
    fresh <- search_all(drawn$tree, queries, k, truth,
                        c("frames", "screened", sample(c("scan", "correlation", "tree"), 1)))
    expect_identical(c(own$wrong, fresh$wrong), c("none", "none"),
                     label = paste("case", case, "with", format(drawn$tree)))
    cases <- cases + 1
    framed <- framed + own$frames
  }
  expect_gte(cases, 2000)
  expect_gt(framed, 100)
})

test_that("the canonical distance is that of the definition", {
  set.seed(52)
  for (case in 1:40) {
    d <- sample(1:4, 1)
    x <- matrix(runif(40 * d), 40)
    u <- matrix(runif(10 * d), 10)
    cov <- draw_covariance(d)
    cov$lengthscale <- cov$lengthscale / 4
    tree <- quiet(cover_tree(x, metric_residual(cov, u, jitter = 1e-7)))
    for (i in c(1, 17)) {
      expect_equal(canonical_distance(tree, i, 1:40)^2, plain_distance(cov, x, u, 1e-7)[i, ]^2,
                   tolerance = 1e-6)
    }
  }
})

test_that("new points, limits and predictions equal an index of all points", {
  set.seed(53)
  for (case in 1:60) {
    d <- sample(1:3, 1)
    both <- make_data(sample(data_kinds, 1), 80, d)
    metric <- metric_residual(draw_covariance(d), matrix(runif(7 * d), 7), jitter = 1e-8)
    joint <- quiet(cover_tree(both, metric, threads = 1))
    tree <- quiet(cover_tree(both[1:60, , drop = FALSE], metric, threads = 1))
    new <- both[61:80, , drop = FALSE]
    limit <- sample(0:60, 20, replace = TRUE)
    found <- find_knn(tree, new, k = 5, max_index = limit, threads = 2)
    truth <- brute_force(joint, 5, rows = 61:80, limit = limit)
    expect_same_neighbors(found, truth)
    run <- list(threads = 2, progress = FALSE, simd = NULL)
    queries <- covertree:::resolve_queries(tree, new, max_index = limit, run = run)
    for (engine in c("scan", "frames", "screened",
                     "tree")) expect_same_neighbors(covertree:::search_knn(tree, queries, 5, run,
                         engine), truth)
    all <- quiet(vecchia_neighbors(both[1:60, , drop = FALSE], m = 5, metric = metric,
                                   locs_pred = new, cond_on = "all"))
    expect_same_neighbors(all, brute_force(joint, 5, rows = 61:80, limit = 60:79))
  }
})

test_that("the user's own factor gives the same neighbours as the inducing points", {
  set.seed(54)
  x <- matrix(runif(300), ncol = 2)
  u <- matrix(runif(30), ncol = 2)
  cov <- cov_matern(1.5, lengthscale = 0.3)
  tree <- cover_tree(x, metric_residual(cov, u, jitter = 0), threads = 1)
  back <- order(tree$blocks)
  V <- t(tree$residual$V[seq_len(15), back])
  p <- tree$residual$p[back]
  own <- metric_residual(cov, V = V, p = p)
  expect_identical(find_knn(x, k = 6, metric = own)$index, find_knn(tree, k = 6)$index)
  part <- metric_residual(cov, V = V[1:100, ], p = p[1:100])
  new <- with_factor(x[101:150, ], V[101:150, ], p[101:150])
  expect_identical(vecchia_neighbors(x[1:100, ], m = 6, metric = part, locs_pred = new)$index,
                   find_knn(tree, rows = 101:150, k = 6 + 0L)$index * 0L +
                     find_knn(x[1:100, ], new, k = 6, metric = part)$index)
  all <- vecchia_neighbors(x[1:100, ], m = 6, metric = part, locs_pred = new, cond_on = "all")
  expect_identical(all$index, find_knn(tree, k = 6, predecessors = TRUE)$index[101:150, ])
  expect_error(find_knn(x[1:100, ], x[101:102, ], k = 2, metric = part), "with_factor",
               class = "covertree_error_input")
  expect_error(find_knn(tree, new, k = 2), "must not bring", class = "covertree_error_input")
})

test_that("p next to nothing, points on inducing points and huge ranges never give NaN", {
  set.seed(55)
  x <- make_data("duplicates", 80, 2)
  for (cov in list(cov_gaussian(lengthscale = 1e3), cov_gaussian(lengthscale = 1e-3),
                   cov_matern(2.5, lengthscale = 50))) {
    for (u in list(x[1:2, ], unique(x)[1:20, ])) {
      nn <- tryCatch(quiet(find_knn(x, k = 79, metric = metric_residual(cov, u))),
                     covertree_error_factor = function(e) NULL)
      if (is.null(nn)) next
      expect_false(anyNA(nn$distance))
      expect_true(all(nn$distance >= 0 & nn$distance <= 1))
      expect_true(all(apply(nn$index, 1, anyDuplicated) == 0))
    }
  }
  expect_warning(cover_tree(x, metric_residual(cov_exponential(), x[1:3, ])), "explained",
                 class = "covertree_warning")
})

test_that(
  "points with the same coordinates are at distance 0, unless explained or with the nugget in p", {
  x <- rbind(c(0.1, 0.2), c(0.5, 0.5), c(0.1, 0.2), c(0.9, 0.1), c(0.4, 0.3), c(0.4, 0.3))
  cov <- cov_gaussian(lengthscale = 0.7, nugget = 0.3)
  tree <- quiet(cover_tree(x, metric_residual(cov, cbind(0.4, 0.3))))
  expect_identical(canonical_distance(tree, 1, 3), 0)
  expect_identical(canonical_distance(tree, 5, 5:6), c(0, 1))
  noisy <- cover_tree(x, metric_residual(cov, cbind(0.4, 0.3), nugget = TRUE))
  p <- 1 - exp(-sum((x[1, ] - c(0.4, 0.3))^2) / 0.7^2)
  expect_equal(canonical_distance(noisy, 1, 3), sqrt(0.3 / (p + 0.3)))
  expect_identical(canonical_distance(noisy, 1, 1), 0)
  expect_identical(canonical_distance(cover_tree(x, metric_correlation(cov)), 1, 3), 0)
  V <- cbind(exp(-rowSums((x - rep(c(0.4, 0.3), each = 6))^2) / 0.98))
  own <- cover_tree(x, metric_residual(cov, V = V, p = 1.3 - V[, 1]^2, nugget = TRUE))
  expect_equal(canonical_distance(own, 1, 2:6), canonical_distance(noisy, 1, 2:6))
})

# The order of plain correlation: by scaled distance, then by row; distances by the canonical
# routine.
scaled_force <- function(tree, k, limit = rep(length(tree), length(tree))) {
  space <- tree$residual$embedded
  near <- oracle_knn(metric_euclidean(), space, k, own = seq_len(nrow(space)), limit = limit)
  for (q in seq_len(nrow(space))) {
    there <- which(!is.na(near$index[q, ]))
    if (length(there)) near$distance[q, there] <- canonical_distance(tree, q, near$index[q, there])
  }
  near
}

test_that(
  "neighbours by plain correlation are in the order of scaled distance and row", {
  set.seed(56)
  tied <- 0
  for (case in 1:240) {
    d <- sample(1:4, 1)
    x <- make_data(sample(data_kinds, 1), 90, d)
    cov <- draw_covariance(d, case %% length(families) + 1, sample(c(1, 0.1, 1e-2, 1e-4, 1e3), 1))
    if (case %% 6 == 0) {
      x <- make_globe(sample(data_kinds, 1), 90)
      cov <- cov_matern(1.5, lengthscale = sample(c(1, 1e-2), 1), lonlat = TRUE)
    }
    tree <- cover_tree(x, metric_correlation(cov), threads = 1)
    limit <- if (case %% 2) 0:89 else rep(90, 90)
    truth <- scaled_force(tree, 7, limit)
    expect_same_neighbors(find_knn(tree, k = 7, predecessors = case %% 2 == 1,
                                   threads = draw_threads()), truth)
    tied <- tied + any(rowSums(truth$distance == 1, na.rm = TRUE) > 1)
  }
  expect_gt(tied, 50)
})

test_that("where correlation has vanished the nearest are still the nearest, and so for new points",
          {
  set.seed(62)
  x <- matrix(runif(600), ncol = 2)
  new <- matrix(runif(40), ncol = 2)
  metric <- metric_correlation(cov_gaussian(lengthscale = 1e-3))
  expect_identical(find_knn(x, k = 5, metric = metric)$index, find_knn(x, k = 5)$index)
  expect_identical(find_knn(x, new, k = 5, metric = metric)$index, find_knn(x, new, k = 5)$index)
  expect_identical(vecchia_neighbors(x, m = 5, metric = metric)$index,
                   vecchia_neighbors(x, m = 5)$index)
  expect_true(mean(find_knn(x, k = 5, metric = metric)$distance == 1) > 0.9)
})

test_that(
  "all within a radius of plain correlation are in the order of scaled distance", {
  set.seed(63)
  for (case in 1:80) {
    d <- sample(1:3, 1)
    x <- make_data(sample(data_kinds, 1), 80, d)
    tree <- cover_tree(x,
                       metric_correlation(draw_covariance(d, case %% length(families) + 1,
                                                          sample(c(1, 0.1, 1e3), 1))), threads = 1)
    all <- scaled_force(tree, 79)
    radius <- sample(c(0, 1e-9, 0.3, 0.9, 1 - 1e-12, 1, 2, sample(all$distance, 2)), 1)
    keep <- function(part) lapply(1:80, function(q) all[[part]][q, all$distance[q, ] <= radius])
    found <- find_within(tree, radius = radius, threads = draw_threads())
    expect_identical(found$index, keep("index"))
    expect_identical(found$distance, keep("distance"))
    flat <- find_within(tree, radius = radius, flat = TRUE)
    expect_identical(flat$index, as.integer(unlist(keep("index"))))
    expect_identical(diff(flat$offset), as.double(lengths(found$index)))
  }
})

test_that("a kept net gives the same neighbours, and damage to it is an error", {
  set.seed(61)
  run <- list(threads = 2L, progress = FALSE)
  for (case in 1:12) {
    d <- sample(1:3, 1)
    x <- make_data(sample(data_kinds[-5], 1), 700, d)
    metric <- metric_residual(draw_covariance(d), matrix(runif(12 * d), 12), jitter = 1e-8)
    tree <- quiet(cover_tree(x, metric, threads = 2))
    kept <- covertree:::seal_index(covertree:::add_net(tree, 1e8, run, forced = TRUE), run)
    if (is.null(kept$net)) next
    new <- make_data("continuous", 50, d)
    expect_same_neighbors(find_knn(kept, k = 5), find_knn(tree, k = 5))
    expect_same_neighbors(find_knn(kept, k = 5, predecessors = TRUE),
                          find_knn(tree, k = 5, predecessors = TRUE))
    expect_same_neighbors(find_knn(kept, rows = 650:300, k = 9),
                          find_knn(tree, rows = 650:300, k = 9))
    expect_same_neighbors(find_knn(kept, new, k = 5), find_knn(tree, new, k = 5))
    for (name in sample(names(Filter(length, kept$net)), 6)) {
      harmed <- kept
      harmed$net[[name]] <- harmed$net[[name]][-1]
      expect_error(find_knn(harmed, k = 2), class = "covertree_error_index")
    }
    for (name in c("members.position", "members.start", "members.padded", "centre", "frame",
                   "near")) {
      harmed <- kept
      harmed$net[[name]][1:16] <- as.raw(255 - (name == "near"))
      expect_error(find_knn(harmed, k = 2), class = "covertree_error_index")
    }
  }
})

test_that("update gives what a new index gives", {
  set.seed(57)
  x <- matrix(runif(400), ncol = 2)
  u <- matrix(runif(20), ncol = 2)
  old <- metric_residual(cov_matern(1.5, lengthscale = 0.2), u)
  new <- metric_residual(cov_matern(2.5, lengthscale = c(0.4, 0.1)), u)
  for (build in c("metric", "euclidean")) {
    tree <- update(cover_tree(x, old, build = build), new)
    tree_check(tree)
    expect_identical(find_knn(tree, k = 5)$index, find_knn(cover_tree(x, new), k = 5)$index)
  }
  scaled <- update(cover_tree(x), metric_euclidean(scale = c(1, 3)))
  tree_check(scaled)
  expect_identical(find_knn(scaled, k = 5)$index,
                   find_knn(x, k = 5, metric = metric_euclidean(scale = c(1, 3)))$index)
})

test_that("local search scores the nearest in input space and says so", {
  set.seed(58)
  x <- matrix(runif(2000), ncol = 2)
  tree <- cover_tree(x, metric_residual(cov_matern(1.5, lengthscale = 0.2), inducing_points(x, 50)))
  local <- find_knn(tree, k = 10, oversample = 2, recall_sample = 100)
  near <- find_knn(x, k = 20)
  expect_true(all(vapply(1:1000, function(i) all(local$index[i, ] %in% near$index[i, ]), NA)))
  best <- vapply(c(1, 500, 1000), function(i) {
    d <- canonical_distance(tree, i, near$index[i, ])
    near$index[i, order(d, near$index[i, ])[1:10]]
  }, integer(10))
  expect_identical(local$index[c(1, 500, 1000), ], t(best))
  expect_false(attr(local, "exact"))
  recall <- attr(local, "stats")$recall
  truth <- neighbor_recall(local, find_knn(tree, k = 10))
  expect_lt(abs(recall[["mean"]] - mean(truth)), 5 * recall[["se"]] + 1e-9)
  expect_output(print(local), "recall")
  expect_lte(attr(local, "stats")$evaluations, 1000 * 20)
})

test_that("trees of a residual metric keep their invariants, built either way", {
  set.seed(59)
  for (build in c("metric", "euclidean")) for (kind in data_kinds) {
    x <- make_data(kind, 150, 2)
    tree <- quiet(cover_tree(x, metric_residual(cov_matern(1.5, lengthscale = 0.3), x[1:4, ]),
                             build = build, threads = 2))
    expect_silent(tree_check(tree))
  }
})

test_that("all within a radius equal brute force in a correlation metric", {
  set.seed(60)
  x <- make_data("duplicates", 100, 2)
  for (metric in list(metric_correlation(cov_exponential(lengthscale = 0.3)),
                      metric_residual(cov_matern(1.5, lengthscale = 0.3),
                                      matrix(runif(10), ncol = 2)))) {
    tree <- cover_tree(x, metric)
    found <- find_within(tree, radius = 0.6)
    truth <- lapply(1:100, function(i) {
      rows <- setdiff(1:100, i)
      d <- canonical_distance(tree, i, rows)
      by <- if (tree$metric$kind == "correlation") colSums((t(tree$residual$embedded[rows, ]) -
                                                            tree$residual$embedded[i, ])^2) else d
      rows[order(by, rows)][seq_len(sum(d <= 0.6))]
    })
    expect_identical(found$index, truth)
  }
})

test_that("bad covariances, factors and inducing points are errors that say what is wrong", {
  x <- matrix(runif(40), ncol = 2)
  cov <- cov_matern(1.5)
  refused <- function(expr, regexp) expect_error(expr, regexp, class = "covertree_error")
  refused(metric_residual(cov), "inducing")
  refused(metric_residual("matern", x), "cov")
  refused(metric_residual(cov, x, V = x, p = 1:20), "either")
  refused(metric_residual(cov, V = x, p = 1), "each row")
  refused(metric_residual(cov, V = replace(x, 3, NA), p = numeric(20)), "row 3, column 1")
  refused(metric_residual(cov, V = x, p = replace(numeric(20), 2, Inf)), "element 2")
  refused(metric_residual(cov, x, jitter = -1), "jitter")
  refused(find_knn(x, k = 2, metric = metric_residual(cov, matrix(1, 2, 3))), "as many columns")
  refused(find_knn(x, k = 2, metric = metric_residual(cov, V = x[-1, ], p = numeric(19))),
          "row per point")
  refused(find_knn(x, k = 2, metric = metric_residual(cov, V = x, p = rep(5, 20))), "do not fit")
  refused(find_knn(x, k = 2, metric = metric_residual(cov, V = x, p = rep(-1, 20))),
          "not be negative")
  refused(find_knn(x, k = 2, metric = metric_residual(cov_matern(1.5, lengthscale = 1:3), x)),
          "lengthscale")
  refused(find_knn(x, k = 2, metric = metric_residual(cov, replace(x, 2, Inf))), "Row 2")
  expect_error(find_knn(x, k = 2, metric = metric_residual(cov, rbind(x, x[7, ]), jitter = 0)),
               "rows 7 and 21",
               class = "covertree_error_factor")
  p <- 1 - rowSums((V <- x / 2)^2)
  expect_warning(find_knn(x, k = 2, metric = metric_residual(cov, V = V, p = p + 1e-4)), "differs",
                 class = "covertree_warning")
})

test_that(
  "an index takes 64 bytes a point beyond coordinates, the factor, and the net that it may have", {
  set.seed(62)
  n <- 6000
  x <- matrix(runif(2 * n), ncol = 2)
  u <- inducing_points(x, 60)
  size <- function(tree) summary(tree)$bytes / n
  own <- size(cover_tree(x))
  expect_lte(own[["index"]], 64)
  metric <- metric_residual(cov_matern(1.5, lengthscale = 0.3), u)
  without <- size(cover_tree(x, metric, net_bytes = 0))
  expect_lte(without[["index"]], 64)
  expect_equal(without[["factor"]], 8 * 72, tolerance = 0.01) # 60 columns, padded
  expect_identical(without[["net"]], 0)
  run <- list(threads = 1L, progress = FALSE)
  for (most in c(4e6, 1e7)) {
    net <- covertree:::add_net(cover_tree(x, metric, net_bytes = 0), most, run, forced = TRUE)$net
    expect_lte(as.numeric(object.size(net)), most)
  }
})

test_that("few new points are answered by a kept net as by the scan of all pairs", {
  set.seed(75)
  run <- list(threads = 1L, progress = FALSE)
  for (d in 2:3) {
    x <- matrix(runif(3000 * d), ncol = d)
    metric <- metric_residual(cov_matern(1.5, lengthscale = 0.2), x[1:40, ] + 0.001)
    tree <- covertree:::seal_index(covertree:::add_net(cover_tree(x, metric, net_bytes = 0), 1e8,
                                                       run, forced = TRUE), run)
    expect_false(is.null(tree$net))
    for (count in c(1, 2, 5, 6, 7, 40)) {
      new <- matrix(runif(count * d), ncol = d)
      queries <- covertree:::resolve_queries(tree, query = new, run = run)
      scanned <- covertree:::search_knn(tree, queries, 8L, run, engine = "scan")
      found <- find_knn(tree, new, k = 8)
      expect_identical(found$index, scanned$index)
      expect_identical(found$distance, scanned$distance)
      expect_lt(attr(found, "stats")$evaluations, count * 300)
    }
  }
})
