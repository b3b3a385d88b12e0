# Every combination of what a correlation index can be made of, through what a user does with it:
# build, save, load, search.

option_values <- function(...) expand.grid(..., KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)

# Points with or without duplicates, and with some that inducing points at their very place explain.
option_points <- function(case, n, u) {
  x <- draw_places(case, n)
  if (case$duplicates) x[n %/% 2 + 1:20, ] <- x[1:20, ]
  if (case$explained) x[n - 0:4, ] <- u[1:5, ]
  x
}

draw_places <- function(case, n) {
  x <- matrix(runif(2 * n), n)
  if (case$lonlat) cbind(360 * x[, 1] - 180, 180 * x[, 2] - 90) else x
}

option_metric <- function(case, x, u, lengthscale) {
  cov <- cov_matern(1.5, lengthscale = lengthscale, nugget = 0.1, lonlat = case$lonlat)
  made <- metric_residual(cov, u, jitter = if (case$jitter) 1e-6, nugget = case$nugget)
  if (!case$own) return(made)
  index <- quiet(covertree:::light_index(x, made, covertree:::run_settings(1, FALSE), "x", NULL))
  place <- order(index$blocks)
  metric_residual(cov, V = t(index$residual$V[seq_len(index$residual$rank), place]),
                  p = index$residual$p[place], nugget = case$nugget)
}

option_index <- function(case, n) {
  u <- draw_places(case, 12)
  x <- option_points(case, n, u)
  tree <- quiet(cover_tree(x, option_metric(case, x, u, 0.3), net_bytes = 0, threads = 1))
  run <- covertree:::run_settings(1, FALSE)
  if (case$net)
    tree <- covertree:::seal_index(covertree:::add_net(tree, NULL, run, forced = TRUE), run)
  if (case$update) tree <- quiet(update(tree, option_metric(case, x, u, 0.35), threads = 1))
  if (case$update && case$net)
    tree <- covertree:::seal_index(covertree:::add_net(tree, NULL, run, forced = TRUE), run)
  unserialize(serialize(tree, NULL))
}

# New points at places of the index, with the factor that they have there.
option_query <- function(tree, rows) {
  query <- tree$x[rows, , drop = FALSE]
  if (!is.null(tree$metric$L)) return(query)
  at <- match(rows, tree$blocks)
  with_factor(query, t(tree$residual$V[seq_len(tree$residual$rank), at]), tree$residual$p[at])
}

test_that("whatever an index is made of, it is saved, loaded and searched right", {
  skip_on_cran()
  set.seed(92)
  n <- 150
  cases <- option_values(nugget = c(FALSE, TRUE), jitter = c(FALSE, TRUE), own = c(FALSE, TRUE),
                         lonlat = c(FALSE, TRUE),
                         update = c(FALSE, TRUE), net = c(FALSE, TRUE), duplicates = c(FALSE, TRUE),
                         explained = c(FALSE, TRUE))
  rows <- c(1:10, n %/% 2 + 1:5, n - 0:4)
  nets <- 0
  for (i in seq_len(nrow(cases))) {
    case <- cases[i, ]
    tree <- option_index(case, n)
    nets <- nets + !is.null(tree$net)
    quiet(tree_check(tree))
    all <- brute_force(tree, n - 1, rows)
    near <- function(q) all$distance[q, ] <= 0.7
    query <- option_query(tree, rows)
    earlier <- brute_force(tree, 6, rows, rows - 1L)
    told <- paste(names(case)[unlist(case)], collapse = ", ")
    found <- find_knn(tree, rows = rows, k = 6, threads = 1)
    within <- find_within(tree, rows = rows, radius = 0.7, threads = 1)
    sets <- vecchia_neighbors(tree, m = 6, threads = 1)
    local <- find_knn(tree, rows = rows, k = 6, oversample = n, threads = 1)
    asked <- find_knn(tree, query, k = n, threads = 1)
    expect_identical(unname(found$index), all$index[, 1:6], label = paste("knn:", told))
    expect_identical(unname(found$distance), all$distance[, 1:6],
                     label = paste("distances of knn:", told))
    expect_identical(within$index, lapply(seq_along(rows), function(q) all$index[q, near(q)]),
                     label = paste("within:", told))
    expect_identical(unname(sets$index[rows, ]), earlier$index, label = paste("vecchia:", told))
    expect_identical(unname(local$index), all$index[, 1:6], label = paste("local:", told))
    others <- t(vapply(seq_along(rows), function(q) setdiff(asked$index[q, ], rows[q]),
                       integer(n - 1)))
    expect_identical(unname(others), all$index, label = paste("query:", told))
  }
  expect_gt(nets, 0.9 * nrow(cases) / 2) # a few are no correlations: their net would be unsound
})

test_that("an index with a nugget and duplicates keeps a net that its searches take", {
  skip_on_cran()
  set.seed(1)
  x <- matrix(sample(0:30, 8000, TRUE) / 30, ncol = 2)
  metric <- metric_residual(cov_exponential(lengthscale = 0.2, nugget = 0.1),
                            inducing_points(x, 60), nugget = TRUE)
  tree <- cover_tree(x, metric, net_bytes = 0)
  run <- covertree:::run_settings(2, FALSE)
  netted <- covertree:::seal_index(covertree:::add_net(tree, NULL, run, forced = TRUE), run)
  expect_false(is.null(netted$net))
  found <- find_knn(netted, k = 8, threads = 2)
  truth <- brute_force(tree, 8, 1:40)
  expect_identical(unname(found$index[1:40, ]), truth$index)
  expect_same_neighbors(found, find_knn(tree, k = 8, threads = 1))
})
