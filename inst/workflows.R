# Ten pieces of work, each with the package that does the rest: shown by vignette("other-packages"), run by the tests.

# ---- sf: a tibble of edges ----
places <- sf::st_as_sf(quakes, coords = c("long", "lat"), crs = 4326)
nn <- find_knn(places, k = 3, metric = metric_great_circle())
edges <- tibble::as_tibble(nn)
edges

# ---- igraph: components of a graph ----
near <- find_within(quakes[, c("long", "lat")], radius = 60,
                    metric = metric_great_circle())
graph <- igraph::as.igraph(near)
components <- igraph::components(graph)
sort(components$csize, decreasing = TRUE)[1:5]

# ---- dbscan: clusters ----
near <- find_within(quakes[, c("long", "lat")], radius = 100,
                    metric = metric_great_circle())
clusters <- dbscan::dbscan(as_dbscan(near), minPts = 10)
clusters

# ---- spdep: Moran's I ----
nn <- find_knn(quakes[, c("long", "lat")], k = 8,
               metric = metric_great_circle())
weights <- as_listw(nn)
moran <- spdep::moran.test(quakes$depth, weights)
moran$estimate

# ---- uwot: an embedding ----
x <- unique(as.matrix(iris[, 1:4]))
nn <- as_knn_list(find_knn(x, k = 14), "uwot")
embedding <- uwot::umap(x, nn_method = nn, n_epochs = 100,
                        n_sgd_threads = 1)
dim(embedding)

# ---- GpGp: a fit, and predictions with standard deviations ----
locs <- as.matrix(quakes[vecchia_order(quakes[, 1:2]), c("long", "lat")])
y <- quakes$mag[vecchia_order(quakes[, 1:2])]
sets <- as_NNarray(vecchia_neighbors(locs, m = 20))
fit <- GpGp::fit_model(y, locs, covfun_name = "exponential_isotropic",
                       NNarray = sets, reorder = FALSE, m_seq = c(10, 20),
                       silent = TRUE)
predict_gpgp(fit, cbind(long = c(180, 182), lat = c(-20, -25)))

# ---- spNNGP: a chain on our neighbours ----
some <- quakes[!duplicated(quakes[, c("long", "lat")]), ][1:300, ]
locs <- as.matrix(some[, c("long", "lat")])
order <- vecchia_order(locs)
info <- as_spnngp(vecchia_neighbors(locs[order, ], m = 10), order)
chain <- run_spnngp(some$mag, locs, info)
summary(chain$p.theta.samples)$statistics[, 1:2]

# ---- space and time: conditioning sets of floats in the oceans ----
argo <- GpGp::argo2016[1:2000, ]
points <- cbind(lon = argo$lon, lat = argo$lat, day = argo$day)
metric <- metric_sphere_time(scale = c(km = 500, days = 20))
order <- vecchia_order(points, metric = metric)
sets <- vecchia_neighbors(points[order, ], m = 20, metric = metric)
sets

# ---- a join of two tables within a radius ----
towns <- data.frame(town = c("Suva", "Nadi", "Apia"),
                    long = c(178.4, 177.4, 188.2), lat = c(-18.1, -17.8, -13.8))
joined <- nearest_join(towns, quakes, k = 2, radius = 400,
                       coords = ~ long + lat, metric = metric_great_circle())
joined

# ---- Mahalanobis: matches by covariates ----
x <- mtcars[, c("hp", "wt", "qsec")]
matches <- find_knn(x, k = 1, metric = metric_mahalanobis(cov(x)),
                    groups = mtcars$am)
head(as.data.frame(matches)[c("from_name", "to_name", "distance")])
