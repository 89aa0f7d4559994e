# SPDX-License-Identifier: MIT
# Builds for 64-bit ARM (NEON) on another machine and runs what it built under emulation. On Debian and Ubuntu:
#   apt-get install g++-aarch64-linux-gnu qemu-user

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)  # else g++ notes what changed in its version 10

# Programs, headers and CMake packages are those of this machine: what the tests need of them is headers. Libraries
# must not be.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)

find_program(PRUNUS_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(PRUNUS_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${PRUNUS_QEMU_AARCH64};-L;/usr/aarch64-linux-gnu)
endif()
