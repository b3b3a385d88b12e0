# The independent brute force: plain R, all pairs, nothing shared with the package but the
# definitions in the documentation.

# Distances of point a to the rows of B, summed column by column in double precision.
oracle_distance <- function(metric, a, B) {
  sum_columns <- function(f, a, B) {
    s <- numeric(nrow(B))
    for (c in seq_along(a)) s <- s + f(a[c] - B[, c])
    s
  }
  square <- function(t) t * t
  divide <- function(x) if (is.null(metric$scale)) x
                        else sweep(x, 2, rep_len(metric$scale, ncol(x)), "/")
  switch(metric$kind,
    euclidean = sqrt(sum_columns(square, drop(divide(t(a))), divide(B))),
    manhattan = sum_columns(abs, a, B),
    maximum = apply(abs(sweep(B, 2, a)), 1, max),
    minkowski = sum_columns(function(t) abs(t)^metric$power, a, B)^(1 / metric$power),
    angular = oracle_angle(drop(unit_rows(t(a))), unit_rows(B)),
    great_circle = metric$radius * oracle_angle(drop(sphere_rows(t(a))), sphere_rows(B)),
    mahalanobis = sqrt(sum_columns(square, drop(map_rows(metric$map, t(a))),
                                   map_rows(metric$map, B))),
    sphere_time = sqrt(sum_columns(square, drop(sphere_time_rows(metric, t(a))),
                                   sphere_time_rows(metric, B))),
    `function` = metric$f(a, B)
  )
}

oracle_angle <- function(u, V) {
  minus <- plus <- numeric(nrow(V))
  for (c in seq_along(u)) {
    minus <- minus + (u[c] - V[, c]) * (u[c] - V[, c])
    plus <- plus + (u[c] + V[, c]) * (u[c] + V[, c])
  }
  2 * atan2(sqrt(minus), sqrt(plus))
}

unit_rows <- function(x) {
  x <- x / apply(abs(x), 1, max)
  norm <- numeric(nrow(x))
  for (c in seq_len(ncol(x))) norm <- norm + x[, c] * x[, c]
  x / sqrt(norm)
}

map_rows <- function(map, x) {
  out <- 0 * x
  for (j in seq_len(ncol(x))) for (c in seq_len(j)) out[, j] <- out[, j] + x[, c] * map[c, j]
  out
}

sphere_time_rows <- function(metric, x) {
  rest <- sweep(x[, -(1:2), drop = FALSE], 2, metric$scale[-1], "/")
  cbind(metric$radius * sphere_rows(x[, 1:2, drop = FALSE]) / metric$scale[1], rest)
}

# Sine and cosine of degrees after exact reduction by quarter turns.
sphere_rows <- function(x) {
  trig <- function(deg) {
    q <- round(deg / 90)
    rest <- (deg - 90 * q) * (pi / 180)
    s <- sin(rest)
    c <- cos(rest)
    turn <- q %% 4 + 1
    list(sin = cbind(s, c, -s, -c)[cbind(seq_along(deg), turn)],
         cos = cbind(c, -s, -c, s)[cbind(seq_along(deg), turn)])
  }
  lon <- trig(x[, 1])
  lat <- trig(x[, 2])
  cbind(lat$cos * lon$cos, lat$cos * lon$sin, lat$sin)
}

# The k nearest candidates of each query by (distance, row): list(index, distance).
# limit: rows up to this are candidates; own: the row to leave out, or NA.
oracle_knn <- function(metric, x, k, query = x, own = rep(NA, nrow(query)),
                       limit = rep(nrow(x), nrow(query))) {
  index <- matrix(NA_integer_, nrow(query), k)
  distance <- matrix(NA_real_, nrow(query), k)
  for (q in seq_len(nrow(query))) {
    rows <- setdiff(seq_len(limit[q]), own[q])
    if (!length(rows)) next
    d <- oracle_distance(metric, query[q, ], x[rows, , drop = FALSE])
    best <- utils::head(order(d, rows), k)
    index[q, seq_along(best)] <- rows[best]
    distance[q, seq_along(best)] <- d[best]
  }
  list(index = index, distance = distance)
}

oracle_within <- function(metric, x, radius, query = x, own = rep(NA, nrow(query)),
                          limit = rep(nrow(x), nrow(query))) {
  all <- oracle_knn(metric, x, nrow(x), query, own, limit)
  near <- lapply(seq_len(nrow(query)),
                 function(q) which(!is.na(all$distance[q, ]) & all$distance[q, ] <= radius))
  list(index = lapply(seq_along(near), function(q) all$index[q, near[[q]]]),
       distance = lapply(seq_along(near), function(q) all$distance[q, near[[q]]]))
}

expect_same_neighbors <- function(found, truth) {
  act <- list(index = unname(found$index), distance = unname(found$distance))
  testthat::expect_identical(act,
                             list(index = unname(truth$index), distance = unname(truth$distance)))
}
