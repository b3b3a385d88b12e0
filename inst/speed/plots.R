# Reads and draws the tables beside this file. Used by the vignette "Speed" and by bench/write.R.

# Okabe and Ito's colours, which everybody can tell apart.
speed_colours <- c(black = "#000000", orange = "#E69F00", green = "#009E73", blue = "#0072B2",
                   red = "#D55E00", pink = "#CC79A7")
colour <- function(...) unname(speed_colours[c(...)])

# A stored table: list(head = its comments by name, table); NULL where there is none.
read_speed <- function(name, folder) {
  file <- file.path(folder, paste0(name, ".csv"))
  if (!file.exists(file)) return(NULL)
  comments <- grep("^# ", readLines(file), value = TRUE)
  head <- split(sub("^# [a-z]+: ", "", comments), sub("^# ([a-z]+):.*", "\\1", comments))
  list(head = head, table = utils::read.csv(file, comment.char = "#", check.names = FALSE))
}

# ---- seconds of several searches on several pieces of work ----

# How each search is drawn: ours filled and blue.
euclid_looks <- data.frame(
  search = c("covertree", "nanoflann", "nabor", "dbscan", "RANN", "FNN"), pch = c(16, 0, 1, 2, 5, 6),
  col = colour("blue", "black", "orange", "green", "red", "pink"))
residual_looks <- data.frame(search = c("covertree", "scan of all pairs"), pch = c(16, 0),
                             col = colour("blue", "black"))

# Names of work are the tables' own titles.
euclid_rows <- function(folder) {
  rows <- lapply(c("euclid-d2", "euclid-d3", "euclid-d5", "euclid-d10"), function(name) {
    t <- read_speed(name, folder)
    if (is.null(t)) return(NULL)
    data.frame(work = sub("^all nearest neighbours, ", "", t$head$title),
               t$table[t$table$search %in% euclid_looks$search, c("search", "seconds")])
  })
  do.call(rbind, rows)
}

residual_work <- c(gold = "d = 3, Gaussian, m = 512", matern52 = "d = 3, Matern 5/2, m = 512",
                   d2 = "d = 2, Matern 3/2, m = 200", d5 = "d = 5, Gaussian, m = 200")

residual_rows <- function(folder) {
  rows <- lapply(names(residual_work), function(key) {
    t <- read_speed(paste0("residual-", key), folder)
    if (is.null(t)) return(NULL)
    at <- match(c("scan of all pairs", "one call"), t$table$search)
    data.frame(work = residual_work[[key]], search = c("scan of all pairs", "covertree"),
               seconds = t$table$seconds[at])
  })
  do.call(rbind, rows)
}

# Seconds on a log axis, a line for each piece of work, a symbol for each search, explained above.
# rows: data.frame(work, search, seconds); looks: data.frame(search, pch, col).
dot_chart <- function(rows, looks, main = "") {
  work <- unique(rows$work)
  y <- length(work) + 1 - match(rows$work, work)
  graphics::plot(rows$seconds, y, type = "n", log = "x", xlab = "seconds", ylab = "", axes = FALSE,
                 ylim = c(0.6, length(work) + 0.4))
  graphics::abline(h = unique(y), col = "grey90")
  log_axis(1)
  graphics::axis(2, at = rev(seq_along(work)), labels = work, las = 1, tick = FALSE)
  look <- looks[match(rows$search, looks$search), ]
  graphics::points(rows$seconds, y, pch = look$pch, col = look$col, cex = 1.3, lwd = 1.5)
  middle <- graphics::grconvertX(0.5, "nfc", "user")
  graphics::mtext(main, line = 2.4, at = middle, font = 2, cex = graphics::par("cex"))
  key_line(looks[looks$search %in% rows$search, ])
}

# Symbols and their names in a line above the plot, in the middle of the figure. Widths are in inches.
key_line <- function(looks, gap = 0.22) {
  width <- graphics::strwidth(looks$search, units = "inches") + 2 * gap
  left <- graphics::grconvertX(0.5, "nfc", "inches") - (sum(width) - gap) / 2
  at <- left + cumsum(c(0, width))[seq_along(width)]
  user <- function(inches) graphics::grconvertX(inches, "inches", "user")
  y <- graphics::grconvertY(graphics::grconvertY(1, "npc", "inches") + 0.12, "inches", "user")
  old <- graphics::par(xpd = NA)
  on.exit(graphics::par(old))
  graphics::points(user(at), rep(y, length(at)), pch = looks$pch, col = looks$col, cex = 1.3, lwd = 1.5)
  graphics::text(user(at + gap / 2), y, looks$search, adj = c(0, 0.4))
}

# Ticks at 1, 2, 5 times powers of ten, or at powers alone where that would be many.
log_axis <- function(side) {
  range <- 10^graphics::par("usr")[if (side %% 2) 1:2 else 3:4]
  powers <- 10^(-6:9)
  at <- sort(c(powers, 2 * powers, 5 * powers))
  at <- at[at >= range[1] & at <= range[2]]
  if (length(at) > 8) at <- intersect(at, powers)
  label <- vapply(at, format, "", scientific = FALSE, drop0trailing = TRUE, big.mark = ",")
  graphics::axis(side, at = at, labels = label, las = 1)
}

# ---- growth, recall ----

axis_title <- function(text) graphics::mtext(text, side = 3, adj = 0, line = 0.4, cex = 0.9)

# Time against n on log axes; grown: data.frame(search, n, seconds, exponent).
growth_plot <- function(grown) {
  searches <- unique(grown$search)
  colours <- rep_len(colour("blue", "orange", "green", "red"), length(searches))
  graphics::plot(grown$n, grown$seconds, type = "n", log = "xy", xlab = "points", ylab = "",
                 axes = FALSE, ylim = range(grown$seconds) * c(1, 30))
  graphics::box(bty = "l")
  axis_title("seconds")
  at <- sort(unique(grown$n))
  graphics::axis(1, at = at, labels = format(at, big.mark = ",", scientific = FALSE, trim = TRUE))
  log_axis(2)
  for (i in seq_along(searches)) {
    own <- grown[grown$search == searches[i], ]
    graphics::lines(own$n, own$seconds, col = colours[i], type = "b", pch = 14 + i, lwd = 2)
  }
  slope <- grown$exponent[match(searches, grown$search)]
  graphics::legend("topleft", sprintf("%s: slope %.2f", searches, slope), col = colours,
                   pch = 14 + seq_along(searches), lwd = 2, bty = "n")
}

# Recall against queries a second. tables: a named list of tables of local search, in which the exact
# search has an infinite oversample.
recall_plot <- function(tables) {
  all <- do.call(rbind, tables)
  colours <- rep_len(colour("blue", "orange", "green", "pink"), length(tables))
  graphics::plot(all[["queries/s"]], all$recall, type = "n", log = "x", xlab = "queries a second",
                 ylab = "", axes = FALSE, ylim = c(min(all$recall) - 0.03, 1.02))
  graphics::box(bty = "l")
  axis_title("recall")
  log_axis(1)
  graphics::axis(2)
  for (i in seq_along(tables)) {
    t <- tables[[i]]
    local <- t[is.finite(t$oversample), ]
    exact <- t[is.infinite(t$oversample), ]
    graphics::lines(local[["queries/s"]], local$recall, col = colours[i], type = "b",
                    pch = 14 + i, lwd = 2)
    graphics::points(exact[["queries/s"]], exact$recall, pch = 8, col = colours[i], cex = 1.6, lwd = 2)
  }
  graphics::legend("bottomleft", c(names(tables), "exact search"), col = c(colours, "black"),
                   pch = c(14 + seq_along(tables), 8), lwd = 2, lty = c(rep(1, length(tables)), NA),
                   bty = "n")
}

# ---- divergence of sets ----

set_looks <- data.frame(
  search = c("nearest", "conditional", "residual, VIF", "conditional, VIF"), pch = c(1, 16, 2, 17),
  col = colour("black", "blue", "orange", "green"))

# Two panels for a problem of sets-worth: divergence against m, and against microseconds a row of sets
# and one likelihood.
worth_panels <- function(t) {
  t$time <- t[["us a row, sets"]] + t[["us a row, likelihood"]]
  t$divergence <- pmax(t$divergence, 1e-3)
  worth_panel(t, t$m, "m", t$problem[1])
  worth_panel(t, t$time, "microseconds a row", "")
}

worth_panel <- function(t, at, xlab, main) {
  graphics::plot(at, t$divergence, type = "n", log = "xy", xlab = xlab, axes = FALSE,
                 ylab = "divergence")
  graphics::axis(1)
  log_axis(2)
  for (i in seq_len(nrow(set_looks))) {
    own <- t$set == set_looks$search[i]
    graphics::lines(at[own], t$divergence[own], type = "b", pch = set_looks$pch[i],
                    col = set_looks$col[i])
  }
  graphics::title(main, adj = 0)
}
