# Shared by quakes.sh, tests/run.sh and .ci/run, which source it at the root of a checkout.
# Installs what is missing and nothing else: as root on Debian with apt, everywhere else R packages
# from CRAN into the first library that can be written to. Output is shown only where a step fails.

export DEBIAN_FRONTEND=noninteractive
top=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

quietly() {
  local status=0
  "$@" >"$scratch/log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || cat "$scratch/log" >&2
  return "$status"
}

# ---- Debian's packages ----

can_apt() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# Never takes a package away: where that would be needed, the install fails instead.
apt_install() {
  say "Installing $*"
  [ -n "${apt_updated-}" ] || quietly apt-get update -qq || return
  apt_updated=yes
  quietly apt-get install -qq -y --no-install-recommends --no-remove \
    -o DPkg::Lock::Timeout=120 "$@"
}

# need COMMAND PACKAGE...: a command, from these packages of Debian where it is missing
need() {
  command -v "$1" >/dev/null && return
  can_apt || fail "'$1' is missing. Please install it (on Debian: apt-get install ${*:2})."
  apt_install "${@:2}" || fail "'$1' is missing and could not be installed."
}

# ---- R and what builds packages ----

need_r() {
  need Rscript r-base-core
  Rscript -e 'quit(status = getRversion() < "4.1.0")' || fail "R 4.1.0 or newer is needed."
}

can_compile() {
  command -v make >/dev/null &&
    printf '#include <stdio.h>\n' | $(R CMD config CC) -fsyntax-only -x c - 2>/dev/null
}

need_compiler() {
  can_compile && return
  can_apt || fail "R needs make and a C compiler. Please install them (on Debian: gcc, libc6-dev, make)."
  apt_install gcc libc6-dev make
  can_compile || fail "make and a C compiler could not be installed."
}

# For .ci/run: a second compiler with its OpenMP and sanitizers, and the formatter. Clang's default
# version is Debian's; the formatter's is that of .clang-format.
need_clang() {
  need clang clang
  need clang-format-14 clang-format-14
  echo '#include <omp.h>' | clang -fopenmp -fsyntax-only -x c - 2>/dev/null || apt_install libomp-dev ||
    fail "clang's OpenMP is missing. Please install it (on Debian: libomp-dev)."
  echo "int main(void) { return 0; }" | clang -fsanitize=thread -x c -o "$scratch/tsan" - 2>/dev/null ||
    apt_install libclang-rt-14-dev ||
    fail "clang's sanitizers are missing. Please install them (on Debian: libclang-rt-14-dev)."
}

# png() draws no text without a font
need_fonts() {
  if can_apt && ! fc-list 2>/dev/null | grep -q .; then apt_install fontconfig fonts-dejavu-core; fi
}

# ---- R's packages ----

packages() { Rscript "$top/inst/scripts/packages.R" "$@"; }

r_is_debians() { dpkg-query -S "$(R RHOME)/bin/exec/R" >/dev/null 2>&1; }

# need_packages NAME...: built by Debian where R is Debian's too, what is still missing from CRAN
need_packages() {
  local missing built=()
  missing=$(packages missing "$@")
  [ -n "$missing" ] || return 0
  if can_apt && r_is_debians; then
    [ -n "${apt_updated-}" ] || quietly apt-get update -qq
    for name in $missing; do
      apt-cache show "r-cran-${name,,}" >/dev/null 2>&1 && built+=("r-cran-${name,,}")
    done
    [ ${#built[@]} -eq 0 ] || apt_install "${built[@]}" || true
    missing=$(packages missing "$@")
    [ -z "$missing" ] || command -v gfortran >/dev/null || apt_install r-base-dev || true
  fi
  [ -n "$missing" ] || return 0
  need_compiler
  say "Installing $(echo $missing) from CRAN"
  quietly packages install $missing
  missing=$(packages missing "$@")
  [ -z "$missing" ] || fail "These R packages could not be installed: $(echo $missing)"
}

# ---- covertree itself ----

# install_covertree LIBRARY: from the checkout, which stays as it is
install_covertree() {
  say "Installing covertree into $1"
  (cd "$scratch" && quietly R CMD build --no-build-vignettes "$top" &&
    quietly R CMD INSTALL --library="$1" covertree_*.tar.gz) || fail "covertree could not be installed."
}

# ---- counting ----

# step NAME COMMAND...: runs tests that end with the line "N passed, N failed"; a command without such a line
# is one test, and so is one that fails although it counted no failure.
step() {
  local status=0 counts
  echo "== $1"
  "${@:2}" 2>&1 </dev/null | tee "$scratch/output" || status=$?
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$scratch/output" | tail -n 1 || true)
  [ "$status" -ne 0 ] || counts=${counts:-1 passed, 0 failed}
  [ "$status" -eq 0 ] || [[ $counts =~ [1-9][0-9]*\ failed ]] || counts="0 passed, 1 failed"
  echo "$counts" >>"$scratch/counts"
}

# The sum of all steps, as the last line and the exit status.
total() {
  awk '{ passed += $1; failed += $3; skipped += $5 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }' "$scratch/counts"
}
