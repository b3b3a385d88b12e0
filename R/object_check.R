# Results, factors and fits may have been edited, or come from a file: every method looks at their
# parts before it uses them. A fault is said in words; NULL: nothing is wrong.

refuse_object <- function(fault, what, call) {
  fault <- tryCatch(fault, error = function(e) "a part is not of its type")
  if (is.null(fault)) return(invisible())
  stop_input(c("The {what} has been changed: {fault}.", i = "Make it anew."), call = call)
}

# The first of some conditions, named by what they say of the object, that does not hold.
first_fault <- function(...) {
  for (i in seq_len(...length())) if (!isTRUE(...elt(i))) return(...names()[i])
  NULL
}

is_matrix_of <- function(x, rows, columns = ncol(x)) {
  is.numeric(x) && is.matrix(x) && !is.object(x) && nrow(x) == rows && ncol(x) == columns
}

is_numbers <- function(x, n = length(x)) is.numeric(x) && is.null(dim(x)) && length(x) == n

is_none_or <- function(x, test) is.null(x) || test(x)

is_whole <- function(x) is.numeric(x) && length(x) == 1 && is.finite(x) && x >= 0 && x == round(x)

# ---- results of searches ----

check_neighbors <- function(x, call = rlang::caller_env()) refuse_object(neighbors_fault(x),
    "result", call)

check_within <- function(x, call = rlang::caller_env()) refuse_object(within_fault(x), "result",
                                                                      call)

neighbors_fault <- function(x) {
  parts <- unclass(x)
  index <- parts[["index"]]
  first_fault(
    "it has other parts than `index` and `distance`" =
      is.list(parts) && identical(names(parts), c("index", "distance")),
    "`index` is not a matrix of row numbers" = is_matrix_of(index, nrow(index)),
    "`distance` is not a matrix like `index`" = is_matrix_of(parts[["distance"]], nrow(index),
                                                             ncol(index))
  ) %||% origin_fault(x, nrow(index))
}

within_fault <- function(x) {
  parts <- unclass(x)
  flat <- is.list(parts) && !is.null(parts[["offset"]])
  index <- parts[["index"]]
  distance <- parts[["distance"]]
  shape <- if (flat) {
    first_fault("`offset` does not say where queries begin" =
                  is_numbers(parts[["offset"]]) && all(diff(parts[["offset"]]) >= 0) &&
                  parts[["offset"]][1] %in% 0:1 && is_numbers(index, sum(diff(parts[["offset"]]))))
  } else {
    first_fault("`index` is not a list of row numbers" =
                  is.list(index) && all(vapply(index, is.numeric, NA)) &&
                  is.list(distance) && all(vapply(distance, is.numeric, NA)))
  }
  first_fault("it has other parts than its kind" = is.list(parts) &&
                identical(names(parts), c("index", "distance", if (flat) "offset"))) %||% shape %||%
    first_fault("`distance` is not like `index`" = identical(lengths(index), lengths(distance)),
                "its radius is not a number" = is_numbers(attr(x, "radius")) &&
                  length(attr(x, "radius"))) %||%
    origin_fault(x, if (flat) length(parts[["offset"]]) - 1 else length(index))
}

# What a result remembers of its search, see result_origin().
origin_fault <- function(x, queries) {
  origin <- attributes(x)
  size <- origin[["size"]]
  first_fault(
    "its metric is none" = is_none_or(origin[["metric"]], function(m) is.null(metric_fault(m))),
    "its `rows` are not one per query" = is_none_or(origin[["rows"]],
                                                    function(r) is_numbers(r, queries) &&
                                                      !anyNA(r)),
    "its `first` is not a row" = is_none_or(origin[["first"]], is_whole),
    "its `size` is not a number of points" = is_none_or(size, is_whole),
    "its `labels` are not one per point" =
      is_none_or(origin[["labels"]], function(l) is.character(l) && length(l) == size),
    "its `query_names` are not one per query" =
      is_none_or(origin[["query_names"]], function(l) is.character(l) && length(l) == queries),
    "its `stats` are not counts" = is_none_or(origin[["stats"]], are_stats)
  )
}

are_stats <- function(stats) {
  is.list(stats) && all(vapply(stats[c("evaluations", "queries", "products", "threads")],
                               function(v) is_numbers(v, 1) && !is.na(v), NA)) &&
    is.numeric(stats[["seconds"]]) && is_none_or(stats[["recall"]], function(r) {
      is.numeric(r) && all(c("mean", "se", "size") %in% names(r))
    })
}

# ---- factors ----

check_factor_object <- function(x, arg = rlang::caller_arg(x), call = rlang::caller_env()) {
  if (!inherits(x, "vecchia_factor")) {
    stop_input(c("{.arg {arg}} must be a result of {.fn vecchia_factor}.",
                 x = "It is {describe(x)}."),
               call = call)
  }
  refuse_object(weights_fault(unclass(x)), "factor", call)
}

weights_fault <- function(x) {
  if (!is.list(x) || anyDuplicated(names(x))) return("it is not a list of its parts")
  D <- x[["variance"]]
  n <- length(D)
  index <- x[["index"]]
  first_fault(
    "`variance` does not hold positive numbers" = is.double(D) && is.null(dim(D)) && n > 0 &&
      all(is.finite(D) & D > 0),
    "`index` is not a matrix of earlier places" = is.integer(index) && is_matrix_of(index, n) &&
      all(index >= 1L & index < row(index), na.rm = TRUE),
    "`weights` is not a matrix like `index`" =
      is.double(x[["weights"]]) && is_matrix_of(x[["weights"]], n, ncol(index)),
    "`dropped` is not a count" = is_whole(x[["dropped"]]),
    "`cov` is no covariance" = is.null(covariance_fault(x[["cov"]])),
    "`noise` is not a variance per place" = is_none_or(x[["noise"]], function(v) is_numbers(v, n)),
    "`low_rank` does not fit" = is_none_or(x[["low_rank"]], function(part) is_low_rank(part, n)),
    "a part is none of a factor's" = all(names(x) %in% c("index", "weights", "variance", "dropped",
                                                         "cov", "noise", "low_rank"))
  )
}

is_low_rank <- function(part, n) {
  r <- length(part[["values"]])
  is_numbers(part[["values"]]) && all(is.finite(part[["values"]]) & part[["values"]] >= 0) &&
    is_matrix_of(part[["V"]], n, r) && is_matrix_of(part[["Z"]], n, r) &&
      is_matrix_of(part[["vectors"]], r, r)
}

# ---- fits ----

check_fit <- function(fit, call = rlang::caller_env()) refuse_object(fit_fault(unclass(fit)), "fit",
                                                                     call)

fit_fault <- function(fit) {
  if (!is.list(fit) || anyDuplicated(names(fit))) return("it is not a list of its parts")
  estimates_fault(fit) %||% model_fault(fit[["model"]], length(fit[["beta"]])) %||%
    plan_fault(fit[["plan"]], length(fit[["model"]][["y"]]),
               length(fit[["beta"]])) %||% run_fault(fit)
}

estimates_fault <- function(fit) {
  table <- fit[["parameters"]]
  loglik <- fit[["logLik"]]
  columns <- c(estimate = "double", std.error = "double", log.error = "double",
               status = "character")
  typed <- is.data.frame(table) &&
    identical(vapply(unclass(table), typeof, "")[names(columns)], columns)
  free <- if (typed) sum(table$status != "fixed")
  p <- length(fit[["beta"]])
  first_fault(
    "`cov` is no covariance" = is.null(covariance_fault(fit[["cov"]])),
    "`parameters` is not a table of estimates" = typed && nrow(table) > 0 && !anyNA(table$status),
    "`beta` holds no coefficients" = is_numbers(fit[["beta"]]) && length(names(fit[["beta"]])) == p,
    "`beta_cov` does not fit `beta`" = is_matrix_of(fit[["beta_cov"]], p, p),
    "`log_cov` does not fit `parameters`" = is_matrix_of(fit[["log_cov"]], free, free),
    "`logLik` is no log-likelihood" = inherits(loglik, "logLik") &&
      is_numbers(unclass(loglik), 1) &&
      is_numbers(attr(loglik, "df"), 1) && is_numbers(attr(loglik, "nobs"), 1)
  )
}

model_fault <- function(model, p) {
  if (!is.list(model)) return("`model` is not a list")
  n <- length(model[["y"]])
  numbers <- function(x) is.numeric(x) && length(x) == n
  first_fault(
    "`model$y` is not the response" = n > 1 && is.numeric(model[["y"]]) &&
      all(is.finite(model[["y"]])),
    "`model$X` does not fit the response" = is_matrix_of(model[["X"]], n, p),
    "`model$points` does not fit the response" = is_matrix_of(model[["points"]], n),
    "`model$offset`, `weights` or `noise` does not fit the response" = is_none_or(model[["offset"]],
        numbers) &&
      is_none_or(model[["weights"]], numbers) && is_none_or(model[["noise"]], numbers),
    "`model$names` are not its rows'" = is.character(model[["names"]]) &&
      length(model[["names"]]) == n &&
      !anyNA(model[["names"]]) && !anyDuplicated(model[["names"]]),
    "`model$terms` are no terms" = inherits(model[["terms"]], "terms") &&
      is.call(model[["terms"]]) &&
      is.environment(environment(model[["terms"]]))
  )
}

plan_fault <- function(plan, n, p) {
  if (!is.list(plan)) return("`plan` is not a list")
  numbers <- function(x) is_numbers(x, n) && all(is.finite(x) & x >= 0)
  first_fault(
    "`plan$order` is no order of the rows" = is.numeric(plan[["order"]]) &&
      identical(sort(as.integer(plan[["order"]])), seq_len(n)),
    "`plan$points` does not fit the rows" = is_matrix_of(plan[["points"]], n),
    "`plan$X` does not fit the rows" = is_matrix_of(plan[["X"]], n, p),
    "`plan$y` does not fit the rows" = is.numeric(plan[["y"]]) && length(plan[["y"]]) == n &&
      all(is.finite(plan[["y"]])),
    "`plan$sets` does not fit the rows" = is_matrix_of(plan[["sets"]], n),
    "`plan$noise` does not fit the rows" = is_none_or(plan[["noise"]], numbers),
    "`plan$weights` does not fit the rows" = is_none_or(plan[["weights"]], function(w) numbers(w) &&
                                                        all(w > 0)),
    "`plan$inducing` does not hold points" = is_none_or(plan[["inducing"]],
                                                        function(u) is_matrix_of(u, nrow(u)))
  )
}

run_fault <- function(fit) {
  settings <- fit[["settings"]]
  first_fault(
    "`settings` is not a list" = is.list(settings) && is_whole(settings[["m"]]) &&
      rlang::is_string(settings[["select"]]) && rlang::is_string(settings[["method"]]),
    "`call` is not a call" = is.call(fit[["call"]]),
    "`notes` are not text" = is_none_or(fit[["notes"]], is.character),
    "`trace` is not a table" = is_none_or(fit[["trace"]], is.data.frame),
    "`rounds` is not a count" = is_whole(fit[["rounds"]]),
    "`seconds` are not numbers" = is.numeric(fit[["seconds"]]) &&
      "total" %in% names(fit[["seconds"]]),
    "`converged` is no flag" = is_flag(fit[["converged"]])
  )
}

# ---- cross-validation ----

check_cv <- function(x, call = rlang::caller_env()) refuse_object(cv_fault(x), "cross-validation",
                                                                  call)

cv_fault <- function(x) {
  parts <- unclass(x)
  n <- length(parts[["observed"]])
  first_fault("its columns are not observed, mean, sd and fold" = is.list(parts) &&
                all(vapply(parts[c("observed", "mean", "sd")], is_numbers, NA, n)) &&
                  length(parts[["fold"]]) == n &&
                is.atomic(parts[["fold"]]) && length(attr(x, "row.names")) == n)
}
