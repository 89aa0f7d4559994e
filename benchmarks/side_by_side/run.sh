#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs everything, three times in turns with the peers that are installed, and writes
# side_by_side.md and side_by_side.svg into the folder given (default: build/side_by_side).
#
# usage: benchmarks/side_by_side/run.sh [folder [work]]
#   work: only work whose name contains this; peers in Python are then left out
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/build/side_by_side}
only=${2:-}
mkdir -p "$folder"
build=$root/build/bench
cmake --preset bench -S "$root" -B "$build"
cmake --build "$build" --target side_by_side side_by_side_avx2
results=$folder/results.jsonl
rm -f "$results"
export OMP_NUM_THREADS=1
for round in 1 2 3; do
  echo "round $round of 3" >&2
  "$build/benchmarks/side_by_side" --only "$only" --results "$results" --rounds 5
  if grep -q avx2 /proc/cpuinfo; then
    "$build/benchmarks/side_by_side_avx2" --only "convolution${only#convolution}" --results "$results" --rounds 5
  fi
  if [ -z "$only" ]; then
    python=$(command -v /usr/bin/python3 || command -v python3 || true)
    [ -z "$python" ] || "$python" "$root/benchmarks/side_by_side/pytorch.py" "$results" 3 || true
  fi
done
"$build/benchmarks/side_by_side" --report "$results" --markdown "$folder/side_by_side.md" \
  --picture "$folder/side_by_side.svg"
echo "$folder/side_by_side.md" >&2
