library(testthat)
library(covertree)

test_check("covertree")
