# Predictions, draws and leave-one-out from factors; what vecchia_fit()'s methods stand on.

# The model of new places: rows n + 1, .. after the observations. They are without nugget and noise
# of their own (what is predicted is the process itself), so those of the observations move to
# `noise`; a place that its neighbours determine has the conditional variance 0.
# sets: as vecchia_neighbors(locs, locs_pred = ) returns them, or their index.
prediction_model <- function(model, locs_pred, sets, run, call = rlang::caller_env()) {
  cov <- model$cov
  n <- nrow(model$locs)
  pred <- align_points(read_points(locs_pred, "locs_pred", call), model$layout, list(cov = cov),
                       "locs_pred", call)$x
  metric <- if (cov$kind == "function") metric_euclidean()
            else list(kind = "correlation", cov = cov)
  check_values(pred, metric, arg = "locs_pred", call = call)
  index <- if (inherits(sets, "covertree_neighbors")) sets$index else sets
  storage.mode(index) <- "integer"
  place <- .Call(C_ffi_sets_check, index, n + 1L, run)
  if (place[1] || nrow(index) != nrow(pred)) {
    stop_input("The sets of predictions must hold earlier rows only, a row for each.", call = call)
  }
  noise <- (model$noise %||% numeric(n)) + cov$nugget
  cov$nugget <- 0
  both <- list(cov = cov, locs = rbind(unname(model$locs), unname(pred)), index = index,
               first = n + 1L,
               noise = c(noise, numeric(nrow(pred))), group = model$group, settled = TRUE)
  if (is.null(model$metric)) return(both)
  both$metric <- model$metric
  add_low_rank(both, run)
}

# What the observations say about new places, whatever was observed: a factor of the new places.
# With inducing points it needs that of the observations (process_factor()), made where `observed`
# is NULL.
prediction_factor <- function(model, locs_pred, sets, run, observed = NULL,
                              call = rlang::caller_env()) {
  pred <- prediction_model(model, locs_pred, sets, run, call)
  factor <- c(factor_weights(pred, run), pred[c("index", "first")])
  if (is.null(pred$metric)) return(factor)
  factor$V <- t(pred$V[seq_len(pred$rank), pred$first - 1L + seq_along(factor$variance),
                       drop = FALSE])
  factor$observed <- observed %||% process_factor(model, run)
  factor
}

# Continues columns of values at the observations by their predictions at the new places.
# added: what is added there, such as the random part of draws. u: the inducing part of each column;
# NULL: as expected.
predict_columns <- function(factor, columns, run, added = NULL, u = NULL) {
  if (is.null(factor$V)) return(continue_columns(factor, columns, run, added))
  u <- u %||% low_rank_coefficients(factor$observed, columns)
  left <- columns - factor$observed$low_rank$V %*% u
  factor$V %*% u + continue_columns(factor, left, run, added)
}

# The same of the process that inducing points leave, or without them.
continue_columns <- function(factor, columns, run, added = NULL) {
  n <- nrow(columns)
  new <- length(factor$variance)
  start <- added %||% matrix(0, new, ncol(columns))
  weights_product(factor, "B^-1", rbind(unname(columns), start), run)[n + seq_len(new), ,
                                                                      drop = FALSE]
}

# Variances at the new places given the observations: with inducing points, P being the covariance
# of their part, the residual process's and q' P q, q what is left of V at the new places.
prediction_variances <- function(factor, run) {
  variance <- residual_variances(factor, run)
  if (is.null(factor$V)) return(variance)
  part <- factor$observed$low_rank
  q <- factor$V - continue_columns(factor, part$V, run)
  variance + drop((q %*% part$vectors)^2 %*% (1 / (1 + part$values)))
}

# Where new places are conditioned on each
# other, row i of B^-1 among them says what their
# own parts add up to; by blocks of new places, none of which needs a later one.
residual_variances <- function(factor, run, block = 64L) {
  n <- factor$first - 1L
  if (!any(factor$index > n, na.rm = TRUE)) return(factor$variance)
  among <- factor
  among$index[which(factor$index <= n)] <- NA
  among$index <- among$index - n
  among$first <- 1L
  new <- length(factor$variance)
  starts <- seq(1L, new, by = block)
  unlist(lapply(starts, function(start) {
    rows <- start:min(start + block - 1L, new)
    part <- seq_len(max(rows))
    unit <- matrix(0, length(part), length(rows))
    unit[cbind(rows, seq_along(rows))] <- 1
    some <- list(index = among$index[part, , drop = FALSE], first = 1L,
                 weights = among$weights[part, , drop = FALSE])
    colSums(weights_product(some, "B'^-1", unit, run)^2 * factor$variance[part])
  }))
}

# list(mean, variance) of the process at new places; variance: of the process itself, without
# nugget. fit: list(y (columns), X, beta (columns), beta_cov), X NULL for mean zero; X_pred: its
# rows at the new places. A profiled mean adds h' cov(beta) h, h = x - its own prediction.
process_predict <- function(model, factor, fit, X_pred = NULL, run) {
  residual <- as.matrix(fit$y)
  if (!is.null(fit$X)) residual <- residual - fit$X %*% as.matrix(fit$beta)
  mean <- predict_columns(factor, residual, run)
  variance <- prediction_variances(factor, run)
  if (!is.null(fit$X)) {
    mean <- mean + X_pred %*% as.matrix(fit$beta)
    h <- X_pred - predict_columns(factor, fit$X, run)
    variance <- variance + rowSums((h %*% fit$beta_cov) * h)
  }
  list(mean = mean, variance = variance)
}

# nsim joint draws of the process at new places given the observations (a response): a column each.
# Coefficients are drawn as well, so that mean and covariance are those of process_predict().
# normal: where standard normal numbers come from.
process_draw <- function(model, factor, fit, nsim, X_pred = NULL, run, normal = stats::rnorm) {
  new <- length(factor$variance)
  residual <- matrix(as.double(fit$y), length(fit$y), nsim)
  mean <- 0
  if (!is.null(fit$X)) {
    p <- length(fit$beta)
    beta <- c(fit$beta) + t(chol(fit$beta_cov)) %*% matrix(normal(p * nsim), p)
    residual <- residual - fit$X %*% beta
    mean <- X_pred %*% beta
  }
  noise <- sqrt(factor$variance) * matrix(normal(new * nsim), new)
  u <- if (!is.null(factor$V)) draw_coefficients(factor$observed, residual, normal)
  mean + predict_columns(factor, residual, run, noise, u)
}

# The inducing part given observations in columns, drawn for each.
draw_coefficients <- function(observed, columns, normal) {
  part <- observed$low_rank
  z <- matrix(normal(length(part$values) * ncol(columns)), length(part$values))
  low_rank_coefficients(observed, columns) + part$vectors %*% (z / sqrt(1 + part$values))
}

# list(mean, variance) of each observation given all others, from the factor of the observations;
# residual: observations less their mean, in columns.
process_leave_one_out <- function(factor, residual) {
  residual <- as.matrix(residual)
  precision <- inverse_diagonal(factor)
  list(mean = residual - solve(factor, residual) / precision, variance = 1 / precision)
}

# The diagonal of S^-1.
inverse_diagonal <- function(factor) {
  squared <- factor
  squared$weights <- factor$weights^2
  plain <- drop(weights_product(squared, "I+A'", matrix(1 / factor$variance)))
  part <- factor$low_rank
  if (is.null(part)) return(plain)
  W <- weights_product(factor, "B'", part$Z / sqrt(factor$variance))
  rotated <- W %*% part$vectors
  plain - drop(rotated^2 %*% (1 / (1 + part$values)))
}
