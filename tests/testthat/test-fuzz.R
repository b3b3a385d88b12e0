# Objects that someone has edited: each method answers or refuses them with an error of the
# package's own class.

# Numbers of a generator of its own: the same mutations on every machine.
draws <- function(state) function(n) {
  state <<- (state * 16807) %% 2147483647
  as.integer(state %% n) + 1L
}

# The ways into an object: a number is an element, a name is an attribute.
ways_in <- function(object, way = list()) {
  plain <- unclass(object)
  inner <- if (is.list(plain)) lapply(seq_along(plain), function(i) ways_in(plain[[i]], c(way, i)))
  kept <- setdiff(names(attributes(object)),
                  c("dim", "row.names", "class", ".Environment", "srcref"))
  outer <- if (is.atomic(plain) ||
               is.list(plain)) lapply(kept, function(a) ways_in(attr(object, a), c(way, a)))
  c(list(way), unlist(c(inner, outer), recursive = FALSE))
}

part_at <- function(object, way) {
  for (step in way) object <- if (is.character(step)) attr(object, step, exact = TRUE)
                              else unclass(object)[[step]]
  object
}

with_part <- function(object, way, value) {
  if (!length(way)) return(value)
  step <- way[[1]]
  if (is.character(step)) {
    attr(object, step) <- with_part(attr(object, step, exact = TRUE), way[-1], value)
    return(object)
  }
  class <- oldClass(object)
  object <- unclass(object)
  object[step] <- list(with_part(object[[step]], way[-1], value))
  oldClass(object) <- class
  object
}

mutations <- function(x, draw) {
  from_list <- function(f) function() structure(f(unclass(x)), class = oldClass(x))
  c(list(function() NULL, function() "a", function() list(), function() NA, function() new.env(),
         function() getClass("numeric"), function() NaN, function() Inf, function() -1,
         function() 1e300, function() sum,
         function() quote(a), function() integer(), function() letters),
    if (is.atomic(x) && length(x)) {
      list(function() x[-1], function() c(x, x), function() as.character(x), function() as.list(x),
           function() replace(x, draw(length(x)), NA))
    },
    if (is.list(x) && length(x)) {
      list(from_list(rev), from_list(function(y) y[-draw(length(y))]),
           from_list(function(y) stats::setNames(y, rev(names(y)))),
           from_list(function(y) replace(y, 1:2, y[2:1])))
    })
}

# How each method ends on each mutated object: "answer", "classed", or the message of another error.
outcomes <- function(object, methods, count, draw) {
  ways <- Filter(length, ways_in(object))
  unlist(lapply(seq_len(count), function(i) {
    way <- ways[[draw(length(ways))]]
    choice <- mutations(part_at(object, way), draw)
    changed <- tryCatch(with_part(object, way, choice[[draw(length(choice))]]()),
                        error = function(e) object)
    vapply(names(methods), function(name) {
      tryCatch({
        suppressWarnings(utils::capture.output(methods[[name]](changed)))
        "answer"
      }, covertree_error = function(e) "classed", error = function(e) {
        paste0(name, " with ", paste(way, collapse = "/"), ": ", conditionMessage(e))
      })
    }, "")
  }))
}

expect_classed <- function(object, methods, count = 15) {
  found <- outcomes(object, methods, count, draws(20))
  expect_identical(unique(unname(found[!found %in% c("answer", "classed")])), character())
  expect_gt(sum(found == "classed"), count / 4)
}

points <- matrix(sin(1:80 * 12.9898) * 43758.5453 %% 1, 40, dimnames = list(NULL, c("a", "b")))
cov <- cov_matern(1.5, lengthscale = 0.3, nugget = 0.1)
words <- list(print = print, format = format, summary = function(x) print(summary(x)))

test_that("changed results of searches are answered or refused", {
  skip_on_cran()
  methods <- c(words, list(table = as.data.frame, head = head, dim = dim, list = as_knn_list,
                           likelihood = function(x) vecchia_loglik(points[, 1], x, points, cov)))
  expect_classed(vecchia_neighbors(points, m = 4), methods)
  expect_classed(find_within(points, radius = 0.2), c(words[1:2], list(table = as.data.frame)))
  expect_classed(find_within(points, radius = 0.2, flat = TRUE),
                 c(words[1:2], list(table = as.data.frame)))
})

test_that("changed factors are answered or refused", {
  skip_on_cran()
  methods <- c(words,
               list(whiten = function(x) whiten(x, points), colour = function(x) colour(x, points),
                           solve = function(x) solve(x, points), matrix = as.matrix,
                           determinant = determinant))
  sets <- vecchia_neighbors(points, m = 4)
  expect_classed(vecchia_factor(sets, points, cov), methods)
  expect_classed(vecchia_factor(sets, points, cov, inducing = points[1:5, ]), methods)
})

test_that("changed fits are answered or refused", {
  skip_on_cran()
  data <- data.frame(points, y = points[, 1] + cos(1:40))
  fit <- suppressWarnings(vecchia_fit(y ~ 1, data, ~ a + b, cov_exponential(), m = 4,
                                      progress = FALSE))
  methods <- c(words,
               list(coef = coef, vcov = vcov, confint = confint, logLik = logLik, nobs = nobs,
                    fitted = fitted,
                           residuals = residuals,
                           predict = function(x) predict(x, data[1:3, ], se.fit = TRUE),
                           simulate = function(x) simulate(x, 2, seed = 1)))
  expect_classed(fit, methods)
  expect_classed(cv(fit, "loo"), words[c("print", "summary")], 20)
})

test_that("changed metrics and covariances are answered or refused", {
  skip_on_cran()
  expect_classed(metric_great_circle(),
                 c(words[1:2], list(search = function(m) find_knn(points, k = 2, metric = m))))
  expect_classed(cov, c(words[1:2], list(likelihood = function(c) covariance(c, points))))
})
