# SPDX-License-Identifier: MIT
# What is compiled for one instruction set must keep to itself: nothing in it but its entry can be found from outside,
# nothing of this library is looked for outside, and nothing runs before it is called.
#   cmake -D NM=... -D READELF=... -D OBJECT=... -D ENTRY=... -P check_object.cmake
cmake_minimum_required(VERSION 3.24)

set(breaches "")
execute_process(COMMAND ${NM} -P ${OBJECT} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
set(entries 0)
foreach(symbol IN LISTS symbols)
  string(REGEX REPLACE "^([^ ]+) (.).*$" "\\1;\\2" symbol "${symbol}")
  list(GET symbol 0 name)
  list(GET symbol 1 type)
  if(type STREQUAL "T" AND name STREQUAL ENTRY)
    math(EXPR entries "${entries} + 1")
  elseif(type MATCHES "[Uvw]")  # looked for outside: the language's own libraries have it
    if(name MATCHES "prunus|Eigen")
      string(APPEND breaches "  ${name} is looked for outside\n")
    endif()
  elseif(NOT type MATCHES "^[a-z]$" OR type STREQUAL "u")
    string(APPEND breaches "  ${name} can be found from outside (${type})\n")
  endif()
endforeach()
if(NOT entries EQUAL 1)
  string(APPEND breaches "  ${ENTRY} is defined ${entries} times\n")
endif()

# A linker takes one of all groups of a name, whether their symbols are local or not.
execute_process(COMMAND ${READELF} -g -S -W ${OBJECT} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
if(NOT sections MATCHES " \\.text")
  string(APPEND breaches "  ${READELF} shows no sections\n")
endif()
if(sections MATCHES "COMDAT group section")
  string(APPEND breaches "  a section is in a COMDAT group\n")
endif()
if(sections MATCHES " \\.(init_array|ctors)")
  string(APPEND breaches "  something runs before main\n")
endif()

if(breaches)
  message(FATAL_ERROR "${breaches}")
endif()
