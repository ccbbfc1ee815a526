# dear_floor(NAME [FLOORS below…] [LIBS external…])
# One static library dear_NAME from src/NAME/**/*.cc, and one test binary dear_NAME_test from the
# *_test.cc files that stand beside them.
include(GoogleTest)
if(DEAR_TESTS)
  add_library(dear_test_main STATIC ${PROJECT_SOURCE_DIR}/tests/support/test_main.cc)
  add_custom_target(dear_tests)
  target_link_libraries(dear_test_main PUBLIC GTest::gmock GTest::gtest PRIVATE dear_options)
endif()

# dear_precompile(TARGET FIRST HEADERS…): TARGET reads the headers as the target FIRST compiled them, once for all.
# Only where DEAR_PRECOMPILE asks for it: such a build does not see that a file forgot an #include.
function(dear_precompile target first)
  if(NOT DEAR_PRECOMPILE)
    return()
  elseif(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()
set(dear_common_headers <algorithm> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <span> <string>
  <string_view> <utility> <vector>)

function(dear_floor name)
  cmake_parse_arguments(ARG "" "" "FLOORS;LIBS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/testing/[^/]*)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_FLOORS PREPEND dear_)

  if(sources)
    add_library(dear_${name} STATIC ${sources})
    target_include_directories(dear_${name} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(dear_${name} PUBLIC ${ARG_FLOORS} ${ARG_LIBS} PRIVATE $<BUILD_INTERFACE:dear_options>)
    if(EXISTS ${dir}/floor.cmake)
      include(${dir}/floor.cmake)
    endif()
    if(NOT name STREQUAL kernels)  # whose files have compiler options of their own
      if(name MATCHES "^(base|eval|text)$" AND NOT DEAR_SANITIZE)
        # What the compiler would inline it leaves alone in a large unit: evaluation took 5 % more
        # instructions, tokenization 4 %.
        dear_unite(dear_${name} 8)
      else()
        dear_unite(dear_${name} 24)
      endif()
    endif()
    if(DEAR_FUZZ AND name STREQUAL kernels)
      # Nearly all of the time of sanitized tests; no fuzzer gets there. (g++ crashes on a header
      # that it compiled beforehand at another level.)
      target_compile_options(dear_${name} PRIVATE -O2)
    elseif(DEAR_FUZZ)
      # Fuzzers are led by what they reach of it; the unit tests' own code needs none of that.
      target_compile_options(dear_${name} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    # Floors in which neither sanitized tests nor the fuzzers of strangers' formats spend long: a third
    # of the compiler's time. Headers are compiled by the options of those who read them.
    set(first base)
    set(unoptimised)
    if(DEAR_FUZZ)
      set(unoptimised eval train api)
    elseif(DEAR_SANITIZE STREQUAL thread)
      set(unoptimised base formats)
      set(first tensor)
    endif()
    if(NOT DEAR_SANITIZE AND name STREQUAL api)  # which hands work on and waits for it
      dear_light(dear_${name})
      set(first api)
    endif()
    if(name IN_LIST unoptimised)
      target_compile_options(dear_${name} PRIVATE -O0)
      list(GET unoptimised 0 first)
    endif()
    set(first dear_${first})
    if(NOT (DEAR_FUZZ AND name STREQUAL kernels))  # compiled with other sanitizers
      dear_precompile(dear_${name} ${first} ${dear_common_headers} <nlohmann/json.hpp>)
    endif()
  else()
    add_library(dear_${name} INTERFACE)
    target_include_directories(dear_${name} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(dear_${name} INTERFACE ${ARG_FLOORS} ${ARG_LIBS})
  endif()

  if(DEAR_TESTS AND tests)
    add_executable(dear_${name}_test ${tests})
    target_link_libraries(dear_${name}_test PRIVATE dear_${name} dear_options dear_test_main)
    dear_unite(dear_${name}_test 24)
    # Unoptimised, tests compile in a third of the time; those of some floors compute for too long then.
    set(computing generate rank)
    if(DEAR_SANITIZE)
      set(computing kernels model)
    endif()
    if(name IN_LIST computing)
      dear_light(dear_${name}_test)
      list(GET computing 0 first)  # Headers are compiled by the options of those who read them.
    else()
      target_compile_options(dear_${name}_test PRIVATE -O0)
      set(first base)
    endif()
    set(first dear_${first}_test)
    if(DEAR_FUZZ)
      # A report names the lines of the libraries, and of tests the functions: a tenth of their time.
      target_compile_options(dear_${name}_test PRIVATE -g0)
    endif()
    dear_precompile(dear_${name}_test ${first} ${dear_common_headers} <gmock/gmock.h> <gtest/gtest.h>)
    add_dependencies(dear_tests dear_${name}_test)
    target_compile_definitions(dear_${name}_test PRIVATE DEAR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(dear_${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()
