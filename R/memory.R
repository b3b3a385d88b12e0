# What a call may ask for: answers are bounded before memory is.

# Bytes that can be had now without swapping, as far as the system says; Inf where it does not.
memory_at_hand <- function() {
  available <- read_bytes("/proc/meminfo", "^MemAvailable: *([0-9]+) kB$", 1024)
  group <- read_bytes("/sys/fs/cgroup/memory.max", "^([0-9]+)$", 1)
  min(available, group)
}

read_bytes <- function(file, pattern, unit) {
  if (!file.exists(file)) return(Inf)
  lines <- grep(pattern, tryCatch(readLines(file, warn = FALSE), error = function(e) character()),
                value = TRUE)
  if (length(lines)) unit * as.numeric(sub(pattern, "\\1", lines[1])) else Inf
}

# A row number and a distance take 12 bytes; a list of vectors is copied from the flat form.
pair_bytes <- 12

pairs_at_hand <- function(flat) floor(memory_at_hand() / (pair_bytes * if (flat) 1 else 2))

# Called by the glue.
stop_pairs <- function(pairs, most) {
  pairs <- format(pairs, big.mark = ",")
  most <- format(most, big.mark = ",")
  stop_input(c("There are {pairs} pairs within the radius, more than {.arg max_pairs}, {most}.",
               i = paste("Take a smaller {.arg radius}, the queries in parts by {.arg rows},",
                         "or a larger {.arg max_pairs}.")),
             kind = "memory", call = NULL)
}

# Matrices of a row per query and k columns; arg: the argument that asks for the columns.
check_answers <- function(queries, k, arg, call = rlang::caller_env()) {
  bytes <- queries * k * pair_bytes
  if (bytes <= memory_at_hand()) return(invisible())
  gigabytes <- signif(bytes / 2^30, 3)
  stop_input(c("{queries} queries with {.arg {arg}} = {k} take {gigabytes} GB, more than there is.",
               i = "Ask for fewer neighbours, or for some of the queries at a time."),
             kind = "memory", call = call)
}
