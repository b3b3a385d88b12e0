# Neighbours where coordinates repeat. A point's distance is that of its nearest image. The k
# nearest without images bound what can be near; images of a query whose ball of that radius reaches
# the points' box are searched within it; then all that was found is measured by one rule: each
# difference taken modulo its period.

check_period <- function(period, index, call = rlang::caller_env()) {
  kind <- index$metric$kind
  if (!kind %in% c("euclidean", "manhattan", "maximum", "minkowski")) {
    stop_input(c("{.arg period} needs Euclidean, Manhattan, maximum or Minkowski distance.",
                 x = "The metric is {format(index$metric)}."),
               call = call)
  }
  columns <- ncol(index$x)
  if (!is.numeric(period) && !all(is.na(period)) || !length(period) %in% c(1L, columns)) {
    stop_input(c("{.arg period} must have one element or one per column.",
                 x = "It is {describe(period)}."), call = call)
  }
  period <- rep_len(as.double(period), columns)
  period[is.na(period)] <- Inf
  if (any(period <= 0))
    stop_input("{.arg period} must hold positive numbers, or {.code NA}.", call = call)
  period
}

search_periodic <- function(index, queries, k, period, run) {
  wrapped <- as_index(wrap(index$x, period), index$metric, run)
  own <- if (is.null(queries$points)) queries$rows %||% seq_len(length(index))
  points <- if (is.null(own)) wrap(queries$points, period) else wrapped$x[own, , drop = FALSE]
  near <- search_knn(wrapped,
                     resolve_queries(wrapped, query = points, max_index = queries$limit, run = run),
                     min(k + 1L, length(index)), run)
  radius <- near$distance[cbind(seq_len(nrow(points)), ncol(near$index))]
  radius <- ifelse(is.na(radius), spread(wrapped, points), radius) * (1 + 1e-9)
  pairs <- image_pairs(wrapped, points, queries$limit, period, radius, run)
  if (!is.null(own) && !queries$self) pairs <- pairs[pairs$row != own[pairs$query], ]
  pairs$distance <- periodic_distance(wrapped$metric, points[pairs$query, , drop = FALSE],
                                      wrapped$x[pairs$row, , drop = FALSE], period)
  new_neighbors(c(nearest_pairs(pairs, nrow(points), k), list(stats = attr(near, "stats"))),
                queries, index)
}

wrap <- function(x, period) {
  for (c in which(is.finite(period))) {
    x[, c] <- x[, c] %% period[c]
    x[x[, c] >= period[c], c] <- 0
  }
  x
}

# No two of these are farther apart.
spread <- function(index, points) {
  range <- apply(rbind(index$x, points), 2, range)
  periodic_distance(index$metric, range[1, , drop = FALSE], range[2, , drop = FALSE],
                    rep(Inf, ncol(range)))
}

# Queries and rows, each pair once, of which an image is within the radius.
image_pairs <- function(index, points, limit, period, radius, run) {
  shifts <- as.matrix(expand.grid(lapply(period, function(p) if (is.finite(p)) c(0, -p, p) else 0)))
  low <- apply(index$x, 2, min)
  high <- apply(index$x, 2, max)
  pairs <- lapply(seq_len(nrow(shifts)), function(s) {
    moved <- sweep(points, 2, shifts[s, ], "+")
    gap <- pmax(sweep(-moved, 2, low, "+"), sweep(moved, 2, high, "-"), 0)
    near <- which(periodic_distance(index$metric, 0 * gap, gap, rep(Inf, ncol(gap))) <= radius)
    if (!length(near)) return(NULL)
    asked <- resolve_queries(index, query = moved[near, , drop = FALSE], max_index = limit[near],
                             run = run)
    asked$radius <- radius[near]
    edges <- result_edges(search_within(index, asked, max(radius[near]), run))
    data.frame(query = near[edges$from], row = edges$to)
  })
  pairs <- do.call(rbind, pairs)
  pairs[!duplicated(pairs$query * as.double(length(index)) + pairs$row), ]
}

# Distances of rows of a and of b, pair by pair, the columns summed in order.
periodic_distance <- function(metric, a, b, period) {
  sum <- numeric(nrow(a))
  for (c in seq_len(ncol(a))) {
    d <- abs(a[, c] - b[, c])
    d <- pmin(d, abs(period[c] - d)) / (metric$scale[c] %||% 1)
    sum <- switch(metric$kind, euclidean = sum + d * d, manhattan = sum + d, maximum = pmax(sum, d),
                  minkowski = sum + d^metric$power)
  }
  switch(metric$kind, euclidean = sqrt(sum), minkowski = sum^(1 / metric$power), sum)
}

# list(index, distance) of the k first pairs of each query by (distance, row).
nearest_pairs <- function(pairs, count, k) {
  pairs <- pairs[order(pairs$query, pairs$distance, pairs$row, method = "radix"), ]
  rank <- sequence(tabulate(pairs$query, count))
  pairs <- pairs[rank <= k, ]
  at <- cbind(pairs$query, rank[rank <= k])
  index <- matrix(NA_integer_, count, k)
  distance <- matrix(NA_real_, count, k)
  index[at] <- pairs$row
  distance[at] <- pairs$distance
  list(index = index, distance = distance)
}
