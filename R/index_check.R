# Types and lengths of an index that may come from anywhere; the core verifies what they hold before it reads on.
check_index <- function(tree, call) {
  broken <- tryCatch(index_fault(unclass(tree)), error = function(e) "a part is not of its type")
  if (!is.null(broken)) {
    stop_input(c("The index is damaged: {broken}.", i = "Build it anew with {.fn cover_tree}."),
               kind = "index", call = call)
  }
}

index_fault <- function(tree) {
  if (!is.list(tree)) return("it is not a list")
  x <- tree$x
  if (!is.double(x) || !is.matrix(x) || nrow(x) == 0 || ncol(x) == 0) return("`x` is not a matrix of points")
  if (!is_metric(tree$metric)) return("`metric` is not a metric")
  n <- nrow(x)
  if (is_correlation(tree$metric)) {
    fault <- residual_fault(tree, n)
    if (!is.null(fault)) return(fault)
  } else if (!is.null(tree$metric$lift) && (!is.double(tree$lifted) || !is.matrix(tree$lifted) || nrow(tree$lifted) != n)) {
    return("`lifted` is not a matrix with a row per point")
  } else if (is.null(tree$metric$lift) && !is.null(tree$lifted)) {
    return("`lifted` belongs to no `cov_function()`")
  } else if (!metric_fits(tree$metric, x, tree$lifted)) {
    return("`x` and `metric` do not fit each other")
  } else if (!is.null(tree$residual)) {
    return("`residual` belongs to no correlation")
  }
  if (tree$metric$kind != "function" && (!is.integer(tree$blocks) || length(tree$blocks) != n)) {
    return("`blocks` is not integer with an entry per point")
  }
  type <- c(point = "integer", size = "integer", level = "integer", radius = "double", parent_distance = "double")
  for (name in names(type)) {
    if (typeof(tree$tree[[name]]) != type[[name]] || length(tree$tree[[name]]) != n) {
      return(paste0("`tree$", name, "` is not ", type[[name]], " with an entry per point"))
    }
  }
  NULL
}

metric_fits <- function(metric, x, lifted) {
  tryCatch({
    check_values(x, fit_metric(metric, x, lifted = lifted))
    TRUE
  }, error = function(e) FALSE)
}

# What the core will read of an index that may come from anywhere.
residual_fault <- function(tree, n) {
  part <- tree$residual
  cov <- tree$metric$cov
  if (!covariance_fits(cov, ncol(tree$x))) return("`metric$cov` is not a covariance that fits the points")
  if (tree$metric$kind == "residual" && !is_flag(tree$metric$nugget)) return("`metric$nugget` is not TRUE or FALSE")
  if (!is.double(part$embedded) || !identical(dim(part$embedded), c(n, ncol(tree$x) + isTRUE(cov$lonlat)))) {
    return("`residual$embedded` is not a matrix with a row per point")
  }
  if (any(.Call(C_ffi_check_points, part$embedded, metric_euclidean()) != 0)) {
    return("`residual$embedded` holds values that are no coordinates")
  }
  if (!is.double(part$p) || length(part$p) != n || anyNA(part$p) || any(part$p < 0)) {
    return("`residual$p` is not a residual variance per point")
  }
  rank <- part$rank
  if (!is.integer(rank) || length(rank) != 1 || is.na(rank) || rank < 0) return("`residual$rank` is not a whole number")
  if (rank > 0 && (!is.double(part$V) || !is.matrix(part$V) || ncol(part$V) != n || nrow(part$V) %% 8 != 0 || nrow(part$V) < rank)) {
    return("`residual$V` is not a padded row of the factor per point")
  }
  if (!is.null(tree$net) && (!is.list(tree$net) || is.null(names(tree$net)))) return("`net` is not a list of arrays")
  if (!is.null(tree$metric$L)) factor_fault(tree$metric, rank, ncol(part$embedded))
}

# The factor of the inducing points, which makes V and p of new points.
factor_fault <- function(metric, rank, columns) {
  if (!is.double(metric$L) || !identical(dim(metric$L), c(rank, rank))) {
    return("`metric$L` is not the factor of the inducing points")
  }
  if (!is.double(metric$u) || !identical(dim(metric$u), c(rank, columns))) {
    return("`metric$u` does not hold the inducing points")
  }
  jitter <- metric$jitter_used
  if (!is.double(jitter) || length(jitter) != 1 || !is.finite(jitter) || jitter < 0) {
    return("`metric$jitter_used` is not the jitter of the factor")
  }
  NULL
}
