#!/usr/bin/env bash
# native.sh PROGRAM [TAGS]: runs one guest by itself. Passes if its last line is `ok` and it ended as its tags say.
set -u
program=$1
expected=0
for tag in $(tr , ' ' <<<"${2:-}"); do
  case $tag in
    exit:*) expected=${tag#exit:} ;;
    crash:*) expected=$((128 + $(kill -l "${tag#crash:}"))) ;;
  esac
done
ulimit -c 0
output=$("$program")
status=$?
printf '%s\n' "$output"
[ "$status" -eq "$expected" ] || { echo "native.sh: $program ended with $status, expected $expected"; exit 1; }
[ "${output##*$'\n'}" = ok ] || { echo "native.sh: the last line of $program is not ok"; exit 1; }
