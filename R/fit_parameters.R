# The parameters of a covariance as an optimiser sees them: names, groups of lengthscales, what is
# fixed, bounds; and back to a covariance.

# A list: cov (the family), value (named, natural scale), free, lower, upper (alike), is_scale,
# group (for every lengthscale of the covariance, the name of its parameter), given (names that the
# user started).
fit_parameters <- function(cov, model, scales, fixed, start, call = rlang::caller_env()) {
  if (cov$kind == "function") {
    stop_input(c("{.fn cov_function} has no parameters to estimate.",
                 i = "{.fn vecchia_loglik} takes it as it is."), call = call)
  }
  group <- scale_groups(cov, model$points, scales, call)
  own <- fit_covariance(cov, model$points, call)$lengthscale
  lengths <- own[match(unique(group), group)]
  nu <- if (is_matern(cov)) c(nu = cov$shape)
  value <- c(variance = cov$variance, stats::setNames(lengths, unique(group)),
             nugget = cov$nugget, nu)
  parameters <- list(cov = cov, value = value, group = group, is_scale = names(value) %in% group)
  parameters <- fix_parameters(parameters, fixed, call)
  parameters <- bound_parameters(parameters, model)
  start_parameters(parameters, start, call)
}

is_matern <- function(cov) {
  startsWith(cov$kind, "matern") || (cov$kind == "exponential" && !is.null(cov$shape))
}

# Which parameter each lengthscale of the covariance is.
scale_groups <- function(cov, points, scales, call) {
  columns <- colnames(points) %||% paste0("x", seq_len(ncol(points)))
  place <- if (cov$lonlat) c(1L, seq_len(ncol(points) - 1L)) else seq_len(ncol(points))
  many <- length(cov$lengthscale) > 1 || (cov$lonlat && ncol(points) > 2)
  scales <- scales %||% if (many) "each" else "one"
  if (identical(scales, "one")) return(rep("lengthscale", max(place)))
  if (identical(scales, "each")) {
    labels <- if (cov$lonlat) c("sphere", columns[-(1:2)]) else columns
    return(if (length(labels) == 1) "lengthscale" else paste0("lengthscale.", labels))
  }
  group <- rep(NA_character_, max(place))
  if (is.list(scales) && all(nzchar(rlang::names2(scales))) && setequal(unlist(scales), columns)) {
    for (name in names(scales)) group[place[match(scales[[name]], columns)]] <- name
    if (sum(lengths(scales)) == length(columns)) return(paste0("lengthscale.", group))
  }
  stop_input(c(paste("{.arg scales} must be {.val one}, {.val each} or a named list",
                     "that holds each of {.val {columns}} once."),
               x = "It is {describe(scales)}."), call = call)
}

# fixed: names, or a named vector of values. What no data could tell is fixed whatever it says.
fix_parameters <- function(parameters, fixed, call) {
  values <- if (is.numeric(fixed)) fixed
  named <- if (is.null(values)) fixed else names(values)
  known <- names(parameters$value)
  wrong <- setdiff(named, c(known, "nu", "lengthscale"))
  if (!is.null(fixed) && (!is.character(named) || length(wrong))) {
    stop_input(c("{.arg fixed} must name parameters, which are {.val {known}}.",
                 x = "{.val {wrong}} {?is/are} not."), call = call)
  }
  if (!is.null(values)) {
    check_parameters(parameters, values, "fixed", call)
    parameters$value[named] <- values
  }
  covered <- known %in% named | ("lengthscale" %in% named & parameters$is_scale)
  parameters$free <- stats::setNames(!covered, known)
  parameters
}

check_parameters <- function(parameters, values, arg, call) {
  known <- names(parameters$value)
  bad <- which(!is.finite(values) | values < 0 | (values == 0 & names(values) != "nugget"))
  wrong <- setdiff(names(values), known)
  if (length(wrong) || is.null(names(values))) {
    stop_input(c("{.arg {arg}} must name parameters, which are {.val {known}}.",
                 x = "{.val {wrong}} {?is/are} not."), call = call)
  }
  if (length(bad)) {
    stop_input(c("{.arg {arg}} must hold positive numbers.",
                 x = "{.val {names(values)[bad[1]]}} is {values[[bad[1]]]}."), call = call)
  }
}

# Bounds from what the data span: y about a straight fit, places by group of columns.
bound_parameters <- function(parameters, model) {
  variance <- mean(qr.resid(qr(model$X), model$y)^2)
  extent <- scale_extents(parameters, model$points)
  low <- high <- parameters$value
  low[c("variance", "nugget")] <- 1e-8 * variance
  high[c("variance", "nugget")] <- 1e4 * variance
  low[parameters$is_scale] <- 1e-4 * extent
  high[parameters$is_scale] <- 100 * extent
  if ("nu" %in% names(low)) {
    low["nu"] <- 0.05
    high["nu"] <- 20
  }
  # a lengthscale of coordinates that do not vary is in no covariance
  idle <- names(extent)[attr(extent, "constant") & parameters$free[names(extent)]]
  parameters$free[idle] <- FALSE
  c(parameters,
    list(lower = low, upper = high, spread = variance, extent = extent, constant = idle))
}

# The widest side of the places in the columns of each lengthscale parameter.
scale_extents <- function(parameters, points) {
  cov <- fit_covariance(spread_scale(parameters$cov), points, NULL)
  sides <- apply(.Call(C_ffi_embed, points, cov), 2, function(x) diff(range(x)))
  group <- if (cov$lonlat) parameters$group[c(1, 1, seq_along(parameters$group))]
           else parameters$group
  widest <- tapply(sides, group, max)
  extent <- widest[names(parameters$value)[parameters$is_scale]]
  structure(ifelse(extent > 0, extent, 1), constant = extent == 0)
}

# Starting values: the user's; the others are set by fit_start().
start_parameters <- function(parameters, start, call) {
  if (!is.null(start)) {
    check_parameters(parameters, start, "start", call)
    parameters$value[names(start)] <- start
  }
  parameters$given <- names(parameters$value) %in% names(start)
  free <- parameters$free & !parameters$given
  parameters$value[free & parameters$is_scale] <- 0.1 * parameters$extent[free[parameters$is_scale]]
  parameters
}

# ---- to a covariance and its derivatives ----

covariance_at <- function(parameters, value = parameters$value) {
  cov <- parameters$cov
  cov$variance <- value[["variance"]]
  cov$nugget <- value[["nugget"]]
  cov$lengthscale <- unname(if (length(unique(parameters$group)) == 1) value[parameters$group[1]]
                            else value[parameters$group])
  if (isTRUE(parameters$free["nu"])) {
    cov$kind <- "matern" # the closed forms have no derivative in nu
    cov$shape <- value[["nu"]]
    cov$label <- paste0("Matern (nu = ", format(cov$shape, digits = 4), ")")
  }
  cov
}

# Derivatives of the covariance's own parameters, named as vecchia_loglik() names them, by the
# logarithms of the free ones.
log_jacobian <- function(parameters, value, names) {
  free <- names(value)[parameters$free]
  jacobian <- matrix(0, length(names), length(free), dimnames = list(names, free))
  for (name in free) {
    own <- if (!name %in% parameters$group) name
           else if ("lengthscale" %in% names) "lengthscale"
           else paste0("lengthscale", which(parameters$group == name))
    jacobian[own, name] <- value[[name]]
  }
  jacobian
}
