# Conditioning sets of a Vecchia approximation for R's quakes, 1,000 earthquakes off Fiji: prints them and
# draws one into conditioning-set.png, in the working directory. From an installed package:
#   source(system.file("scripts", "quakes.R", package = "covertree"))
library(covertree)

m <- 30
metric <- metric_great_circle()
locs <- quakes[, c("long", "lat")]
locs <- locs[vecchia_order(locs, "maxmin", metric = metric), ]
rownames(locs) <- NULL

nn <- vecchia_neighbors(locs, m = m, metric = metric)
cat("Conditioning sets of", nrow(locs), "earthquakes off Fiji, in maxmin order, distances in km\n\n")
print(nn)
cat("\n")
print(summary(nn))

row <- 500
png("conditioning-set.png", width = 1200, height = 1200, res = 160)
par(mar = c(4, 4, 3, 1), las = 1)
plot(nn, locs, row = row, asp = 1 / cos(mean(locs$lat) * pi / 180),
     main = paste0("Conditioning set of observation ", row, ": the ", m, " nearest of ", row - 1, " earlier ones"))
invisible(dev.off())
cat("\nDrew the conditioning set of observation ", row, " into ", normalizePath("conditioning-set.png"), "\n", sep = "")
