# Packages that a function needs and the package does not: an error with the line that installs it.
need_package <- function(package, why, call = rlang::caller_env()) {
  if (requireNamespace(package, quietly = TRUE)) return(invisible())
  line <- paste0("install.packages(\"", package, "\")")
  stop_input(c("Package {.pkg {package}} is needed {why}.", i = "Install it with {.code {line}}."),
             kind = "package", call = call)
}
