#' Conditioning sets of a Vecchia approximation
#'
#' For each observation its `m` nearest neighbours among the *earlier* observations, and for each
#' new place its neighbours among the observations.
#'
#' @param locs Locations of the observations, one per row, in the order of the approximation (see
#'   [vecchia_order()]); whatever [cover_tree()] takes, or an index made by it.
#' @param m Size of the conditioning sets, a whole number. Where fewer locations can be conditioned
#'   on, that many, with a warning.
#' @param metric What "near" means, see [metrics]; `NULL` as in [cover_tree()].
#' @param locs_pred `NULL`, or locations of predictions, with the columns of `locs`.
#' @param cond_on What predictions condition on: `"obs"`, observations only; `"all"`, observations
#'   and earlier predictions.
#' @param select `"nearest"`: the `m` nearest; `"conditional"`: of candidates near by, one after the
#'   other the one that tells most, given those before.
#' @param cov For `select = "conditional"`: the covariance to choose by, where `metric` has none.
#' @param candidates Candidates for each of the `m` places of a set, a whole number.
#' @param candidates_by What candidates are nearest by: `"euclid"`, the coordinates divided by the
#'   covariance's lengthscales; `"metric"`; or `"both"`, half of them each.
#' @inheritParams find_knn
#'
#' @details
#' Nearest neighbours crowd on one side and repeat each other. With `select = "conditional"` the
#' next member of a set is the candidate `j` with the largest `cov(i, j | S)^2 / var(j | S)`, the
#' largest drop of the conditional variance of place `i` given the members `S` so far; the
#' covariance is that of the observations, so the nugget counts, and with inducing points it is what
#' these leave. Scores equal up to a relative 1e-9 go to the nearer candidate. The columns are in
#' the order of selection, so the first columns are the sets of a smaller `m` (from the same
#' candidates). Where no candidate tells anything more, the nearest that remain fill the set;
#' `stats$short_sets` and `stats$filled` count them. `distance` holds the metric's distances of the
#' rows chosen. Sets are the same for any number of threads and any processor.
#'
#' With `locs_pred`, the result is about the predictions alone. They count as rows
#' `n_obs + 1, n_obs + 2, ...` of `rbind(locs, locs_pred)`, and so do their neighbours: their
#' [as_NNarray()] can be bound under that of the observations.
#' `"obs"` is what GPBoost, spNNGP and BRISC do by default, `"all"` what GpGp's `predictions()`
#' does.
#'
#' @return A list of class `covertree_neighbors`, as [find_knn()] returns it, with `m` columns. Row
#'   `i` of the observations holds `min(i - 1, m)` neighbours, nearest first (or in the order of
#'   selection), then `NA`.
#' @seealso [as_NNarray()] for GpGp's array, [vecchia_order()] for orders.
#' @source M. Huan, J. Guinness, M. Katzfuss, H. Owhadi, F. Schaefer (2023), Sparse inverse Cholesky
#'   factorization of dense kernel matrices by greedy conditional selection,
#'   \doi{10.48550/arXiv.2307.11648}; A. V. Vecchia (1988), Estimation and model identification for
#'   continuous spatial processes, JRSS B 50, \doi{10.1111/j.2517-6161.1988.tb01729.x}; J. Guinness
#'   (2018), Permutation and grouping methods for sharpening Gaussian process approximations,
#'   Technometrics 60, \doi{10.1080/00401706.2018.1437476}.
#' @examples
#' locs <- as.matrix(quakes[, c("long", "lat")])
#' nn <- vecchia_neighbors(locs, m = 5, metric = metric_great_circle())
#' nn$index[1:8, ]
#'
#' new <- cbind(long = c(175, 180), lat = c(-20, -25))
#' vecchia_neighbors(locs, m = 5, metric = metric_great_circle(), locs_pred = new)
#' @export
vecchia_neighbors <- function(locs, m = 30, metric = NULL, locs_pred = NULL,
                              cond_on = c("obs", "all"), select = c("nearest", "conditional"),
                              cov = NULL, candidates = 4,
                              candidates_by = c("euclid", "metric", "both"), oversample = Inf,
                              recall_sample = 0, threads = NULL, progress = NULL) {
  check_given(locs)
  cond_on <- match_choice(cond_on)
  select <- match_choice(select)
  candidates_by <- match_choice(candidates_by)
  check_count(m)
  check_oversample(oversample)
  check_count(recall_sample, min = 0)
  m <- as.integer(m)
  run <- run_settings(threads, progress)
  selection <- check_selection(select, cov, candidates, candidates_by, oversample)
  find <- function(index, queries, m) {
    if (is.null(selection))
      return(search_neighbors(index, queries, m, oversample, recall_sample, run))
    select_neighbors(index, queries, m, selection, run, call)
  }
  call <- rlang::current_env()
  index <- as_index(locs, metric, run, arg = "locs")
  if (!is.null(locs_pred)) return(prediction_neighbors(index, locs_pred, m, cond_on, find, run))
  m <- bound_sets(m, length(index), length(index) - 1L)
  find(index, resolve_queries(index, predecessors = TRUE), m)
}

# No set is larger than what there is to condition on.
bound_sets <- function(m, queries, candidates, call = rlang::caller_env()) {
  if (m > candidates) {
    cli::cli_warn(
      "{.arg m} is {m}, but there {?is/are} only {candidates} location{?s} to condition on.",
      class = "covertree_warning",
                  call = call)
    m <- max(candidates, 1L)
  }
  check_answers(queries, m, "m", call)
  m
}

# Predictions are rows after the observations; with "all" they are indexed among them.
prediction_neighbors <- function(index, locs_pred, m, cond_on, find, run,
                                 call = rlang::caller_env()) {
  pred <- align_places(index, locs_pred, "locs_pred", call)
  n <- length(index)
  m <- bound_sets(m, nrow(pred$x), if (cond_on == "obs") n else n + nrow(pred$x) - 1L, call)
  if (cond_on == "obs") {
    found <- find(index, resolve_queries(index, query = pred, run = run), m)
  } else {
    both <- joint_index(index, pred, run, call)
    queries <- resolve_queries(both, rows = n + seq_len(nrow(pred$x)), predecessors = TRUE)
    queries$names <- rownames(pred$x)
    found <- find(both, queries, m)
  }
  attr(found, "predecessors") <- TRUE
  attr(found, "rows") <- NULL
  attr(found, "first") <- n + 1L
  attr(found, "size") <- n + nrow(pred$x)
  attr(found, "labels") <- NULL
  found
}

# Observations and predictions in one index. A factor of the user's own is put back into rows and
# bound as well.
joint_index <- function(index, pred, run, call) {
  metric <- index$metric
  if (metric$kind == "residual" && is.null(metric$L)) {
    query_residual(index, pred, run, call) # refuses predictions without a factor
    own <- index$residual
    metric$V <- rbind(t(own$V[seq_len(own$rank), order(index$blocks), drop = FALSE]), pred$V)
    metric$p <- c(own$p[order(index$blocks)], pred$p)
  }
  light_index(new_points(rbind(unname(index$x), unname(pred$x)), index$layout$unit), metric, run,
              "locs_pred", call)
}
