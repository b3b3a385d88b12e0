#!/bin/sh
# What no test program sees of the sources: that src/Makevars lists them all, that the core calls
# nothing that it promises not to call, and that prefetches reach the machine. Says what is wrong and
# ends like a test program.
# CORE_OBJECTS: the folder of the core's objects
sources=$(dirname "$0")/../../src
passed=0
failed=0

# expect_empty WHAT LINES
expect_empty() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s: %s\n' "$1" "$(echo $2)"
  fi
}

listed=$(printf 'include %s/Makevars\nlist: ; @printf "%%s\\n" $(OBJECTS)\n' "$sources" |
  MAKEFLAGS= make -s -f - list | sort)
present=$(cd "$sources" && ls *.c core/*/*.c | sed 's/c$/o/' | sort)
both=$(printf '%s\n' "$listed" "$present" | sort | uniq -d)
expect_empty "in OBJECTS of src/Makevars, but not in src" \
  "$(printf '%s\n' "$listed" "$both" | sort | uniq -u)"
expect_empty "in src, but not in OBJECTS of src/Makevars" \
  "$(printf '%s\n' "$present" "$both" | sort | uniq -u)"
expect_empty "twice in OBJECTS of src/Makevars" "$(printf '%s\n' "$listed" | uniq -d)"

# the caller owns memory, output, the environment, random numbers and the end of the process
calls=$(nm -u "$CORE_OBJECTS"/*/*.o | sed -n 's/^ *U _*//p' | sort -u)
[ -n "$calls" ] || expect_empty "no calls found in" "$CORE_OBJECTS"
print='v?[fs]?n?printf(_chk)?|fputs|fputc|puts|putc|putchar|fwrite|perror|fopen'
end='exit|Exit|quick_exit|abort|assert_fail|raise|signal|longjmp'
random='s?rand|rand_r|s?random|[dlm]rand48'
ambient='getenv|secure_getenv|setenv|system'
memory='malloc|calloc|realloc|free|aligned_alloc|posix_memalign'
expect_empty "the core must not call" \
  "$(printf '%s\n' "$calls" | grep -Ex "$print|$end|$random|$ambient|$memory")"

# a compiler drops calls of functions that do nothing but prefetch (core/inline.h)
instruction=$(printf '\t')'(prefetch|prfm|pld|dcbt)'
expect_empty "prefetch in the source, but not in the object" \
  "$(grep -l __builtin_prefetch "$sources"/core/*/*.c | sed 's|.*/core/||; s/c$/o/' |
    while read -r object; do
      objdump -d --no-show-raw-insn "$CORE_OBJECTS/$object" | grep -qE "$instruction" ||
        echo "$object"
    done)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
