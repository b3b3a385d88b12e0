#!/bin/sh
# What keeps the core's plan (src/core/README.md): a room includes and calls only rooms below it, a
# name means one thing, functions and lines stay short. Says what is wrong and ends like a test
# program.
# CORE_OBJECTS: the folder of the core's objects
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/../.." || exit 1
passed=0
failed=0

# expect_empty WHAT LINES
expect_empty() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s:\n%s\n' "$1" "$2"
  fi
}

# The floor of each room: what stands on one floor does not know its neighbours.
floors='run 0
metric 1
blocks 2
tree 2
pairs 2
order 3
two_frame 3
screened 3
residual 4
process 5
forest 5'

rooms=$(ls -d src/core/*/ | sed 's|src/core/||; s|/||')
expect_empty "rooms without a floor" "$(for room in $rooms; do
  printf '%s\n' "$floors" | grep -q "^$room " || echo "$room"
done)"

# Lines "FROM TO WHAT" on standard input, FROM and TO rooms: those that do not go down.
not_down() {
  printf '%s\n' "$floors" | awk 'NR == FNR { floor[$1] = $2; next }
    $1 != $2 && floor[$1] <= floor[$2] { print "  " $3 " in " $1 " needs " $2 }' - "$1"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

grep -noE '^ *#include "[a-z_]+/' -r src/core --include='*.[ch]' |
  sed -E 's|^src/core/([a-z_]+)/([^:]*):.*"([a-z_]+)/|\1 \3 \2|' | grep -v '^src/core/ct.h' >"$scratch/includes"
[ -s "$scratch/includes" ] || expect_empty "no includes found in" src/core
expect_empty "includes that do not go down" "$(not_down "$scratch/includes")"

(cd "$CORE_OBJECTS" && for object in */*.o; do
  nm "$object" | awk -v room="${object%%/*}" -v file="${object##*/}" '
    $(NF - 1) ~ /^[A-TV-Z]$/ { print "has", $NF, room }
    $(NF - 1) == "U" { print "calls", $NF, room, file }'
done) >"$scratch/symbols"
awk '$1 == "has" { home[$2] = $3 }
  $1 == "calls" { n++; from[n] = $3; to[n] = $2; file[n] = $4 }
  END { for (i = 1; i <= n; i++) if (to[i] in home) print from[i], home[to[i]], file[i] ":" to[i] }' \
  "$scratch/symbols" >"$scratch/calls"
[ -s "$scratch/calls" ] || expect_empty "no calls found in" "$CORE_OBJECTS"
expect_empty "calls that do not go down" "$(not_down "$scratch/calls")"

# Variants of one source (*_base.c, *_avx2.c, *_avx512.c) define what they include it for.
definitions() {
  sed -nE 's/^\} (ct_[a-z0-9_]+);.*/\1/p; s/^#define (CT_[A-Z0-9_]+).*/\1/p; s/^typedef .*[ *](ct_[a-z0-9_]+);.*/\1/p' "$1" |
    sort -u
}
expect_empty "names with more than one meaning" "$(
  for file in $(ls src/core/*.h src/core/*/*.[ch] | grep -vE '_(base|avx2|avx512)\.c$'); do
    definitions "$file"
  done | sort | uniq -d)"

# The length of each function, and its number of parameters: "FILE NAME LINES PARAMETERS".
for file in src/*.c src/core/*/*.c; do
  awk -v file="$file" '
    { sub(/\/\*.*\*\//, "") }
    !inside && /^[a-z].*\(/ && !/;$/ { head = ""; open = 1; start = NR }
    open { head = head " " $0 }
    open && /;$/ { open = 0 }
    open && /\{$/ {
      open = 0; inside = 1; parameters = 1 + gsub(/,/, ",", head)
      name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
    }
    inside && /^\}/ { inside = 0; print file, name, NR - start + 1, parameters }' "$file"
done >"$scratch/functions"
[ -s "$scratch/functions" ] || expect_empty "no functions found in" src
expect_empty "functions of more than 60 lines" "$(awk '$3 > 60 { print "  " $1, $2, $3 }' "$scratch/functions")"

# These take more than eight parameters. The list may only become shorter.
many='ct_early_search
ct_factor_apply
ct_factor_cholesky
ct_kmeans
ct_net_build
ct_net_cover
ct_plan_trial
ct_residual_knn
ct_residual_local
ct_residual_rank
ct_residual_scan
ct_screened_side_new
ct_table_fill
ct_tree_within
ct_two_frame_search
cover
lay_out_tables
search_part'
awk '$4 > 8 { print $2 }' "$scratch/functions" | sort -u >"$scratch/many"
printf '%s\n' "$many" | sort -u >"$scratch/known"
expect_empty "functions of more than eight parameters" "$(comm -23 "$scratch/many" "$scratch/known")"
expect_empty "listed for more than eight parameters, without need" "$(comm -13 "$scratch/many" "$scratch/known")"

expect_empty "lines of more than 100 columns" \
  "$(grep -nE '^.{101,}' -r src tests/core --include='*.[ch]' | cut -d: -f1,2)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
