# SPDX-License-Identifier: MIT
# The house rules that a compiler does not check. Lists every breach, then fails.
#   cmake -D INCLUDE=<folder that holds prunus/> -P check_headers.cmake
cmake_minimum_required(VERSION 3.24)

# A folder may include itself and the folders on lower floors. The files of a floor do not see each other's folder.
set(floor_core 1)
set(floor_simd 1)
set(floor_selection 2)
set(floor_observe 2)
set(floor_regularize 2)
set(floor_structure 2)
set(floor_runtime 2)
set(floor_criteria 3)
set(floor_allocation 3)
set(floor_schedule 3)
set(floor_pruning 4)
set(floor_adaptive 4)
set(floor_measure 5)
set(floor_recovery 5)
set(floor_search 6)
set(floor_io 6)
set(floor_nn 7)
set(floor_kernels 8)
set(floor_retrieval 8) # apart: nothing includes it

set(longest_header 400)                  # lines
set(folders_with_shapes criteria allocation) # what has an @source there says what shapes it takes, too

# Library code does not print, end the program or read the environment.
set(banned_calls abort exit _Exit quick_exit terminate printf fprintf puts putchar getenv)
set(banned_names std::cout std::cerr std::clog std::cin)
# Costly to include, and used everywhere if used once.
set(banned_includes iostream regex ranges functional random Eigen/Dense Eigen/Eigen)

set(breaches "")
macro(breach text)
  string(APPEND breaches "  prunus/${header}: ${text}\n")
endmacro()

function(check_includes header folder text)
  # (Up to the closing bracket only: a ';' in a comment would split the list.)
  string(REGEX MATCHALL "#include [<\"][^>\"\n]*[>\"]" includes "${text}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^#include [<\"]([^>\"]*)[>\"]$" "\\1" path "${include}")
    if(include MATCHES "\"")
      breach("write #include <${path}> with angle brackets and the full path")
    elseif(path IN_LIST banned_includes)
      breach("<${path}> is banned here: it costs every user compile time")
    elseif(path MATCHES "^prunus/[^/]*$" AND NOT path STREQUAL "prunus/version.hpp")
      if(NOT folder STREQUAL "")  # a door may include doors
        breach("includes the door <${path}>; include what is used")
      endif()
    elseif(path MATCHES "^prunus/([^/]*)/")
      set(other ${CMAKE_MATCH_1})
      if(folder STREQUAL "" OR other STREQUAL folder)
        continue()
      elseif(NOT DEFINED floor_${other})
        breach("<${path}>: the folder ${other} has no floor")
      elseif(NOT floor_${other} LESS floor_${folder})
        breach("<${path}> is on floor ${floor_${other}}, ${folder} on floor ${floor_${folder}}; includes go down")
      endif()
    endif()
  endforeach()
  set(breaches "${breaches}" PARENT_SCOPE)
endfunction()

function(check_calls header code)
  foreach(call IN LISTS banned_calls)
    if(code MATCHES "(^|[^A-Za-z0-9_.>:]|std::|[^A-Za-z0-9_]::)${call} *\\(")
      breach("calls ${call}()")
    endif()
  endforeach()
  foreach(name IN LISTS banned_names)
    if(code MATCHES "${name}[^A-Za-z0-9_]")
      breach("uses ${name}")
    endif()
  endforeach()
  set(breaches "${breaches}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers RELATIVE ${INCLUDE}/prunus ${INCLUDE}/prunus/*.hpp)
if(NOT headers)
  message(FATAL_ERROR "no headers below ${INCLUDE}/prunus")
endif()
list(SORT headers)

foreach(header IN LISTS headers)
  file(READ ${INCLUDE}/prunus/${header} text)

  set(folder "")  # of a door
  if(header MATCHES "^([^/]*)/")
    set(folder ${CMAKE_MATCH_1})
    if(NOT DEFINED floor_${folder})
      breach("the folder ${folder} has no floor")
      continue()
    endif()
  endif()

  if(NOT text MATCHES "^// SPDX-License-Identifier: MIT\n")
    breach("does not start with '// SPDX-License-Identifier: MIT'")
  endif()
  if(NOT text MATCHES "\n#pragma once\n")
    breach("has no '#pragma once'")
  endif()

  string(REGEX REPLACE "[^\n]" "" newlines "${text}")
  string(LENGTH "${newlines}" lines)
  if(lines GREATER longest_header)
    breach("has ${lines} lines, more than ${longest_header}: probably two things")
  endif()

  if(text MATCHES "@deviation none[^A-Za-z]")
    breach("'@deviation none' says nothing: leave it out")
  endif()
  if(text MATCHES "@source ([^\n]*[^A-Za-z\n])?ours[^A-Za-z]")
    breach("names ourselves as an @source: leave it out")
  endif()
  if(folder IN_LIST folders_with_shapes
     AND text MATCHES "@source "
     AND NOT header MATCHES "/detail/"
     AND NOT text MATCHES "@shape ")
    breach("has an @source but no @shape")
  endif()

  check_includes(${header} "${folder}" "${text}")
  string(REGEX REPLACE "//[^\n]*" "" code "${text}")
  check_calls(${header} "${code}")
endforeach()

if(breaches)
  message(FATAL_ERROR "${breaches}")
endif()
