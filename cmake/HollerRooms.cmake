# One target for each room, so that the compiler holds the table of who may include what.
#
# A room is seen through a directory of its own in the build tree, which holds a link to the
# room's sources (#include "core/backoff.hpp") and links to the public headers that the room
# answers for (#include "holler/requester.hpp"). A target gets only the directories of the rooms
# it depends on: an include of any other room is "no such file", not a matter of discipline.

set(HOLLER_ROOMS "" CACHE INTERNAL "rooms of the library, in order")
set(HOLLER_PUBLIC_HEADERS "" CACHE INTERNAL "headers that are installed")

function(holler_room name)
  cmake_parse_arguments(ROOM "PRIVATE_ROOM;ONE_UNIT" "" "DEPENDS;PUBLIC_HEADERS" ${ARGN})
  set(view "${CMAKE_BINARY_DIR}/rooms/${name}")
  file(REMOVE_RECURSE "${view}")
  file(MAKE_DIRECTORY "${view}/holler")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/src/${name}" "${view}/${name}" SYMBOLIC)
  foreach(header IN LISTS ROOM_PUBLIC_HEADERS)
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/include/holler/${header}" "${view}/holler/${header}" SYMBOLIC)
    set(HOLLER_PUBLIC_HEADERS ${HOLLER_PUBLIC_HEADERS} "${header}" CACHE INTERNAL "")
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.cpp")
  add_library(holler_${name} OBJECT ${sources})
  target_include_directories(holler_${name} PUBLIC "${view}")
  target_link_libraries(holler_${name} PRIVATE holler_warnings)
  if(ROOM_ONE_UNIT AND HOLLER_ONE_UNIT)
    # Its functions call each other for every message: in one translation unit the compiler sees all of them.
    set_target_properties(holler_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
  foreach(room IN LISTS ROOM_DEPENDS)
    target_include_directories(holler_${name} PUBLIC "${CMAKE_BINARY_DIR}/rooms/${room}")
  endforeach()
  if(NOT ROOM_PRIVATE_ROOM)
    set(HOLLER_ROOMS ${HOLLER_ROOMS} ${name} CACHE INTERNAL "")
  endif()
endfunction()

# The library a user links: every room's objects, and include/ as the only include directory.
function(holler_library)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
  find_package(Threads REQUIRED)
  find_package(Boost 1.81 REQUIRED)  # its headers alone, in core
  set(objects "")
  foreach(room IN LISTS HOLLER_ROOMS)
    list(APPEND objects $<TARGET_OBJECTS:holler_${room}>)
  endforeach()
  add_library(holler STATIC ${objects})
  add_library(holler::holler ALIAS holler)
  target_include_directories(holler PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(holler PUBLIC cxx_std_23)
  target_link_libraries(holler PRIVATE PkgConfig::SODIUM Threads::Threads)

  # The simulator is a library of its own: programs that ask and answer do not carry it.
  add_library(holler_simulator STATIC $<TARGET_OBJECTS:holler_sim>)
  target_include_directories(holler_simulator PUBLIC $<TARGET_PROPERTY:holler_sim,INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(holler_simulator PUBLIC holler)
endfunction()

# A program that may look inside rooms: tests and benchmarks, never the command.
function(holler_see_rooms target)
  foreach(room IN LISTS ARGN)
    target_include_directories(${target} PRIVATE $<TARGET_PROPERTY:holler_${room},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
  target_link_libraries(${target} PRIVATE holler holler_warnings)
endfunction()
