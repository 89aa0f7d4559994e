#!/bin/sh
# SPDX-License-Identifier: MIT
# A run that is killed in the middle and resumed ends bit for bit where the undisturbed run ends.
# Usage: kill_and_resume.sh <path of 02_prune_cnn>
set -eu
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run() {
  "$program" --method during --network resnet --epochs 4 --train-images 600 --test-images 100 --seed 3 \
    --output "$folder/out" "$@" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
}

run --save "$folder/whole.run"

# Killed without warning as soon as the first epoch is on disk.
"$program" --method during --network resnet --epochs 4 --train-images 600 --test-images 100 --seed 3 \
  --output "$folder/out" --save "$folder/killed.run" >/dev/null 2>&1 &
victim=$!
while [ ! -f "$folder/killed.run" ]; do
  kill -0 "$victim" 2>/dev/null || { echo "the run ended before it could be killed"; exit 1; }
  sleep 0.02
done
kill -9 "$victim"
wait "$victim" 2>/dev/null || true
if cmp -s "$folder/whole.run" "$folder/killed.run"; then
  echo "the run was killed too late to prove anything"
  exit 1
fi

run --save "$folder/killed.run" --resume "$folder/killed.run"
cmp "$folder/whole.run" "$folder/killed.run"
echo "resumed run and undisturbed run are identical"

# Other options, a damaged file, and what cannot be written are refused in words, and nothing is left behind.
refused() {
  expected=$1
  shift
  if "$program" --epochs 4 --train-images 600 --test-images 100 --seed 3 "$@" >"$folder/log" 2>&1; then
    echo "accepted: $*"
    exit 1
  fi
  grep -q "$expected" "$folder/log" || { echo "expected \"$expected\", got:"; cat "$folder/log"; exit 1; }
}
refused "resume with the same options" --method one-shot --network resnet --output "$folder/out" --resume "$folder/whole.run"
head -c 5000 "$folder/whole.run" >"$folder/cut.run"
refused "bytes are announced behind the head, there are 4980" --method during --network resnet --output "$folder/out" --resume "$folder/cut.run"
echo "not a run" >"$folder/foreign.run"
refused "foreign.run" --method during --network resnet --output "$folder/out" --resume "$folder/foreign.run"
refused "cannot be made" --method during --save "$folder/out" --output "$folder/whole.run/below"
refused "name it with --method" --method all --save "$folder/x.run"
refused "was expected" --data "$folder/out" --output "$folder/out"
echo "bad input is refused"
