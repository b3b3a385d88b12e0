# Indexes that may come from anywhere. What a seal holds has not been touched since it was verified;
# any other index is looked at whole: types and lengths, and then its checksum.
check_index <- function(tree, call) {
  if (.Call(C_ffi_seal_holds, tree)) return(invisible())
  refuse_index(index_fault(tree) %||% checksum_fault(tree), call)
}

refuse_index <- function(fault, call) {
  if (is.null(fault)) return(invisible())
  stop_input(c("The index is damaged: {fault}.", i = "Build it anew with {.fn cover_tree}."),
             kind = "index", call = call)
}

# The index with a checksum over all its parts, as the last step of whatever makes one.
seal_index <- function(index, run) {
  index$checksum <- NULL
  index$checksum <- .Call(C_ffi_seal, index, run$threads)
  index
}

checksum_fault <- function(tree) {
  kept <- unclass(tree)[["checksum"]]
  if (!is.integer(kept) || !identical(as.vector(kept), .Call(C_ffi_checksum, tree, 1L))) {
    "it is not what it was when it was made"
  }
}

# What is wrong with the shape of an index, in words; NULL: nothing. Names count to the letter.
index_fault <- function(tree) {
  tryCatch(shape_fault(unclass(tree)), error = function(e) "a part is not of its type")
}

shape_fault <- function(tree) {
  if (!is.list(tree)) return("it is not a list")
  if (anyDuplicated(names(tree))) return("it has parts of one name")
  x <- tree[["x"]]
  if (!is.double(x) || !is.matrix(x) || nrow(x) == 0 || ncol(x) == 0) {
    return("`x` is not a matrix of points")
  }
  if (!layout_fits(tree[["layout"]], ncol(x))) return("`layout` does not fit the points")
  metric <- tree[["metric"]]
  fault <- metric_fault(metric)
  if (!is.null(fault)) return(paste("`metric` is not a metric,", fault))
  part_fault(tree, metric, nrow(x)) %||% blocks_fault(tree, metric, nrow(x)) %||%
    nodes_fault(tree[["tree"]], nrow(x))
}

# What the metric needs beside the points.
part_fault <- function(tree, metric, n) {
  if (is_correlation(metric)) return(residual_fault(tree, metric, n))
  lifted <- tree[["lifted"]]
  if (is.null(metric[["lift"]]) != is.null(lifted)) {
    return("`lifted` and `metric` do not fit each other")
  }
  if (!is.null(lifted) && (!is.double(lifted) || !is.matrix(lifted) || nrow(lifted) != n)) {
    return("`lifted` is not a matrix with a row per point")
  }
  if (!metric_fits(metric, tree[["x"]], lifted)) return("`x` and `metric` do not fit each other")
  if (!is.null(tree[["residual"]])) return("`residual` belongs to no correlation")
}

blocks_fault <- function(tree, metric, n) {
  blocks <- tree[["blocks"]]
  if (metric[["kind"]] != "function" && (!is.integer(blocks) || length(blocks) != n)) {
    return("`blocks` is not integer with an entry per point")
  }
}

nodes_fault <- function(nodes, n) {
  type <- c(point = "integer", size = "integer", level = "integer", radius = "double",
            parent_distance = "double")
  for (name in names(type)) {
    if (typeof(nodes[[name]]) != type[[name]] || length(nodes[[name]]) != n) {
      return(paste0("`tree$", name, "` is not ", type[[name]], " with an entry per point"))
    }
  }
}

# What columns were given as, see columns.R.
layout_fits <- function(layout, columns) {
  text <- function(v) is.null(v) || (is.character(v) && length(v) == columns && !anyNA(v))
  crs <- layout$crs
  is.list(layout) && is.integer(layout$order) && identical(sort(layout$order), seq_len(columns)) &&
    text(layout$names) && text(layout$unit) &&
    (is.null(crs) ||
     (is.list(crs) && rlang::is_string(crs$name) && rlang::is_string(crs$wkt) &&
      is_flag(crs$lonlat)))
}

metric_fits <- function(metric, x, lifted) {
  tryCatch({
    check_values(x, fit_metric(metric, x, lifted = lifted))
    TRUE
  }, error = function(e) FALSE)
}

# What the core will read of a correlation's index.
residual_fault <- function(tree, metric, n) {
  part <- tree[["residual"]]
  cov <- metric[["cov"]]
  columns <- ncol(tree[["x"]])
  embedded <- part[["embedded"]]
  if (length(cov[["lengthscale"]]) != columns - cov[["lonlat"]]) {
    return("`metric$cov` is not a covariance that fits the points")
  }
  if (!is.double(embedded) || !identical(dim(embedded), c(n, columns + cov[["lonlat"]]))) {
    return("`residual$embedded` is not a matrix with a row per point")
  }
  if (any(.Call(C_ffi_check_points, embedded, metric_euclidean()) != 0)) {
    return("`residual$embedded` holds values that are no coordinates")
  }
  p <- part[["p"]]
  if (!is.double(p) || length(p) != n || anyNA(p) || any(p < 0)) {
    return("`residual$p` is not a residual variance per point")
  }
  rank <- part[["rank"]]
  V_fault(part[["V"]], rank, n) %||% factor_fault(metric, rank,
                                                  ncol(embedded)) %||% net_fault(tree[["net"]])
}

V_fault <- function(V, rank, n) {
  if (!is.integer(rank) || length(rank) != 1 || is.na(rank) || rank < 0) {
    return("`residual$rank` is not a whole number")
  }
  fits <- is.double(V) && is.matrix(V) && ncol(V) == n && nrow(V) %% 8 == 0 && nrow(V) >= rank
  if (rank > 0 && !fits) return("`residual$V` is not a padded row of the factor per point")
}

net_fault <- function(net) {
  if (!is.null(net) && (!is.list(net) || is.null(names(net)))) {
    return("`net` is not a list of arrays")
  }
}

# The factor of the inducing points, which makes V and p of new points.
factor_fault <- function(metric, rank, columns) {
  if (is.null(metric[["L"]])) return(NULL)
  if (!is.double(metric[["L"]]) || !identical(dim(metric[["L"]]), c(rank, rank))) {
    return("`metric$L` is not the factor of the inducing points")
  }
  if (!is.double(metric[["u"]]) || !identical(dim(metric[["u"]]), c(rank, columns))) {
    return("`metric$u` does not hold the inducing points")
  }
  if (is.null(metric[["jitter_used"]])) {
    return("`metric$jitter_used` is not the jitter of the factor")
  }
}
