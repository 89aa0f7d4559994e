#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a fresh machine to a running program in one command. See usage() below.
set -euo pipefail

usage() {
  cat <<TEXT
usage: cmake/bootstrap.sh <command>

  demo [arguments]   build the example that prunes a convolutional network, and run it with the arguments
  test               build and run all tests
  bench              build and run the benchmarks
  help               print this

Each command is complete by itself: on Debian and Ubuntu it installs the packages it misses (as root or
with sudo), elsewhere it names them. It builds below build/, can be repeated, and exits with 0 only when
everything went well.
TEXT
}

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'bootstrap: %s\n' "$*" >&2
  exit 1
}

# ---- packages: "Debian package : what proves that it is there" (a command, or a header) ----

build_tools=(g++:g++ cmake:cmake ninja-build:ninja libeigen3-dev:eigen3/Eigen/Core)
example_libraries=(libcli11-dev:CLI/CLI.hpp zlib1g-dev:zlib.h nlohmann-json3-dev:nlohmann/json.hpp)
demo_packages=("${build_tools[@]}" "${example_libraries[@]}" gnuplot-nox:gnuplot)
bench_packages=("${build_tools[@]}" "${example_libraries[@]}" libbenchmark-dev:benchmark/benchmark.h)
test_packages=("${bench_packages[@]}" catch2:catch2 pkg-config:pkg-config)

is_there() { command -v "$1" > /dev/null || [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }

require() {
  local missing=() entry
  for entry in "$@"; do
    is_there "${entry#*:}" || missing+=("${entry%%:*}")
  done
  if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi

  local version
  version=$(cmake --version | awk 'NR == 1 { print $3 }')
  if [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" != 3.25 ]; then
    fail "cmake $version is too old: 3.25 is needed (for example: pip install cmake)"
  fi
}

install_packages() {
  if ! command -v apt-get > /dev/null; then
    fail "these are missing: $*
  (names of the Debian packages; Fedora has gcc-c++ cmake ninja-build eigen3-devel catch-devel cli11-devel
  zlib-devel json-devel google-benchmark-devel gnuplot, Homebrew has cmake ninja eigen catch2 cli11 nlohmann-json
  google-benchmark gnuplot)"
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || fail "run this as root first: apt-get install $*"
    as_root=(sudo)
  fi
  say "installing $*"
  "${as_root[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" > /dev/null || fail "could not install $*"
}

# ---- commands ----

demo() {
  require "${demo_packages[@]}"
  say 'building the example'
  cmake --preset demo > /dev/null
  cmake --build --preset demo --target 02_prune_cnn
  say "running build/demo/examples/02_prune_cnn $*"
  exec build/demo/examples/02_prune_cnn "$@"
}

run_tests() {
  require "${test_packages[@]}"
  say 'building the tests'
  cmake --preset check
  cmake --build --preset check --parallel "$jobs"
  say 'running the tests'
  exec ctest --preset check --parallel "$jobs"
}

bench() {
  require "${bench_packages[@]}"
  say 'building the benchmarks'
  cmake --preset bench
  cmake --build --preset bench --parallel "$jobs"
  local program
  for program in build/bench/benchmarks/*_bench; do
    say "running $program"
    "$program"
  done
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=$(nproc 2> /dev/null || getconf _NPROCESSORS_ONLN)

case "${1-}" in
  demo) shift && demo "$@" ;;
  test) run_tests ;;
  bench) bench ;;
  help | --help | -h) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
