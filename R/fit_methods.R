# A fit as R's users expect a fitted model to behave.

new_fit <- function(matched, model, found, settings) {
  parameters <- found$parameters
  value <- parameters$value
  log_error <- stats::setNames(rep(NA_real_, length(value)), names(value))
  log_error[parameters$free] <- sqrt(diagonal(found$log_cov))
  table <- data.frame(estimate = value, std.error = value * log_error, log.error = log_error,
                      status = found$status, row.names = names(value))
  loglik <- structure(as.double(found$loglik), df = ncol(model$X) + sum(parameters$free),
                      nobs = length(model$y), class = "logLik")
  fit <- structure(list(
    call = matched, cov = covariance_at(parameters, value), parameters = table,
    beta = stats::setNames(drop(attr(found$loglik, "beta")), colnames(model$X)),
    beta_cov = named_square(attr(found$loglik, "beta_cov"), colnames(model$X)),
    log_cov = found$log_cov, logLik = loglik, model = model, plan = found$plan,
    settings = settings, trace = found$trace, rounds = found$rounds, seconds = found$seconds,
    converged = found$converged, notes = fit_notes(found, model)), class = "vecchia_fit")
  if (!fit$converged) {
    cli::cli_warn(c("The optimiser stopped before it converged: {found$message}.",
                    i = "See {.code $trace}; {.arg control} sets its limits."),
                  class = "covertree_warning", call = NULL)
  }
  fit
}

# diag() takes a matrix without rows for a number.
diagonal <- function(x) x[cbind(seq_len(nrow(x)), seq_len(nrow(x)))]

named_square <- function(x, names) {
  if (is.null(x)) return(matrix(0, length(names), length(names), dimnames = list(names, names)))
  dimnames(x) <- list(names, names)
  x
}

# What a reader of the estimates should know.
fit_notes <- function(found, model) {
  status <- found$status
  stuck <- names(status)[status %in% c("lower bound", "upper bound")]
  count <- function(n, what) if (length(n) && n > 0) count_of(n, what)
  c(vapply(stuck, function(name) paste0(
      "`", name, "` is at its ", status[[name]], ": the data do not tell it, and it has no error."),
      ""),
    if (length(found$parameters$constant)) {
      paste0("`", found$parameters$constant,
             "` is not estimated: its coordinates are all the same.")
    },
    if (!is.null(model$dropped)) {
      paste(count(length(model$dropped), "row"), "with missing values not used.")
    },
    if (!is.null(found$dropped) && found$dropped > 0) {
      paste(count(found$dropped, "neighbour"), "left out where a set was singular (duplicates).")
    },
    if (!found$converged) paste0("Not converged: ", found$message, "."))
}

# ---- numbers ----

#' @export
coef.vecchia_fit <- function(object, ...) {
  check_fit(object)
  c(object$beta, covariance_values(object))
}

# Estimates of the covariance's parameters, without those that were fixed.
covariance_values <- function(fit) {
  table <- fit$parameters[fit$parameters$status != "fixed", ]
  stats::setNames(table$estimate, rownames(table))
}

#' @export
vcov.vecchia_fit <- function(object, ...) {
  check_fit(object)
  values <- covariance_values(object)
  own <- object$log_cov * outer(values, values)
  names <- c(names(object$beta), names(values))
  all <- matrix(0, length(names), length(names), dimnames = list(names, names))
  mean <- seq_along(object$beta)
  all[mean, mean] <- object$beta_cov
  all[-mean, -mean][] <- own
  if (!length(mean)) all[] <- own
  all
}

#' @export
confint.vecchia_fit <- function(object, parm = NULL, level = 0.95, ...) {
  check_fit(object)
  check_number(level, min = 0, max = 1)
  z <- stats::qnorm((1 + level) / 2)
  values <- covariance_values(object)
  errors <- object$parameters[names(values), "log.error"]
  mean_errors <- sqrt(diagonal(object$beta_cov))
  limits <- rbind(cbind(object$beta - z * mean_errors, object$beta + z * mean_errors),
                  cbind(values * exp(-z * errors), values * exp(z * errors)))
  colnames(limits) <- paste(format(100 * (1 + c(-level, level)) / 2, trim = TRUE), "%")
  rownames(limits) <- c(names(object$beta), names(values))
  if (is.null(parm)) return(limits)
  known <- if (is.character(parm)) parm %in% rownames(limits) else parm %in% seq_len(nrow(limits))
  if (!all(known)) {
    stop_input(c("{.arg parm} must name parameters, which are {.val {rownames(limits)}}.",
                 x = "{.val {parm[!known]}} {?is/are} not."))
  }
  limits[parm, , drop = FALSE]
}

#' @export
logLik.vecchia_fit <- function(object, ...) {
  check_fit(object)
  object$logLik
}

#' @export
nobs.vecchia_fit <- function(object, ...) {
  check_fit(object)
  length(object$model$y)
}

#' @export
formula.vecchia_fit <- function(x, ...) {
  check_fit(x)
  stats::formula(x$model$terms)
}

#' @export
fitted.vecchia_fit <- function(object, ...) {
  check_fit(object)
  predict_observed(object, FALSE)$mean
}

#' @export
residuals.vecchia_fit <- function(object, type = c("response", "normalised", "trend"), ...) {
  check_fit(object)
  type <- match_choice(type)
  if (type == "trend") return(restore_rows(object, trend_residual(object)))
  if (type == "normalised") return(restore_rows(object, normalised_residual(object)))
  observed <- restore_rows(object, object$model$y + (object$model$offset %||% 0))
  observed - fitted.vecchia_fit(object)
}

# What whitening by the factor leaves: independent and of variance 1 where the model holds.
normalised_residual <- function(object) {
  rest <- numeric(nobs.vecchia_fit(object))
  order <- object$plan$order
  rest[order] <- whiten(fit_factor(object), trend_residual(object)[order])
  rest
}

# What the mean leaves.
trend_residual <- function(object) {
  object$model$y - if (length(object$beta)) drop(object$model$X %*% object$beta) else 0
}

# In the order of the data's rows, those that na.exclude() left out as NA.
restore_rows <- function(object, x) {
  names(x) <- object$model$names
  stats::naresid(object$model$dropped, x)
}

#' @export
update.vecchia_fit <- function(object, formula. = NULL, ..., evaluate = TRUE) {
  check_fit(object)
  matched <- object$call
  if (!is.null(formula.)) matched$formula <- stats::update(stats::formula(object), formula.)
  more <- match.call(expand.dots = FALSE)$...
  matched[names(more)] <- more
  if (evaluate) eval(matched, parent.frame()) else matched
}

# ---- words ----

#' @export
print.vecchia_fit <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  check_fit(x)
  cat("<vecchia_fit> ", format(x), "\n\n", sep = "")
  if (length(x$beta)) {
    cat("Mean\n")
    print(format(x$beta, digits = digits), quote = FALSE)
  }
  cat("Covariance: ", x$cov$label, if (x$cov$lonlat) " on longitude and latitude", "\n", sep = "")
  print(format(stats::setNames(x$parameters$estimate, rownames(x$parameters)), digits = digits),
        quote = FALSE)
  print_notes(x$notes)
  invisible(x)
}

#' @export
format.vecchia_fit <- function(x, ...) {
  check_fit(x)
  inducing <- NROW(x$plan$inducing)
  paste0(count_of(nobs.vecchia_fit(x), "observation"), ", ",
         if (inducing) paste0(count_of(inducing, "inducing point"), ", "),
         x$settings$select, " sets of ",
         ncol(x$plan$sets), ", ", x$settings$method, ", log-likelihood ",
         format(as.double(x$logLik), digits = 8))
}

print_notes <- function(notes) for (note in notes) cat("# ", note, "\n", sep = "")

#' @export
summary.vecchia_fit <- function(object, ...) {
  check_fit(object)
  errors <- sqrt(diagonal(object$beta_cov))
  z <- object$beta / errors
  mean <- cbind(Estimate = object$beta, `Std. Error` = errors, `z value` = z,
                `Pr(>|z|)` = 2 * stats::pnorm(-abs(z)))
  structure(list(title = format(object), call = object$call, mean = mean, cov = object$cov,
                 parameters = object$parameters, limits = confint.vecchia_fit(object),
                 aic = stats::AIC(object$logLik), bic = stats::BIC(object$logLik),
                 seconds = object$seconds, rounds = object$rounds,
                 evaluations = NROW(object$trace), notes = object$notes),
            class = "summary.vecchia_fit")
}

#' @export
print.summary.vecchia_fit <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat("<vecchia_fit> ", x$title, "\n\n", sep = "")
  if (nrow(x$mean)) {
    cat("Mean\n")
    stats::printCoefmat(x$mean, digits = digits, signif.legend = FALSE)
    cat("\n")
  }
  cat("Covariance: ", x$cov$label, if (x$cov$lonlat) " on longitude and latitude", "\n", sep = "")
  table <- x$parameters[c("estimate", "std.error", "status")]
  table[c("lower", "upper")] <- x$limits[match(rownames(table), rownames(x$limits)), ]
  print(table[c("estimate", "std.error", "lower", "upper", "status")], digits = digits)
  cat("\nAIC ", format(x$aic, digits = 8), ", BIC ", format(x$bic, digits = 8), "; ",
      count_of(x$evaluations, "evaluation"), ", ",
      count_of(x$rounds, "choice of sets", "choices of sets"),
      ", ", format(x$seconds[["total"]], digits = 2), " s\n", sep = "")
  print_notes(x$notes)
  invisible(x)
}
