# SPDX-License-Identifier: MIT
# Formats our sources, or names those that are not formatted.
#   cmake -P cmake/format.cmake
#   cmake -D MODE=check -P cmake/format.cmake
# Versions of clang-format disagree with each other, so only the one of Debian 12 counts.
cmake_minimum_required(VERSION 3.24)

find_program(clang_format NAMES clang-format-14 clang-format)
if(clang_format)
  execute_process(COMMAND ${clang_format} --version OUTPUT_VARIABLE version)
endif()
if(NOT version MATCHES "version 14\\.")
  message("clang-format 14 is not installed: nothing done")
  return()
endif()

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH root)
set(patterns "")
foreach(folder include cmake tests examples benchmarks)
  list(APPEND patterns ${root}/${folder}/*.hpp ${root}/${folder}/*.cpp)
endforeach()
file(GLOB_RECURSE sources ${patterns})

if(NOT MODE STREQUAL "check")
  execute_process(COMMAND ${clang_format} -i ${sources} COMMAND_ERROR_IS_FATAL ANY)
  return()
endif()

# Compared as text: --dry-run also complains about `}  // namespace a::inline b`, which it would leave as it is.
set(unformatted "")
foreach(source IN LISTS sources)
  file(READ ${source} before)
  execute_process(COMMAND ${clang_format} ${source} OUTPUT_VARIABLE after COMMAND_ERROR_IS_FATAL ANY)
  if(NOT before STREQUAL after)
    string(APPEND unformatted "  ${source}\n")
  endif()
endforeach()
if(unformatted)
  message(FATAL_ERROR "${unformatted}  are not formatted: run cmake -P cmake/format.cmake")
endif()
