# Writes bench/results.md, man/figures/speed.png and the table in README.md from inst/speed/*.csv.
# Sourced by run.R; Rscript bench/run.R write does nothing else.
store <- file.path("inst", "speed")
source(file.path(store, "plots.R"))
stored <- function(name) read_speed(name, store)

# ---- results.md ----

cells <- function(column) {
  if (!is.numeric(column)) return(as.character(column))
  one <- function(v) if (is.na(v)) "" else format(v, digits = 4, big.mark = ",", scientific = FALSE)
  vapply(column, one, "")
}

markdown <- function(table) {
  text <- matrix(vapply(table, cells, character(nrow(table))), nrow(table))
  line <- function(x) paste0("| ", paste(x, collapse = " | "), " |")
  rule <- ifelse(vapply(table, is.numeric, NA), "---:", "---")
  c(line(names(table)), line(rule), apply(text, 1, line))
}

# Residual searches first, then Euclid and the rest.
in_order <- function(names) {
  groups <- c("kernels", "residual-(gold|new|matern52|d2|d5)$", "residual-early", "residual-floor",
              "residual-memory", "residual-local", "growth", "euclid", "vecchia", "likelihood", "fit", "order",
              "gold", "sets")
  group_of <- function(name) which(vapply(paste0("^", groups), grepl, NA, x = name))[1]
  names[order(vapply(names, group_of, 1L))]
}

# machine: whether to name it with the table.
section <- function(t, machine) {
  notes <- c(t$head$note, if (machine) t$head$machine)
  c("", paste("##", t$head$title), "", if (length(notes)) c(sentence(notes, "; "), ""), markdown(t$table))
}

sentence <- function(parts, between) paste0(paste(parts, collapse = between), ".")

write_results <- function() {
  tables <- lapply(in_order(sub("[.]csv$", "", list.files(store, "[.]csv$"))), stored)
  machines <- unique(unlist(lapply(tables, function(t) t$head$machine)))
  versions <- unique(unlist(lapply(tables, function(t) strsplit(t$head$versions, ", ")[[1]])))
  head <- c("# Results", "", "Made by `Rscript bench/run.R`; [README.md](README.md) says what each asks.",
            "", sentence(machines, "; "), sentence(versions, ", "))
  sections <- lapply(tables, section, machine = length(machines) > 1)
  writeLines(c(head, unlist(sections)), file.path("bench", "results.md"))
}

# ---- README ----

# Replaces what stands between <!-- name:begin --> and <!-- name:end -->.
replace_between <- function(file, name, lines) {
  text <- readLines(file)
  at <- match(sprintf("<!-- %s:%s -->", name, c("begin", "end")), text)
  if (anyNA(at)) stop(file, " has no marks for ", name)
  writeLines(c(text[seq_len(at[1])], lines, text[at[2]:length(text)]), file)
}

seconds_text <- function(seconds) format(signif(seconds, 2))

# Seconds of the fastest peer and its name, without what follows a comma or colons.
fastest_peer <- function(t) {
  peers <- t$table[!grepl("^covertree|^vecchia_fit|sorted", t$table[[1]]), ]
  i <- which.min(peers$seconds)
  paste0(seconds_text(peers$seconds[i]), " (", sub("(::|,).*", "", peers[i, 1]), ")")
}

own_scan <- function(t) paste(seconds_text(t$table$seconds[1]), "(our scan)")

# A row for a stored table, whose title is the name of the work; own: the search to show.
readme_row <- function(name, own, threads, other = fastest_peer, about = "") {
  t <- stored(name)
  if (is.null(t)) return(NULL)
  seconds <- t$table$seconds[match(own, t$table[[1]])]
  data.frame("seconds for" = paste0(about, t$head$title, ", ", threads), covertree = seconds_text(seconds),
             "fastest other" = other(t), check.names = FALSE)
}

write_readme <- function() {
  euclid <- function(key) readme_row(paste0("euclid-", key), "covertree", "one thread")
  residual <- function(key) {
    readme_row(paste0("residual-", key), "one call", "two threads", own_scan, "residual correlation, ")
  }
  rows <- rbind(euclid("d2"), euclid("d5"), euclid("d10"),
                readme_row("vecchia", "covertree, 2 threads", "two threads"),
                readme_row("fit-whole", "vecchia_fit()", "two threads"),
                residual("gold"), residual("d2"), residual("early-d2"))
  if (!is.null(rows)) replace_between("README.md", "speed", c("", markdown(rows), ""))
}

# ---- figure ----

write_figure <- function(file) {
  dir.create(dirname(file), showWarnings = FALSE, recursive = TRUE)
  grDevices::png(file, width = 1650, height = 520, res = 150)
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = c(1, 2), mar = c(3.2, 13, 4, 0.8), mgp = c(2, 0.6, 0), cex = 0.75)
  panel <- function(rows, looks, title) {
    if (is.null(rows)) graphics::plot.new() else dot_chart(rows, looks, title)
  }
  panel(euclid_rows(store), euclid_looks, "Euclid, all nearest, 1 thread")
  panel(residual_rows(store), residual_looks, "Residual correlation, all nearest, 2 threads")
}

write_results()
write_figure(file.path("man", "figures", "speed.png"))
write_readme()
