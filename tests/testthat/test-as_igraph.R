skip_if_not_installed("igraph")

test_that("a graph has the points as vertices and an edge to each neighbour", {
  set.seed(3)
  x <- matrix(runif(60), 30, dimnames = list(paste0("p", 1:30), NULL))
  nn <- find_knn(x, k = 3)
  g <- igraph::as.igraph(nn)
  expect_equal(igraph::vcount(g), 30)
  expect_equal(unname(igraph::as_edgelist(g, names = FALSE)),
               as.matrix(unname(as.data.frame(nn)[c("from", "to")])), ignore_attr = TRUE)
  expect_identical(igraph::V(g)$name, rownames(x))
  expect_identical(igraph::E(g)$distance, as.data.frame(nn)$distance)
})

test_that("components of the graph within a radius are those of single linkage", {
  set.seed(4)
  x <- matrix(runif(80), 40)
  g <- igraph::as.igraph(find_within(x, radius = 0.12))
  expect_equal(igraph::components(g)$no, max(cutree(hclust(dist(x), "single"), h = 0.12)))
})

test_that("new query points are vertices after the indexed ones", {
  g <- igraph::as.igraph(find_knn(faithful, query = faithful[1:5, ] + 0.01, k = 2))
  expect_equal(igraph::vcount(g), 277)
  expect_identical(which(igraph::V(g)$type), 273:277)
  expect_equal(as.vector(igraph::degree(g, 273:277, "out")), rep(2, 5))
})
