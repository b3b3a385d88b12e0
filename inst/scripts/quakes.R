# Data, fit, map: R's quakes, 1,000 earthquakes off Fiji. How deep are they, as a smooth function of place?
# Prints the fit and draws depth and its standard error into quakes.png, in the working directory.
# From an installed package:
#   source(system.file("scripts", "quakes.R", package = "covertree"))
library(covertree)

fit <- vecchia_fit(depth ~ 1, quakes, coords = ~ long + lat, cov = cov_matern(1.5, lonlat = TRUE))
print(summary(fit))
cat("\nPredicted from the others, in ten compact regions:\n")
print(cv(fit, 10, by = "blocks"))

side <- function(x) seq(floor(min(x)), ceiling(max(x)), by = 0.2)
grid <- expand.grid(long = side(quakes$long), lat = side(quakes$lat))
found <- predict(fit, grid, se.fit = TRUE)

draw <- function(value, title) {
  sides <- list(unique(grid$long), unique(grid$lat))
  colours <- hcl.colors(64, "viridis", rev = TRUE)
  image(sides[[1]], sides[[2]], matrix(value, length(sides[[1]])), col = colours, xlab = "longitude",
        ylab = "latitude", main = title, asp = 1 / cos(mean(quakes$lat) * pi / 180))
  points(quakes$long, quakes$lat, pch = 16, cex = 0.3)
  shown <- c(1, 17, 33, 49, 64)
  legend("bottomleft", fill = colours[shown], bg = "white", cex = 0.8,
         legend = round(seq(min(value), max(value), length.out = 64)[shown]))
}
png("quakes.png", width = 2000, height = 1100, res = 160)
par(mfrow = c(1, 2), mar = c(4, 4, 3, 1), las = 1)
draw(found$fit, "Depth of earthquakes, km")
draw(found$se.fit, "its standard error, km")
invisible(dev.off())
cat("\nDrew predictions at ", nrow(grid), " places into ", normalizePath("quakes.png"), "\n", sep = "")
