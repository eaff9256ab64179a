# `cmake --install`: the command, the library, its headers, and what find_package(holler) needs.
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/holler")
list(TRANSFORM HOLLER_PUBLIC_HEADERS PREPEND "${CMAKE_SOURCE_DIR}/include/holler/" OUTPUT_VARIABLE headers)
install(FILES ${headers} "${CMAKE_SOURCE_DIR}/include/holler/holler.hpp"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/holler")
install(TARGETS holler EXPORT holler ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT holler NAMESPACE holler:: FILE hollerTargets.cmake DESTINATION "${package}")

configure_package_config_file("${CMAKE_SOURCE_DIR}/cmake/hollerConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/hollerConfig.cmake" INSTALL_DESTINATION "${package}" NO_SET_AND_CHECK_MACRO)
# Below 1.0 any minor version may change the API.
write_basic_package_version_file("${CMAKE_BINARY_DIR}/hollerConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/hollerConfig.cmake" "${CMAKE_BINARY_DIR}/hollerConfigVersion.cmake"
  DESTINATION "${package}")
