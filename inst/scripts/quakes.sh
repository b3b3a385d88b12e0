#!/usr/bin/env bash
# Installs covertree from this checkout, with what it needs, and shows it at work on R's quakes:
# fits a Gaussian process to their depths, prints the fit and draws its map into quakes.png, in the working directory.
# usage: bash inst/scripts/quakes.sh
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/../.."
. inst/scripts/setup.sh

need_r
need_compiler
need_fonts
need_packages cli rlang
install_covertree "$(packages library)"
cd "$here"
Rscript "$top/inst/scripts/quakes.R"
