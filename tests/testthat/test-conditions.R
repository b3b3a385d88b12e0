# Every error that a user can cause is a covertree_error, and speaks of what the user wrote.

places <- matrix(runif(40), 20)

test_that(
  "arguments that are left out, of no choice or of no use are classed errors that name them", {
  tree <- cover_tree(places)
  refused <- alist(
    tree = find_knn(), tree = find_within(radius = 1), radius = find_within(places),
    x = cover_tree(), locs = vecchia_neighbors(),
    locs = vecchia_order(), x = inducing_points(), tree = tree_check(), metric = update(tree),
    p = metric_minkowski(),
    f = metric_function(), cov = metric_correlation(), cov = metric_residual(),
    V = with_factor(places), points = with_factor(),
    power = cov_powered_exponential(), f = cov_function(), covparms = as_covariance(),
    covfun_name = as_covariance(1),
    nn = as_NNarray(), truth = neighbor_recall(matrix(1)), order = cover_tree(places, order = "a"),
    build = cover_tree(places, build = 1),
    cond_on = vecchia_neighbors(places, m = 2, cond_on = "a"), method = vecchia_order(places, "a"),
    method = inducing_points(places, 3, method = c("random", "maxmin")),
    method = vecchia_order(places, NA_character_),
    max_index = find_knn(places, query = places, k = 1, max_index = "a"),
    max_index = find_knn(places, places, k = 1, max_index = list("a")),
    oversample = find_knn(places, k = 1, oversample = mean),
    oversample = find_knn(places, k = 1, oversample = NULL),
    radius = find_within(places, radius = list()), ... = update(tree, metric_euclidean(), 3),
    m = vecchia_neighbors(places, m = "many"))
  for (i in seq_along(refused)) {
    said <- tryCatch(eval(refused[[i]]), error = identity)
    expect_s3_class(said, "covertree_error")
    expect_match(conditionMessage(said), paste0("`", names(refused)[i], "`"), fixed = TRUE,
                 label = deparse(refused[[i]]))
  }
})

test_that("messages speak of what the user wrote", {
  wrong <- replace(places, 3, NA)
  expect_error(find_knn(wrong, k = 1), "`wrong` must hold finite", class = "covertree_error")
  expect_error(find_within(wrong, radius = 1), "`wrong` must hold finite",
               class = "covertree_error")
  expect_error(find_knn(replace(places, 3, NA), k = 1), "`tree` must hold finite",
               class = "covertree_error")
  expect_error(vecchia_neighbors(wrong), "`locs` must hold finite", class = "covertree_error")
  expect_error(find_knn(places, 5), "k = 5", class = "covertree_error")
})

test_that("no text of the user's is taken for a template", {
  odd <- "{stop('run')} {.cls %s} {{"
  says <- function(expr) {
    said <- tryCatch(expr, error = identity)
    expect_s3_class(said, "covertree_error")
    expect_match(gsub("\\s+", " ", conditionMessage(said)), "{stop('run')} {.cls %s} {{",
                 fixed = TRUE)
  }
  named <- replace(places, 3, NA)
  colnames(named) <- c(odd, "b")
  frame <- data.frame(a = letters)
  names(frame) <- odd
  says(cover_tree(named))
  says(cover_tree(frame))
  says(cover_tree(places, order = odd))
  says(vecchia_order(places, odd))
  says(as_covariance(1:3, odd))
  says(find_knn(places, k = odd))
  says(find_knn(places, k = 1, threads = odd))
})
