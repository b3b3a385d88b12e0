# Vecchia's approximation of what inducing points leave (VIF): the core's passes over places, and
# the algebra of small matrices between them. Words as in core/process/low_rank.h.

# V of the model's places, in their order or another's: padded, a column for each place.
add_low_rank <- function(model, run, order = NULL) {
  metric <- model$metric
  embedded <- .Call(C_ffi_embed, model$locs, metric$cov)
  made <- .Call(C_ffi_factor_apply, metric$cov, metric$L, metric$u, embedded, order, run)
  model$V <- made$V
  model$rank <- nrow(metric$u)
  model
}

# The order of work: by powers of two of the row, within them along a Hilbert curve, so that the
# neighbours of consecutive places are near each other in memory too.
work_order <- function(model, run) {
  embedded <- .Call(C_ffi_embed, model$locs, model$cov)
  curve <- .Call(C_ffi_order_hilbert, embedded, metric_euclidean(), run)
  curve[order(floor(log2(curve)), method = "radix")]
}

# The model with its places in the order of work, and V.
work_model <- function(model, values, run) {
  order <- work_order(model, run)
  model <- add_low_rank(model, run, order)
  model$index <- .Call(C_ffi_sets_renumber, model$index, order, run)
  model$locs <- model$locs[order, , drop = FALSE]
  model$values <- values[order, , drop = FALSE]
  if (!is.null(model$noise)) model$noise <- model$noise[order]
  model
}

low_rank_loglik <- function(model, basis, gradient, information, method, run) {
  work <- work_model(model, basis$values, run)
  sums <- low_rank_sums(work, run)
  fit <- profile_mean(sums, basis, method)
  slope <- if (gradient) low_rank_gradient(work, sums, fit, basis, method, run)
  if (gradient && model$cov$kind == "matern")
    slope["nu"] <- nu_difference(model, basis, method, run)
  new_loglik(fit, model, basis, sums$dropped, gradient = slope,
             information = if (information) difference_information(model, basis, method, run))
}

# What profile_mean() needs, and what the gradient does.
low_rank_sums <- function(work, run) {
  made <- .Call(C_ffi_low_rank_forward, work, run)
  r <- seq_len(work$rank)
  U <- chol_inducing(made$ZZ[r, r, drop = FALSE] + diag(work$rank))
  P <- matrix(0, nrow(work$V), nrow(work$V))
  P[r, r] <- chol2inv(U)
  C <- P %*% (made$Z %*% t(made$E))
  R <- made$E - crossprod(C, made$Z)
  list(products = tcrossprod(R) + crossprod(C), log_d = made$log_d + 2 * sum(log(diag(U))),
       dropped = made$dropped, Z = made$Z, R = R, C = C, P = P, variance = made$variance)
}

# I + Z'Z is positive definite, but for rounding where conditional variances nearly vanish.
chol_inducing <- function(M) {
  tryCatch(chol(M), error = function(e) {
    stop_input(c("The information about the inducing points drowns in rounding.",
                 i = "Places that the inducing points determine need a nugget."),
               kind = "factor", call = NULL)
  })
}

low_rank_gradient <- function(work, sums, fit, basis, method, run) {
  responses <- length(basis$y_columns)
  S <- tcrossprod(fit$weights)
  x <- basis$X_columns
  if (method == "REML" && length(x)) S[x, x] <- S[x, x] + responses * fit$H
  L <- t(work$metric$L)
  inducing <- list(u = work$metric$u, inverse = forwardsolve(L, diag(nrow(L))))
  adjoint <- list(Z = sums$Z, R = sums$R, P = responses * sums$P, T = sums$C %*% S, S = S,
                  responses = responses, variance = sums$variance)
  made <- .Call(C_ffi_low_rank_gradient, work, inducing, adjoint, run)
  own <- .Call(C_ffi_low_rank_own, work, inducing, own_adjoint(made$M, L, inducing$inverse), run)
  scales <- seq_along(own)
  made$sums[scales] <- made$sums[scales] + own
  scaling <- 0.5 * (responses * fit$contrasts - sum(fit$quad))
  -drop(parameter_map(work, length(made$sums)) %*% c(scaling, made$sums))
}

# The adjoint of K_uu = L L' from that of L, minus the lower triangle of M.
own_adjoint <- function(M, L, inverse) {
  r <- seq_len(nrow(L))
  lower <- -t(M)[r, r, drop = FALSE]
  lower[upper.tri(lower)] <- 0
  phi <- crossprod(L, lower)
  phi[upper.tri(phi)] <- 0
  diag(phi) <- diag(phi) / 2
  crossprod(inverse, phi) %*% inverse
}

# Minus the Hessian, by central differences of the gradient.
difference_information <- function(model, basis, method, run) {
  names <- parameter_names(model)
  at <- parameters_of(model)
  H <- vapply(seq_along(at), function(k) {
    step <- 1e-4 * (if (at[k] > 0) at[k] else model$cov$variance)
    up <- gradient_at(model, replace(at, k, at[k] + step), basis, method, run)
    down <- gradient_at(model, replace(at, k, max(at[k] - step, 0)), basis, method, run)
    (up - down) / (step + min(step, at[k]))
  }, numeric(length(at)))
  structure(-(H + t(H)) / 2, dimnames = list(names, names))
}

parameters_of <- function(model) {
  scales <- seq_len(length(model$group) - 1L)
  c(model$cov$variance, model$cov$lengthscale[scales], model$weighed %||% model$cov$nugget,
    if (model$cov$kind == "matern") model$cov$shape)
}

gradient_at <- function(model, parameters, basis, method, run) {
  model <- with_parameters(model, parameters, run)
  attr(low_rank_loglik(model, basis, TRUE, FALSE, method, run), "gradient")
}

# The same model with other parameters.
with_parameters <- function(model, parameters, run) {
  scales <- length(model$group) - 1L
  model$cov$variance <- parameters[1]
  model$cov$lengthscale[] <- parameters[1 + seq_len(scales)]
  nugget <- parameters[2 + scales]
  if (is.null(model$weighed)) {
    model$cov$nugget <- nugget
  } else {
    model$noise <- model$noise * (nugget / model$weighed)
    model$weighed <- nugget
  }
  if (model$cov$kind == "matern") model$cov$shape <- parameters[3 + scales]
  model$metric$cov <- model$cov
  model$metric <- fit_correlation(model$metric, model$locs, run)
  model
}

# The derivative by nu: a central difference of the log-likelihood.
nu_difference <- function(model, basis, method, run) {
  at <- parameters_of(model)
  nu <- length(at)
  step <- 1e-4 * at[nu]
  value <- function(to) {
    changed <- with_parameters(model, replace(at, nu, to), run)
    as.numeric(low_rank_loglik(changed, basis, FALSE, FALSE, method, run))
  }
  (value(at[nu] + step) - value(at[nu] - step)) / (2 * step)
}

# ---- of a factor ----

low_rank_part <- function(factor, model, run) {
  V <- t(model$V[seq_len(model$rank), , drop = FALSE])
  Z <- weights_product(factor, "B", V, run) / sqrt(factor$variance)
  spectrum <- eigen(crossprod(Z), symmetric = TRUE)
  list(V = V, Z = Z, values = pmax(spectrum$values, 0), vectors = spectrum$vectors,
       inducing = model$metric$u)
}

# Expected values of the inducing part given observations in columns: P Z' D^-1/2 B columns.
low_rank_coefficients <- function(factor, columns) {
  part <- factor$low_rank
  e <- weights_product(factor, "B", columns) / sqrt(factor$variance)
  part$vectors %*% (crossprod(part$vectors, crossprod(part$Z, e)) / (1 + part$values))
}
