# SPDX-License-Identifier: MIT
# Runs after a test program is built and writes a ctest entry for each of its test cases. (Catch2's own script stumbles
# over brackets in names, as in "a sparsity outside [0, 1) is refused".)
#   cmake -D PROGRAM=... [-D EMULATOR=...] -D PREFIX=... -D CATCH_VERSION=... -D OUTPUT=tests.cmake -P discover.cmake
cmake_minimum_required(VERSION 3.24)

if(CATCH_VERSION VERSION_LESS 3)
  set(list_names --list-test-names-only)
else()
  set(list_names --list-tests --verbosity quiet)
endif()

# One name a line.
function(names_of pattern result)
  execute_process(
    COMMAND ${EMULATOR} ${PROGRAM} ${list_names} ${pattern}
    OUTPUT_VARIABLE names
    ERROR_VARIABLE errors
    RESULT_VARIABLE status) # Catch2 2 returns the number of names
  if(NOT status MATCHES "^[0-9]+$" OR NOT errors STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} does not list its test cases (${status}):\n${names}${errors}")
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

# What runs the program, if not the machine itself; emulation takes its time.
set(command "[==[${PROGRAM}]==]")
set(timeout 120)
if(EMULATOR)
  list(JOIN EMULATOR "]==] [==[" emulator)
  set(command "[==[${emulator}]==] ${command}")
  set(timeout 1200)
endif()

names_of("*" names)
names_of("[slow]" slow_names)

set(entries "")
while(names MATCHES "^([^\n]+)\n(.*)$")
  set(name "${CMAKE_MATCH_1}")
  set(names "${CMAKE_MATCH_2}")

  string(REGEX REPLACE "([],\"\\[])" "\\\\\\1" pattern "${name}") # what means something to Catch2
  set(label fast)
  string(FIND "\n${slow_names}" "\n${name}\n" position)
  if(NOT position EQUAL -1)
    set(label slow)
  endif()

  # A test case that asserts nothing fails, and so does a run that finds no test case (no failure for Catch2 2).
  string(APPEND entries "add_test([==[${PREFIX}${name}]==] ${command} [==[${pattern}]==] --warn NoAssertions)\n"
         "set_tests_properties([==[${PREFIX}${name}]==] PROPERTIES LABELS ${label} TIMEOUT ${timeout} "
         "FAIL_REGULAR_EXPRESSION \"No test cases matched\")\n")
endwhile()
file(WRITE ${OUTPUT} "${entries}")
