# SPDX-License-Identifier: MIT
# check_headers.cmake must accept a good tree and name the breach in every bad one.
#   cmake -D WORK=<scratch folder> -P self_test.cmake
cmake_minimum_required(VERSION 3.24)

set(head "// SPDX-License-Identifier: MIT\n#pragma once\n")

function(check expected)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -D INCLUDE=${WORK} -P ${CMAKE_CURRENT_LIST_DIR}/check_headers.cmake
    RESULT_VARIABLE status
    ERROR_VARIABLE output)
  if(expected STREQUAL "" AND NOT status EQUAL 0)
    message(FATAL_ERROR "  a good tree is refused:\n${output}")
  elseif(NOT expected STREQUAL "")
    string(FIND "${output}" "${expected}" position)
    if(status EQUAL 0 OR position EQUAL -1)
      message(FATAL_ERROR "  expected the breach\n    ${expected}\n  got\n${output}")
    endif()
  endif()
  file(REMOVE_RECURSE ${WORK})
endfunction()

# refuses(<header> <contents> <expected text>): a tree of one bad header
function(refuses header contents expected)
  file(WRITE ${WORK}/prunus/${header} "${contents}")
  check("prunus/${header}: ${expected}")
endfunction()

file(REMOVE_RECURSE ${WORK})

file(WRITE ${WORK}/prunus/version.hpp "${head}")
file(WRITE ${WORK}/prunus/prunus.hpp "${head}#include <prunus/core.hpp>\n#include <prunus/criteria/l1.hpp>\n")
file(WRITE ${WORK}/prunus/core/view.hpp "${head}#include <prunus/version.hpp>\n#include <Eigen/Core>\n")
file(WRITE ${WORK}/prunus/schedule/ramp.hpp "${head}/// @source A. Author 2020\n")
file(WRITE ${WORK}/prunus/criteria/detail/sum.hpp "${head}/// @source A. Author 2020\n#include <prunus/core/view.hpp>  // view; as_const\n")
file(WRITE ${WORK}/prunus/criteria/l1.hpp
     "${head}/// @shape any\n/// @source our reading of A. Author 2020, yours and hours\n/// @deviation nonexistent\n#include <prunus/criteria/detail/sum.hpp>\nint early_exit(int);  // no exit() here [\n"
     "inline int f(machine m) { return m.abort() + early_exit(snprintf(0, 0, 0)); }\n")
check("")

refuses(core/a.hpp "${head}#include <prunus/structure/graph.hpp>\n"
        "<prunus/structure/graph.hpp> is on floor 2, core on floor 1")
refuses(runtime/a.hpp "${head}#include <prunus/structure/graph.hpp>  // same floor\n"
        "<prunus/structure/graph.hpp> is on floor 2, runtime on floor 2")
refuses(core/a.hpp "${head}#include <prunus/attic/b.hpp>\n"
        "<prunus/attic/b.hpp>: the folder attic has no floor")
refuses(attic/a.hpp "${head}" "the folder attic has no floor")
refuses(nn/a.hpp "${head}#include <prunus/prunus.hpp>\n" "includes the door <prunus/prunus.hpp>")
refuses(nn/a.hpp "${head}#include <prunus/core.hpp>\n" "includes the door <prunus/core.hpp>")
refuses(core/a.hpp "${head}#include \"view.hpp\"\n" "write #include <view.hpp> with angle brackets")
refuses(core/a.hpp "${head}#include <iostream>\n" "<iostream> is banned here")
refuses(core/a.hpp "#pragma once\n" "does not start with '// SPDX-License-Identifier: MIT'")
refuses(core/a.hpp "// SPDX-License-Identifier: MIT\n" "has no '#pragma once'")
refuses(schedule/a.hpp "${head}/// @deviation none\n" "'@deviation none' says nothing")
refuses(adaptive/a.hpp "${head}/// @source ours\n" "names ourselves as an @source")
refuses(adaptive/a.hpp "${head}/// @source the concept is ours; see b\n" "names ourselves as an @source")
refuses(criteria/a.hpp "${head}/// @source A. Author 2020\n" "has an @source but no @shape")
refuses(allocation/a.hpp "${head}/// @source A. Author 2020\n" "has an @source but no @shape")
refuses(core/a.hpp "${head}inline void f() { std::cout << 1; }\n" "uses std::cout")
refuses(core/a.hpp "${head}inline void f() { std::abort(); }\n" "calls abort()")
refuses(core/a.hpp "${head}inline void f() { if (x) exit(1); }\n" "calls exit()")
refuses(core/a.hpp "${head}inline void f() { ::exit(1); }\n" "calls exit()")
refuses(core/a.hpp "${head}inline void f() { std::printf(\"x\"); }\n" "calls printf()")
string(REPEAT "//\n" 399 many_lines)
refuses(core/a.hpp "${head}${many_lines}" "has 401 lines, more than 400")
