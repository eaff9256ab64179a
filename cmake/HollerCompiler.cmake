# Warnings, sanitizers, linker and compiler cache, for every target of the project.

add_library(holler_warnings INTERFACE)
target_compile_options(holler_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wnull-dereference -Wformat=2
  -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns inside its own <string> and <expected> at -O2 (GCC bugs 105329, 105651, 105562).
  target_compile_options(holler_warnings INTERFACE
    -Wno-restrict -Wno-maybe-uninitialized -Wno-null-dereference -Wno-missing-field-initializers)
else()
  # Naming some fields and leaving the others to their defaults is how options are meant to be used.
  target_compile_options(holler_warnings INTERFACE
    -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Clang's default: with -fPIC, g++ would not inline what another library might replace.
  add_compile_options(-fno-semantic-interposition)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # g++ 12 clears and copies structures of 100 to 500 bytes with "rep stos" and "rep movs", which take some thirty
  # cycles before they begin. Such structures cross the engine several times for each message.
  add_compile_options(
    "-mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign"
    "-mmemcpy-strategy=vector_loop:512:noalign,libcall:-1:noalign")
endif()

if(HOLLER_SANITIZE)
  add_compile_options(-fsanitize=${HOLLER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HOLLER_SANITIZE})
endif()

if(HOLLER_BUILD_FUZZERS)
  # The library too tells libFuzzer which of its branches an input has reached; only the fuzzers get its main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(HOLLER_CCACHE ccache)
if(HOLLER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${HOLLER_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${HOLLER_CCACHE}")
endif()
find_program(HOLLER_MOLD mold)
if(HOLLER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
