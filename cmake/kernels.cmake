# SPDX-License-Identifier: MIT
# prunus::kernels: the kernels compiled for several instruction sets, chosen at run time; for programs that must run
# on processors other than the one they are built on.
#
# One translation unit is compiled once for each instruction set. All results define the same inline functions of
# prunus, Eigen and std, and a linker keeps one of each, whichever it meets first: without more, code for AVX-512 would
# be called on processors that do not have it, from here and from the rest of the program. So each result is linked
# partially, out of its COMDAT groups, and all it defines but its entry becomes local: nothing in it can be taken for
# something outside, or the other way round. tests/kernels checks that. (One shared library for each instruction set
# would do as well, but then there would be files to find at run time.)

if(NOT CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF" OR NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "PRUNUS_BUILD_KERNELS needs g++ or clang++ and an ELF platform such as Linux")
endif()
# CMake may have found another linker for clang++; whatever links the program in the end, this is done by GNU ld.
find_program(PRUNUS_PARTIAL_LINKER NAMES ${CMAKE_CXX_LIBRARY_ARCHITECTURE}-ld.bfd ${CMAKE_LINKER} ld.bfd
             DOC "The linker that makes one object of each set of kernels: GNU ld")
execute_process(COMMAND ${PRUNUS_PARTIAL_LINKER} --help OUTPUT_VARIABLE linker_help)
if(NOT linker_help MATCHES "--force-group-allocation" OR NOT CMAKE_OBJCOPY)
  message(FATAL_ERROR "PRUNUS_BUILD_KERNELS needs ld and objcopy of GNU binutils 2.29 or later; "
                      "PRUNUS_PARTIAL_LINKER and CMAKE_OBJCOPY may name them")
endif()
get_property(several_configurations GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(several_configurations)
  message(FATAL_ERROR "PRUNUS_BUILD_KERNELS needs a generator with one configuration, such as Ninja")
endif()

# cmake/kernels/instruction_set.cpp asks the processor for exactly these, and knows the same names.
set(prunus_instruction_sets baseline)
set(flags_for_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  list(APPEND prunus_instruction_sets avx2 avx512)
  set(flags_for_baseline -march=x86-64) # whatever the rest of the project is compiled for
  set(flags_for_avx2 -mavx2 -mfma)
  set(flags_for_avx512 ${flags_for_avx2} -mavx512f -mavx512dq -mavx512bw -mavx512vl)
endif()

set(localised_objects "")
foreach(name IN LISTS prunus_instruction_sets)
  set(target prunus_kernels_${name})
  add_library(${target} OBJECT cmake/kernels/kernels.cpp)
  target_link_libraries(${target} PRIVATE prunus)
  # What is linked partially must be machine code; and symbols that are unique in a process cannot be made local.
  target_compile_options(${target} PRIVATE ${flags_for_baseline} ${flags_for_${name}} -fno-lto)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fno-gnu-unique)
  else()
    target_compile_options(${target} PRIVATE -fno-addrsig)
  endif()
  # Without optimisation clang++ initialises empty constants of Eigen before main, which would be code for an
  # instruction set that nobody has asked for yet.
  target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Release,RelWithDebInfo,MinSizeRel>>:-O2>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
                                             INTERPROCEDURAL_OPTIMIZATION OFF)

  set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}${CMAKE_CXX_OUTPUT_EXTENSION})
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${PRUNUS_PARTIAL_LINKER} -r --force-group-allocation $<TARGET_OBJECTS:${target}> -o ${object}
    COMMAND ${CMAKE_OBJCOPY} --redefine-sym prunus_v0_kernels=prunus_v0_kernels_${name} ${object}
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbol prunus_v0_kernels_${name} ${object}
    DEPENDS ${target} $<TARGET_OBJECTS:${target}>
    COMMENT "Making all of the kernels for ${name} local but their entry"
    VERBATIM)
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  list(APPEND localised_objects ${object})
endforeach()

add_library(prunus_kernels STATIC cmake/kernels/instruction_set.cpp ${localised_objects})
add_library(prunus::kernels ALIAS prunus_kernels)
target_link_libraries(prunus_kernels PUBLIC prunus)
target_sources(prunus_kernels PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${PRUNUS_KERNELS_HEADERS})
target_compile_options(prunus_kernels PRIVATE ${flags_for_baseline})
set_target_properties(
  prunus_kernels PROPERTIES EXPORT_NAME kernels CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
                            VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
