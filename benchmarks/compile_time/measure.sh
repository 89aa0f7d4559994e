#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints a Markdown table of what including each public header costs at -O0, next to Eigen's Tensor module alone.
#   benchmarks/compile_time/measure.sh [repeats]
# Environment: CXX (default g++), EIGEN (folder of Eigen's headers, default /usr/include/eigen3).
# Time is processor time (user + system) of the compiler, the least of the repeats: it changes little when the
# machine is busy. Memory is the peak resident set, where GNU time is installed as /usr/bin/time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cxx=${CXX:-g++}
eigen=${EIGEN:-/usr/include/eigen3}
repeats=${1:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

TIMEFORMAT='%U %S'
have_gnu_time=false
if [ -x /usr/bin/time ] && /usr/bin/time -f %M true > /dev/null 2>&1; then have_gnu_time=true; fi

compile() {
  "$@" "$cxx" -std=c++20 -O0 -I include -isystem "$eigen" -c "$work/one.cpp" -o "$work/one.o"
}

# cost <header>: sets `seconds` and `megabytes`
cost() {
  echo "#include <$1>" > "$work/one.cpp"
  seconds=
  for ((i = 0; i < repeats; ++i)); do
    { time compile command 2> "$work/errors" || { cat "$work/errors" >&2; exit 1; }; } 2> "$work/time"
    seconds=$(awk -v best="$seconds" 'END { s = $1 + $2; print (best == "" || s < best) ? s : best }' "$work/time")
  done
  megabytes='-'
  if $have_gnu_time; then
    compile /usr/bin/time -f %M -o "$work/memory"
    megabytes=$(awk 'END { printf "%.0f", $1 / 1024 }' "$work/memory")
  fi
}

row() { awk -v n="$1" -v s="$seconds" -v t="$tensor_seconds" -v m="$megabytes" \
  'BEGIN { printf "| `%s` | %.2f | %+.2f | %.2f | %s |\n", n, s, s - t, s / t, m }'; }

echo "$("$cxx" --version | head -n 1), -O0, least of $repeats"
echo
echo '| header | seconds | over Tensor | ratio | peak MB |'
echo '| --- | ---: | ---: | ---: | ---: |'
cost unsupported/Eigen/CXX11/Tensor
tensor_seconds=$seconds
row unsupported/Eigen/CXX11/Tensor
cost Eigen/Core
row Eigen/Core
for header in $(find include -type f -name '*.hpp' -not -path '*/detail/*' | LC_ALL=C sort); do
  cost "${header#include/}"
  row "${header#include/}"
done
