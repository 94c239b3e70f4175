# Options, the flags that every target gets, and one line a layer: nbdtest_layer().

option(NBDTEST_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(NBDTEST_FUZZ "Build the libFuzzer targets (clang)" OFF)
option(NBDTEST_COVERAGE "Build for line coverage" OFF)
set(NBDTEST_FUZZING_ENGINE "$ENV{LIB_FUZZING_ENGINE}" CACHE STRING "What OSS-Fuzz links fuzz targets with")
if(LIB_FUZZING_ENGINE)
  set(NBDTEST_FUZZING_ENGINE "${LIB_FUZZING_ENGINE}")
endif()
if(NBDTEST_FUZZING_ENGINE)
  set(NBDTEST_FUZZ ON)
  set(NBDTEST_SANITIZE OFF)   # CFLAGS have them
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
# An assertion guards against our own mistakes in every build, releases included.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_library(nbdtest_flags INTERFACE)
target_compile_definitions(nbdtest_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(nbdtest_flags INTERFACE ${CMAKE_SOURCE_DIR}/harness ${CMAKE_SOURCE_DIR})
target_compile_options(nbdtest_flags INTERFACE
  -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wcast-align -Wpointer-arith
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wformat=2 -Wvla
  -Wswitch-enum -Wimplicit-fallthrough
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wno-format-truncation>)
if(NBDTEST_SANITIZE)
  target_compile_options(nbdtest_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nbdtest_flags INTERFACE -fsanitize=address,undefined)
endif()
if(NBDTEST_FUZZ AND NOT NBDTEST_FUZZING_ENGINE)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "NBDTEST_FUZZ wants clang")
  endif()
  target_compile_options(nbdtest_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(nbdtest_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NBDTEST_COVERAGE)
  target_compile_options(nbdtest_flags INTERFACE --coverage)
  target_link_options(nbdtest_flags INTERFACE --coverage)
endif()

find_package(PkgConfig REQUIRED)
if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
endif()

# nbdtest_layer(NAME SOURCES file... [USES layer...] [LINK library...] [TESTS name_test...] [LONG name_test...])
#
# A library of the files in this folder, a program and a ctest for each NAME_test.c, and the ctest layers/NAME, which
# checks that no file of the folder includes one of a layer that is not below it.
function(nbdtest_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LINK;TESTS;LONG" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC nbdtest_flags ${arg_USES} ${arg_LINK})
  set_property(GLOBAL PROPERTY nbdtest_uses_${name} ${arg_USES})
  add_test(NAME layers/${name}
    COMMAND ${CMAKE_SOURCE_DIR}/ci/check-layer ${CMAKE_CURRENT_SOURCE_DIR} ${name} ${arg_USES})
  if(TARGET PkgConfig::CMOCKA)
    foreach(test IN LISTS arg_TESTS)
      add_executable(${name}_${test} ${test}.c)
      target_link_libraries(${name}_${test} PRIVATE ${name} PkgConfig::CMOCKA)
      target_compile_definitions(${name}_${test} PRIVATE NBDTEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
      add_test(NAME ${name}/${test} COMMAND ${name}_${test})
      if(test IN_LIST arg_LONG)   # begun first, so that no processor waits for them at the end
        set_tests_properties(${name}/${test} PROPERTIES COST 100)
      endif()
    endforeach()
  endif()
endfunction()
