# SPDX-License-Identifier: MIT
# Headers, prunus::kernels where it is built, a CMake package (find_package(prunus)) and a pkg-config file.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/prunus)
set(pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(TARGETS prunus EXPORT prunusTargets FILE_SET HEADERS)
install(
  EXPORT prunusTargets
  NAMESPACE prunus::
  DESTINATION ${package_dir})

install(TARGETS prunus_retrieval EXPORT prunusRetrievalTargets FILE_SET HEADERS)
install(  # find_package(prunus COMPONENTS retrieval)
  EXPORT prunusRetrievalTargets
  NAMESPACE prunus::
  DESTINATION ${package_dir})

if(TARGET prunus_io)  # find_package(prunus COMPONENTS io)
  install(TARGETS prunus_io EXPORT prunusIoTargets FILE_SET HEADERS)
  install(
    EXPORT prunusIoTargets
    NAMESPACE prunus::
    DESTINATION ${package_dir})
endif()

# Headers suit every processor; what is compiled does not.
set(suits ARCH_INDEPENDENT)
if(TARGET prunus_kernels)  # find_package(prunus COMPONENTS kernels)
  install(TARGETS prunus_kernels EXPORT prunusKernelsTargets FILE_SET HEADERS)
  install(
    EXPORT prunusKernelsTargets
    NAMESPACE prunus::
    DESTINATION ${package_dir})
  set(suits "")
endif()

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/prunusConfig.cmake.in ${PROJECT_BINARY_DIR}/prunusConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may break callers.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/prunusConfigVersion.cmake
  COMPATIBILITY SameMinorVersion
  ${suits})
install(FILES ${PROJECT_BINARY_DIR}/prunusConfig.cmake
              ${PROJECT_BINARY_DIR}/prunusConfigVersion.cmake DESTINATION ${package_dir})

# Relative to the file itself, so that the installed tree may be moved.
file(RELATIVE_PATH pkgconfig_to_include ${CMAKE_INSTALL_PREFIX}/${pkgconfig_dir}
     ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/prunus.pc.in ${PROJECT_BINARY_DIR}/prunus.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/prunus.pc DESTINATION ${pkgconfig_dir})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
