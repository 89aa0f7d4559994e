# SPDX-License-Identifier: MIT
# cmake -D CXX=... -D INCLUDE=... -D EIGEN=... -D SOURCE=pair.cpp -P check_pair.cmake
cmake_minimum_required(VERSION 3.24)

file(STRINGS ${SOURCE} expected LIMIT_COUNT 1 REGEX "^// expect: .")
string(REPLACE "// expect: " "" expected "${expected}")
if(expected STREQUAL "")
  message(FATAL_ERROR "${SOURCE} has no line '// expect: <part of the message>'")
endif()

set(compile ${CXX} -std=c++20 -fsyntax-only -I ${INCLUDE} -isystem ${EIGEN} ${SOURCE})

# (Lines of a message that start with spaces are printed as they are, the others are wrapped.)
execute_process(
  COMMAND ${compile}
  RESULT_VARIABLE status
  ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "  the valid half does not compile:\n  ${output}")
endif()

execute_process(
  COMMAND ${compile} -DPRUNUS_MISTAKE
  RESULT_VARIABLE status
  ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "  the mistake compiles, but must not")
endif()
string(FIND "${output}" "${expected}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "  the mistake fails without the expected message\n    ${expected}\n  but with\n  ${output}")
endif()
