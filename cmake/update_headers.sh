#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes cmake/headers.cmake, the list of public headers, from the tree.
#   cmake/update_headers.sh           rewrite the list
#   cmake/update_headers.sh --check   change nothing; fail and show the difference when list and tree disagree
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

list() {
  echo '# Written by cmake/update_headers.sh; run it after adding, moving or removing a header.'
  echo 'set(PRUNUS_HEADERS'
  find include -type f -name '*.hpp' -not -path '*/io/*' -not -name io.hpp \
    -not -path '*/kernels/*' -not -name kernels.hpp | LC_ALL=C sort | sed 's/^/  /'
  echo ')'
  echo '# Those of prunus::io, which needs nlohmann_json.'
  echo 'set(PRUNUS_IO_HEADERS'
  find include/prunus/io include/prunus/io.hpp -type f -name '*.hpp' | LC_ALL=C sort | sed 's/^/  /'
  echo ')'
  echo '# Those of prunus::kernels, a compiled library.'
  echo 'set(PRUNUS_KERNELS_HEADERS'
  find include/prunus/kernels include/prunus/kernels.hpp -type f -name '*.hpp' | LC_ALL=C sort | sed 's/^/  /'
  echo ')'
}

case "${1-}" in
  '') list > cmake/headers.cmake ;;
  --check)
    if ! list | diff -u --label cmake/headers.cmake --label 'the tree' cmake/headers.cmake -; then
      echo 'cmake/headers.cmake is out of date: run cmake/update_headers.sh' >&2
      exit 1
    fi
    ;;
  *)
    echo "usage: $0 [--check]" >&2
    exit 2
    ;;
esac
