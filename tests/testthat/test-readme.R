# The README's R blocks that load the package, run as they stand: what they print is what stands
# there.
readme_path <- function() {
  here <- testthat::test_path("..", "..", "README.md")
  if (file.exists(here)) here else system.file("README.md", package = "covertree")
}

run_block <- function(code, env) {
  printed <- lapply(parse(text = code), function(expr) {
    capture.output({
      shown <- withVisible(eval(expr, env))
      if (shown$visible) print(shown$value)
    })
  })
  paste("#>", unlist(printed))
}

test_that("the README's blocks print what stands there", {
  skip_on_cran()
  skip_if(!file.exists(readme_path()), "no README here")
  withr::local_options(width = 80)
  lines <- readLines(readme_path())
  open <- which(lines == "```r")
  close <- vapply(open, function(i) min(which(lines == "```" & seq_along(lines) > i)), 0)
  env <- new.env(parent = globalenv())
  ran <- 0
  for (b in seq_along(open)) {
    block <- lines[(open[b] + 1):(close[b] - 1)]
    if (!any(startsWith(block, "#>"))) next
    expect_identical(trimws(run_block(block[!startsWith(block, "#>")], env), "right"),
                     trimws(block[startsWith(block, "#>")], "right"))
    ran <- ran + 1
  }
  expect_gt(ran, 1)
})
