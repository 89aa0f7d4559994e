#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes what follows from the tree of headers: cmake/headers.cmake, the list of public headers, and the doors
# include/prunus/<folder>.hpp, which include every header of their folder but those in detail/. The comment of a door
# is kept.
#   cmake/update_headers.sh           rewrite them
#   cmake/update_headers.sh --check   change nothing; fail and show the difference where one is out of date
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

own_targets=(io retrieval kernels)  # folders whose headers belong to a target of their own

headers_of() { find "include/prunus/$1" "include/prunus/$1.hpp" -type f -name '*.hpp' | LC_ALL=C sort; }

list() {
  local target except=()
  for target in "${own_targets[@]}"; do
    except+=(-not -path "include/prunus/$target/*" -not -path "include/prunus/$target.hpp")
  done
  echo '# Written by cmake/update_headers.sh; run it after adding, moving or removing a header.'
  echo 'set(PRUNUS_HEADERS'
  find include -type f -name '*.hpp' "${except[@]}" | LC_ALL=C sort | sed 's/^/  /'
  echo ')'
  for target in "${own_targets[@]}"; do
    echo "# Those of prunus::$target."
    echo "set(PRUNUS_${target^^}_HEADERS"
    headers_of "$target" | sed 's/^/  /'
    echo ')'
  done
}

doors() { # of the folders that have one
  local folder
  for folder in include/prunus/*/; do
    folder=${folder%/}
    if [ -f "$folder.hpp" ]; then echo "$folder.hpp"; fi
  done
}

door() {
  local folder=${1%.hpp}
  sed '/^#include/,$d' "$1"
  find "$folder" -type f -name '*.hpp' -not -path '*/detail/*' | LC_ALL=C sort |
    sed 's|^include/\(.*\)$|#include <\1>|'
}

case "${1-}" in
  '')
    while read -r file; do
      door "$file" > "$file.new"
      mv "$file.new" "$file"
    done < <(doors)
    list > cmake/headers.cmake
    ;;
  --check)
    current=true
    list | diff -u --label cmake/headers.cmake --label 'the tree' cmake/headers.cmake - || current=false
    while read -r file; do
      door "$file" | diff -u --label "$file" --label 'the tree' "$file" - || current=false
    done < <(doors)
    if ! $current; then
      echo 'a list of headers is out of date: run cmake/update_headers.sh' >&2
      exit 1
    fi
    ;;
  *)
    echo "usage: $0 [--check]" >&2
    exit 2
    ;;
esac
