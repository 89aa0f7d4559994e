# SPDX-License-Identifier: MIT
# Flags for the tests, examples and benchmarks of this repository. Users of prunus::prunus get none of them.

option(PRUNUS_NATIVE "Compile our own programs for the processor of this machine" OFF)

# Warnings become errors with -DCMAKE_COMPILE_WARNING_AS_ERROR=ON, as in the dev presets.
add_library(prunus_warnings INTERFACE)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(
    prunus_warnings
    INTERFACE -Wall
              -Wextra
              -Wpedantic
              -Wshadow
              -Wconversion
              -Wsign-conversion
              -Wold-style-cast
              -Wnon-virtual-dtor
              -Woverloaded-virtual
              -Wcast-align
              -Wnull-dereference
              -Wdouble-promotion
              -Wimplicit-fallthrough)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # When it optimises, g++ 12 judges the inlined insides of the standard library and of its own intrinsics, and is
    # wrong about them: overlaps and overruns in std::string, null buffers in streams and vectors, malloc() in a
    # replaced operator new, AVX-512 values that are undefined on purpose. Clang and the sanitizers watch over the
    # same mistakes.
    target_compile_options(
      prunus_warnings
      INTERFACE -Wno-array-bounds
                -Wno-maybe-uninitialized
                -Wno-mismatched-new-delete
                -Wno-null-dereference
                -Wno-restrict
                -Wno-stringop-overflow
                -Wno-stringop-overread)
  endif()
endif()

find_package(Threads REQUIRED)

# prunus_own_program(<target>) links prunus, threads and the flags above to one of our own executables.
function(prunus_own_program target)
  target_link_libraries(${target} PRIVATE prunus::prunus prunus_warnings Threads::Threads)
  if(PRUNUS_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# prunus_require(<package> <Debian package> <option>) finds a package or says how to go on without it.
macro(prunus_require package debian_package option)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} not found. Install it (Debian and Ubuntu: apt install "
                        "${debian_package}) or configure with -D${option}=OFF.")
  endif()
endmacro()
