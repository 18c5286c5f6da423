# ckpt_unit_test(NAME SOURCE... LIBRARIES LIBRARY...): a doctest program whose cases are ctests,
# each with a limit of two minutes. The sources need no main of their own: one is added unless
# the sources define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN.
include_guard()
include(doctest)

set(CKPT_DOCTEST_MAIN ${PROJECT_BINARY_DIR}/tests/doctest_main.cc)
file(CONFIGURE OUTPUT ${CKPT_DOCTEST_MAIN} CONTENT
"// Made by cmake/UnitTest.cmake.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
" @ONLY)

function(ckpt_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 unit "" "" "LIBRARIES")
  set(has_main FALSE)
  foreach(source IN LISTS unit_UNPARSED_ARGUMENTS)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE path)
    file(STRINGS ${path} found REGEX "DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN|DOCTEST_CONFIG_IMPLEMENT$" LIMIT_COUNT 1)
    if(found)
      set(has_main TRUE)
    endif()
  endforeach()
  add_executable(${name} ${unit_UNPARSED_ARGUMENTS})
  if(NOT has_main)
    target_sources(${name} PRIVATE ${CKPT_DOCTEST_MAIN})
  endif()
  target_link_libraries(${name} PRIVATE ckpt_options ${unit_LIBRARIES} doctest::doctest)
  doctest_discover_tests(${name} TEST_PREFIX "${name}: " PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
