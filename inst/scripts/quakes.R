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
cat("Conditioning sets of ", nrow(locs), " earthquakes off Fiji in maxmin order, distances in km\n\n", sep = "")
print(nn)
cat("\n")
print(summary(nn))

row <- 300
png("conditioning-set.png", width = 1200, height = 1200, res = 160)
par(mar = c(4, 4, 3, 1), las = 1)
plot(nn, locs, row = row, asp = 1 / cos(mean(locs$lat) * pi / 180), cex = 0.7,
     xlab = "longitude", ylab = "latitude", main = paste("Conditioning set of earthquake", row, "of", nrow(locs)))
legend("bottomleft", bty = "n", pch = c(17, 16, 16, 16), pt.cex = c(1.6, 1, 0.7, 0.7),
       col = c("#d1495b", "#3b528b", "grey60", "grey88"),
       legend = c(paste("earthquake", row), paste("its", m, "nearest earlier ones"), "other earlier ones", "later ones"))
invisible(dev.off())
cat("\nDrew the conditioning set of earthquake ", row, " into ", normalizePath("conditioning-set.png"), "\n", sep = "")
