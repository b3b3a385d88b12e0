# What a formula, data and coordinates mean: response, mean, places, offset, weights.

# matched: the call of vecchia_fit(), whose arguments are looked up in the data first, as in lm().
fit_model <- function(matched, envir, cov, call = rlang::caller_env()) {
  data <- eval(matched$data, envir)
  coords <- eval(matched$coords, envir)
  if (inherits(data, "sf")) {
    rlang::check_installed("sf", "to read points of an sf data frame.", call = call)
    coords <- coords %||% sf::st_geometry(data)
    data <- sf::st_drop_geometry(data)
  }
  formula <- stats::as.formula(eval(matched$formula, envir))
  if (length(formula) != 3) {
    stop_input("{.arg formula} must have a response, as in {.code y ~ x}.", call = call)
  }
  places <- fit_places(coords, data, environment(formula), call)
  frame <- fit_frame(matched, envir, formula, data, places, call)
  terms <- stats::terms(frame)
  model <- list(y = stats::model.response(frame), X = stats::model.matrix(terms, frame),
                points = take_rows(places, frame[["(row)"]]), offset = stats::model.offset(frame),
                weights = stats::model.weights(frame), noise = frame[["(noise)"]],
                names = rownames(frame), terms = terms, xlevels = stats::.getXlevels(terms, frame),
                contrasts = attr(stats::model.matrix(terms, frame), "contrasts"), coords = coords,
                dropped = attr(frame, "na.action"))
  placed <- place_points(read_points(model$points, "coords", call), list(cov = cov), "coords", call)
  model$points <- placed$x
  # what new places must agree with
  model$layout <- c(matrix_layout(placed$x), placed$layout[c("unit", "crs")])
  check_model(model, cov, call)
  if (!is.null(model$offset)) model$y <- model$y - model$offset
  rownames(model$X) <- NULL
  model
}

# The model frame of lm(), with the number of each row and whether its place is complete.
fit_frame <- function(matched, envir, formula, data, places, call) {
  complete <- is_complete(places)
  n <- if (is.data.frame(data)) nrow(data) else length(complete)
  if (length(complete) != n) {
    stop_input(c("{.arg coords} must have a row for each row of {.arg data}.",
                 x = "It has {length(complete)}, the data have {n}."), call = call)
  }
  frame <- list(quote(stats::model.frame), formula = formula, data = data,
                drop.unused.levels = TRUE,
                row = seq_len(n), place = ifelse(complete, 0, NA))
  given <- intersect(c("subset", "weights", "offset", "noise", "na.action"), names(matched))
  frame[given] <- as.list(matched)[given]
  if (is.null(frame[["na.action"]])) frame["na.action"] <- list(quote(stats::na.omit))
  # what the user named is found in the data, then where the formula was written
  environment(formula) <- envir
  tryCatch(eval(as.call(frame), envir), error = function(e) {
    stop_input(c("The model cannot be made from {.arg formula} and {.arg data}.",
                 x = "{conditionMessage(e)}"), call = call)
  })
}

# Places as the user gave them: columns of the data, or points of their own.
fit_places <- function(coords, data, envir, call, arg = "coords") {
  if (is.null(coords)) {
    stop_input(c("{.arg {arg}} must say where the observations are.",
                 i = "For example {.code coords = ~ lon + lat}."), call = call)
  }
  if (rlang::is_formula(coords)) {
    if (length(coords) != 2) {
      stop_input("{.arg {arg}} must be a one-sided formula, as in {.code ~ lon + lat}.",
                 call = call)
    }
    coords <- all.vars(coords)
    if (is.null(data)) data <- mget(coords, envir, ifnotfound = list(NULL), inherits = TRUE)
  }
  if (!is.character(coords)) return(coords)
  wrong <- setdiff(coords, names(data))
  if (length(wrong)) {
    stop_input("{.arg {arg}} must name columns of the data: {.val {wrong}} {?is/are} not there.",
               call = call)
  }
  as.data.frame(data)[coords]
}

# Rows of places without a missing coordinate.
is_complete <- function(places) {
  if (inherits(places, c("sf", "sfc"))) return(!sf::st_is_empty(places))
  if (is.null(dim(places))) !is.na(places) else stats::complete.cases(places)
}

take_rows <- function(places, rows) {
  if (inherits(places, "sfc") || is.null(dim(places)))
    places[rows] else places[rows, , drop = FALSE]
}

# What no fit can start from.
check_model <- function(model, cov, call) {
  n <- NROW(model$y)
  if (!is.numeric(model$y) || !is.null(dim(model$y))) {
    stop_input("The response must be a numeric vector.", call = call)
  }
  if (n < 2) stop_input("At least two observations are needed, there {?is/are} {n}.", call = call)
  bad <- which(!is.finite(model$y))
  if (length(bad)) stop_input("The response must be finite: row {bad[1]} is {model$y[bad[1]]}.",
                              call = call)
  if (!is.null(model$weights) && !is.null(model$noise)) {
    stop_input("Only one of {.arg weights} and {.arg noise} may be given.", call = call)
  }
  for (part in c("weights", "noise")) check_variances(model[[part]], part, call)
  check_values(model$points,
               metric_correlation(fit_covariance(spread_scale(cov), model$points, call)),
               arg = "coords", call = call)
  decomposed <- qr(model$X)
  if (decomposed$rank < ncol(model$X)) {
    extra <- colnames(model$X)[decomposed$pivot[-seq_len(decomposed$rank)]]
    stop_input(c("The columns of the mean must not be collinear.",
                 x = "{.val {extra}} {?is a sum/are sums} of others."), call = call)
  }
  size <- max(abs(model$y))
  if (size > 1e60 || (size > 0 && size < 1e-60)) {
    stop_input(c("The response must be of a size whose square can be computed with, 1e-60 to 1e60.",
                 x = "Its largest value is {signif(size, 3)}.", i = "Change its unit."),
               call = call)
  }
  rest <- qr.resid(decomposed, model$y - model$offset %||% 0)
  if (max(abs(rest)) <= 1e-12 * max(abs(model$y), 1e-300)) {
    stop_input("The response has no variation about the mean: there is nothing to fit.",
               call = call)
  }
}

check_variances <- function(x, arg, call) {
  bad <- if (is.null(x)) integer() else which(!is.finite(x) | x < 0 | (arg == "weights" & x == 0))
  if (length(bad)) {
    stop_input(c(paste("{.arg {arg}} must hold finite numbers",
                       "{if (arg == 'noise') 'not below' else 'above'} 0."),
                 x = "Row {bad[1]} is {x[bad[1]]}."), call = call)
  }
}

# Any lengthscale will do while only the places are looked at.
spread_scale <- function(cov) {
  if (cov$kind != "function") cov$lengthscale <- 1
  cov
}
