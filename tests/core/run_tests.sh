#!/bin/sh
# Runs test programs one after the other. Each ends with the line "N passed, N failed"; so does this.
# Threads that wait do not spin: tests share the machine with others.
passed=0
failed=0
for program in "$@"; do
  output=$(OMP_WAIT_POLICY=passive "$program" 2>&1)
  status=$?
  counts=$(printf '%s\n' "$output" | tail -n 1)
  printf '%-28s %s\n' "$(basename "$program")" "$counts"
  p=$(printf '%s\n' "$counts" | sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p')
  f=$(printf '%s\n' "$counts" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p')
  passed=$((passed + ${p:-0}))
  failed=$((failed + ${f:-0}))
  if [ "$status" -ne 0 ] || [ -z "$p" ]; then
    printf '%s\n' "$output"
    # a program that died without counting is a failure too
    [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
