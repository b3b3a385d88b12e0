# inst/workflows.R by title: what vignette("other-packages") shows.
workflow_lines <- function() {
  lines <- readLines(system.file("workflows.R", package = "covertree"))
  title <- grepl("^# ---- ", lines)
  parts <- split(lines[cumsum(title) > 0 & !title], cumsum(title)[cumsum(title) > 0 & !title])
  stats::setNames(lapply(parts, function(p) p[nzchar(p)]),
                  sub(" ----$", "", sub("^# ---- ", "", lines[title])))
}

run_workflow <- function(title) {
  env <- new.env(parent = globalenv())
  env$run_spnngp <- function(y, locs, info) suppressWarnings(spNNGP::spNNGP(
    y ~ 1, coords = locs, neighbor.info = info, n.neighbors = info$n.neighbors, method = "latent",
    cov.model = "exponential",
    starting = list(phi = 1, sigma.sq = 0.1, tau.sq = 0.1), tuning = list(phi = 0.5),
    n.samples = 50, verbose = FALSE,
    priors = list(phi.Unif = c(0.1, 10), sigma.sq.IG = c(2, 0.1), tau.sq.IG = c(2, 0.1))))
  utils::capture.output(for (e in parse(text = workflow_lines()[[title]])) eval(e, env))
  env
}

skip_unless <- function(...) {
  for (package in c(...)) skip_if_not_installed(package)
  skip_on_cran()
}

test_that("ten workflows take no more than six expressions each", {
  lines <- workflow_lines()
  expect_length(lines, 10)
  for (part in lines) expect_lte(length(parse(text = part)), 6)
  expect_lte(max(nchar(unlist(lines))), 80)
})

test_that("sf to a tibble of edges", {
  skip_unless("sf", "tibble")
  e <- run_workflow("sf: a tibble of edges")$edges
  d <- as.numeric(sf::st_distance(sf::st_as_sf(quakes[e$from[1:9], ], coords = c("long", "lat"),
                                               crs = 4326),
                                  sf::st_as_sf(quakes[e$to[1:9], ], coords = c("long", "lat"),
                                               crs = 4326), by_element = TRUE))
  expect_equal(e$distance[1:9] * 1000, d, tolerance = 1e-5)
})

test_that("graph components are a partition by distance", {
  skip_unless("igraph")
  env <- run_workflow("igraph: components of a graph")
  across <- outer(env$components$membership, env$components$membership, "!=")
  for (i in c(1, 500, 1000)) expect_false(any(across[i, env$near$index[[i]]]))
})

test_that("dbscan's clusters on our neighbours are those of a distance matrix", {
  skip_unless("dbscan")
  env <- run_workflow("dbscan: clusters")
  whole <- find_knn(quakes[, c("long", "lat")], k = 999, metric = metric_great_circle())
  D <- matrix(0, 1000, 1000)
  D[cbind(c(row(whole$index)), c(whole$index))] <- whole$distance
  expect_identical(env$clusters$cluster, dbscan::dbscan(as.dist(D), eps = 100, minPts = 10)$cluster)
})

test_that("Moran's I is spdep's own", {
  skip_unless("spdep")
  own <- spdep::nb2listw(spdep::knn2nb(suppressWarnings(spdep::knearneigh(as.matrix(quakes[,
      c("long", "lat")]), k = 8, longlat = TRUE))))
  expect_equal(run_workflow("spdep: Moran's I")$moran$estimate[[1]],
               spdep::moran.test(quakes$depth, own)$estimate[[1]], tolerance = 0.01)
})

test_that("uwot, GpGp and spNNGP take what they are given", {
  skip_unless("uwot", "GpGp", "fields", "spNNGP")
  expect_true(all(is.finite(run_workflow("uwot: an embedding")$embedding)))
  fit <- run_workflow("GpGp: a fit, and predictions with standard deviations")$fit
  own <- GpGp::fit_model(fit$y, fit$locs, covfun_name = "exponential_isotropic", m_seq = c(10, 20),
                         silent = TRUE, reorder = FALSE)
  expect_equal(fit$loglik, own$loglik, tolerance = 0.01)
  expect_true(
    all(is.finite(run_workflow("spNNGP: a chain on our neighbours")$chain$p.theta.samples)))
})

test_that("space and time, joins and Mahalanobis find what brute force finds", {
  skip_unless("GpGp")
  env <- run_workflow("space and time: conditioning sets of floats in the oceans")
  x <- env$points[env$order, ]
  expect_identical(env$sets$index[1500, ],
                   oracle_knn(env$metric, x, 20, x[1500, , drop = FALSE], limit = 1499)$index[1, ])
  joined <- run_workflow("a join of two tables within a radius")$joined
  expect_true(all(is.na(joined$distance) | joined$distance <= 400))
  env <- run_workflow("Mahalanobis: matches by covariates")
  other <- mtcars$am != mtcars$am[1]
  expect_equal(env$matches$distance[[1]],
               min(sqrt(mahalanobis(env$x[other, ], unlist(env$x[1, ]), cov(env$x)))))
})
