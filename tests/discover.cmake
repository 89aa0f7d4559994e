# SPDX-License-Identifier: MIT
# Runs after a test program is built and writes one add_test() for each of its test cases. (Catch2's own script stumbles
# over brackets in names, as in "a sparsity outside [0, 1) is refused".)
#   cmake -D PROGRAM=... -D PREFIX=... -D CATCH_VERSION=... -D OUTPUT=tests.cmake -P discover.cmake
cmake_minimum_required(VERSION 3.24)

if(CATCH_VERSION VERSION_LESS 3)
  set(list_names --list-test-names-only)
else()
  set(list_names --list-tests --verbosity quiet)
endif()

# The names of the test cases that fit the pattern, as a list in which "<[", "<]" and "<;" stand for characters that
# mean something in lists.
function(names_of pattern result)
  execute_process(
    COMMAND ${PROGRAM} ${list_names} ${pattern}
    OUTPUT_VARIABLE names
    ERROR_VARIABLE errors
    RESULT_VARIABLE status) # Catch2 2 returns the number of names
  if(NOT status MATCHES "^[0-9]+$" OR NOT errors STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} does not list its test cases: ${status}\n${names}${errors}")
  endif()
  string(REGEX REPLACE "\n+$" "" names "${names}")
  foreach(pair "[<(>" "]<)>" ";<,>")
  endforeach()
  string(REPLACE "[" "<(>" names "${names}")
  string(REPLACE "]" "<)>" names "${names}")
  string(REPLACE ";" "<,>" names "${names}")
  string(REPLACE "\n" ";" names "${names}")
  set(${result} "${names}" PARENT_SCOPE)
endfunction()
